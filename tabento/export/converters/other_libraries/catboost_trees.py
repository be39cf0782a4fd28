"""Writes CatBoostRegressor and CatBoostClassifier of CatBoost: symmetric and other trees over float32 columns.

Splits on categories become tables (``catboost_categories``), because CatBoost compares hashes of texts, or statistics of the
target for each hash ("CTR"). Both are functions of the contract's categories alone.

Digits: a number is rounded to float32 and goes right if it is above the border; the rounding is moved into thresholds for
doubles (``float32_splits``). Leaves are added in double, tree after tree from 0. Then the sum is multiplied by the scale,
and the bias is added. All of them are read from the model's JSON.

The package is optional: nothing is registered if it is not installed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tabento.export.converters.other_libraries.catboost_categories import category_splits
from tabento.export.converters.other_libraries.catboost_model import (
    Booster,
    booster_of,
    columns_in_fitted_order,
    refuse_unknown_parts,
    splits_of,
)
from tabento.export.converters.other_libraries.catboost_questions import MISSING_IS_HIGH
from tabento.export.converters.tree import sum_in_order
from tabento.export.formulas.links import both_probabilities, label_above, label_of_largest, sigmoid
from tabento.export.formulas.preimages import preimages
from tabento.export.graph.float32_splits import float32_splits
from tabento.export.graph.tree_parts import join
from tabento.export.graph.trees import Trees, tree
from tabento.export.graph.values import Columns, Scores
from tabento.export.graph.writer import INT64, GraphWriter
from tabento.export.leaves import reads_leaves
from tabento.export.registry import classifier, regressor, same_in_float32

IDENTITIES = (
    "RMSE",
    "MAE",
    "Quantile",
    "MultiQuantile",
    "MAPE",
    "Huber",
    "Expectile",
    "Lq",
    "LogCosh",
    "LogLinQuantile",
    "MultiRMSE",
)
EXPONENTIALS = ("Poisson", "Tweedie")
"""Losses of regressors by the function that ``predict`` applies to the sum of the trees."""
BINARY = ("Logloss", "CrossEntropy")
CLASSES = ("MultiClass", "MultiClassOneVsAll")
"""Losses of classifiers."""


@dataclass(frozen=True)
class TreeInputs:
    """The columns that the trees compare: numbers, followed by a column for each question about categories."""

    columns: Columns
    places: Mapping[int, int]
    """The column of each of the model's numbers."""
    missing: Mapping[int, bool]
    """For each of the model's numbers whether a missing value is above all borders."""
    categories: Mapping[int, tuple[int, float]]
    """For each split on categories, by its index in the model, the column and the threshold of its right side."""

    def question(self, split: Mapping[str, Any]) -> tuple[int, float, bool]:
        """Return a split's column, the largest double on its left side, and whether missing values go left."""
        if split["split_type"] == "FloatFeature":
            number = int(split["float_feature_index"])
            border = np.array([split["border"]], dtype=np.float64).astype(np.float32).astype(np.float64)
            return self.places[number], float(float32_splits(border)[0]), not self.missing[number]
        column, threshold = self.categories[int(split["split_index"])]
        return column, threshold, False


def _symmetric_tree(document: Mapping[str, Any], inputs: TreeInputs, width: int) -> tuple[Trees, NDArray[np.float64]]:
    """Return one symmetric tree whose leaves return their own index, and the values of the leaves, shape (leaves, width).

    The splits are the bits of a leaf's index, the first one the lowest: the root has the last split.
    """
    splits = document.get("splits") or []
    values = np.array(document["leaf_values"], dtype=np.float64).reshape(-1, width)
    levels = [inputs.question(split) for split in reversed(splits)]
    inner = (1 << len(levels)) - 1
    total = inner + len(values)
    level = np.floor(np.log2(np.arange(1, inner + 1))).astype(np.int64)

    def of_level(index: int, kind: Any) -> NDArray[Any]:
        answers = np.array([question[index] for question in levels], dtype=kind)
        return np.append(answers[level], np.zeros(len(values), dtype=kind))

    heap = np.arange(total)
    return (
        tree(
            heap >= inner,
            of_level(0, np.int64),
            of_level(1, np.float64),
            of_level(2, bool),
            2 * heap + 1,
            2 * heap + 2,
            np.append(np.zeros(inner), np.arange(len(values), dtype=np.float64)),
        ),
        values,
    )


