"""The history of a model's champions: user, time, reason, the new champion and the previous champion.

Each event is a tag of the registered model under the time of the event. Events of two users therefore never overwrite each
other, and a copy of the registry includes its history.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC
from typing import Literal

from pydantic import AwareDatetime, ConfigDict, Field, ValidationError

from tabento.bundle.contract import Strict
from training.registry.errors import RegistryError

PREFIX = "history."
"""The prefix of the tags of events."""


class Event(Strict):
    """One change of the champion."""

    # The stored events keep the keys `who` and `why`.
    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )

    when: AwareDatetime
    """The time, UTC."""
    user: str = Field(alias="who")
    """The responsible person or job."""
    reason: str = Field(alias="why")
    """The reason that the user gave."""
    action: Literal["promote", "rollback"]
    """Whether a version was promoted, or the previous champion was made champion again."""
    before: int | None
    """The version number of the previous champion; None for the first champion."""
    after: int
    """The version number of the new champion."""

    @property
    def key(self) -> str:
        """The tag under which the event is stored. The order of the tags is the order of time."""
        return PREFIX + self.when.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ")


def read_history(tags: Mapping[str, str]) -> list[Event]:
    """Return the events among a registered model's tags, the oldest first.

    Raises:
        RegistryError: an event was changed by hand and cannot be read.
    """
    events = []
    for name in sorted(name for name in tags if name.startswith(PREFIX)):
        try:
            events.append(Event.model_validate_json(tags[name]))
        except ValidationError as error:
            raise RegistryError(
                f"the registry's tag {name} is not an event of the history: {tags[name]!r}. Correct or remove it in MLflow."
            ) from error
    return events


def champions(events: Iterable[Event]) -> list[int]:
    """Return the stack of champions: a promotion pushes a version, a rollback removes versions down to its target."""
    stack: list[int] = []
    for event in events:
        if event.action == "rollback":
            # Remove versions until the target of the rollback is on top, or the stack is empty.
            while stack and stack[-1] != event.after:
                stack.pop()
            if not stack:
                stack.append(event.after)
        else:
            stack.append(event.after)
    return stack
