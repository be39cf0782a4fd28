"""The judge: one cross-validation for all candidates of the feature studies, with the same folds for each.

What was fitted once is not fitted again: the imputation that is kept, the clusters and the columns as they were are
candidates of the next study too.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from joblib import Parallel, cpu_count, delayed

from training.config import Decisions, Estimator, ModelConfig
from training.config.estimator import COMPOSITES
from training.cross_validation import Fold, cross_validate
from training.features.scores import Score, score_of
from training.metrics import metric_of

COMPOSITE_ROWS_MAX = 5_000
"""From more rows on a voting or a stack is judged by its first member: all members together take several times as long,
and what they make of imputation, clusters and columns is alike."""


class Judge:
    """Scores what is decided by ``metric_of(config)`` on fixed folds."""

    def __init__(self, config: ModelConfig, frame: pd.DataFrame, folds: Sequence[Fold], estimator: Estimator) -> None:
        """Remember what everything is judged with.

        Args:
            config: the model's config.
            frame: validated rows of the training part.
            folds: of these rows, at least one.
            estimator: the model that is decided so far.
        """
        self.config = config
        self.frame = frame
        self.folds = tuple(folds)
        self.metric = metric_of(config)
        self.estimator = stand_in(estimator, len(frame))
        self._known: dict[tuple[int, str], float] = {}

    @property
    def jobs(self) -> int:
        """How many processes fit at the same time."""
        return min(int(cpu_count()), len(self.folds))

    def judged(self, decisions: Decisions) -> Decisions:
        """Return decisions with the estimator by which they are judged."""
        return decisions.model_copy(update={"estimator": self.estimator})

    def score(self, decisions: Decisions) -> Score:
        """Return the score of what is decided.

        Raises:
            ConfigError, TrainingError: see ``training.cross_validation.cross_validate``.
        """
        return self.score_by_fold([decisions] * len(self.folds))

    def score_by_fold(self, decisions: Sequence[Decisions]) -> Score:
        """Return the score of decisions that differ by fold, as a procedure makes them from each fold's own rows.

        Args:
            decisions: one for each fold.

        Raises:
            ConfigError, TrainingError: see ``training.cross_validation.cross_validate``.
            ValueError: there is not one for each fold.
        """
        if len(decisions) != len(self.folds):
            raise ValueError(f"expected decisions for {len(self.folds)} folds, got {len(decisions)}")
        keys = [(at, self.judged(item).model_dump_json()) for at, item in enumerate(decisions)]
        fresh = [at for at, key in enumerate(keys) if key not in self._known]
        scores: list[float] = Parallel(n_jobs=self.jobs)(
            delayed(_score)(self.config, self.frame, self.judged(decisions[at]), self.folds[at], self.metric)
            for at in fresh
        )
        self._known.update({keys[at]: score for at, score in zip(fresh, scores, strict=True)})
        return score_of([self._known[key] for key in keys])


def stand_in(estimator: Estimator, rows: int) -> Estimator:
    """Return the estimator by which candidates are judged on so many rows: itself, or the first member of a composite."""
    if estimator.kind not in COMPOSITES or rows <= COMPOSITE_ROWS_MAX:
        return estimator
    first = estimator.members[0]
    return Estimator(kind=first.kind, target=estimator.target, params=first.params)


def _score(config: ModelConfig, frame: pd.DataFrame, decisions: Decisions, fold: Fold, metric: str) -> float:
    return float(cross_validate(config, frame, decisions, [fold], n_jobs=1).values(metric)[0])
