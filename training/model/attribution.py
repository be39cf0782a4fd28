"""Attribution: the effect of each of a client's features on an answer, by SHAP values.

SHAP values are defined by S. Lundberg and S.-I. Lee (A unified approach to interpreting model predictions, 2017). Trees are
explained exactly, on their engineered columns. SHAP values are additive, so a feature's value is the sum over the columns
derived from it, and the value of a column of several features (a ratio, a similarity) is divided equally among them. Any
other model is evaluated on the client's features, exchanged for the features of other rows. All rows are evaluated in one
call; shap's own explainer does it row by row and takes ten times as long.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import VotingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder
from threadpoolctl import threadpool_limits

from tabento.bundle.contract import Contract
from tabento.export.registry import WRITE_GRAPH
from tabento.tables.frames import to_frame, to_rows
from tabento.transformers.cluster_similarity import ClusterSimilarity
from tabento.transformers.date_parts import DateParts
from tabento.transformers.ratios import Ratios
from training.model.sampling import sample_rows

TREE_ROWS = 200
"""The number of explained rows for a model of trees."""
SAMPLED_ROWS = 100
"""The number of explained rows for any other model."""
ORDERS = 2
"""The number of random orders in which features are exchanged, each forwards and backwards."""
BACKGROUND_ROWS = 25
"""The number of rows from which the exchanged features are taken."""
TREES = (
    "DecisionTreeRegressor", "DecisionTreeClassifier", "RandomForestRegressor", "RandomForestClassifier",
    "ExtraTreesRegressor", "ExtraTreesClassifier", "GradientBoostingRegressor", "HistGradientBoostingRegressor",
    "HistGradientBoostingClassifier", "LGBMRegressor", "LGBMClassifier", "XGBRegressor", "XGBClassifier",
)  # fmt: skip
"""The models that shap's TreeExplainer supports, for any number of classes."""


@dataclass(frozen=True)
class Attribution:
    """SHAP values of some rows."""

    values: NDArray[np.float64]
    """Shape (rows, features, outputs): one output for a number or the positive class, else one per class."""
    rows: NDArray[np.float64]
    """The rows that were explained, packed, shape (rows, features)."""
    method: Literal["trees", "sampling"]

    @property
    def importance(self) -> NDArray[np.float64]:
        """The mean absolute value of each feature, added up over the outputs; shape (features,)."""
        mean: NDArray[np.float64] = np.abs(self.values).mean(axis=0).sum(axis=1)
        return mean


def attribute(
    pipeline: Pipeline, background: pd.DataFrame, explained: pd.DataFrame, contract: Contract, seed: int
) -> Attribution:
    """Explain a fitted pipeline's answers.

    Values are on the scale on which the model is additive: log-odds for boosted classifiers, probabilities for forests and
    for sampling, the scale of the learned target for a regression of trees with ``estimator.target``.

    Args:
        pipeline: a pipeline of ``training.model.pipeline.fit_pipeline``.
        background: validated rows that it was fitted on.
        explained: validated rows that it was not fitted on; a sample of them is explained.
        contract: gives the order of the features.
        seed: the seed of the samples.
    """
    model = _tree_model(pipeline.steps[-1][1])
    if model is not None:
        rows = to_rows(sample_rows(explained, TREE_ROWS, seed), contract)
        return Attribution(_explain_trees(pipeline, model, to_frame(rows, contract), contract), rows, "trees")
    rows = to_rows(sample_rows(explained, SAMPLED_ROWS, seed), contract)
    background_rows = to_rows(sample_rows(background, BACKGROUND_ROWS, seed), contract)
    with threadpool_limits(limits=1):
        values = explain_by_sampling(lambda mixed: _outputs(pipeline, mixed, contract), background_rows, rows, seed)
    return Attribution(values, rows, "sampling")


def raw_sources(transformer: ColumnTransformer) -> list[tuple[str, ...]]:
    """Return, for each engineered column in order, the client's features that it is derived from.

    The effect of other columns on an imputed value is ignored.

    Args:
        transformer: the fitted step ``features`` of a pipeline.
    """
    return [
        source
        for _, step, names in transformer.transformers_
        for source in _trace_sources(step, [(str(name),) for name in ([names] if isinstance(names, str) else names)])
    ]


