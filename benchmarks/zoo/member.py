"""A member of the zoo: one pipeline, its columns and its target."""

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
    """The steps as a short text, unique among the members of a task."""
    family: str
    """The topic of the member; the table is sorted by family."""
    task: Task
    build: Callable[[], Any]
    """The function that returns the unfitted pipeline."""
    columns: tuple[str, ...] = PLAIN
    """The columns of the pipeline's input."""
    fit_rows: int = FIT_ROWS
    """The number of rows of the fit."""
    unknown: bool = False
    """Whether the pipeline accepts texts outside its training rows; the contract accepts them then."""

    @property
    def key(self) -> str:
        """The name in the whole zoo."""
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
    """Return two members of an estimator: on the raw columns, and after a StandardScaler."""
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
