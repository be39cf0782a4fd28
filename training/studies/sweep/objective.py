"""Objectives: the scores of a trial's parameters on the folds, reported rung by rung, so that a poor trial can be pruned.

All objectives give the metrics that ``training.model.cross_validation`` gives for the same estimator; they avoid different work.
The preprocessing does not depend on the estimator's parameters, so each fold is prepared once for all trials.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
from joblib import Parallel, cpu_count, delayed

from training.config import Decisions, Estimator, ModelConfig
from training.model.cross_validation import Fold, cross_validate
from training.model.metrics import LABEL_METRICS, metric_of
from training.studies.sweep.fold_fits import fit_prepared, grow_prepared, measure_vote, member_answers, prepare_fold
from training.studies.sweep.growth import can_grow, full_amount
from training.studies.sweep.rungs import RUNGS, amount_at

FoldMetrics = list[dict[str, float]]
"""The metrics of each fold."""


class Objective(Protocol):
    """Metrics of estimators on the same folds."""

    def figures(self, estimator: Estimator) -> Iterator[tuple[int, FoldMetrics]]:
        """Yield each rung with the metrics of its folds; the last rung is complete.

        A caller that stops reading saves the later rungs: they are computed only when they are read.

        Raises:
            ConfigError, FitError: the estimator cannot be fitted.
        """
        ...


class GrowingTrial:
    """A trial that grows the trees of all folds from rung to rung: a complete trial costs one fit. The trees are the trees of a single
    fit, which holds for scikit-learn's forests and boosting.
    """

    def __init__(self, config: ModelConfig, estimator: Estimator, prepared: Sequence[Path], n_jobs: int) -> None:
        """Take the folds that ``prepare_fold`` has written."""
        self._config, self._estimator, self._prepared, self._n_jobs = config, estimator, prepared, n_jobs

    def figures(self, estimator: Estimator) -> Iterator[tuple[int, FoldMetrics]]:
        """Yield the metrics of all folds at a quarter, a half and all of the trees."""
        full, previous = full_amount(estimator, self._config.task), 0
        with tempfile.TemporaryDirectory(prefix="tabento-sweep-") as folder:
            for rung in RUNGS:
                amount = amount_at(rung, full)
                if amount == previous:
                    continue
                previous = amount
                yield (
                    rung,
                    Parallel(n_jobs=self._n_jobs)(
                        delayed(grow_prepared)(
                            self._config,
                            estimator,
                            prepared_path,
                            Path(folder) / f"{fold}.joblib",
                            amount,
                            rung < RUNGS[-1],
                        )
                        for fold, prepared_path in enumerate(self._prepared)
                    ),
                )


class FoldTrial:
    """A trial that fits one fold after the other: for estimators that cannot be fitted in steps exactly."""

    def __init__(self, config: ModelConfig, prepared: Sequence[Path], n_jobs: int) -> None:
        """Take the folds that ``prepare_fold`` has written."""
        self._config, self._prepared, self._n_jobs = config, prepared, n_jobs

    def figures(self, estimator: Estimator) -> Iterator[tuple[int, FoldMetrics]]:
        """Yield the metrics of a quarter, a half and all of the folds."""
        fold_metrics: FoldMetrics = []
        for rung in RUNGS:
            n_folds = amount_at(rung, len(self._prepared))
            if n_folds > len(fold_metrics):
                fold_metrics = fold_metrics + Parallel(n_jobs=self._n_jobs)(
                    delayed(fit_prepared)(self._config, estimator, prepared_path)
                    for prepared_path in self._prepared[len(fold_metrics) : n_folds]
                )
                yield rung, fold_metrics


class WeightTrial:
    """A trial of the weights of a ``voting``: the members are fitted once, and each trial computes a weighted mean."""

    def __init__(self, config: ModelConfig, estimator: Estimator, prepared: Sequence[Path], n_jobs: int) -> None:
        """Fit the members in each fold."""
        self._config = config
        self._answers = Parallel(n_jobs=n_jobs)(
            delayed(member_answers)(config, estimator, prepared_path) for prepared_path in prepared
        )

    def figures(self, estimator: Estimator) -> Iterator[tuple[int, FoldMetrics]]:
        """Yield the metrics of all folds in one rung."""
        weights = np.array([member.weight for member in estimator.members])
        yield (
            RUNGS[-1],
            [measure_vote(self._config, estimator, weights, answers, truth) for answers, truth in self._answers],
        )


class FullFitTrial:
    """A trial that repeats the full fit in each fold: for metrics of labels that depend on a chosen threshold."""

    def __init__(
        self, config: ModelConfig, train: pd.DataFrame, decisions: Decisions, folds: Sequence[Fold], n_jobs: int
    ) -> None:
        """Take the training part and its folds."""
        self._config, self._train, self._decisions = config, train, decisions
        self._folds, self._n_jobs = folds, n_jobs

    def figures(self, estimator: Estimator) -> Iterator[tuple[int, FoldMetrics]]:
        """Yield the metrics of a quarter, a half and all of the folds."""
        trial_decisions = self._decisions.model_copy(update={"estimator": estimator})
        fold_metrics: FoldMetrics = []
        for rung in RUNGS:
            n_folds = amount_at(rung, len(self._folds))
            if n_folds > len(fold_metrics):
                new_folds = self._folds[len(fold_metrics) : n_folds]
                scores = cross_validate(self._config, self._train, trial_decisions, new_folds, n_jobs=self._n_jobs)
                fold_metrics = fold_metrics + scores.valid
                yield rung, fold_metrics


def make_objective(
    config: ModelConfig,
    train: pd.DataFrame,
    decisions: Decisions,
    folds: Sequence[Fold],
    workplace: Path,
    n_jobs: int | None = None,
    *,
    swept_names: Iterable[str] = (),
) -> Objective:
    """Return the objective for the kind of estimator and the metric.

    Args:
        config: the model's config.
        train: the training part, validated.
        decisions: the decisions of the earlier stages.
        folds: positions in ``train``.
        workplace: a folder for the prepared folds; it must exist as long as the objective is used.
        n_jobs: the number of folds that are fitted in parallel; by default the number of cores. The metrics do not depend on it.
        swept_names: the parameters that the sweep changes.

    Raises:
        ConfigError, FitError: the preprocessing cannot be fitted.
    """
    jobs = min(n_jobs or cpu_count(), len(folds))
    if metric_of(config) in LABEL_METRICS and config.decision.by != "most_probable":
        return FullFitTrial(config, train, decisions, folds, jobs)
    prepared = [workplace / f"fold-{number}.joblib" for number in range(len(folds))]
    Parallel(n_jobs=jobs)(
        delayed(prepare_fold)(config, train.iloc[train_rows], train.iloc[held_out], decisions, prepared_path)
        for (train_rows, held_out), prepared_path in zip(folds, prepared, strict=True)
    )
    if decisions.estimator.kind == "voting":
        return WeightTrial(config, decisions.estimator, prepared, jobs)
    if can_grow(decisions.estimator, swept_names):
        return GrowingTrial(config, decisions.estimator, prepared, jobs)
    return FoldTrial(config, prepared, jobs)
