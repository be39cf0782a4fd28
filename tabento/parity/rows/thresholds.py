"""Thresholds: the values at which fitted objects divide their inputs, such as splits of trees and edges of bins.

The thresholds of scikit-learn's objects are read from the objects themselves, the trees of other libraries from the exported
graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.preprocessing import (
    Binarizer,
    KBinsDiscretizer,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    QuantileTransformer,
    SplineTransformer,
    TargetEncoder,
)

from tabento.export.graph.graph import Graph
from tabento.export.graph.trees import GTE, LEQ, LT, MEMBER, Trees

Columns = dict[int, NDArray[np.float64]]
"""The thresholds of an object by the column of its input, ascending and distinct."""


@dataclass(frozen=True)
class Threshold:
    """The thresholds of one fitted object in one column of its input."""

    owner: Any
    """The fitted object."""
    column: int
    """The column of the object's input."""
    values: NDArray[np.float64]
    """(K,) ascending and distinct."""
    single: bool
    """Whether the object compares in float32, so that the threshold is between adjacent numbers of that type."""
    closed: bool
    """Whether the value itself belongs to the lower side, as in trees that compare doubles by ``<=``."""

    trees: tuple[Trees, ...] = ()
    """The owner's trees as they were exported, one entry for each ensemble of the graph."""

    def boundaries(self) -> NDArray[np.float64]:
        """Return the doubles x for which the object can distinguish x from the next larger double."""
        values = self.values
        if self.single:
            # The change is in the middle between adjacent float32; the middle is rounded to the even one of them.
            lower, upper = float32_boundaries(values)
            with np.errstate(over="ignore", invalid="ignore"):
                values = lower / 2 + upper / 2
            values = values[np.isfinite(values)]
        if self.closed:
            return values
        return np.unique(np.concatenate([values, np.nextafter(values, -np.inf)]))


def thresholds_of(graph: Graph) -> list[Threshold]:
    """Return the thresholds of all objects of a pipeline.

    Args:
        graph: as ``tabento.export.convert.plain_graph`` writes it.
    """
    thresholds: list[Threshold] = []
    visited: set[int] = set()
    for step in graph.steps:
        read = _EDGES.get(type(step.model))
        if read is not None and id(step.model) not in visited:
            visited.add(id(step.model))
            thresholds += [
                Threshold(step.model, column, values, single=False, closed=False)
                for column, values in read(step.model).items()
            ]
    nodes = {output: node for node in graph.nodes for output in node.output}
    exported_trees: dict[int, list[Trees]] = {}
    owners: dict[int, Any] = {}
    for ensemble in graph.ensembles:
        owners[id(ensemble.estimator)] = ensemble.estimator
        exported_trees.setdefault(id(ensemble.estimator), []).append(graph.trees_of(nodes[ensemble.output]))
    for key, trees in exported_trees.items():
        owner = owners[key]
        single = _compares_in_single(owner)
        own_thresholds = _own_thresholds(owner)
        for columns in (
            [own_thresholds] if own_thresholds is not None else [_exported_thresholds(part) for part in trees]
        ):
            thresholds += [
                Threshold(owner, column, values, single, closed=not single, trees=tuple(trees))
                for column, values in columns.items()
            ]
    return thresholds


