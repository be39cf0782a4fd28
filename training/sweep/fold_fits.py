"""Fits inside one prepared fold. They run in worker processes, which read the fold from disk.

A fold on disk is read in milliseconds and shared by all workers, where sending it along with each task would copy it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from training.config import Decisions, Estimator, ModelConfig
from training.estimators import build_estimator, resource_of
from training.frames import to_frame, to_rows
from training.metrics import measure
from training.parity import pipeline_answers
from training.pipeline import TARGET_SCALES, build_pipeline, fit_on_one_thread, learned_target

Prepared = tuple[NDArray[np.float64], NDArray[Any], NDArray[np.float64], NDArray[np.float64]]
"""A fold: the columns and the target that are fitted, the columns and the truth of the held-out rows. The target is on the
scale on which is learned, or it is labels; the truth is as validation gives it."""


def prepare_fold(
    config: ModelConfig, seen: pd.DataFrame, held_out: pd.DataFrame, decisions: Decisions, place: Path
) -> None:
    """Fit the preprocessing on a fold's rows and write what it makes of both parts.

    Args:
        config: the model's config.
        seen: the rows that are fitted, validated.
        held_out: the rows that are measured.
        decisions: what the stages before have decided; the estimator's parameters do not matter here.
        place: the file that is written.

    Raises:
        ConfigError, FitError: the preprocessing cannot be fitted, or the target cannot be learned.
    """
    contract = config.contract()
    features = build_pipeline(config, decisions)["features"]
    target = learned_target(config, seen, decisions)
    with threadpool_limits(limits=1):
        columns = features.fit_transform(to_frame(to_rows(seen, contract), contract), target)
        held_columns = features.transform(to_frame(to_rows(held_out, contract), contract))
    if decisions.estimator.target != "identity":
        target = TARGET_SCALES[decisions.estimator.target][0](target)
    truth = held_out[config.target.name].to_numpy(dtype=np.float64)
    joblib.dump((columns, target, held_columns, truth), place)


def fit_prepared(config: ModelConfig, estimator: Estimator, place: Path) -> dict[str, float]:
    """Fit an estimator on a prepared fold and measure it on the held-out rows.

    Raises:
        ConfigError: a parameter's value is impossible.
    """
    columns, target, held_columns, truth = _read(place)
    model = fit_on_one_thread(build_estimator(estimator, config.task, config.seed), columns, target, config, estimator)
    return measure(config, truth, _answers(config, estimator, model, held_columns))


def grow_prepared(
    config: ModelConfig, estimator: Estimator, place: Path, grown: Path, amount: int, goes_on: bool
) -> dict[str, float]:
    """Grow an estimator on a prepared fold to so many trees or rounds and measure it on the held-out rows.

    Args:
        config: the model's config.
        estimator: one that ``training.sweep.growth.grows``.
        place: the prepared fold.
        grown: where the estimator is kept between two calls; without that file it is begun anew.
        amount: to how many trees or rounds it grows.
        goes_on: whether it is kept for another call.

    Raises:
        ConfigError: a parameter's value is impossible.
    """
    columns, target, held_columns, truth = _read(place)
    model = joblib.load(grown) if grown.exists() else build_estimator(estimator, config.task, config.seed)
    model.set_params(**{str(resource_of(estimator.kind)): amount, "warm_start": True})
    fit_on_one_thread(model, columns, target, config, estimator)
    if goes_on:
        joblib.dump(model, grown)
    return measure(config, truth, _answers(config, estimator, model, held_columns))


def member_answers(
    config: ModelConfig, estimator: Estimator, place: Path
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit the members of a ``voting`` on a prepared fold.

    Returns:
        The members' answers to the held-out rows, float64 of shape (M, N) or (M, N, C) with probabilities, on the scale on
        which is learned; and the truth, shape (N,).

    Raises:
        ConfigError: a parameter's value is impossible.
    """
    columns, target, held_columns, truth = _read(place)
    model = fit_on_one_thread(build_estimator(estimator, config.task, config.seed), columns, target, config, estimator)
    with threadpool_limits(limits=1):
        if config.target.classes is None:
            answers = [member.predict(held_columns) for member in model.estimators_]
        else:
            answers = [member.predict_proba(held_columns) for member in model.estimators_]
    return np.array(answers, dtype=np.float64), truth


def vote(
    config: ModelConfig,
    estimator: Estimator,
    weights: NDArray[np.float64],
    answers: NDArray[np.float64],
    truth: NDArray[np.float64],
) -> dict[str, float]:
    """Measure the weighted mean of the members' answers, as a ``voting`` answers them.

    Args:
        config: the model's config.
        estimator: the voting.
        weights: shape (M,).
        answers: from ``member_answers``.
        truth: shape (N,).
    """
    mean = np.average(answers, axis=0, weights=weights)
    if config.target.classes is None:
        return measure(config, truth, _unscaled(estimator, mean))
    return measure(config, truth, np.column_stack([np.argmax(mean, axis=1), mean]))


def _read(place: Path) -> Prepared:
    prepared: Prepared = joblib.load(place)
    return prepared


def _answers(
    config: ModelConfig, estimator: Estimator, model: Any, columns: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Ask a fitted estimator as ``training.parity.pipeline_answers`` asks the whole pipeline."""
    with threadpool_limits(limits=1):
        if config.target.classes is None:
            # The scale is undone in the estimator's own type of float, as scikit-learn does it.
            return np.asarray(_unscaled(estimator, model.predict(columns)), dtype=np.float64)
        return pipeline_answers(model, columns, config.contract())  # type: ignore[arg-type]  # a frame's columns


def _unscaled(estimator: Estimator, answers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bring a regression's answers back into the target's unit."""
    return answers if estimator.target == "identity" else TARGET_SCALES[estimator.target][1](answers)
