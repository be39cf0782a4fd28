"""The history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest

from training.registry.errors import RegistryError
from training.registry.history import Event, champions, read_history

START = datetime(2026, 1, 1, tzinfo=UTC)


def event(minute: int, action: Literal["promote", "rollback"], before: int | None, after: int) -> Event:
    """Return an event of some minute."""
    time = START + timedelta(minutes=minute)
    return Event(when=time, user="Ada", reason="because", action=action, before=before, after=after)


def test_events_come_back_in_their_order() -> None:
    """The tags' names are times, so that sorting them sorts the events; other tags are none."""
    events = [event(minute, "promote", None, minute) for minute in (1, 2, 10)]
    tags = {item.key: item.model_dump_json() for item in reversed(events)} | {"team": "orchard"}
    assert read_history(tags) == events


def test_changed_event_is_told() -> None:
    """An event that somebody edited is named, not passed over."""
    with pytest.raises(RegistryError, match=r"history\.1 is not an event"):
        read_history({"history.1": "{}"})


def test_champions_stand_behind_each_other() -> None:
    """Promoting puts one on top, rolling back takes it away; what was rolled back is not come back to."""
    events = [event(1, "promote", None, 1), event(2, "promote", 1, 2), event(3, "promote", 2, 3)]
    assert champions(events) == [1, 2, 3]
    events.append(event(4, "rollback", 3, 2))
    assert champions(events) == [1, 2]
    events.append(event(5, "promote", 2, 4))
    assert champions(events) == [1, 2, 4]
    events.append(event(6, "rollback", 4, 1))
    assert champions(events) == [1]
    assert champions([event(1, "rollback", 5, 4)]) == [4]
    assert champions([]) == []
