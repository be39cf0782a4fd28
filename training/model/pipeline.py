"""The scikit-learn pipeline: from the frame of raw columns to a number in the target's unit, or to a label.

Everything that is learned from data is learned here, from the training part only. The exported graph repeats the
predictions of this pipeline.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from tabento.bundle.numbers import value_text
from tabento.errors import TabentoError
from tabento.tables.frames import to_frame, to_rows
from tabento.transformers.target_scales import square_of_positive
from training.config import ConfigError, Decisions, Estimator, ModelConfig
from training.model.estimators import build_estimator
from training.model.feature_steps import feature_groups, used_features
from training.model.refusals import refused_parameter
from training.model.thresholds import ThresholdChoice, choose_threshold

Function = Callable[[NDArray[np.float64]], NDArray[np.float64]]


class FitError(TabentoError):
    """This config cannot be fitted on the training data."""


TARGET_SCALES: dict[str, tuple[Function, Function]] = {"sqrt": (np.sqrt, square_of_positive), "log": (np.log, np.exp)}
"""The scales of a learned target: the function and its inverse."""


def build_pipeline(config: ModelConfig, decisions: Decisions | None = None) -> Pipeline:
    """Return the unfitted pipeline that a config describes.

    Its input is the frame of ``tabento.tables.frames.to_frame`` with all features of the contract. Its output is float64 of
    shape (N,) in the target's unit, or labels. Its step ``features`` computes, in this order:

    - numbers and integers, imputed;
    - booleans, imputed with the more frequent value;
    - ratios, cluster similarities and custom transformers, of imputed numbers;
    - parts of timestamps;
    - weighted words of texts;
    - one column per category. A nullable category has an additional column for missing values, because their absence can be
      informative. For an unknown category all of its columns are zero.

    An imputation that uses other columns runs once, over all numbers; then ratios and similarities directly follow the
    numbers. Parts of a nullable timestamp are imputed one by one, with the median if the imputation of numbers uses other
    columns. A ratio whose denominator can be 0 is imputed with its median, unless the estimator accepts NaN.

    Args:
        config: the model's config.
        decisions: the decisions of the studies; by default those of the config itself. A feature outside
            ``decisions.columns`` is omitted, together with the ratios and clusters that need it.

    Raises:
        ConfigError: a parameter is unknown or cannot be set, the estimator does not do the task, or no column is used.
    """
    used_decisions = decisions or config.decisions()
    groups = feature_groups(config, used_decisions)
    model = build_estimator(used_decisions.estimator, config.task, config.seed)
    if used_decisions.estimator.target != "identity":
        function, inverse = TARGET_SCALES[used_decisions.estimator.target]
        model = TransformedTargetRegressor(model, func=function, inverse_func=inverse)
    # Words give a sparse matrix, which not every estimator accepts.
    dense = (
        {"sparse_threshold": 0.0}
        if any(feature.type == "text" for feature in used_features(config, used_decisions))
        else {}
    )
    return Pipeline([("features", ColumnTransformer(groups, **dense)), ("model", model)])


def fit_pipeline(
    config: ModelConfig,
    train_frame: pd.DataFrame,
    decisions: Decisions | None = None,
    *,
    threshold: ThresholdChoice | None = None,
    decide: bool = True,
) -> Pipeline:
    """Fit the pipeline on the training part.

    Linear algebra and OpenMP use one thread: k-means and boosting add in an order that depends on the number of threads, and
    the same seed must give the same model, byte for byte, on a laptop and on a build server.

    If ``config.decision`` requires a decision threshold, the last step becomes a ``FixedThresholdClassifier`` with it.

    Args:
        config: the model's config.
        train_frame: a validated frame with the features and the target, at least two rows.
        decisions: the decisions of the studies; by default those of the config itself.
        threshold: the decision threshold if it was chosen before, on the same rows (``threshold_for``).
        decide: whether the pipeline has a threshold; probabilities do not depend on it, and choosing one by
            cross-validation takes five additional fits.

    Returns:
        The fitted pipeline.

    Raises:
        ConfigError: the estimator refuses a parameter; the message names the config's key and the allowed values.
        FitError: the target is missing, not finite or outside the target's scale; a class has no row or too few rows to
            choose a threshold; or a column has no value at all.
    """
    used_decisions = decisions or config.decisions()
    pipeline = build_pipeline(config, used_decisions)
    target = learned_target(config, train_frame, used_decisions)
    frame = _checked_frame(config, train_frame, used_decisions)
    if decide:
        choice = threshold or _choose_threshold(config, pipeline, frame, target, used_decisions)
        if choice.threshold is not None:
            _set_threshold(pipeline, choice.threshold, config)
    return _fit(pipeline, frame, target, config, used_decisions)


def threshold_for(
    config: ModelConfig, train_frame: pd.DataFrame, decisions: Decisions | None = None
) -> ThresholdChoice:
    """Choose the decision threshold that ``config.decision`` requires, inside the training part.

    For arguments and errors see ``fit_pipeline``.
    """
    used_decisions = decisions or config.decisions()
    target = learned_target(config, train_frame, used_decisions)
    frame = _checked_frame(config, train_frame, used_decisions)
    return _choose_threshold(config, build_pipeline(config, used_decisions), frame, target, used_decisions)


def threshold_of(pipeline: Pipeline) -> float | None:
    """Return the decision threshold of a fitted pipeline, None if it predicts numbers or the most probable class."""
    model = pipeline.steps[-1][1]
    return float(model.threshold) if isinstance(model, FixedThresholdClassifier) else None


def learned_target(config: ModelConfig, frame: pd.DataFrame, decisions: Decisions | None = None) -> NDArray[Any]:
    """Return the target that the pipeline learns: numbers, float64 of shape (N,), or labels of shape (N,).

    Args:
        config: the model's config.
        frame: validated rows with the target, at least two.
        decisions: contain the scale on which a regression learns.

    Raises:
        FitError: the target is missing, not finite or outside its scale, or a class does not occur.
    """
    name = config.target.name
    if name not in frame.columns:
        raise FitError(f"expected a column {name!r}, the target, in the training frame, got {list(frame.columns)}")
    values: NDArray[np.float64] = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
    if len(values) < 2:
        raise FitError(f"expected at least two training rows, got {len(values)}")
    if config.target.classes is not None:
        return _learned_labels(config, values)
    scale = (decisions or config.decisions()).estimator.target
    wrong = ~np.isfinite(values)
    expected = "a finite number"
    if scale != "identity":
        wrong |= values <= 0
        expected = f"a number above 0 (estimator.target is {scale!r})"
    _refuse_target_values(config, values, wrong, expected, "repair the labels or change `estimator.target`")
    return values


def _learned_labels(config: ModelConfig, values: NDArray[np.float64]) -> NDArray[Any]:
    """Return the label of each row, in a type that scikit-learn preserves."""
    classes = config.target.classes or ()
    indices = np.arange(len(classes))
    wrong = ~np.isin(values, indices)
    _refuse_target_values(
        config, values, wrong, f"the index of one of {len(classes)} classes", "validate the data first"
    )
    absent = [classes[index].label for index in np.setdiff1d(indices, values)]
    if absent:
        raise FitError(
            f"target {config.target.name!r}: expected training rows of every class, got none of {absent[0]!r}:"
            " take more rows, or stratify the split by class"
        )
    labels: NDArray[Any] = np.array(config.target.learned_labels)[values.astype(np.intp)]
    return labels


def _refuse_target_values(
    config: ModelConfig, values: NDArray[np.float64], wrong: NDArray[np.bool_], expected: str, remedy: str
) -> None:
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise FitError(
            f"target {config.target.name!r}: expected {expected} in every row, got {value_text(values[row])} in row {row} and"
            f" {int(wrong.sum()) - 1} more: {remedy}"
        )


def _checked_frame(config: ModelConfig, frame: pd.DataFrame, decisions: Decisions) -> pd.DataFrame:
    """Check the features, and return them as the frame that the service would build."""
    contract = config.contract()
    rows = to_rows(frame, contract)
    empty = [
        feature.name
        for feature, column in zip(contract.features, rows.T, strict=True)
        if feature.type != "category" and feature.name in decisions.columns and np.isnan(column).all()
    ]
    if empty:
        raise FitError(f"expected a value in at least one training row of each column, got none in {empty}: drop them")
    clusters = config.derived.clusters
    if clusters and decisions.n_clusters and {*clusters.columns} <= {*decisions.columns}:
        n_distinct = len(np.unique(rows[:, [contract.feature_names.index(name) for name in clusters.columns]], axis=0))
        if n_distinct < decisions.n_clusters:
            raise ConfigError(
                f"derived.clusters.n_clusters: got {decisions.n_clusters}, but the training rows have only {n_distinct}"
                f" distinct places; allowed is 1 to {n_distinct}"
            )
    return to_frame(rows, contract)


def fit_on_one_thread(model: Any, columns: Any, target: NDArray[Any], config: ModelConfig, estimator: Estimator) -> Any:
    """Fit on one thread and return the model. Errors about parameters name the config's keys.

    Args:
        model: a pipeline or an estimator.
        columns: the input columns, N rows.
        target: shape (N,), see ``learned_target``.
        config: gives the task.
        estimator: the config's estimator, whose parameters an error can name.

    Raises:
        ConfigError: a parameter is refused; the message names the config's key and the allowed values.
        Exception: any other error of the fit.
    """
    with threadpool_limits(limits=1), warnings.catch_warnings():
        # A solver that stops at max_iter is evaluated by its score, like any other model.
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            return model.fit(columns, target)
        except Exception as error:
            message = refused_parameter(error, estimator, config.task)
            if message is not None:
                raise ConfigError(message) from error
            raise


def _fit(
    pipeline: Pipeline, frame: pd.DataFrame, target: NDArray[Any], config: ModelConfig, decisions: Decisions
) -> Pipeline:
    """Fit a pipeline; an error about the training values becomes a ``FitError``."""
    try:
        fitted: Pipeline = fit_on_one_thread(pipeline, frame, target, config, decisions.estimator)
    except ValueError as error:
        raise FitError(f"{decisions.estimator.kind} cannot learn from the training rows: {error}") from error
    return fitted


def _choose_threshold(
    config: ModelConfig, pipeline: Pipeline, frame: pd.DataFrame, target: NDArray[Any], decisions: Decisions
) -> ThresholdChoice:
    def fit(rows: NDArray[np.intp]) -> Any:
        return _fit(clone(pipeline), frame.iloc[rows], target[rows], config, decisions)

    positive = config.target.learned_labels[1] if config.target.classes else None
    return choose_threshold(config.decision, fit, frame, target == positive, config.seed)


def _set_threshold(pipeline: Pipeline, threshold: float, config: ModelConfig) -> None:
    """Wrap the unfitted last step of a pipeline in a classifier with a fixed threshold."""
    if not config.target.classes:
        raise FitError(f"expected a classification for a decision threshold, got {config.task}")
    name, model = pipeline.steps[-1]
    thresholded = FixedThresholdClassifier(
        model,
        # As a NumPy number it is compared in double, even with the float32 probabilities of some libraries.
        threshold=np.float64(threshold),
        response_method="predict_proba",
        pos_label=config.target.learned_labels[1],
    )
    pipeline.steps[-1] = (name, thresholded)
