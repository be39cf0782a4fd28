"""Cuts: the numbers at which a fitted object changes its mind: thresholds of trees, edges of bins, known categories.

They are read from the fitted objects themselves where scikit-learn made them; the trees of other libraries are read as
they were exported.
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

from training.export.graph import Graph
from training.export.trees import GTE, LEQ, LT, MEMBER, Trees

Columns = dict[int, NDArray[np.float64]]
"""By column of what an object is given: where it cuts, ascending and distinct."""


@dataclass(frozen=True)
class Cut:
    """Where one fitted object cuts one of its columns."""

    owner: Any
    """The fitted object."""
    column: int
    """The column of what it is given."""
    values: NDArray[np.float64]
    """(K,) ascending and distinct."""
    single: bool
    """Whether it compares in float32, so that it cuts between neighbours of that type."""
    closed: bool
    """Whether the value itself surely belongs to the side below, as it does where trees compare doubles by ``<=``."""

    grown: tuple[Trees, ...] = ()
    """The owner's trees as they were exported, one entry for each ensemble of the graph."""

    def boundaries(self) -> NDArray[np.float64]:
        """Return the doubles x such that it may tell x from the next double above."""
        values = self.values
        if self.single:
            # It changes its mind half-way between neighbours; the even one of them gets the middle.
            below, above = float32_boundaries(values)
            with np.errstate(over="ignore", invalid="ignore"):
                values = below / 2 + above / 2
            values = values[np.isfinite(values)]
        if self.closed:
            return values
        return np.unique(np.concatenate([values, np.nextafter(values, -np.inf)]))


def cuts_of(graph: Graph) -> list[Cut]:
    """Return the cuts of every object of a pipeline.

    Args:
        graph: as ``training.export.convert.plain_graph`` writes it.
    """
    found: list[Cut] = []
    seen: set[int] = set()
    for step in graph.steps:
        read = _EDGES.get(type(step.model))
        if read is not None and id(step.model) not in seen:
            seen.add(id(step.model))
            found += [
                Cut(step.model, column, values, single=False, closed=False)
                for column, values in read(step.model).items()
            ]
    nodes = {output: node for node in graph.nodes for output in node.output}
    grown: dict[int, list[Trees]] = {}
    owners: dict[int, Any] = {}
    for ensemble in graph.ensembles:
        owners[id(ensemble.estimator)] = ensemble.estimator
        grown.setdefault(id(ensemble.estimator), []).append(graph.trees_of(nodes[ensemble.output]))
    for key, trees in grown.items():
        owner = owners[key]
        single = _compares_in_single(owner)
        known = _own_thresholds(owner)
        for columns in [known] if known is not None else [_exported_thresholds(part) for part in trees]:
            found += [
                Cut(owner, column, values, single, closed=not single, grown=tuple(trees))
                for column, values in columns.items()
            ]
    return found


def float32_boundaries(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the float32 values on either side of each double: the largest at or below, and the next one above."""
    with np.errstate(over="ignore"):
        near = values.astype(np.float32)
        below = np.where(near.astype(np.float64) <= values, near, np.nextafter(near, np.float32(-np.inf)))
        above = np.nextafter(below.astype(np.float32), np.float32(np.inf))
    return below.astype(np.float64), above.astype(np.float64)


def _grouped(columns: NDArray[Any], values: NDArray[Any]) -> Columns:
    values = values.astype(np.float64)
    return {int(column): np.unique(values[columns == column]) for column in np.unique(columns)}


def _own_thresholds(estimator: Any) -> Columns | None:
    """Return the thresholds of scikit-learn's trees, or None for those of another library."""
    if isinstance(estimator, (HistGradientBoostingClassifier, HistGradientBoostingRegressor)):
        predictors = [predictor for iteration in estimator._predictors for predictor in iteration]
        if not predictors:
            return {}
        nodes = np.concatenate([predictor.nodes for predictor in predictors])
        nodes = nodes[(nodes["is_leaf"] == 0) & (nodes["is_categorical"] == 0)]
        order = np.arange(estimator.n_features_in_)
        if estimator.is_categorical_ is not None:
            # Its own preprocessor puts categories in front.
            order = np.r_[np.flatnonzero(estimator.is_categorical_), np.flatnonzero(~estimator.is_categorical_)]
        return _grouped(order[nodes["feature_idx"]], nodes["num_threshold"])
    trees = list(_cart_trees(estimator))
    if not trees:
        return None
    columns = np.concatenate([tree.feature for tree in trees])
    values = np.concatenate([tree.threshold for tree in trees])
    inner = columns >= 0
    return _grouped(columns[inner], values[inner])


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
    """Say whether trees cast what they compare to float32: scikit-learn's CART trees, XGBoost's and CatBoost's do."""
    if isinstance(estimator, (HistGradientBoostingClassifier, HistGradientBoostingRegressor)):
        return False
    return type(estimator).__module__.split(".")[0] in ("catboost", "imblearn", "sklearn", "xgboost")


def _exported_thresholds(trees: Trees) -> Columns:
    modes = np.full(len(trees.splits), LEQ) if trees.modes is None else trees.modes
    # "Below t" is "at most the double before t".
    splits = np.where(np.isin(modes, (LT, GTE)), np.nextafter(trees.splits, -np.inf), trees.splits)
    compared = (modes != MEMBER) & np.isfinite(splits)
    return _grouped(trees.features[compared], splits[compared])


def _listed(lists: Iterable[Any]) -> Columns:
    """Return the finite numbers of one list for each column."""
    found = {}
    for column, values in enumerate(lists):
        numeric = (int, float, np.integer, np.floating)
        numbers = np.array([float(value) for value in values if isinstance(value, numeric)], dtype=np.float64)
        numbers = np.unique(numbers[np.isfinite(numbers)])
        if len(numbers):
            found[column] = numbers
    return found


def _everywhere(value: float, model: Any) -> Columns:
    return {column: np.array([value]) for column in range(model.n_features_in_)}


_EDGES: dict[type, Callable[[Any], Columns]] = {
    Binarizer: lambda model: _everywhere(float(model.threshold), model),
    KBinsDiscretizer: lambda model: _listed(model.bin_edges_),
    OneHotEncoder: lambda model: _listed(model.categories_),
    OrdinalEncoder: lambda model: _listed(model.categories_),
    PowerTransformer: lambda model: _everywhere(0.0, model),
    QuantileTransformer: lambda model: _listed(model.quantiles_.T),
    SplineTransformer: lambda model: _listed([spline.t for spline in model.bsplines_]),
    TargetEncoder: lambda model: _listed(model.categories_),
}
"""Where transformers cut, by their class."""
