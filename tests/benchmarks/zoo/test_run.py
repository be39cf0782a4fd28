"""A run: a member in a process of its own gives what it gives in this one."""

from __future__ import annotations

from benchmarks.zoo.run import run

KEYS = ("Lasso [regression]",)
"""One is enough: a process takes seconds to import its libraries."""
ROWS = 200


def test_processes_give_the_same_figures() -> None:
    """Only what was timed differs; each member is told of once as it is done."""
    told: list[str] = []
    alone = run(KEYS, None, 1, told.append, ROWS)
    together = run(KEYS, None, 2, told.append, ROWS)
    untimed = [[result.model_copy(update={"speed": None}) for result in results] for results in (alone, together)]
    assert untimed[0] == untimed[1]
    assert [f"{result.name} [{result.task}]" for result in together] == list(KEYS)
    assert sorted(line.partition("] ")[2].partition(": worst")[0] for line in told) == sorted(KEYS * 2)
    assert all(result.speed is not None for result in together)
