"""The changes that a person asks for, as JSON: the body of ``POST /admin/rollout``, and the options of ``tabento rollout``."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from rollout import changes
from rollout.changes import Author, Start, faults_of
from rollout.document import DEFAULT_STEPS, Limits, ModelName, RolloutDocument, Step, Sticky, Tag, Text
from rollout.errors import RefusedChangeError, UnknownModelError
from rollout.history import BACK

SHOWN_NAMES = 10
"""The largest number of models that a message names."""


class RequestError(Exception):
    """A request is not a change: it is not JSON, or has a wrong key or value."""


@dataclass(frozen=True)
class Circumstances:
    """The facts beside the document on which a change depends."""

    approval: bool = True
    """Whether only a command may promote; see ``rollout_approval``."""
    known_names: Collection[str] | None = None
    """The models of the service; None if they are unknown, as for a command on the file."""
    live_champion: Callable[[str], str | None] = lambda _: None
    """Returns the tag of the version of a model that answers now; None if it is unknown."""
    previous_champion: Callable[[str], str | None] = lambda _: None
    """Returns the tag of the former champion of a model; None if there is none."""

    def check_name(self, name: str) -> None:
        """Check that the service has a model.

        Raises:
            UnknownModelError: it has no model of this name.
        """
        if self.known_names is not None and name not in self.known_names:
            names = sorted(self.known_names)
            first_names = ", ".join(names[:SHOWN_NAMES])
            number = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
            raise UnknownModelError(
                f"This service has no model {name!r}; it has {first_names}{number}. Add it to the setting `models`."
            )


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_name=True, validate_by_alias=True)

    user: Text = Field("", alias="who")
    """The person responsible."""
    reason: Text = Field("", alias="why")
    revision: Annotated[int, Field(ge=0)] | None = None
    """The revision of the document that the caller has read; None: any."""


class StartRequest(_Request):
    """A challenger begins."""

    action: Literal["start"]
    tag: Tag
    champion: Tag | None = None
    """The champion if the document does not list the model; by default the version that answers now."""
    mode: Literal["shadow", "canary"] = "shadow"
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=100)] = DEFAULT_STEPS
    sticky: Sticky = Sticky()
    limits: Limits = Limits()
    advance: Literal["manual", "automatic"] = "automatic"
    promote: Literal["manual", "automatic"] = "manual"

    @property
    def name(self) -> str:
        """The model's name."""
        return changes.name_of(self.tag)

    def edit(self, document: RolloutDocument, author: Author, circumstances: Circumstances) -> RolloutDocument:
        """Return the changed document; see ``rollout.changes.start``."""
        rollout = Start(
            tag=self.tag,
            champion=self.champion or circumstances.live_champion(self.name),
            mode=self.mode,
            steps=self.steps,
            sticky=self.sticky,
            limits=self.limits,
            advance=self.advance,
            promote=self.promote,
        )
        return changes.start(document, rollout, author, approval=circumstances.approval)


class StepRequest(_Request):
    """A canary takes its next step, or the step with a share."""

    action: Literal["step"]
    model: ModelName
    share: Annotated[float, Field(gt=0, le=1)] | None = None

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model

    def edit(self, document: RolloutDocument, author: Author, circumstances: Circumstances) -> RolloutDocument:
        """Return the changed document; see ``rollout.changes.step``."""
        return changes.step(document, self.model, author, self.share)


class PromoteRequest(_Request):
    """The challenger becomes the champion."""

    action: Literal["promote"]
    model: ModelName
    early: bool = False
    """Whether this may happen before the last step of a canary."""

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model

    def edit(self, document: RolloutDocument, author: Author, circumstances: Circumstances) -> RolloutDocument:
        """Return the changed document; see ``rollout.changes.promote``."""
        return changes.promote(document, self.model, author, early=self.early)


class AbortRequest(_Request):
    """The challenger loses its traffic, and leaves."""

    action: Literal["abort"]
    model: ModelName

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model

    def edit(self, document: RolloutDocument, author: Author, circumstances: Circumstances) -> RolloutDocument:
        """Return the changed document; see ``rollout.changes.abort``."""
        return changes.abort(document, self.model, author)


class ChampionRequest(_Request):
    """Another version takes all traffic at once: the given one, or the former champion."""

    action: Literal["champion"]
    tag: Tag | None = None
    model: ModelName | None = None
    """The model that goes back to its former champion."""

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if (self.tag is None) == (self.model is None):
            raise ValueError("expected either `tag`, or `model` for its former champion")
        return self

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model or changes.name_of(self.tag or "")

    def edit(self, document: RolloutDocument, author: Author, circumstances: Circumstances) -> RolloutDocument:
        """Return the changed document; see ``rollout.changes.set_champion``.

        Raises:
            RefusedChangeError: the history knows no former champion.
        """
        tag = self.tag or circumstances.previous_champion(self.name)
        if tag is None:
            raise RefusedChangeError(
                f"The history knows no former champion of {self.name}. Name the version: {self.name}:VERSION."
            )
        return changes.set_champion(document, tag, author)

    @property
    def kind(self) -> str:
        """The kind of the change in the history."""
        return "champion" if self.model is None else BACK


class ForgetRequest(_Request):
    """The document lists a model no more: the settings of the service decide from its next start on."""

    action: Literal["forget"]
    model: ModelName

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model

    def edit(self, document: RolloutDocument, author: Author, circumstances: Circumstances) -> RolloutDocument:
        """Return the changed document; see ``rollout.changes.forget``."""
        return changes.forget(document, self.model)


ChangeRequest: TypeAlias = Annotated[
    StartRequest | StepRequest | PromoteRequest | AbortRequest | ChampionRequest | ForgetRequest,
    Field(discriminator="action"),
]
_adapter: TypeAdapter[ChangeRequest] = TypeAdapter(ChangeRequest)


def parse_request(data: bytes | str | dict[str, Any]) -> ChangeRequest:
    """Read a request.

    Raises:
        RequestError: it is not one; all faults are named.
    """
    try:
        return _adapter.validate_json(json.dumps(data) if isinstance(data, dict) else data)
    except ValidationError as error:
        raise RequestError(f"Expected a change of the rollout: {faults_of(error)}.") from None


def kind_of(request: ChangeRequest) -> str:
    """Return the kind of a change in the history."""
    return request.kind if isinstance(request, ChampionRequest) else request.action
