"""Boosted trees as one double ``TreeEnsemble`` node.

``ai.onnx.ml`` opset 5 is the first whose tree operator takes double thresholds and double leaves throughout; the
older ones round to float32 somewhere, and a row that lies near a threshold takes another branch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import numpy_helper
from sklearn.ensemble import HistGradientBoostingRegressor

from training.export.errors import ExportError
from training.export.graph import attribute

SUM = 1
NONE = 0
BRANCH_LEQ = 0


@dataclass
class Trees:
    """The arrays of a ``TreeEnsemble``; I inner nodes and L leaves of all trees one behind the other.

    An inner node goes to its ``true`` side where feature <= split, and where the feature is NaN and ``missing`` is set.
    A side is the index of an inner node, or of a leaf where the flag beside it is set.
    """

    roots: list[int]
    """Index of each tree's first inner node."""
    features: NDArray[np.int64]
    """(I,) the column that is compared."""
    splits: NDArray[np.float64]
    """(I,) the thresholds."""
    missing: NDArray[np.int64]
    """(I,) 1 where NaN goes to the true side."""
    true: NDArray[np.int64]
    """(I,) the next node where the comparison holds."""
    true_leaf: NDArray[np.int64]
    """(I,) 1 where ``true`` is a leaf."""
    false: NDArray[np.int64]
    """(I,) the next node where the comparison does not hold."""
    false_leaf: NDArray[np.int64]
    """(I,) 1 where ``false`` is a leaf."""
    leaves: NDArray[np.float64]
    """(L,) what a leaf adds."""

    def attributes(self) -> dict[str, Any]:
        """Return the attributes of the ``TreeEnsemble`` node."""
        given = {
            "aggregate_function": SUM,
            "post_transform": NONE,
            "n_targets": 1,
            "tree_roots": self.roots,
            "nodes_featureids": self.features.tolist(),
            "nodes_splits": numpy_helper.from_array(self.splits, "splits"),
            "nodes_modes": numpy_helper.from_array(np.full(len(self.splits), BRANCH_LEQ, dtype=np.uint8), "modes"),
            "nodes_truenodeids": self.true.tolist(),
            "nodes_trueleafs": self.true_leaf.tolist(),
            "nodes_falsenodeids": self.false.tolist(),
            "nodes_falseleafs": self.false_leaf.tolist(),
            "leaf_targetids": [0] * len(self.leaves),
            "leaf_weights": numpy_helper.from_array(self.leaves, "leaves"),
        }
        # Without the flags ONNX Runtime spares a NaN test at every node.
        if self.missing.any():
            given["nodes_missing_value_tracks_true"] = self.missing.tolist()
        return given

    @classmethod
    def of_node(cls, node: Any) -> Trees:
        """Read the arrays back from a ``TreeEnsemble`` node with one target."""

        def integers(name: str) -> NDArray[np.int64]:
            return np.array(attribute(node, name, []), dtype=np.int64)

        splits = np.array(numpy_helper.to_array(attribute(node, "nodes_splits")), dtype=np.float64)
        missing = integers("nodes_missing_value_tracks_true")
        return cls(
            roots=list(attribute(node, "tree_roots")),
            features=integers("nodes_featureids"),
            splits=splits,
            missing=missing if len(missing) else np.zeros(len(splits), dtype=np.int64),
            true=integers("nodes_truenodeids"),
            true_leaf=integers("nodes_trueleafs"),
            false=integers("nodes_falsenodeids"),
            false_leaf=integers("nodes_falseleafs"),
            leaves=np.array(numpy_helper.to_array(attribute(node, "leaf_weights")), dtype=np.float64),
        )


def boosted_trees(model: HistGradientBoostingRegressor, step: str) -> Trees:
    """Read the trees of a fitted ``HistGradientBoostingRegressor``.

    The first tree's leaves carry the baseline: scikit-learn starts its sum with the baseline and adds tree after tree,
    ONNX Runtime starts with the first tree, so both sums are made of the same additions in the same order.

    Args:
        model: the fitted estimator.
        step: its name, for error messages.

    Raises:
        ExportError: it splits on categories natively, has several outputs or predicts through a link function.
    """
    if model.is_categorical_ is not None:
        raise ExportError(
            step,
            "its trees split on sets of categories (categorical_features)",
            "a OneHotEncoder in front of the trees",
        )
    if model.n_trees_per_iteration_ != 1:
        raise ExportError(step, f"it has {model.n_trees_per_iteration_} outputs", "one estimator per output")
    if model.loss in ("poisson", "gamma"):
        raise ExportError(
            step, f"loss={model.loss!r} predicts through a logarithm", "loss='squared_error' with a log target"
        )
    predictors = [iteration[0] for iteration in model._predictors]
    if not predictors:
        raise ExportError(step, "it has no trees", "max_iter of at least 1")
    parts = [_tree(predictor.nodes) for predictor in predictors]
    # One array per kind, each tree's indices shifted behind those before it.
    inner = np.cumsum([0, *(len(part.splits) for part in parts)])
    outer = np.cumsum([0, *(len(part.leaves) for part in parts)])
    parts[0].leaves = model._baseline_prediction.item() + parts[0].leaves

    def shifted(side: str) -> NDArray[np.int64]:
        return np.concatenate(
            [
                getattr(part, side) + np.where(getattr(part, f"{side}_leaf") == 1, outer[at], inner[at])
                for at, part in enumerate(parts)
            ]
        )

    return Trees(
        roots=[int(start) for start in inner[:-1]],
        features=np.concatenate([part.features for part in parts]),
        splits=np.concatenate([part.splits for part in parts]),
        missing=np.concatenate([part.missing for part in parts]),
        true=shifted("true"),
        true_leaf=np.concatenate([part.true_leaf for part in parts]),
        false=shifted("false"),
        false_leaf=np.concatenate([part.false_leaf for part in parts]),
        leaves=np.concatenate([part.leaves for part in parts]),
    )


def _tree(nodes: NDArray[Any]) -> Trees:
    """Return one tree, of scikit-learn's ``PREDICTOR_RECORD_DTYPE``, with indices of its own."""
    leaf = nodes["is_leaf"].astype(bool)
    if leaf.all():
        # A tree that is a leaf: a node both of whose sides are that leaf, as the operator's specification asks.
        zero, one = np.zeros(1, dtype=np.int64), np.ones(1, dtype=np.int64)
        return Trees([0], zero, np.zeros(1), zero, zero, one, zero, one, nodes["value"][:1].astype(np.float64))
    number = np.where(leaf, np.cumsum(leaf) - 1, np.cumsum(~leaf) - 1).astype(np.int64)
    inner = nodes[~leaf]
    left, right = inner["left"].astype(np.int64), inner["right"].astype(np.int64)
    return Trees(
        roots=[0],
        features=inner["feature_idx"].astype(np.int64),
        splits=inner["num_threshold"].astype(np.float64),
        missing=inner["missing_go_to_left"].astype(np.int64),
        true=number[left],
        true_leaf=leaf[left].astype(np.int64),
        false=number[right],
        false_leaf=leaf[right].astype(np.int64),
        leaves=nodes["value"][leaf].astype(np.float64),
    )
