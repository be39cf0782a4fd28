"""What a contestant is given: a fitted pipeline, rows, and what the pipeline answers to them.

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
"""How many rows the longer call is timed with; the shorter one has one row."""


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
    """N rows as the pipeline sees them: plain ones first, hostile ones behind them."""
    plain: int
    """How many rows are plain ones, of the table's own distribution."""
    expected: NDArray[np.float64]
    """What the pipeline answers, (N, W): numbers, or the index of the label with the probabilities behind it."""
    typical: NDArray[np.float64]
    """(W,) the mean magnitude of an answer on the plain rows."""
    classes: tuple[Any, ...] | None
    """The labels of a classification in the pipeline's order; None for numbers."""
    probabilities: bool
    """Whether probabilities are among the answers."""
    graph: bytes | None
    """Tabento's graph, for timing beside it; None if Tabento refuses the pipeline."""
    packed: NDArray[np.float64]
    """(``TIMED_ROWS``, F) the first rows as Tabento's graph takes them."""


def keep(case: Case, folder: Path, number: int) -> None:
    """Write a case into a folder."""
    (folder / f"{number:04d}.case").write_bytes(pickle.dumps(case))


def read(path: Path) -> Case:
    """Read a case that ``keep`` has written."""
    case: Case = pickle.loads(path.read_bytes())  # noqa: S301 - written by this benchmark
    return case
