"""Writes XGBRegressor, XGBRFRegressor, XGBClassifier and XGBRFClassifier of XGBoost.

Digits: XGBoost computes in float32 from end to end, so the graph rounds in the same places. A row is rounded to float32 and
goes left if it is strictly below the threshold; that is moved into thresholds for doubles (``float32_splits``). Leaves are
added in float32, tree after tree, starting from the base score. An ensemble would add them in double, so each tree is a
target of its own and the sum follows in float32, in order. Exponentials are computed in double and rounded to float32, as
``expf`` is up to one unit in its last place.

The package is optional: nothing is registered if it is not installed.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from tabento.export.analysis.raised_errors import columns_not_known_in_float32
from tabento.export.converters.ensemble.category_splits import NO_CODE
from tabento.export.converters.other_libraries.xgboost_model import (
    Booster,
    booster_of,
    fitted_categories,
    leaf_and_used_masks,
)
from tabento.export.converters.own_transformers.category_columns import as_places, categories_of
from tabento.export.formulas.links import label_above, label_of_largest
from tabento.export.formulas.preimages import preimages
from tabento.export.graph.float32_splits import float32_splits
from tabento.export.graph.tree_parts import join
from tabento.export.graph.trees import LEQ, MEMBER, Trees, tree
from tabento.export.graph.values import Columns, Scores, numbers
from tabento.export.graph.writer import DOUBLE, GraphWriter
from tabento.export.leaves import leaf_numbers, reads_leaves
from tabento.export.registry import classifier, regressor, same_in_float32

SINGLE = TensorProto.FLOAT
IDENTITIES = (
    "reg:squarederror",
    "reg:squaredlogerror",
    "reg:pseudohubererror",
    "reg:absoluteerror",
    "reg:quantileerror",
)
EXPONENTIALS = ("count:poisson", "reg:gamma", "reg:tweedie")
SIGMOIDS = ("reg:logistic", "binary:logistic")
"""Objectives by the function that is applied to the sum of the trees."""


def _tree(nodes: dict[str, Any]) -> Trees:
    leaf, used = leaf_and_used_masks(nodes)
    number = np.cumsum(used) - 1
    conditions = np.array(nodes["split_conditions"], dtype=np.float64).astype(np.float32)
    # x < t of float32 numbers is x <= the float32 before t. For a leaf it is the value, which is not compared.
    splits = float32_splits(np.nextafter(conditions, np.float32(-np.inf)).astype(np.float64))
    left, right = np.array(nodes["left_children"]), np.array(nodes["right_children"])
    missing = np.array(nodes["default_left"]).astype(bool)
    categorical = np.array(nodes["split_type"]).astype(bool) & ~leaf
    # A set lists the categories that go right, so right is the true side of its node.
    true, false = np.where(categorical, right, left), np.where(categorical, left, right)
    missing = np.where(categorical, ~missing, missing)
    listed = np.array(nodes["categories"], dtype=np.float64)
    starts, sizes = nodes["categories_segments"], nodes["categories_sizes"]
    of_node = dict(zip(nodes["categories_nodes"], zip(starts, sizes, strict=True), strict=True))
    members = []
    for node in np.flatnonzero(categorical & used).tolist():
        begin, size = of_node[node]
        # See tabento.export.converters.ensemble.category_splits: a set with this code is not joined with the next one.
        members.append(
            np.append(listed[begin : begin + size], NO_CODE) if missing[node] else listed[begin : begin + size]
        )
    return tree(
        leaf[used],
        np.array(nodes["split_indices"])[used],
        splits[used],
        missing[used],
        number[true][used],
        number[false][used],
        conditions.astype(np.float64)[used],
        np.where(categorical, MEMBER, LEQ).astype(np.uint8)[used] if members else None,
        tuple(members),
    )


def _refuse(writer: GraphWriter, model: Any, booster: Booster, columns: Columns) -> None:
    if booster.kind != "gbtree":
        raise writer.refusal(f"booster={booster.kind!r}", "booster='gbtree'")
    if np.isinf(model.missing):
        raise writer.refusal(f"missing={model.missing!r}", "missing=NaN")
    types = booster.document["learner"].get("feature_types") or []
    if "c" in types or any(any(nodes["split_type"]) for nodes in booster.trees):
        fitted, received = fitted_categories(model), categories_of(columns)
        if fitted is None or fitted != received:
            raise writer.refusal(
                "its trees split on sets of categories (enable_categorical), of columns that rows do not have",
                "CategoryColumns in front of it (`import` puts it there), or an encoder",
            )
    if not booster.trees:
        raise writer.refusal("it has no trees", "n_estimators of at least 1")
    if any(int(nodes["tree_param"]["size_leaf_vector"]) > 1 for nodes in booster.trees):
        raise writer.refusal("its leaves hold several outputs", "multi_strategy='one_output_per_tree'")


def _absent_as_missing(writer: GraphWriter, columns: Columns) -> Columns:
    """Return columns in which entries that a sparse matrix does not store are missing, as in XGBoost; a stored 0 stays 0.

    Raises:
        ExportError: it is not known which zeros are stored.
    """
    if not columns.sparse:
        return columns
    if columns.stored is None:
        raise writer.refusal(
            "it takes what a sparse matrix leaves out for missing, and a step in front of it may store zeros",
            "sparse_threshold=0 in the ColumnTransformer and sparse_output=False in its encoders",
        )
    writer.require_numbers(columns)
    absent = writer.node("Equal", [columns.stored, writer.constant(np.zeros((1, 1)), "zero")], "absent")
    value = writer.node("Where", [absent, writer.constant(np.full((1, 1), np.nan), "nan"), columns.name], "entries")
    return numbers(value, columns.width)


def _sums(writer: GraphWriter, model: Any, booster: Booster, columns: Columns) -> str:
    """Return the sums of the trees in float32, shape (N, sums).

    Each tree is a target: the sums are adjacent, and the trees of a sum follow each other.
    """
    columns_not_known_in_float32(writer, columns, model)
    columns = _absent_as_missing(writer, columns)
    parts = [_tree(nodes) for nodes in booster.trees]
    groups, width = booster.groups, len(booster.start)
    added = [0] * width
    targets = []
    for index, (part, group) in enumerate(zip(parts, groups, strict=True)):
        if booster.weights is not None:
            part.leaves = _leaves_with_dropout(part.leaves, booster.weights[index], booster.start[group])
        if not added[group]:
            part.leaves = (booster.start[group] + part.leaves.astype(np.float32)).astype(np.float64)
        targets.append(added[group] * width + group)
        added[group] += 1
    tree_values = writer.cast(writer.trees(columns, join(parts, targets, len(parts)), model), SINGLE)
    if width > 1:
        shape = np.array([0, len(parts) // width, width], dtype=np.int64)  # 0: as many rows as there are
        tree_values = writer.node("Reshape", [tree_values, writer.constant(shape, "shape")], "said")
    sums = writer.node("CumSum", [tree_values, writer.constant(np.array(1, dtype=np.int64), "axis")], "sums")
    last = np.array(-1 if width > 1 else [-1], dtype=np.int64)
    return writer.node("Gather", [sums, writer.constant(last, "last")], "sum", axis=1)


def _leaves_with_dropout(leaves: NDArray[np.float64], weight: float, start: np.float32) -> NDArray[np.float64]:
    """Return the leaves that a tree of a model with dropout adds: evaluated alone with the start, which is then subtracted."""
    alone = (leaves.astype(np.float32) + start) - start
    return (np.float32(weight) * alone).astype(np.float64)


def _replace_missing(writer: GraphWriter, model: Any, columns: Columns) -> Columns:
    """Return columns with NaN for the model's missing value (``missing``), compared as float32."""
    columns = as_places(columns)
    if np.isnan(model.missing):
        return columns
    writer.require_numbers(columns)
    value = np.float32(model.missing)
    ends = np.array([np.nextafter(value, np.float32(-np.inf)), value]).astype(np.float64)
    below, last = float32_splits(ends)
    above = writer.node("Greater", [columns.name, writer.constant(np.full((1, 1), below), "below")], "above")
    within = writer.node("LessOrEqual", [columns.name, writer.constant(np.full((1, 1), last), "last")], "within")
    missing = writer.node("And", [above, within], "missing")
    nan = writer.constant(np.full((1, 1), np.nan), "nan")
    return numbers(writer.node("Where", [missing, nan, columns.name], "present"), columns.width)


