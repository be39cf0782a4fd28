"""The evaluation of features: one cross-validation with the same folds for all candidates of the feature studies.

Scores are cached: the decisions that one study keeps are candidates of the next study as well.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from joblib import Parallel, cpu_count, delayed

from training.config import Decisions, Estimator, ModelConfig
from training.config.estimator import COMPOSITES
from training.model.cross_validation import Fold, cross_validate
from training.model.metrics import metric_of
from training.studies.features.scores import Score, score_of

COMPOSITE_ROWS_MAX = 5_000
"""With more rows a voting or a stack is represented by its first member: all members together take several times as long, and
the effect of imputation, clusters and columns is similar."""


class FeatureEvaluation:
    """Scores of decisions by ``metric_of(config)`` on fixed folds."""

    def __init__(self, config: ModelConfig, frame: pd.DataFrame, folds: Sequence[Fold], estimator: Estimator) -> None:
        """Prepare an evaluation.

        Args:
            config: the model's config.
            frame: validated rows of the training part.
            folds: at least one fold of these rows.
            estimator: the estimator decided so far.
        """
        self.config = config
        self.frame = frame
        self.folds = tuple(folds)
        self.metric = metric_of(config)
        self.estimator = evaluated_estimator(estimator, len(frame))
        self._known: dict[tuple[int, str], float] = {}

    @property
    def jobs(self) -> int:
        """The number of processes that fit in parallel."""
        return min(int(cpu_count()), len(self.folds))

    def with_estimator(self, decisions: Decisions) -> Decisions:
        """Return decisions with the estimator of the evaluation."""
        return decisions.model_copy(update={"estimator": self.estimator})

    def score(self, decisions: Decisions) -> Score:
        """Return the score of decisions that are the same in all folds.

        Raises:
            ConfigError, TabentoError: see ``training.model.cross_validation.cross_validate``.
        """
        return self.score_by_fold([decisions] * len(self.folds))

    def score_by_fold(self, decisions: Sequence[Decisions]) -> Score:
        """Return the score of decisions that each fold makes from its own training rows.

        Args:
            decisions: one for each fold.

        Raises:
            ConfigError, TabentoError: see ``training.model.cross_validation.cross_validate``.
            ValueError: the number of decisions is not the number of folds.
        """
        if len(decisions) != len(self.folds):
            raise ValueError(f"expected decisions for {len(self.folds)} folds, got {len(decisions)}")
        keys = [(index, self.with_estimator(item).model_dump_json()) for index, item in enumerate(decisions)]
        new_indices = [index for index, key in enumerate(keys) if key not in self._known]
        scores: list[float] = Parallel(n_jobs=self.jobs)(
            delayed(_score)(
                self.config, self.frame, self.with_estimator(decisions[index]), self.folds[index], self.metric
            )
            for index in new_indices
        )
        self._known.update({keys[index]: score for index, score in zip(new_indices, scores, strict=True)})
        return score_of([self._known[key] for key in keys])


def evaluated_estimator(estimator: Estimator, rows: int) -> Estimator:
    """Return the estimator that scores candidates on so many rows: the estimator itself, or the first member of a composite."""
    if estimator.kind not in COMPOSITES or rows <= COMPOSITE_ROWS_MAX:
        return estimator
    first = estimator.members[0]
    return Estimator(kind=first.kind, target=estimator.target, params=first.params)


def _score(config: ModelConfig, frame: pd.DataFrame, decisions: Decisions, fold: Fold, metric: str) -> float:
    return float(cross_validate(config, frame, decisions, [fold], n_jobs=1).values(metric)[0])
