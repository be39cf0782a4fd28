"""A member of the zoo: one pipeline, what it is fitted on and what it predicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.zoo.data import FIT_ROWS, PLAIN, Task


@dataclass(frozen=True)
class Member:
    """One pipeline of the zoo."""

    name: str
    """Its steps, as a reader would say them; distinct among the members of a task."""
    family: str
    """What it is in the zoo for; the table is sorted by it."""
    task: Task
    build: Callable[[], Any]
    """Makes the unfitted pipeline."""
    columns: tuple[str, ...] = PLAIN
    """The columns of the table that it sees."""
    fit_rows: int = FIT_ROWS
    """On how many rows it is fitted."""
    unknown: bool = False
    """Whether it takes texts that it was not fitted on; the contract says so then."""

    @property
    def key(self) -> str:
        """Its name in the whole zoo."""
        return f"{self.name} [{self.task}]"


Factory = Callable[[], Any]


def raw_and_scaled(
    family: str,
    task: Task,
    label: str,
    estimator: Factory,
    columns: tuple[str, ...] = PLAIN,
    fit_rows: int = FIT_ROWS,
) -> list[Member]:
    """Return an estimator twice: on the columns as they are, and behind a StandardScaler."""
    return [
        Member(label, family, task, lambda: Pipeline([("model", estimator())]), columns, fit_rows),
        Member(
            f"StandardScaler → {label}",
            family,
            task,
            lambda: make_pipeline(StandardScaler(), estimator()),
            columns,
            fit_rows,
        ),
    ]