def _linear(writer: GraphWriter, model: Any, columns: Columns) -> str | None:
    """Return the sums of a linear booster in float32, shape (N, sums); None if the model has trees.

    The start and the constant are added first, then the product of each column that is not missing, in their order.
    """
    learner = json.loads(bytes(model.get_booster().save_raw("json")))["learner"]
    if learner["gradient_booster"]["name"] != "gblinear":
        return None
    writer.require_numbers(columns)
    width = columns.width
    weights = np.array(learner["gradient_booster"]["model"]["weights"], dtype=np.float32).reshape(width + 1, -1)
    base_scores = np.atleast_1d(np.array(json.loads(learner["learner_model_param"]["base_score"]), dtype=np.float32))
    if str(learner["objective"]["name"]) not in IDENTITIES or len(base_scores) != weights.shape[1]:
        raise writer.refusal("booster='gblinear' with classes or a link", "booster='gbtree', or LogisticRegression")
    present = _replace_missing(writer, model, columns).name
    single = writer.cast(present, SINGLE)
    missing = writer.node("IsNaN", [single], "missing")
    zero = writer.graph.constant(np.zeros((1, 1), dtype=np.float32), "zero")
    sums = []
    for target in range(weights.shape[1]):
        factors = writer.graph.constant(weights[:-1, target][np.newaxis], "weights")
        products = writer.node("Where", [missing, zero, writer.node("Mul", [single, factors])], "products")
        total = writer.graph.constant((weights[-1, target] + base_scores[target]).reshape(1, 1), "start")
        for index in range(width):
            column_index = writer.constant(np.array([index], dtype=np.int64), "column")
            total = writer.node(
                "Add", [total, writer.node("Gather", [products, column_index], "product", axis=1)], "sum"
            )
        sums.append(total)
    return writer.concatenate(sums)


