"""The scikit-learn pipeline: from the frame of raw columns to a prediction in the target's unit.

Everything that is learned from data is learned here and on the training split only; the exported graph repeats what
this pipeline answers.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder
from threadpoolctl import threadpool_limits

from bundle.contract import Feature
from training.config import ConfigError, ModelConfig
from training.frames import to_frame, to_rows
from training.transformers.cluster_similarity import ClusterSimilarity
from training.transformers.ratios import Ratios

Function = Callable[[NDArray[np.float64]], NDArray[np.float64]]

OWN_PARAMS = {
    "random_state": "the config's `seed`",
    "verbose": "nothing: progress is shown by the trainer",
    "warm_start": "nothing: a pipeline is fitted once",
    "categorical_features": "nothing: categories are one-hot encoded before the trees",
    "interaction_cst": "nothing yet",
    "monotonic_cst": "nothing yet",
}
"""Parameters of the estimator that a config may not set, and what decides them instead."""

_WRONG_VALUE = re.compile(r"The '(?P<name>\w+)' parameter of (?P<owner>\w+) (?P<rest>.*)", re.DOTALL)


class FitError(Exception):
    """The training data cannot be learned from with this config."""


def square_of_positive(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Undo a square root: max(x, 0)².

    The estimator may answer a little below zero on the root's scale; squaring that would turn "less than nothing" into
    "more than nothing".
    """
    positive = np.maximum(values, 0.0)
    return positive * positive


TARGET_SCALES: dict[str, tuple[Function, Function]] = {"sqrt": (np.sqrt, square_of_positive), "log": (np.log, np.exp)}
"""The scales on which a target can be learned: the function and its inverse."""


def build_pipeline(config: ModelConfig) -> Pipeline:
    """Return the unfitted pipeline that a config describes.

    It takes the frame of ``training.frames.to_frame`` and answers float64 of shape (N,) in the target's unit. Its step
    ``features`` gives, in this order: numbers and integers, imputed; booleans, imputed with the more frequent value;
    ratios and cluster similarities of imputed numbers; one column per category. A nullable category has one column
    more, for missing: that nothing was said may itself say something. An unknown category makes all of them zero.

    Raises:
        ConfigError: ``estimator.params`` has a key that the estimator does not know or that a config may not set.
    """
    return Pipeline([("features", ColumnTransformer(_groups(config))), ("model", _model(config))])


def _groups(config: ModelConfig) -> list[tuple[str, object, list[str]]]:
    """Return the column transformer's groups; a group without columns is left out."""
    groups: list[tuple[str, object, list[str]]] = []
    numeric = [feature.name for feature in config.features if feature.type in ("number", "integer")]
    booleans = [feature.name for feature in config.features if feature.type == "boolean"]
    categories = [feature for feature in config.features if feature.type == "category"]
    if numeric:
        groups.append(("numbers", SimpleImputer(strategy=config.impute), numeric))
    if booleans:
        groups.append(("booleans", SimpleImputer(strategy="most_frequent"), booleans))
    if config.derived.ratios:
        ratios = config.derived.ratios
        columns = list(dict.fromkeys(name for ratio in ratios for name in (ratio.numerator, ratio.denominator)))
        pairs = [(columns.index(ratio.numerator), columns.index(ratio.denominator)) for ratio in ratios]
        step = Ratios(pairs, [ratio.name for ratio in ratios])
        groups.append(("ratios", _imputed(config, step), columns))
    if config.derived.clusters:
        clusters = config.derived.clusters
        places = ClusterSimilarity(clusters.n_clusters, clusters.gamma, random_state=config.seed)
        groups.append(("clusters", _imputed(config, places), list(clusters.columns)))
    if categories:
        encoder = OneHotEncoder(
            categories=[_known_values(feature) for feature in categories],
            handle_unknown="ignore",
            sparse_output=False,
            dtype=np.float64,
        )
        groups.append(("categories", encoder, [feature.name for feature in categories]))
    return groups


