"""Fits on one prepared fold, in worker processes that read the fold from disk.

A worker reads a fold from disk in milliseconds; sending the fold with each task would copy it for each task.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from tabento.parity import pipeline_answers
from tabento.tables.frames import to_frame, to_rows
from training.config import Decisions, Estimator, ModelConfig
from training.model.estimator_kinds import resource_of
from training.model.estimators import build_estimator
from training.model.metrics import measure
from training.model.pipeline import TARGET_SCALES, build_pipeline, fit_on_one_thread, learned_target

Prepared = tuple[NDArray[np.float64], NDArray[Any], NDArray[np.float64], NDArray[np.float64]]
"""A fold: columns and target of the training rows, columns and target of the held-out rows. The training target is on the
estimator's scale, or it has labels; the held-out target is as the validation of the data returns it."""


def prepare_fold(
    config: ModelConfig, train: pd.DataFrame, held_out: pd.DataFrame, decisions: Decisions, prepared_path: Path
) -> None:
    """Fit the preprocessing on a fold's training rows and write the transformed columns of both parts.

    Args:
        config: the model's config.
        seen: the validated training rows.
        held_out: the validated held-out rows.
        decisions: the decisions of the earlier stages; the estimator's parameters are not used.
        place: the file of the prepared fold.

    Raises:
        ConfigError, FitError: the preprocessing cannot be fitted, or the target cannot be learned.
    """
    contract = config.contract()
    features = build_pipeline(config, decisions)["features"]
    target = learned_target(config, train, decisions)
    with threadpool_limits(limits=1):
        columns = features.fit_transform(to_frame(to_rows(train, contract), contract), target)
        held_columns = features.transform(to_frame(to_rows(held_out, contract), contract))
    if decisions.estimator.target != "identity":
        target = TARGET_SCALES[decisions.estimator.target][0](target)
    truth = held_out[config.target.name].to_numpy(dtype=np.float64)
    joblib.dump((columns, target, held_columns, truth), prepared_path)


def fit_prepared(config: ModelConfig, estimator: Estimator, prepared_path: Path) -> dict[str, float]:
    """Fit an estimator on a prepared fold and measure it on the held-out rows.

    Raises:
        ConfigError: a parameter's value is impossible.
    """
    columns, target, held_columns, truth = _load_fold(prepared_path)
    model = fit_on_one_thread(build_estimator(estimator, config.task, config.seed), columns, target, config, estimator)
    return measure(config, truth, _predict(config, estimator, model, held_columns))


def grow_prepared(
    config: ModelConfig, estimator: Estimator, prepared_path: Path, model_path: Path, amount: int, is_kept: bool
) -> dict[str, float]:
    """Grow an estimator on a prepared fold to a number of trees or rounds and measure it on the held-out rows.

    Args:
        config: the model's config.
        estimator: an estimator for which ``training.studies.sweep.growth.can_grow`` is true.
        place: the prepared fold.
        grown: the file of the estimator between two calls; without it a new estimator is fitted.
        amount: the number of trees or rounds.
        goes_on: whether to save the estimator for another call.

    Raises:
        ConfigError: a parameter's value is impossible.
    """
    columns, target, held_columns, truth = _load_fold(prepared_path)
    model = joblib.load(model_path) if model_path.exists() else build_estimator(estimator, config.task, config.seed)
    model.set_params(**{str(resource_of(estimator.kind)): amount, "warm_start": True})
    fit_on_one_thread(model, columns, target, config, estimator)
    if is_kept:
        joblib.dump(model, model_path)
    return measure(config, truth, _predict(config, estimator, model, held_columns))


def member_answers(
    config: ModelConfig, estimator: Estimator, prepared_path: Path
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit the members of a ``voting`` on a prepared fold.

    Returns:
        The members' answers to the held-out rows, float64 of shape (M, N) or (M, N, C) with probabilities, on the estimator's scale; and the target, shape (N,).

    Raises:
        ConfigError: a parameter's value is impossible.
    """
    columns, target, held_columns, truth = _load_fold(prepared_path)
    model = fit_on_one_thread(build_estimator(estimator, config.task, config.seed), columns, target, config, estimator)
    with threadpool_limits(limits=1):
        if config.target.classes is None:
            answers = [member.predict(held_columns) for member in model.estimators_]
        else:
            answers = [member.predict_proba(held_columns) for member in model.estimators_]
    return np.array(answers, dtype=np.float64), truth


def measure_vote(
    config: ModelConfig,
    estimator: Estimator,
    weights: NDArray[np.float64],
    answers: NDArray[np.float64],
    truth: NDArray[np.float64],
) -> dict[str, float]:
    """Measure the weighted mean of the members' answers, which is the answer of a ``voting``.

    Args:
        config: the model's config.
        estimator: the voting.
        weights: shape (M,).
        answers: from ``member_answers``.
        truth: shape (N,).
    """
    mean = np.average(answers, axis=0, weights=weights)
    if config.target.classes is None:
        return measure(config, truth, _invert_target_scale(estimator, mean))
    return measure(config, truth, np.column_stack([np.argmax(mean, axis=1), mean]))


def _load_fold(prepared_path: Path) -> Prepared:
    prepared: Prepared = joblib.load(prepared_path)
    return prepared


def _predict(
    config: ModelConfig, estimator: Estimator, model: Any, columns: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return a fitted estimator's answers in the form of ``tabento.parity.pipeline_answers``."""
    with threadpool_limits(limits=1):
        if config.target.classes is None:
            # The scale is inverted in the estimator's own type of float, as scikit-learn does.
            return np.asarray(_invert_target_scale(estimator, model.predict(columns)), dtype=np.float64)
        return pipeline_answers(model, columns, config.contract())  # type: ignore[arg-type]  # a frame's columns


def _invert_target_scale(estimator: Estimator, answers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convert a regression's answers back to the target's unit."""
    return answers if estimator.target == "identity" else TARGET_SCALES[estimator.target][1](answers)