def _other_tree(
    root: Mapping[str, Any], inputs: TreeInputs, width: int, steps: Sequence[tuple[int, int]], numbers: Sequence[int]
) -> tuple[Trees, NDArray[np.float64]]:
    """Return a tree that is not symmetric, as ``_symmetric_tree`` does.

    Args:
        root: the tree as nested nodes.
        inputs: the columns that it compares.
        width: the number of values of a leaf.
        steps: for each node of CatBoost's own array the distances to its left and right side; 0 for a leaf.
        numbers: the index of the leaf at each node of that array.
    """
    nodes: list[Mapping[str, Any]] = []
    positions: list[int] = []
    sides: list[list[int]] = []

    def write(node: Mapping[str, Any], position: int) -> int:
        number = len(nodes)
        nodes.append(node)
        positions.append(position)
        sides.append([0, 0])
        if "split" in node:
            sides[number] = [
                write(node[side], position + steps[position][index]) for index, side in enumerate(("left", "right"))
            ]
        return number

    write(root, 0)
    leaf = np.array(["split" not in node for node in nodes])
    number = np.array(
        [numbers[position] if last else -1 for position, last in zip(positions, leaf, strict=True)], dtype=np.int64
    )
    # Inner nodes in the order of writing, the root first, followed by the leaves by their index.
    order = np.argsort(number, kind="stable")
    place_of = np.argsort(order)
    questions = [inputs.question(nodes[index]["split"]) if not leaf[index] else (0, 0.0, False) for index in order]
    values = np.array([nodes[index]["value"] for index in order if leaf[index]], dtype=np.float64).reshape(-1, width)
    rank = np.cumsum(leaf[order]) - 1.0
    left, right = place_of[np.array(sides, dtype=np.int64).reshape(-1, 2)[order]].T
    return (
        tree(
            leaf[order],
            np.array([question[0] for question in questions], dtype=np.int64),
            np.array([question[1] for question in questions], dtype=np.float64),
            np.array([question[2] for question in questions], dtype=bool),
            left,
            right,
            rank,
        ),
        values,
    )


def _parts(model: Any, booster: Booster, inputs: TreeInputs) -> list[tuple[Trees, NDArray[np.float64]]]:
    width = len(booster.bias)
    if booster.symmetric:
        return [_symmetric_tree(document, inputs, width) for document in booster.trees]
    return [
        _other_tree(root, inputs, width, model._get_tree_step_nodes(index), model._get_tree_node_to_leaf(index))
        for index, root in enumerate(booster.trees)
    ]


def _tree_inputs(writer: GraphWriter, model: Any, booster: Booster, columns: Columns) -> TreeInputs:
    """Return the columns that the trees compare.

    Raises:
        ExportError: numbers reach a column of categories, strings reach a column of numbers, or the categories that the
            model knows cannot be determined.
    """
    columns = columns_in_fitted_order(writer, model, columns)
    information = booster.document["features_info"]
    floats = information.get("float_features") or []
    places = {int(feature["feature_index"]): int(feature["flat_feature_index"]) for feature in floats}
    missing = {int(feature["feature_index"]): feature["nan_value_treatment"] == MISSING_IS_HIGH for feature in floats}
    strings = [index for index in places.values() if columns.codes[index] is not None]
    if strings:
        names = [str(model.feature_names_[index]) for index in strings]
        raise writer.refusal(f"it would read the strings of {names} as numbers", f"cat_features={names}")
    splits = [split for split in splits_of(booster) if split["split_type"] != "FloatFeature"]
    all_columns, categories = category_splits(writer, model, booster.document, columns, splits)
    return TreeInputs(all_columns, places, missing, categories)


