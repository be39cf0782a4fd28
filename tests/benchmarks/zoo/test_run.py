"""A run: a member has the same result in another process."""

from __future__ import annotations

import pytest

from benchmarks.zoo.run import run

pytestmark = pytest.mark.slow

KEYS = ("Lasso [regression]",)
"""One member is enough, because a process takes seconds to import its libraries."""
ROWS = 200


def test_processes_give_the_same_results() -> None:
    """A run in processes gives the same results except for the times, and reports each finished member."""
    messages: list[str] = []
    in_this_process = run(KEYS, None, 1, messages.append, ROWS)
    in_processes = run(KEYS, None, 2, messages.append, ROWS)
    untimed = [
        [result.model_copy(update={"speed": None}) for result in results] for results in (in_this_process, in_processes)
    ]
    assert untimed[0] == untimed[1]
    assert [f"{result.name} [{result.task}]" for result in in_processes] == list(KEYS)
    assert sorted(line.partition("] ")[2].partition(": worst")[0] for line in messages) == sorted(KEYS * 2)
    assert all(result.speed is not None for result in in_processes)
