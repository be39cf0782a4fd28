"""Coverage: the share of rows whose true value is inside the prediction interval, or whose true label is in the prediction set.

The interval of a coverage is the exact binomial interval (C. J. Clopper and E. S. Pearson, The use of confidence or fiducial limits
illustrated in the case of the binomial, Biometrika 26, 1934).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from tabento.bundle.contract import Contract, Strict
from tabento.tables.intervals import interval_ends, prediction_sets

CONFIDENCE = 0.95
"""The confidence of a coverage's interval in reports."""


@dataclass(frozen=True)
class RowCoverage:
    """The coverage of each of N rows."""

    covered: NDArray[np.float64]
    """1 if the truth is inside, else 0; of several answers to the row, the share. Shape (N,)."""
    widths: NDArray[np.float64]
    """The width of the interval in the target's unit, or the number of labels in the set, shape (N,)."""


class CoverageFigures(Strict):
    """The coverage of prediction intervals or sets on a part of the rows."""

    column: str
    """The column by which the rows were sliced, the target for its classes, or ``all rows``."""
    part: str
    """The name of the slice; empty for all rows."""
    rows: int
    """The number of rows."""
    coverage: float
    """The share of rows whose truth is inside."""
    low: float
    """The lower end of the coverage's binomial interval."""
    high: float
    """The upper end."""
    width: float
    """The mean width of the intervals in the target's unit, or the mean number of labels in a set."""
    is_evaluated: bool
    """Whether the part has enough rows to be checked against the limit."""


def row_coverage(
    contract: Contract, rows: NDArray[np.float64], truth: NDArray[np.float64], answers: NDArray[np.float64]
) -> RowCoverage | None:
    """Return the coverage of each row; None if answers have neither an interval nor a set.

    Args:
        contract: the contract with the calibrated tables.
        rows: the packed rows, shape (N, F).
        truth: numbers or indices of classes, shape (N,).
        answers: the model's answers, shape (N,) or (N, 1 + C).
    """
    if contract.output.interval is not None:
        ends = interval_ends(contract, answers, rows)
        covered = (ends[:, 0] <= truth) & (truth <= ends[:, 1])
        return RowCoverage(covered.astype(np.float64), ends[:, 1] - ends[:, 0])
    if contract.output.prediction_set is not None:
        members = prediction_sets(contract, answers)
        covered = members[np.arange(len(truth)), truth.astype(np.intp)]
        return RowCoverage(covered.astype(np.float64), members.sum(axis=1).astype(np.float64))
    return None


def coverage_metrics(contract: Contract, coverage: RowCoverage | None) -> dict[str, float]:
    """Return the share of covered rows and the mean width as metrics; empty without a coverage."""
    if coverage is None:
        return {}
    share, width = float(coverage.covered.mean()), float(coverage.widths.mean())
    if contract.output.interval is not None:
        return {"interval_coverage": share, "interval_width": width}
    return {"set_coverage": share, "set_size": width}


def binomial_interval(share: float, rows: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the exact interval of a share of independent rows.

    Args:
        share: the observed share, 0 to 1.
        rows: the number of rows, at least 1.
        confidence: the share of intervals that contain the true share, at least.
    """
    if rows < 1 or not 0 <= share <= 1:
        raise ValueError(f"expected a share from 0 to 1 of at least one row, got {share} of {rows}")
    tail, hits = (1 - confidence) / 2, share * rows
    low = 0.0 if hits <= 0 else float(beta.ppf(tail, hits, rows - hits + 1))
    high = 1.0 if hits >= rows else float(beta.ppf(1 - tail, hits + 1, rows - hits))
    return low, high
