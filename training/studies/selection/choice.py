"""The choice: the best mean validation score among the candidates that can be exported within the budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from training.model.metrics import better
from training.studies.errors import SelectionError
from training.studies.selection.comparison import ComparedCandidate

WHY_NOT_THE_SIMPLEST = (
    "It is shown and not chosen: the budget limits the cost of a model, and within the budget the better mean is worth"
    " more than a smaller graph. To use it anyway, set it as `estimator` in the config."
)


@dataclass(frozen=True)
class Choice:
    """The winner, and the alternative by the one-standard-error rule."""

    winner: ComparedCandidate
    simplest: ComparedCandidate
    """The smallest graph among the eligible ones whose mean is within one standard error of the winner's mean; the one-standard-
    error rule (Breiman et al., Classification and Regression Trees, 1984, section 3.4.3)."""


def choose(compared: Sequence[ComparedCandidate], metric: str) -> Choice:
    """Choose by the mean over the folds; of equal means the first.

    Args:
        compared: all compared candidates.
        metric: the deciding metric.

    Raises:
        SelectionError: no candidate is eligible; the message has the reason of each.
    """
    eligible = [item for item in compared if item.status == "eligible"]
    if not eligible:
        reasons = "\n".join(f"  {item.name}: {item.reason}" for item in compared)
        raise SelectionError(
            f"expected at least one candidate that can be exported within the budget, got none of {len(compared)}:\n"
            f"{reasons}\nRaise the limits of `selection` (single_row_us_max, batch_us_max, model_mib_max), or add a"
            " smaller estimator to `selection.candidates`."
        )
    winner = eligible[0]
    for item in eligible[1:]:
        if better(metric, mean_score(item, metric), mean_score(winner, metric)):
            winner = item
    assert winner.scores is not None
    margin = winner.scores.standard_error(metric)
    near_candidates = [
        item for item in eligible if abs(mean_score(item, metric) - mean_score(winner, metric)) <= margin
    ]
    return Choice(winner, min(near_candidates, key=_size))


def mean_score(item: ComparedCandidate, metric: str) -> float:
    """Return a candidate's mean validation score.

    Raises:
        SelectionError: the candidate has no scores.
    """
    if item.scores is None:
        raise SelectionError(f"{item.name} has no scores: {item.reason}")
    return item.scores.mean(metric)


def _size(item: ComparedCandidate) -> float:
    return item.cost.model_mib if item.cost else float("inf")
