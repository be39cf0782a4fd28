"""A contestant's outcome for a case."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from benchmarks.league.case import Case

EXACT = 1e-9
"""The limit, relative for numbers, absolute for probabilities; another order of additions stays below it."""
NOTICED = 1e-4
"""The size of a difference that users notice."""


class Outcome(BaseModel):
    """A contestant's outcome for a case: refused, failed, or answered."""

    case: str
    family: str
    refused: str | None = None
    """The contestant's reason for a refusal, or its error during the conversion."""
    failed: str | None = None
    """The error after the conversion: a crash, the time limit, or an invalid answer."""
    whole: bool = True
    """Whether the whole pipeline was converted. If not, the last estimator only."""
    rows: int = 0
    exact: bool = False
    """Whether every row is within ``EXACT`` and no label differs."""
    worst: float = 0.0
    """The largest difference of a number, relative, or a probability."""
    flips: int = 0
    """Rows with another label."""
    noticed: float = 0.0
    """The share of all rows that differ by more than ``NOTICED`` or have another label."""
    noticed_plain: float = 0.0
    """The same share among the plain rows."""
    us_1: float | None = None
    """Microseconds a row, with one row a call."""
    us_100: float | None = None
    """Microseconds a row, with a hundred rows a call."""
    tabento_us_1: float | None = None
    """The same for Tabento's graph, timed in alternation."""
    tabento_us_100: float | None = None


def compare(case: Case, labels: NDArray[Any], probabilities: NDArray[np.float64] | None) -> dict[str, Any]:
    """Compare answers to all rows of a case with the pipeline's.

    Args:
        case: a case of N rows.
        labels: (N,) labels, or (N,) or (N, W) numbers.
        probabilities: (N, C), or None if the contestant gives none; then only labels are compared.

    Raises:
        ValueError: the answers have a wrong shape.
    """
    count = len(case.frame)
    if len(labels) != count:
        raise ValueError(f"expected {count} answers, got {len(labels)}")
    flips = np.zeros(count, dtype=bool)
    if case.classes is None:
        answers, expected, typical = (
            np.asarray(labels, dtype=np.float64).reshape(count, -1),
            case.expected,
            case.typical,
        )
        size = np.maximum(np.maximum(np.abs(answers), np.abs(expected)), typical)
    else:
        places = {_key(label): index for index, label in enumerate(case.classes)}
        label_indices = np.array([places.get(_key(label), -1) for label in np.asarray(labels).ravel().tolist()])
        flips = label_indices != case.expected[:, 0]
        expected = case.expected[:, 1:]
        answers = expected if probabilities is None or not case.probabilities else probabilities
        size = np.ones_like(expected)
    if answers.shape != expected.shape:
        raise ValueError(f"expected answers of shape {expected.shape}, got {answers.shape}")
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        difference = np.abs(answers - expected) / size
    difference = np.where(answers == expected, 0.0, np.nan_to_num(difference, nan=np.inf))
    row_difference = difference.max(axis=1, initial=0.0)
    noticed = (row_difference > NOTICED) | flips
    return {
        "rows": count,
        "exact": bool((row_difference <= EXACT).all() and not flips.any()),
        "worst": float(min(row_difference.max(initial=0.0), 1e300)),
        "flips": int(flips.sum()),
        "noticed": float(noticed.mean()),
        "noticed_plain": float(noticed[: case.plain].mean()),
    }


def _key(label: Any) -> str:
    """Return a label as text: libraries give 1, 1.0, True or '1' for the same class."""
    if isinstance(label, bool | np.bool_):
        return str(int(label))
    if isinstance(label, int | float | np.integer | np.floating):
        return str(int(label)) if float(label).is_integer() else str(float(label))
    return str(label)