def _sums(writer: GraphWriter, model: Any, booster: Booster, columns: Columns) -> str:
    """Return the scaled sums plus the bias, shape (N, sums)."""
    inputs = _tree_inputs(writer, model, booster, columns)
    parts = _parts(model, booster, inputs)
    if len(booster.bias) == 1:
        trees = [_with_values(numbered, values[:, 0]) for numbered, values in parts]
        sums = writer.trees(inputs.columns, join(trees), model)
    else:
        starts = np.cumsum([0, *(len(values) for _, values in parts)])
        trees = [
            _with_values(numbered, start + np.arange(len(values), dtype=np.float64))
            for start, (numbered, values) in zip(starts, parts, strict=False)
        ]
        rows = writer.trees(inputs.columns, join(trees, range(len(trees)), len(trees)), model)
        table = writer.constant(np.concatenate([values for _, values in parts]), "leaves")
        sums = sum_in_order(
            writer, writer.node("Gather", [table, writer.cast(rows, INT64)], "said", axis=0), len(parts)
        )
    if booster.scale != 1.0:
        sums = writer.node("Mul", [sums, writer.constant(np.full((1, 1), booster.scale), "scale")], "scaled")
    if booster.bias.any():
        sums = writer.node("Add", [sums, writer.constant(booster.bias[np.newaxis], "bias")], "sums")
    return sums


def _with_values(numbered: Trees, values: NDArray[np.float64]) -> Trees:
    """Return trees whose leaves return values instead of their indices."""
    numbered.leaves = values[numbered.leaves.astype(np.int64)]
    return numbered


def convert_regressor(writer: GraphWriter, model: Any, columns: Columns) -> str:
    """Write the sums of the trees, converted as ``predict`` does for the loss."""
    booster = booster_of(model)
    refuse_unknown_parts(writer, booster)
    predicted = str(model._get_default_prediction_type())
    if booster.loss in IDENTITIES and predicted == "RawFormulaVal":
        return _sums(writer, model, booster, columns)
    if booster.loss in EXPONENTIALS and predicted == "Exponent":
        return writer.node("Exp", [_sums(writer, model, booster, columns)], "exponential")
    raise writer.refusal(f"loss_function={booster.loss!r} ({predicted})", "loss_function='RMSE'")


def convert_classifier(writer: GraphWriter, model: Any, columns: Columns) -> Scores:
    """Write probabilities; the label is the first largest sum, or the second of two classes above the threshold."""
    booster = booster_of(model)
    refuse_unknown_parts(writer, booster)
    classes, sums = len(np.asarray(model.classes_)), len(booster.bias)
    if booster.loss in BINARY and (classes, sums) == (2, 1):
        raw = _sums(writer, model, booster, columns)
        return Scores(label_above(writer, raw, undecided(model)), both_probabilities(writer, sigmoid(writer, raw)))
    if booster.loss in CLASSES and classes == sums > 1:
        raw = _sums(writer, model, booster, columns)
        if booster.loss == "MultiClass":
            return Scores(label_of_largest(writer, raw), writer.node("Softmax", [raw], "probabilities", axis=1))
        return Scores(label_of_largest(writer, raw), sigmoid(writer, raw))
    raise writer.refusal(
        f"loss_function={booster.loss!r} with {classes} classes and {sums} sums",
        "loss_function='Logloss' or 'MultiClass'",
    )


def undecided(model: Any) -> float:
    """Return the largest sum for which the model still answers its first class.

    It is 0 unless ``set_probability_threshold`` was called. Then the model itself is evaluated: a copy with a scale of 0, whose
    sum is the bias.
    """
    if model.get_probability_threshold() == 0.5:
        return 0.0
    blank = model.copy()
    row = np.zeros((1, len(model.feature_names_)), dtype=object)
    for index in model.get_cat_feature_indices():
        row[0, index] = ""

    def is_second(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        second = []
        for value in sums.tolist():
            blank.set_scale_and_bias(0.0, value)
            second.append(float(blank.predict(row)[0] == model.classes_[1]))
        return np.array(second)

    boundaries, _ = preimages(np.array([0.5]), is_second, (-1e3, 1e3), certain=True)
    return float(boundaries[0])


def leaves_of_trees(model: Any, X: Any) -> NDArray[np.int64]:
    """Return the leaf of each tree, shape (N, trees)."""
    return np.asarray(model.calc_leaf_indexes(X, thread_count=1)).reshape(len(X), -1).astype(np.int64)


if find_spec("catboost") is not None:
    from catboost import CatBoostClassifier, CatBoostRegressor

    regressor(CatBoostRegressor)(convert_regressor)
    classifier(CatBoostClassifier)(convert_classifier)
    reads_leaves(CatBoostRegressor, CatBoostClassifier)(leaves_of_trees)
    same_in_float32(CatBoostRegressor, CatBoostClassifier)