def float32_boundaries(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the float32 values on either side of each double: the largest at or below it, and the next larger one."""
    with np.errstate(over="ignore"):
        nearest = values.astype(np.float32)
        lower = np.where(nearest.astype(np.float64) <= values, nearest, np.nextafter(nearest, np.float32(-np.inf)))
        upper = np.nextafter(lower.astype(np.float32), np.float32(np.inf))
    return lower.astype(np.float64), upper.astype(np.float64)


def _group_by_column(columns: NDArray[Any], values: NDArray[Any]) -> Columns:
    values = values.astype(np.float64)
    return {int(column): np.unique(values[columns == column]) for column in np.unique(columns)}


def _own_thresholds(estimator: Any) -> Columns | None:
    """Return the thresholds of scikit-learn's trees, or None for trees of another library."""
    if isinstance(estimator, (HistGradientBoostingClassifier, HistGradientBoostingRegressor)):
        predictors = [predictor for iteration in estimator._predictors for predictor in iteration]
        if not predictors:
            return {}
        nodes = np.concatenate([predictor.nodes for predictor in predictors])
        nodes = nodes[(nodes["is_leaf"] == 0) & (nodes["is_categorical"] == 0)]
        order = np.arange(estimator.n_features_in_)
        if estimator.is_categorical_ is not None:
            # The estimator's own preprocessor puts categories first.
            order = np.r_[np.flatnonzero(estimator.is_categorical_), np.flatnonzero(~estimator.is_categorical_)]
        return _group_by_column(order[nodes["feature_idx"]], nodes["num_threshold"])
    trees = list(_cart_trees(estimator))
    if not trees:
        return None
    columns = np.concatenate([tree.feature for tree in trees])
    values = np.concatenate([tree.threshold for tree in trees])
    inner = columns >= 0
    return _group_by_column(columns[inner], values[inner])


def _cart_trees(estimator: Any) -> Iterable[Any]:
    """Yield the trees of a decision tree or a forest of them."""
    if hasattr(estimator, "tree_"):
        yield estimator.tree_
        return
    if type(estimator).__module__.startswith(("sklearn.", "imblearn.")):
        members = getattr(estimator, "estimators_", ())
        for member in members.ravel() if isinstance(members, np.ndarray) else members:
            if hasattr(member, "tree_"):
                yield member.tree_


def _compares_in_single(estimator: Any) -> bool:
    """Return True if trees cast their inputs to float32, as the CART trees of scikit-learn, XGBoost and CatBoost do."""
    if isinstance(estimator, (HistGradientBoostingClassifier, HistGradientBoostingRegressor)):
        return False
    return type(estimator).__module__.split(".")[0] in ("catboost", "imblearn", "sklearn", "xgboost")


def _exported_thresholds(trees: Trees) -> Columns:
    modes = np.full(len(trees.splits), LEQ) if trees.modes is None else trees.modes
    # "Less than t" is "at most the double before t".
    splits = np.where(np.isin(modes, (LT, GTE)), np.nextafter(trees.splits, -np.inf), trees.splits)
    is_comparison = (modes != MEMBER) & np.isfinite(splits)
    return _group_by_column(trees.features[is_comparison], splits[is_comparison])


def _read_lists(lists: Iterable[Any]) -> Columns:
    """Return the finite numbers of one list for each column."""
    columns = {}
    for column, values in enumerate(lists):
        numeric = (int, float, np.integer, np.floating)
        numbers = np.array([float(value) for value in values if isinstance(value, numeric)], dtype=np.float64)
        numbers = np.unique(numbers[np.isfinite(numbers)])
        if len(numbers):
            columns[column] = numbers
    return columns


def _in_all_columns(value: float, model: Any) -> Columns:
    return {column: np.array([value]) for column in range(model.n_features_in_)}


_EDGES: dict[type, Callable[[Any], Columns]] = {
    Binarizer: lambda model: _in_all_columns(float(model.threshold), model),
    KBinsDiscretizer: lambda model: _read_lists(model.bin_edges_),
    OneHotEncoder: lambda model: _read_lists(model.categories_),
    OrdinalEncoder: lambda model: _read_lists(model.categories_),
    PowerTransformer: lambda model: _in_all_columns(0.0, model),
    QuantileTransformer: lambda model: _read_lists(model.quantiles_.T),
    SplineTransformer: lambda model: _read_lists([spline.t for spline in model.bsplines_]),
    TargetEncoder: lambda model: _read_lists(model.categories_),
}
"""The functions that read the thresholds of transformers, by their class."""
