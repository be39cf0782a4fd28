"""Comparing: one candidate's scores on the folds, its cost, and what keeps it from winning.

The training score stands beside the validation score. Their gap is read against what the model gains over the baseline: a
gap that is a large part of the gain means that much of what was learned holds for the training rows only. A forest or a
k-NN that answers its own training rows from memory shows such a gap and may still be the best on validation, so the flag
informs and does not decide.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from training.config import Candidate, ConfigError, Decisions, ModelConfig
from training.cross_validation import CvScores, Fold, cross_validate
from training.errors import TrainingError
from training.export import ExportError
from training.selection.cost import Cost, explain_excess, measure_cost

OVERFIT_SHARE = 0.25
"""From this share of the gain over the baseline on, the gap between training and validation score is called overfitting.
Boosted trees of a sound size stay below a fifth, fully grown forests are near a half, a memorising model at one."""

Status = Literal["eligible", "over budget", "not exportable", "failed", "baseline", "not begun", "not measured"]
"""``not measured`` goes with a combination of a grid: it has scores, and its cost could not have made it the winner."""


@dataclass(frozen=True)
class Compared:
    """A candidate and what was found out about it."""

    candidate: Candidate
    status: Status
    reason: str = ""
    """Why it cannot win; empty where it can."""
    scores: CvScores | None = None
    """Its figures on each fold; None where it could not be fitted or was not begun."""
    cost: Cost | None = None
    """What it costs; None where it has no graph."""

    @property
    def name(self) -> str:
        """The candidate's name."""
        return self.candidate.name


def compare(
    config: ModelConfig,
    train: pd.DataFrame,
    decisions: Decisions,
    candidate: Candidate,
    folds: list[Fold],
    *,
    baseline: bool = False,
    n_jobs: int | None = None,
) -> Compared:
    """Cross-validate a candidate, fit it on the whole training part, export it and measure its cost.

    Args:
        config: the model's config.
        train: the training part, validated.
        decisions: what the stages before have decided; the candidate takes the place of the estimator.
        candidate: what is compared.
        folds: the same for all candidates.
        baseline: whether it is the baseline, which cannot win.
        n_jobs: how many folds are fitted side by side; by default as many as there are cores.

    Returns:
        What was found out. A candidate that cannot be built, fitted, measured or exported says why instead of ending the
        run: the others are still worth comparing.
    """
    scored = score(config, train, decisions, candidate, folds, n_jobs=n_jobs)
    return scored if scored.status == "failed" else judge_cost(config, train, decisions, scored, baseline=baseline)


def score(
    config: ModelConfig,
    train: pd.DataFrame,
    decisions: Decisions,
    candidate: Candidate,
    folds: list[Fold],
    *,
    n_jobs: int | None = None,
) -> Compared:
    """Cross-validate a candidate, without looking at its cost.

    Arguments are those of ``compare``.

    Returns:
        The scores with the status ``not measured``, or ``failed`` with the reason.
    """
    decided = decisions.model_copy(update={"estimator": candidate.estimator})
    try:
        scores = cross_validate(config, train, decided, folds, n_jobs=n_jobs, train_scores=True)
    except (ConfigError, TrainingError, ValueError, ArithmeticError) as error:
        return Compared(candidate, "failed", first_line(error))
    return Compared(candidate, "not measured", scores=scores)


def judge_cost(
    config: ModelConfig, train: pd.DataFrame, decisions: Decisions, scored: Compared, *, baseline: bool = False
) -> Compared:
    """Fit a candidate with scores on the whole training part, export it, measure it and hold it against the budget.

    Arguments are those of ``compare``; ``scored`` is what ``score`` returned.
    """
    candidate, scores = scored.candidate, scored.scores
    decided = decisions.model_copy(update={"estimator": candidate.estimator})
    try:
        cost = measure_cost(config, train, decided)
    except ExportError as error:
        return Compared(candidate, "not exportable", f"step {error.step!r}: {error.reason}", scores)
    except (ConfigError, TrainingError, ValueError, ArithmeticError) as error:
        return Compared(candidate, "failed", first_line(error), scores)
    if baseline:
        return Compared(candidate, "baseline", "the baseline", scores, cost)
    reason = explain_excess(cost, config.selection)
    return Compared(candidate, "over budget" if reason else "eligible", reason, scores, cost)


def overfit_share(compared: Compared, baseline: Compared | None, metric: str) -> float | None:
    """Return the gap between training and validation score as a share of the gain over the baseline.

    Args:
        compared: with scores.
        baseline: the baseline's scores.
        metric: what is looked at.

    Returns:
        |train - valid| / |valid - baseline|, both means over the folds; infinity where nothing is gained and there is a
        gap. None where it cannot be said: no scores, or the baseline itself.
    """
    if compared.scores is None or baseline is None or baseline.scores is None or compared is baseline:
        return None
    valid = compared.scores.mean(metric)
    gap = abs(compared.scores.train_mean(metric) - valid)
    gain = abs(valid - baseline.scores.mean(metric))
    if gain == 0:
        return float("inf") if gap else 0.0
    return gap / gain


def first_line(error: Exception) -> str:
    """Return an error's first line, or its class where it has no words."""
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
