"""The forest of the benchmark: a model whose rows are dear, on the data of a config whose own model is cheap.

The trainer knows gradient boosting only, so the forest is fitted and exported here. It is exported as the trainer
exports, with a double ``TreeEnsemble`` of ``ai.onnx.ml`` 5, so that the graph answers what scikit-learn answers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pandas as pd
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder

from bundle.contract import Contract
from bundle.format import INPUT_NAME, PREDICTION_NAME
from training.export.graph import IR_VERSION, ML_DOMAIN, ML_OPSET, OPSET
from training.export.trees import Trees
from training.frames import to_frame, to_rows

TREES = 200
DEPTH = 20
SEED = 42
_LEAF = -1


def fit_forest(frame: pd.DataFrame, target: NDArray[np.float64], contract: Contract, trees: int = TREES) -> Pipeline:
    """Fit a forest on a validated frame.

    A category becomes its index in the contract, a missing number stays missing: scikit-learn's forests take both.

    Args:
        frame: a column for each feature, N rows.
        target: float64 of shape (N,).
        contract: the columns in the order in which they travel.
        trees: how many trees.

    Returns:
        A fitted pipeline that takes frames of ``training.frames.to_frame``.

    Raises:
        ValueError: a category may be missing or unknown, which has no index.
    """
    loose = [feature.name for feature in contract.features if feature.type == "category" and feature.nullable]
    loose += [feature.name for feature in contract.features if feature.unknown == "ignore"]
    if loose:
        raise ValueError(f"expected categories that are always there and known, got {loose}: fit another model on them")
    numbers, categories = _groups(contract)
    encoder = OrdinalEncoder(categories=[np.array(_values(contract, name), dtype=object) for name in categories])
    pipeline = Pipeline(
        [
            ("columns", ColumnTransformer([("numbers", "passthrough", numbers), ("categories", encoder, categories)])),
            ("model", RandomForestRegressor(trees, max_depth=DEPTH, random_state=SEED)),
        ]
    )
    return pipeline.fit(to_frame(to_rows(frame, contract), contract), target)


def export_forest(pipeline: Pipeline, contract: Contract) -> onnx.ModelProto:
    """Write a pipeline of ``fit_forest`` as a graph with the bundle's input and output.

    scikit-learn rounds a row to float32 and compares it with double thresholds; the graph does the same.
    """
    numbers, categories = _groups(contract)
    position = np.array([contract.feature_names.index(name) for name in (*numbers, *categories)])
    double = onnx.TensorProto.DOUBLE
    nodes = [
        helper.make_node("Cast", [INPUT_NAME], ["rounded"], to=onnx.TensorProto.FLOAT),
        helper.make_node("Cast", ["rounded"], ["features"], to=double),
        helper.make_node(
            "TreeEnsemble",
            ["features"],
            ["sums"],
            domain=ML_DOMAIN,
            **_trees(pipeline.named_steps["model"].estimators_, position).attributes(),
        ),
        helper.make_node("Squeeze", ["sums", "axis"], [PREDICTION_NAME]),
    ]
    graph = helper.make_graph(
        nodes,
        contract.name,
        [helper.make_tensor_value_info(INPUT_NAME, double, ["N", len(contract.features)])],
        [helper.make_tensor_value_info(PREDICTION_NAME, double, ["N"])],
        [numpy_helper.from_array(np.array([1], dtype=np.int64), "axis")],
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(ML_DOMAIN, ML_OPSET)]
    model = helper.make_model(graph, ir_version=IR_VERSION, opset_imports=opsets)
    onnx.checker.check_model(model)
    return model


def _groups(contract: Contract) -> tuple[list[str], list[str]]:
    """Return the names of the numbers and of the categories, in the order in which the forest sees them."""
    numbers = [feature.name for feature in contract.features if feature.type != "category"]
    return numbers, [feature.name for feature in contract.features if feature.type == "category"]


def _values(contract: Contract, name: str) -> tuple[str, ...]:
    return next(feature.categories or () for feature in contract.features if feature.name == name)


def _trees(estimators: list[Any], position: NDArray[np.int64]) -> Trees:
    """Join fitted trees into the arrays of one node; each leaf holds its share of the mean."""
    joined: dict[str, list[NDArray[Any]]] = {}
    roots: list[int] = []
    inner = outer = 0
    for estimator in estimators:
        tree = estimator.tree_
        leaf = tree.children_left == _LEAF
        if leaf.all():
            # A node both of whose sides are the leaf, as the operator's specification asks.
            number, split = np.zeros(1, dtype=np.int64), np.ones(1, dtype=bool)
        else:
            number, split = np.where(leaf, np.cumsum(leaf) - 1, np.cumsum(~leaf) - 1), ~leaf
        left, right = (np.where(leaf.all(), 0, side[split]) for side in (tree.children_left, tree.children_right))
        part = {
            "features": position[np.maximum(tree.feature[split], 0)],
            "splits": tree.threshold[split].astype(np.float64),
            "missing": tree.missing_go_to_left[split].astype(np.int64),
            "true": number[left] + np.where(leaf[left], outer, inner),
            "true_leaf": leaf[left].astype(np.int64),
            "false": number[right] + np.where(leaf[right], outer, inner),
            "false_leaf": leaf[right].astype(np.int64),
            "leaves": tree.value[leaf, 0, 0] / len(estimators),
        }
        for name, array in part.items():
            joined.setdefault(name, []).append(array)
        roots.append(inner)
        inner += int(split.sum())
        outer += int(leaf.sum())
    return Trees(roots, **{name: np.concatenate(arrays) for name, arrays in joined.items()})
