"""A command waits for the workers that have not followed yet, and shows them."""

from __future__ import annotations

from typing import Any

import pytest

from rollout.commands.targets import is_loading, late_workers
from rollout.commands.texts import model_lines
from tests.rollout.documents import orchard_entry

FOLLOWED = {"champion": "orchard:1", "challenger": "orchard:2", "workers": 1}
LATE = {"champion": "orchard:1", "challenger": None, "workers": 3}


def _state(workers: list[dict[str, Any]], reason: str | None = None) -> dict[str, Any]:
    """Return the state of a worker that has followed, with the versions of all workers."""
    return {
        "wanted": orchard_entry("2").model_dump(mode="json"),
        "live": {"champion": "orchard:1", "challenger": "orchard:2", "retiring": []},
        "differs_because": reason,
        "trial": None,
        "workers": workers,
    }


@pytest.mark.parametrize(
    ("workers", "reason", "expected"),
    [
        ([FOLLOWED], None, False),
        ([FOLLOWED, LATE], None, True),
        ([], None, False),
        ([FOLLOWED, LATE], "orchard:2: it is damaged", False),
    ],
)
def test_a_change_is_followed_if_all_workers_have_its_versions(
    workers: list[dict[str, Any]], reason: str | None, expected: bool
) -> None:
    """A worker with other versions is waited for, unless one has named a reason; workers without the model do not count."""
    assert is_loading(_state(workers, reason)) is expected


def test_late_workers_are_counted_and_shown() -> None:
    """The state names the versions of the workers if these differ, and is silent about them otherwise."""
    state = _state([FOLLOWED, LATE])
    assert late_workers(state["wanted"], state["workers"]) == 3
    text = "\n".join(model_lines(None, state))
    assert "1 with orchard:1 and orchard:2, 3 with orchard:1 and no challenger" in text
    assert "workers" not in "\n".join(model_lines(None, _state([FOLLOWED])))
