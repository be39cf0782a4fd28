"""What a contestant did with a case."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from benchmarks.league.case import Case

EXACT = 1e-9
"""Relative for numbers, absolute for probabilities: additions in another order stay below it."""
NOTICED = 1e-4
"""A difference beyond this is one that people notice."""


class Outcome(BaseModel):
    """What a contestant did with a case: refused it, failed, or answered."""

    case: str
    family: str
    refused: str | None = None
    """The contestant says that it does not take it, or raised while it converted."""
    failed: str | None = None
    """It converted, and then crashed, ran out of its time, or gave something that is no answer."""
    whole: bool = True
    """Whether it took the whole pipeline, or the last estimator only."""
    rows: int = 0
    exact: bool = False
    """Whether every row is equal: within ``EXACT``, no other label."""
    worst: float = 0.0
    """The largest difference of a number, relative, or a probability."""
    flips: int = 0
    """Rows with another label."""
    noticed: float = 0.0
    """Share of all rows that are off by more than ``NOTICED`` or have another label."""
    noticed_plain: float = 0.0
    """The same among the plain rows."""
    us_1: float | None = None
    """Microseconds a row, one row a call."""
    us_100: float | None = None
    """Microseconds a row, a hundred rows a call."""
    tabento_us_1: float | None = None
    """The same of Tabento's graph, timed in turns with it."""
    tabento_us_100: float | None = None


def compare(case: Case, labels: NDArray[Any], probabilities: NDArray[np.float64] | None) -> dict[str, Any]:
    """Compare answers to all rows of a case with the pipeline's.

    Args:
        case: has N rows.
        labels: (N,) labels, or (N,) or (N, W) numbers.
        probabilities: (N, C), or None where the contestant gives none: then labels alone are compared.

    Raises:
        ValueError: the shapes are not those of answers.
    """
    count = len(case.frame)
    if len(labels) != count:
        raise ValueError(f"expected {count} answers, got {len(labels)}")
    flips = np.zeros(count, dtype=bool)
    if case.classes is None:
        got, expected, typical = np.asarray(labels, dtype=np.float64).reshape(count, -1), case.expected, case.typical
        size = np.maximum(np.maximum(np.abs(got), np.abs(expected)), typical)
    else:
        places = {_key(label): at for at, label in enumerate(case.classes)}
        named = np.array([places.get(_key(label), -1) for label in np.asarray(labels).ravel().tolist()])
        flips = named != case.expected[:, 0]
        expected = case.expected[:, 1:]
        got = expected if probabilities is None or not case.probabilities else probabilities
        size = np.ones_like(expected)
    if got.shape != expected.shape:
        raise ValueError(f"expected answers of shape {expected.shape}, got {got.shape}")
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        apart = np.abs(got - expected) / size
    apart = np.where(got == expected, 0.0, np.nan_to_num(apart, nan=np.inf))
    far = apart.max(axis=1, initial=0.0)
    noticed = (far > NOTICED) | flips
    return {
        "rows": count,
        "exact": bool((far <= EXACT).all() and not flips.any()),
        "worst": float(min(far.max(initial=0.0), 1e300)),
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
