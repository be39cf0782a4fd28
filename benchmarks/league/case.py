"""A case of the league: a fitted pipeline, rows, and the pipeline's answers to them.

A case is plain data and a fitted pipeline: an environment that has scikit-learn, pandas and a contestant can read it.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

TIMED_ROWS = 100
"""The number of rows of the longer timed call; the shorter call has one row."""


@dataclass(frozen=True)
class Case:
    """One pipeline of the league."""

    name: str
    family: str
    task: str
    pipeline: Any
    """Fitted."""
    texts: tuple[str, ...]
    """The columns that hold texts."""
    frame: pd.DataFrame
    """N rows in the form of the pipeline's input: first the plain rows, then the hostile rows."""
    plain: int
    """The number of plain rows, from the table's own distribution."""
    expected: NDArray[np.float64]
    """The pipeline's answers, (N, W): numbers, or the index of the label followed by the probabilities."""
    typical: NDArray[np.float64]
    """(W,) the mean magnitude of an answer on the plain rows."""
    classes: tuple[Any, ...] | None
    """The labels of a classification in the pipeline's order; None for numbers."""
    probabilities: bool
    """Whether probabilities are among the answers."""
    graph: bytes | None
    """Tabento's graph, for the timing; None if Tabento refuses the pipeline."""
    packed: NDArray[np.float64]
    """(``TIMED_ROWS``, F) the first rows in the form of the graph's input."""


def keep(case: Case, folder: Path, number: int) -> None:
    """Write a case to a folder."""
    (folder / f"{number:04d}.case").write_bytes(pickle.dumps(case))


def read(path: Path) -> Case:
    """Read a case that ``keep`` has written."""
    case: Case = pickle.loads(path.read_bytes())  # noqa: S301 - written by this benchmark
    return case
