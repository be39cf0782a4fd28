"""The comparison of one candidate: its scores on the folds, its cost, and the reason why it cannot win.

The training score is reported next to the validation score. Their gap is compared with the gain over the baseline: if the gap is
a large share of the gain, much of the fit holds for the training rows only. A forest or a k-NN memorises its training rows and
can still be the best on validation rows, so the flag informs and does not decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from tabento.errors import TabentoError
from tabento.export import ExportError
from training.config import Candidate, ConfigError, Decisions, ModelConfig
from training.model.cross_validation import CvScores, Fold, cross_validate
from training.model.metrics import HIGHER_IS_BETTER
from training.studies.selection.candidates import BASELINE
from training.studies.selection.cost import Cost, explain_excess, measure_cost

OVERFIT_SHARE = 0.25
"""The share of the gain over the baseline from which on the gap between training and validation score is called overfitting.
Boosted trees of a moderate size stay below a fifth, fully grown forests are near a half, a memorising model is at one."""

Status = Literal["eligible", "over budget", "not exportable", "failed", "baseline", "not begun", "not measured"]
"""``not measured``: a combination of a grid with scores, whose cost was not measured because it could not win."""


@dataclass(frozen=True)
class ComparedCandidate:
    """A candidate with its scores and its cost."""

    candidate: Candidate
    status: Status
    reason: str = ""
    """The reason why it cannot win; empty if it can."""
    scores: CvScores | None = None
    """Its scores on each fold; None if it could not be fitted or was not begun."""
    cost: Cost | None = None
    """Its cost; None if it has no graph."""

    @property
    def name(self) -> str:
        """The candidate's name."""
        return self.candidate.name


def compare_candidate(
    config: ModelConfig,
    train: pd.DataFrame,
    decisions: Decisions,
    candidate: Candidate,
    folds: list[Fold],
    *,
    baseline: bool = False,
    n_jobs: int | None = None,
) -> ComparedCandidate:
    """Cross-validate a candidate, fit it on the whole training part, export it and measure its cost.

    Args:
        config: the model's config.
        train: the training part, validated.
        decisions: the decisions of the earlier stages; the candidate replaces the estimator.
        candidate: the compared candidate.
        folds: the same for all candidates.
        baseline: whether it is the baseline, which cannot win.
        n_jobs: the number of folds that are fitted in parallel; by default the number of cores.

    Returns:
        The result. A candidate that cannot be built, fitted, measured or exported has the reason in its result and does not end
        the run, because the other candidates can still be compared.
    """
    scored = score_candidate(config, train, decisions, candidate, folds, n_jobs=n_jobs)
    return (
        scored if scored.status == "failed" else measure_candidate(config, train, decisions, scored, baseline=baseline)
    )


def score_candidate(
    config: ModelConfig,
    train: pd.DataFrame,
    decisions: Decisions,
    candidate: Candidate,
    folds: list[Fold],
    *,
    n_jobs: int | None = None,
) -> ComparedCandidate:
    """Cross-validate a candidate, without its cost.

    The arguments are those of ``compare_candidate``.

    Returns:
        The scores with the status ``not measured``, or ``failed`` with the reason.
    """
    candidate_decisions = decisions.model_copy(update={"estimator": candidate.estimator})
    try:
        scores = cross_validate(config, train, candidate_decisions, folds, n_jobs=n_jobs, train_scores=True)
    except (ConfigError, TabentoError, ValueError, ArithmeticError) as error:
        return ComparedCandidate(candidate, "failed", first_line(error))
    return ComparedCandidate(candidate, "not measured", scores=scores)


def measure_candidate(
    config: ModelConfig, train: pd.DataFrame, decisions: Decisions, scored: ComparedCandidate, *, baseline: bool = False
) -> ComparedCandidate:
    """Fit a candidate with scores on the whole training part, export it, measure its cost and check it against the budget.

    The arguments are those of ``compare_candidate``; ``scored`` is the result of ``score_candidate``.
    """
    candidate, scores = scored.candidate, scored.scores
    candidate_decisions = decisions.model_copy(update={"estimator": candidate.estimator})
    try:
        cost = measure_cost(config, train, candidate_decisions)
    except ExportError as error:
        return ComparedCandidate(candidate, "not exportable", f"step {error.step!r}: {error.reason}", scores)
    except (ConfigError, TabentoError, ValueError, ArithmeticError) as error:
        return ComparedCandidate(candidate, "failed", first_line(error), scores)
    if baseline:
        return ComparedCandidate(candidate, "baseline", "the baseline", scores, cost)
    reason = explain_excess(cost, config.selection)
    return ComparedCandidate(candidate, "over budget" if reason else "eligible", reason, scores, cost)


def overfit_share(compared: ComparedCandidate, baseline: ComparedCandidate | None, metric: str) -> float | None:
    """Return the gap between training and validation score as a share of the gain over the baseline.

    Args:
        compared: the candidate.
        baseline: the baseline.
        metric: the compared metric.

    Returns:
        |train - valid| / |valid - baseline|, both means over the folds; infinity if there is a gap and no gain. None without
        scores, or for the baseline itself.
    """
    if compared.scores is None or baseline is None or baseline.scores is None or compared is baseline:
        return None
    valid = compared.scores.mean(metric)
    gap = abs(compared.scores.train_mean(metric) - valid)
    gain = abs(valid - baseline.scores.mean(metric))
    if gain == 0:
        return float("inf") if gap else 0.0
    return gap / gain


def find_baseline(compared: Sequence[ComparedCandidate]) -> ComparedCandidate | None:
    """Return the baseline, or None if it was not measured."""
    return next((item for item in compared if item.name == BASELINE and item.scores is not None), None)


def sort_by_score(compared: Sequence[ComparedCandidate], metric: str) -> list[ComparedCandidate]:
    """Return the candidates with scores from best to worst, then the other candidates in their order."""
    with_scores = [item for item in compared if item.scores is not None]
    sign = -1 if metric in HIGHER_IS_BETTER else 1
    with_scores.sort(key=lambda item: sign * item.scores.mean(metric) if item.scores else 0.0)
    return with_scores + [item for item in compared if item.scores is None]


def first_line(error: Exception) -> str:
    """Return an error's first line, or its class if it has no message."""
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
