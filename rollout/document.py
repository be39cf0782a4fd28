"""The rollout document: for each model the champion, the challenger if there is one, and the limits at which it loses its traffic.

The document says which versions are *wanted*. A service compares it with the versions that are live, and reports both.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

FORMAT = 1
"""The present format of the document."""
NAME_PATTERN = r"^[a-z][a-z0-9_]*$"
TAG_PATTERN = r"^[a-z][a-z0-9_]*:[A-Za-z0-9._-]+$"

ModelName = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=200)]
Tag = Annotated[str, StringConstraints(pattern=TAG_PATTERN, max_length=300)]
Text = Annotated[str, StringConstraints(max_length=1_000)]
Time = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")]
"""A time in UTC, such as ``2026-11-28T09:15:00Z``."""


_EXPECTED = {
    NAME_PATTERN: "expected a model's name: a small letter, then small letters, digits and '_'",
    TAG_PATTERN: "expected NAME:VERSION, such as california:20261120",
}


class DocumentError(Exception):
    """A rollout document is broken or contradictory."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Limits(_Part):
    """The limits at which a challenger loses its traffic. None: not limited."""

    error_rate: Annotated[float, Field(gt=0, le=1)] | None = 0.05
    """The share of requests that the challenger may answer with an error of the service."""
    latency_rise: Annotated[float, Field(gt=0, le=100)] | None = 0.5
    """The share by which the challenger's 95% quantile of latency may be above the champion's."""
    p99_ms: Annotated[float, Field(gt=0)] | None = None
    """The 99% quantile of latency that the challenger must keep, in milliseconds."""
    differing_share: Annotated[float, Field(ge=0, lt=1)] | None = None
    """The share of rows in the shadow that may differ from the champion's answer by more than ``difference``."""
    difference: Annotated[float, Field(ge=0)] = 0.1
    """The relative difference of two numbers above which a row counts as different; another label always does."""
    answer_drift: bool = True
    """Whether a distribution of answers that differs from the champion's by more than chance is a reason; only for canaries."""
    quality_drop: Annotated[float, Field(gt=0, le=100)] | None = 0.1
    """The share by which the challenger's mean loss may be above the champion's, if true values are known."""
    min_requests: Annotated[int, Field(ge=1)] = 100
    """The number of requests of each arm below which nothing is decided."""


class Step(_Part):
    """One step of a canary."""

    share: Annotated[float, Field(gt=0, le=1)]
    """The share of traffic that the challenger gets."""
    hold_s: Annotated[float, Field(ge=0, le=31_536_000)] = 3600.0
    """The seconds for which the step lasts at least before the next one begins by itself."""


class Sticky(_Part):
    """The property of a request that decides its arm."""

    by: Literal["request", "key", "header", "field"] = "key"
    """``request``: its id; ``key``: the caller's API key, or its address if the service has no keys; ``header`` and ``field``: the
    header, or the feature or identifier of the first row, of the given name."""
    name: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    """The name of the header or of the field."""

    @model_validator(mode="after")
    def _has_name(self) -> Self:
        if (self.by in ("header", "field")) != (self.name is not None):
            raise ValueError(f"a sticky {self.by} {'needs' if self.name is None else 'has no'} `name`")
        return self


DEFAULT_STEPS = tuple(Step(share=share) for share in (0.01, 0.1, 0.5, 1.0))


class Challenger(_Part):
    """A version that is tried beside the champion."""

    tag: Tag
    mode: Literal["shadow", "canary"] = "shadow"
    """``shadow``: it answers the same rows, and no client gets its answers. ``canary``: it answers a share of the requests."""
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=100)] = DEFAULT_STEPS
    """The steps of a canary; a shadow has none that matter."""
    step: Annotated[int, Field(ge=0)] = 0
    """The index of the present step."""
    step_since: Time | None = None
    """The time at which the present step began."""
    sticky: Sticky = Sticky()
    limits: Limits = Limits()
    advance: Literal["manual", "automatic"] = "automatic"
    """Whether the next step begins by itself once the present one has lasted and nothing speaks against it."""
    promote: Literal["manual", "automatic"] = "manual"
    """Whether the challenger becomes the champion by itself after the last step."""

    @property
    def share(self) -> float:
        """The share of the traffic that the challenger gets."""
        return self.steps[self.step].share if self.mode == "canary" else 0.0

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.step >= len(self.steps):
            raise ValueError(f"`step` is {self.step}, but there are {len(self.steps)} steps, from 0")
        shares = [step.share for step in self.steps]
        if shares != sorted(shares):
            raise ValueError(f"the shares of `steps` must not fall, got {shares}")
        return self


class ModelRollout(_Part):
    """The wanted versions of one model."""

    champion: Tag
    challenger: Challenger | None = None
    since: Time | None = None
    """The time of the last change."""
    who: Text = ""
    """The person or the part of the service that made it."""
    why: Text = ""
    """The reason."""


class RolloutDocument(_Part):
    """The wanted versions of all models. A model that is not listed is served as the settings say."""

    format: Literal[1] = 1
    revision: Annotated[int, Field(ge=0)] = 0
    """Counts the changes; a change names the revision from which it starts."""
    models: dict[ModelName, ModelRollout] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        for name, model in self.models.items():
            tags = [model.champion, *([] if model.challenger is None else [model.challenger.tag])]
            for tag in tags:
                if tag.partition(":")[0] != name:
                    raise ValueError(f"`models.{name}` names {tag}, which is a version of another model")
            if len(set(tags)) < len(tags):
                raise ValueError(f"`models.{name}`: champion and challenger are the same version, {tags[0]}")
        return self


def expectation(fault: Mapping[str, Any]) -> str:
    """Return the message of one fault of ``pydantic.ValidationError.errors``, in words instead of a pattern."""
    message: str = fault["msg"]
    return _EXPECTED.get(fault.get("ctx", {}).get("pattern", ""), message.removeprefix("Value error, "))


def read_document(text: bytes | str, origin: str) -> RolloutDocument:
    """Parse a document.

    Args:
        text: JSON in UTF-8.
        origin: the file or source that messages name.

    Raises:
        DocumentError: it is not JSON, has unknown keys, or contradicts itself; all faults are named.
    """
    try:
        return RolloutDocument.model_validate_json(text)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'the document'}: {expectation(fault)}" for fault in error.errors()
        )
        raise DocumentError(f"{origin} is not a rollout document: {faults}") from None


def utc_now() -> str:
    """Return the present time as the document writes it."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
