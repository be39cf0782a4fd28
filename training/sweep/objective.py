"""Objectives: what a trial's parameters are worth on the folds, told rung by rung so that a poor trial can end early.

All of them give the figures that ``training.cross_validation`` gives for the same estimator; they differ in what they
spare. The preprocessing does not depend on the estimator's parameters, so each fold is prepared once for all trials.
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
from training.cross_validation import Fold, cross_validate
from training.metrics import LABEL_METRICS, metric_of
from training.sweep.fold_fits import fit_prepared, grow_prepared, member_answers, prepare_fold, vote
from training.sweep.growth import grows, whole_of
from training.sweep.rungs import RUNGS, amount_at

Figures = list[dict[str, float]]
"""The metrics of each fold."""


class Objective(Protocol):
    """Measures estimators on the same folds."""

    def figures(self, estimator: Estimator) -> Iterator[tuple[int, Figures]]:
        """Give each rung with the figures of the folds that it has; the last rung has the whole.

        Whoever reads may stop: nothing of the later rungs has been computed then.

        Raises:
            ConfigError, FitError: the estimator cannot be fitted.
        """
        ...


class ByGrowth:
    """Grows the trees of all folds from rung to rung: a trial that goes on to the end has cost no more than one fit.

    Growing on gives the same trees as one fit does, which holds for scikit-learn's forests and boosting.
    """

    def __init__(self, config: ModelConfig, estimator: Estimator, prepared: Sequence[Path], n_jobs: int) -> None:
        """Take the folds as ``prepare_fold`` has written them."""
        self._config, self._estimator, self._prepared, self._n_jobs = config, estimator, prepared, n_jobs

    def figures(self, estimator: Estimator) -> Iterator[tuple[int, Figures]]:
        """Give the figures of all folds at a quarter, a half and the whole of the trees."""
        whole, before = whole_of(estimator, self._config.task), 0
        with tempfile.TemporaryDirectory(prefix="tabento-sweep-") as grown:
            for rung in RUNGS:
                amount = amount_at(rung, whole)
                if amount == before:
                    continue
                before = amount
                yield (
                    rung,
                    Parallel(n_jobs=self._n_jobs)(
                        delayed(grow_prepared)(
                            self._config, estimator, place, Path(grown) / f"{number}.joblib", amount, rung < RUNGS[-1]
                        )
                        for number, place in enumerate(self._prepared)
                    ),
                )


class ByFolds:
    """Fits fold after fold: for estimators that cannot be grown on exactly."""

    def __init__(self, config: ModelConfig, prepared: Sequence[Path], n_jobs: int) -> None:
        """Take the folds as ``prepare_fold`` has written them."""
        self._config, self._prepared, self._n_jobs = config, prepared, n_jobs

    def figures(self, estimator: Estimator) -> Iterator[tuple[int, Figures]]:
        """Give the figures of a quarter, a half and all of the folds."""
        found: Figures = []
        for rung in RUNGS:
            upto = amount_at(rung, len(self._prepared))
            if upto > len(found):
                found = found + Parallel(n_jobs=self._n_jobs)(
                    delayed(fit_prepared)(self._config, estimator, place) for place in self._prepared[len(found) : upto]
                )
                yield rung, found


class ByWeights:
    """Weighs the answers of a ``voting``'s members: they are fitted once, and each trial after that costs an average."""

    def __init__(self, config: ModelConfig, estimator: Estimator, prepared: Sequence[Path], n_jobs: int) -> None:
        """Fit the members in each fold."""
        self._config = config
        self._answers = Parallel(n_jobs=n_jobs)(delayed(member_answers)(config, estimator, place) for place in prepared)

    def figures(self, estimator: Estimator) -> Iterator[tuple[int, Figures]]:
        """Give the figures of all folds at once."""
        weights = np.array([member.weight for member in estimator.members])
        yield RUNGS[-1], [vote(self._config, estimator, weights, answers, truth) for answers, truth in self._answers]


class ByProcedure:
    """Repeats the whole fit in each fold: where the metric looks at labels and these follow a chosen threshold."""

    def __init__(
        self, config: ModelConfig, train: pd.DataFrame, decisions: Decisions, folds: Sequence[Fold], n_jobs: int
    ) -> None:
        """Take the training part and its folds."""
        self._config, self._train, self._decisions = config, train, decisions
        self._folds, self._n_jobs = folds, n_jobs

    def figures(self, estimator: Estimator) -> Iterator[tuple[int, Figures]]:
        """Give the figures of a quarter, a half and all of the folds."""
        decided = self._decisions.model_copy(update={"estimator": estimator})
        found: Figures = []
        for rung in RUNGS:
            upto = amount_at(rung, len(self._folds))
            if upto > len(found):
                part = self._folds[len(found) : upto]
                scores = cross_validate(self._config, self._train, decided, part, n_jobs=self._n_jobs)
                found = found + scores.valid
                yield rung, found


def make_objective(
    config: ModelConfig,
    train: pd.DataFrame,
    decisions: Decisions,
    folds: Sequence[Fold],
    workplace: Path,
    n_jobs: int | None = None,
    *,
    swept: Iterable[str] = (),
) -> Objective:
    """Return the objective that fits an estimator.

    Args:
        config: the model's config.
        train: the training part, validated.
        decisions: what the stages before have decided.
        folds: positions in ``train``.
        workplace: a folder for prepared folds; it must stay until the objective is no longer needed.
        n_jobs: how many folds are fitted side by side; by default as many as there are cores. Figures do not depend on it.
        swept: the parameters that will get other values.

    Raises:
        ConfigError, FitError: the preprocessing cannot be fitted.
    """
    jobs = min(n_jobs or cpu_count(), len(folds))
    if metric_of(config) in LABEL_METRICS and config.decision.by != "most_probable":
        return ByProcedure(config, train, decisions, folds, jobs)
    prepared = [workplace / f"fold-{number}.joblib" for number in range(len(folds))]
    Parallel(n_jobs=jobs)(
        delayed(prepare_fold)(config, train.iloc[seen], train.iloc[held_out], decisions, place)
        for (seen, held_out), place in zip(folds, prepared, strict=True)
    )
    if decisions.estimator.kind == "voting":
        return ByWeights(config, decisions.estimator, prepared, jobs)
    if grows(decisions.estimator, swept):
        return ByGrowth(config, decisions.estimator, prepared, jobs)
    return ByFolds(config, prepared, jobs)
