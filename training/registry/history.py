"""The history of a model's champions: who made which version champion, when, why, and which one was it before.

Each event is a tag of the registered model under the time at which it happened: events of two people never overwrite
each other, and whoever has the registry has its history.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC
from typing import Literal

from pydantic import AwareDatetime, ValidationError

from bundle.contract import Strict
from training.registry.errors import RegistryError

PREFIX = "history."
"""What the tags of events begin with."""


class Event(Strict):
    """One change of the champion."""

    when: AwareDatetime
    """The time, UTC."""
    who: str
    """The person or job."""
    why: str
    """The reason, in the person's words."""
    action: Literal["promote", "rollback"]
    """Whether a version was promoted, or the champion before it put back."""
    before: int | None
    """The champion before; none for a first one."""
    after: int
    """The champion from then on."""

    @property
    def key(self) -> str:
        """The tag under which the event is kept; tags sort by time."""
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
                f"the registry's tag {name} is no event of the history: {tags[name]!r}. Correct or remove it in MLflow."
            ) from error
    return events


def champions(events: Iterable[Event]) -> list[int]:
    """Return the champions that stand behind each other now: promoting puts one on top, rolling back takes it away."""
    stack: list[int] = []
    for event in events:
        if event.action == "rollback":
            # Back to where the champion of that time still stands, or to the bottom.
            while stack and stack[-1] != event.after:
                stack.pop()
            if not stack:
                stack.append(event.after)
        else:
            stack.append(event.after)
    return stack
