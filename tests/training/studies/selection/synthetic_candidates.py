"""Compared candidates with figures that a test chooses."""

from __future__ import annotations

from collections.abc import Sequence

from training.config import Candidate, Estimator
from training.model.cross_validation import CvScores
from training.studies.selection.comparison import ComparedCandidate, Status
from training.studies.selection.cost import Cost


def make_candidate(
    name: str,
    valid: Sequence[float],
    *,
    train: float = 1.0,
    status: Status = "eligible",
    reason: str = "",
    us: float = 20.0,
    mib: float = 0.5,
    metric: str = "rmse",
) -> ComparedCandidate:
    """Return a candidate with these figures on the folds."""
    scores = CvScores([{metric: value} for value in valid], [{metric: train} for _ in valid])
    cost = Cost(single_row_us=us, batch_us=5 * us, model_mib=mib, fit_s=0.1)
    candidate = Candidate(name=name, estimator=Estimator(kind="ridge", params={"alpha": float(len(name))}))
    return ComparedCandidate(candidate, status, reason, scores, None if status == "not exportable" else cost)