def _trace_sources(step: Any, inputs: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Follow columns, represented by their source features, through a fitted step."""
    if isinstance(step, str):
        return inputs if step == "passthrough" else []
    if isinstance(step, Pipeline):
        for _, inner in step.steps:
            inputs = _trace_sources(inner, inputs)
        return inputs
    if isinstance(step, ColumnTransformer):
        return [
            source
            for _, inner, positions in step.transformers_
            for source in _trace_sources(inner, [inputs[position] for position in positions])
        ]
    if isinstance(step, Ratios):
        pairs = zip(step.numerators_, step.denominators_, strict=True)
        return [_union([inputs[top], inputs[bottom]]) for top, bottom in pairs]
    if isinstance(step, ClusterSimilarity | TfidfVectorizer):
        return [_union(inputs)] * len(step.get_feature_names_out())
    if isinstance(step, DateParts):
        return [source for source, parts in zip(inputs, step.parts_, strict=True) for _ in parts]
    if hasattr(step, WRITE_GRAPH):
        return [_union(inputs)] * len(step.get_feature_names_out())
    if isinstance(step, OneHotEncoder):
        return [source for source, values in zip(inputs, step.categories_, strict=True) for _ in values]
    return inputs


def _union(sources: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for source in sources for name in source))


def _tree_model(model: Any) -> Any | None:
    """Return the model of trees inside a fitted last step, None if it is another model."""
    if isinstance(model, FixedThresholdClassifier):
        model = model.estimator_
    if isinstance(model, TransformedTargetRegressor):
        model = model.regressor_
    if isinstance(model, VotingClassifier) and len(model.estimators_) == 1:
        model = model.estimators_[0]
    name = type(model).__name__
    binary_boosting = name == "GradientBoostingClassifier" and len(model.classes_) == 2
    return model if name in TREES or binary_boosting else None


def _shap() -> Any:
    """Import shap on use: it takes seconds. The warnings of matplotlib about its colour maps are ignored."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        import shap
    return shap


def _explain_trees(pipeline: Pipeline, model: Any, frame: pd.DataFrame, contract: Contract) -> NDArray[np.float64]:
    shap = _shap()
    with threadpool_limits(limits=1), warnings.catch_warnings():
        # It warns about the shape of its values, which is handled below.
        warnings.filterwarnings("ignore", message="LightGBM binary classifier", category=UserWarning)
        engineered = np.asarray(pipeline["features"].transform(frame), dtype=np.float64)
        explainer = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent")
        values = _with_output_axis(explainer.shap_values(engineered, check_additivity=False))
    raw = np.zeros((len(frame), len(contract.features), values.shape[2]))
    for column, source in enumerate(raw_sources(pipeline["features"])):
        for name in source:
            raw[:, contract.feature_names.index(name)] += values[:, column] / len(source)
    return raw


def explain_by_sampling(
    outputs: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    background: NDArray[np.float64],
    rows: NDArray[np.float64],
    seed: int,
) -> NDArray[np.float64]:
    """Replace the features of background rows by a row's features, one at a time, and measure the changes of the mean answer.

    The mean change by a feature over all orders is its Shapley value. It is estimated from a few random orders, each used
    forwards and backwards, which cancels much of the error (R. Mitchell et al., Sampling permutations for Shapley value
    estimation, 2022). All rows are evaluated in one call.

    Args:
        outputs: returns float64 of shape (M, outputs) for packed rows of shape (M, F).
        background: packed rows from which the exchanged features are taken, shape (B, F).
        rows: packed rows that are explained, shape (N, F).
        seed: the seed of the orders.

    Returns:
        float64 of shape (N, F, outputs).
    """
    generator = np.random.default_rng(seed)
    count, width = rows.shape
    changes: NDArray[np.float64] | None = None

    def means(mixed: NDArray[np.float64]) -> NDArray[np.float64]:
        answers = outputs(mixed.reshape(-1, width))
        mean: NDArray[np.float64] = answers.reshape(count, len(background), -1).mean(axis=1)
        return mean

    for _ in range(ORDERS):
        order = generator.permutation(width)
        for directed_order in (order, order[::-1]):
            mixed = np.repeat(background[np.newaxis], count, axis=0)
            previous_means = means(mixed)
            changes = np.zeros((count, width, previous_means.shape[1])) if changes is None else changes
            for feature in directed_order.tolist():
                mixed[:, :, feature] = rows[:, feature, np.newaxis]
                current_means = means(mixed)
                changes[:, feature] += current_means - previous_means
                previous_means = current_means
    return np.zeros((count, width, 1)) if changes is None else changes / (2 * ORDERS)


def _outputs(pipeline: Pipeline, rows: NDArray[np.float64], contract: Contract) -> NDArray[np.float64]:
    """Return a pipeline's answers to packed rows, shape (rows, outputs): a number, or probabilities."""
    frame = to_frame(rows, contract)
    if not is_classifier(pipeline):
        return np.asarray(pipeline.predict(frame), dtype=np.float64).reshape(-1, 1)
    shares = np.asarray(pipeline.predict_proba(frame), dtype=np.float64)
    return shares[:, 1:] if shares.shape[1] == 2 else shares


def _with_output_axis(values: Any) -> NDArray[np.float64]:
    """Return SHAP values with an axis of outputs; of two classes only the second is returned."""
    stacked = np.stack(values, axis=2) if isinstance(values, list) else np.asarray(values, dtype=np.float64)
    if stacked.ndim == 2:
        return stacked[:, :, np.newaxis]
    return stacked[:, :, 1:] if stacked.shape[2] == 2 else stacked