def _float32_one(writer: GraphWriter) -> str:
    return writer.graph.constant(np.ones((1, 1), dtype=np.float32), "one")


def _sigmoid(writer: GraphWriter, value: str) -> str:
    """Return XGBoost's sigmoid, 1 / (exp(-x) + 1), rounded to float32 after each step: float64 becomes float32."""
    power = writer.cast(writer.node("Exp", [writer.node("Neg", [value])], "power"), SINGLE)
    return writer.node(
        "Div", [_float32_one(writer), writer.node("Add", [power, _float32_one(writer)], "odds")], "sigmoid"
    )


def convert_regressor(writer: GraphWriter, model: Any, columns: Columns) -> str:
    """Write the sums of the trees, converted for the objective."""
    linear = _linear(writer, model, columns)
    if linear is not None:
        return writer.cast(linear)
    booster = booster_of(model)
    _refuse(writer, model, booster, columns)
    columns = _replace_missing(writer, model, columns)
    known_objectives = (*IDENTITIES, *EXPONENTIALS, *SIGMOIDS)
    if booster.objective not in known_objectives:
        raise writer.refusal(f"objective={booster.objective!r}", "objective='reg:squarederror'")
    raw = writer.cast(_sums(writer, model, booster, columns))
    if booster.objective in EXPONENTIALS:
        return writer.cast(writer.cast(writer.node("Exp", [raw], "exponential"), SINGLE))
    return writer.cast(_sigmoid(writer, raw)) if booster.objective in SIGMOIDS else raw


def convert_classifier(writer: GraphWriter, model: Any, columns: Columns) -> Scores:
    """Write probabilities in float32; the label is the first most probable class, or the second of two above a half."""
    booster = booster_of(model)
    _refuse(writer, model, booster, columns)
    columns = _replace_missing(writer, model, columns)
    classes, sums = int(model.n_classes_), len(booster.start)
    if booster.objective == "binary:logistic" and (classes, sums) == (2, 1):
        raw = writer.cast(_sums(writer, model, booster, columns))
        second = _sigmoid(writer, raw)
        rest = writer.node("Sub", [_float32_one(writer), second], "rest")
        return Scores(label_above(writer, raw, undecided()), writer.cast(writer.concatenate([rest, second])))
    if booster.objective == "binary:logistic" and sums > 1:
        raise writer.refusal(f"it gives {sums} labels to a row", "one classifier per label")
    if booster.objective == "multi:softprob" and classes == sums:
        probabilities = writer.cast(_softmax(writer, _sums(writer, model, booster, columns)))
        return Scores(label_of_largest(writer, probabilities), probabilities)
    raise writer.refusal(
        f"objective={booster.objective!r} with {classes} classes and {sums} sums", "binary:logistic or multi:softprob"
    )


def _softmax(writer: GraphWriter, sums: str) -> str:
    """Return XGBoost's softmax of float32 numbers: each step is rounded to float32, but the total is added in double."""
    axis = writer.constant(np.array([1], dtype=np.int64), "axis")
    less = writer.node("Sub", [sums, writer.node("ReduceMax", [sums, axis], "most", keepdims=1)], "less")
    powers = writer.cast(writer.node("Exp", [writer.cast(less)], "powers"), SINGLE)
    total = writer.node("ReduceSum", [writer.cast(powers, DOUBLE), axis], "total", keepdims=1)
    return writer.node("Div", [powers, writer.cast(total, SINGLE)], "probabilities")


def undecided() -> float:
    """Return the largest sum whose probability, in float32, is not above a half: a little above 0."""

    def probability(values: NDArray[np.float64]) -> NDArray[np.float64]:
        powers = np.exp(-values.astype(np.float32).astype(np.float64)).astype(np.float32)
        return (np.float32(1) / (powers + np.float32(1))).astype(np.float64)

    boundaries, _ = preimages(np.array([0.5]), probability, (0.0, 1.0))
    return float(boundaries[0])


def leaves_of_rounds(model: Any, X: Any) -> NDArray[np.int64]:
    """Return the leaf of each used tree, shape (N, trees)."""
    nodes = np.asarray(model.apply(X)).reshape(X.shape[0], -1)
    reached_leaves = []
    for index, arrays in enumerate(booster_of(model).trees):
        leaf, used = leaf_and_used_masks(arrays)
        reached_leaves.append(leaf_numbers(leaf & used, nodes[:, index]))
    return np.stack(reached_leaves, 1)


if find_spec("xgboost") is not None:
    from xgboost import XGBClassifier, XGBRegressor, XGBRFClassifier, XGBRFRegressor

    regressor(XGBRegressor, XGBRFRegressor)(convert_regressor)
    classifier(XGBClassifier, XGBRFClassifier)(convert_classifier)
    reads_leaves(XGBRegressor, XGBRFRegressor, XGBClassifier, XGBRFClassifier)(leaves_of_rounds)
    same_in_float32(XGBRegressor, XGBRFRegressor, XGBClassifier, XGBRFClassifier)