def _imputed(config: ModelConfig, step: object) -> Pipeline:
    return Pipeline([("impute", SimpleImputer(strategy=config.impute)), ("derive", step)])


def _known_values(feature: Feature) -> NDArray[np.object_]:
    values = [*(feature.categories or ()), *([None] if feature.nullable else [])]
    return np.array(values, dtype=object)


def _model(config: ModelConfig) -> HistGradientBoostingRegressor | TransformedTargetRegressor:
    """Return the unfitted estimator, inside the target's scale where there is one."""
    allowed = sorted(set(HistGradientBoostingRegressor().get_params()) - set(OWN_PARAMS))
    for key in config.estimator.params:
        if key in OWN_PARAMS:
            raise ConfigError(f"estimator.params.{key}: a config cannot set it; it is decided by {OWN_PARAMS[key]}")
        if key not in allowed:
            raise ConfigError(
                f"estimator.params.{key}: {config.estimator.kind} has no such parameter; it has {allowed}"
            )
    params = {"early_stopping": False, **config.estimator.params}
    estimator = HistGradientBoostingRegressor(**params, random_state=config.seed)
    if config.estimator.target == "identity":
        return estimator
    function, inverse = TARGET_SCALES[config.estimator.target]
    return TransformedTargetRegressor(estimator, func=function, inverse_func=inverse)


def fit_pipeline(config: ModelConfig, train_frame: pd.DataFrame) -> Pipeline:
    """Fit the pipeline on the training split.

    Linear algebra and OpenMP are held to one thread: k-means and boosting add in an order that follows the number of
    threads, and the same seed has to give the same model, byte for byte, on a laptop and on a build machine.

    Args:
        config: the model's config.
        train_frame: a validated frame with the features and the target, at least two rows.

    Returns:
        The fitted pipeline.

    Raises:
        ConfigError: scikit-learn refuses a parameter; the message names the config's key and what is allowed.
        FitError: the target is missing, not finite or does not fit the target's scale; or a column has no value at all.
    """
    pipeline = build_pipeline(config)
    target = _target(config, train_frame)
    contract = config.contract()
    rows = to_rows(train_frame, contract)
    empty = [
        feature.name
        for feature, column in zip(contract.features, rows.T, strict=True)
        if feature.type != "category" and np.isnan(column).all()
    ]
    if empty:
        raise FitError(f"expected a value in at least one training row of each column, got none in {empty}: drop them")
    clusters = config.derived.clusters
    if clusters:
        places = len(np.unique(rows[:, [contract.feature_names.index(name) for name in clusters.columns]], axis=0))
        if places < clusters.n_clusters:
            raise ConfigError(
                f"derived.clusters.n_clusters: got {clusters.n_clusters}, but the training rows have only {places}"
                f" distinct places; allowed is 1 to {places}"
            )
    with threadpool_limits(limits=1):
        try:
            pipeline.fit(to_frame(rows, contract), target)
        except (TypeError, ValueError) as error:
            wrong = _WRONG_VALUE.match(str(error))
            if wrong and wrong["owner"] == HistGradientBoostingRegressor.__name__:
                raise ConfigError(f"estimator.params.{wrong['name']}: {wrong['rest']}") from error
            raise
    return pipeline


def _target(config: ModelConfig, frame: pd.DataFrame) -> NDArray[np.float64]:
    """Return the target, float64 of shape (N,), checked against its scale."""
    name, scale = config.target.name, config.estimator.target
    if name not in frame.columns:
        raise FitError(f"expected a column {name!r}, the target, in the training frame, got {list(frame.columns)}")
    values: NDArray[np.float64] = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
    if len(values) < 2:
        raise FitError(f"expected at least two training rows, got {len(values)}")
    wrong = ~np.isfinite(values)
    expected = "a finite number"
    if scale != "identity":
        wrong |= values <= 0
        expected = f"a number above 0 (estimator.target is {scale!r})"
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise FitError(
            f"target {name!r}: expected {expected} in every row, got {values[row]!r} in row {row} and"
            f" {int(wrong.sum()) - 1} more: repair the labels or change `estimator.target`"
        )
    return values
