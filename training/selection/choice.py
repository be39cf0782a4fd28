"""Choosing: the best mean validation score among the candidates that can be exported and keep the budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from training.metrics import better
from training.selection.compare import Compared
from training.selection.errors import SelectionError

WHY_NOT_THE_SIMPLEST = (
    "It is shown and not chosen: what a model may cost is said by the budget, and within the budget the better mean is"
    " worth more than a smaller graph. Who wants it all the same puts it into the config as `estimator`."
)


@dataclass(frozen=True)
class Choice:
    """The winner, and the alternative that a more frugal rule would have taken."""

    winner: Compared
    simplest: Compared
    """The smallest graph among the eligible ones whose mean is within one standard error of the winner's; the one-standard-
    error rule (Breiman et al., Classification and Regression Trees, 1984, section 3.4.3)."""


def choose(compared: Sequence[Compared], metric: str) -> Choice:
    """Choose by the mean over the folds; of equal ones the first.

    Args:
        compared: all candidates.
        metric: what decides.

    Raises:
        SelectionError: none may be chosen; the message says of each why.
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
        if better(metric, mean(item, metric), mean(winner, metric)):
            winner = item
    assert winner.scores is not None
    margin = winner.scores.standard_error(metric)
    near = [item for item in eligible if abs(mean(item, metric) - mean(winner, metric)) <= margin]
    return Choice(winner, min(near, key=_size))


def mean(item: Compared, metric: str) -> float:
    """Return a candidate's mean validation score.

    Raises:
        SelectionError: the metric is not defined for it.
    """
    if item.scores is None:
        raise SelectionError(f"{item.name} has no scores: {item.reason}")
    return item.scores.mean(metric)


def _size(item: Compared) -> float:
    return item.cost.model_mib if item.cost else float("inf")
