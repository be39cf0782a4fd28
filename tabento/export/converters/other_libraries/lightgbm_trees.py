"""Writes LGBMRegressor and LGBMClassifier of LightGBM: double trees with rules of their own for missing values and zero.

LightGBM treats any value within 1e-35 of zero as zero. Depending on the kind of a split, it treats NaN as zero, or zero as
missing.

Digits: thresholds and leaves are read from the model's text, with the 17 digits that make a double. Sums are in double,
tree after tree from 0.

The package is optional: nothing is registered if it is not installed.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tabento.export.converters.ensemble.category_splits import bit_members, holds_integers
from tabento.export.converters.ensemble.hist_gradient_boosting import POSITIVE
from tabento.export.converters.other_libraries.lightgbm_model import (
    Booster,
    booster_of,
    fitted_categories,
    integer_array,
    number_array,
)
from tabento.export.converters.own_transformers.category_columns import as_places, categories_of
from tabento.export.formulas.links import label_above, label_of_largest, sigmoid
from tabento.export.formulas.preimages import preimages
from tabento.export.graph.tree_parts import join
from tabento.export.graph.trees import LEQ, MEMBER, Trees, single_leaf
from tabento.export.graph.values import Columns, Scores, numbers
from tabento.export.graph.writer import GraphWriter
from tabento.export.leaves import reads_leaves
from tabento.export.registry import classifier, regressor, same_in_float32

ZERO = float(np.float32(1e-35))
"""LightGBM treats magnitudes up to this one as zero: ``kZeroThreshold``, a float32."""
CATEGORICAL, DEFAULT_LEFT = 1, 2
"""Bits of a split's ``decision_type``; the two bits above them are the kind of missing value."""
NOTHING_MISSING, ZERO_MISSING, NAN_MISSING = range(3)

IDENTITIES = ("regression", "regression_l1", "huber", "fair", "quantile", "mape", "custom", "none")
EXPONENTIALS = ("poisson", "gamma", "tweedie")
SIGMOIDS = ("binary", "cross_entropy")
"""Objectives by the function that is applied to the sum of the trees."""


class _Views:
    """The columns as splits compare them: unchanged, with zero as missing, and truncated to integers."""

    def __init__(self, writer: GraphWriter, columns: Columns, trees: Sequence[dict[str, str]]) -> None:
        kinds = np.concatenate([integer_array(tree, "decision_type") for tree in trees])
        features = np.concatenate([integer_array(tree, "split_feature") for tree in trees])
        categorical = (kinds & CATEGORICAL) > 0
        zero = np.unique(features[~categorical & (kinds >> 2 == ZERO_MISSING)])
        loose = [index for index in np.unique(features[categorical]) if not holds_integers(writer, columns, int(index))]
        self._place: dict[tuple[str, int], int] = {}
        parts = [columns]
        for view, features_of_view, write in (("zero", zero, _zero_as_missing), ("cut", loose, _truncate)):
            for number, index in enumerate(features_of_view):
                self._place[view, int(index)] = sum(part.width for part in parts) + number
            if len(features_of_view):
                picked = writer.pick(columns, [int(index) for index in features_of_view])
                parts.append(numbers(write(writer, picked.name), picked.width))
        self.columns = as_places(writer.join(parts) if len(parts) > 1 else columns)
        self.as_they_are = columns.sparse and not columns.by_column
        """Whether LightGBM compares numbers near zero unchanged: it does so if it reads a sparse matrix row by row."""

    def place(self, view: str, feature: int) -> int:
        """Return the column that a split of a kind compares for a feature."""
        return self._place.get((view, feature), feature)


def _zero_as_missing(writer: GraphWriter, value: str) -> str:
    """Return NaN for values that LightGBM treats as zero, and other values unchanged."""
    zero = writer.node(
        "LessOrEqual", [writer.node("Abs", [value]), writer.constant(np.full((1, 1), ZERO), "least")], "zero"
    )
    return writer.node("Where", [zero, writer.constant(np.full((1, 1), np.nan), "nan"), value], "missing")


def _truncate(writer: GraphWriter, value: str) -> str:
    """Return values truncated to integers towards zero, as C does; NaN stays."""
    return writer.node(
        "Mul", [writer.node("Sign", [value]), writer.node("Floor", [writer.node("Abs", [value])])], "cut"
    )


def _tree(text: dict[str, str], views: _Views) -> Trees:
    """Return one tree; LightGBM counts leaves from 0 and stores the leaf n as child -n - 1."""
    leaves = number_array(text, "leaf_value")
    if int(text["num_leaves"]) == 1:
        return single_leaf(float(leaves[0]))
    kinds = integer_array(text, "decision_type")
    categorical = (kinds & CATEGORICAL) > 0
    missing_kind = kinds >> 2
    features, thresholds = integer_array(text, "split_feature"), number_array(text, "threshold")
    default_left = (kinds & DEFAULT_LEFT) > 0
    missing = np.where(missing_kind == NOTHING_MISSING, thresholds >= 0, default_left) & ~categorical
    view = np.where(categorical, "cut", np.where(missing_kind == ZERO_MISSING, "zero", "plain"))
    ends, bits = integer_array(text, "cat_boundaries"), integer_array(text, "cat_threshold").astype(np.uint32)
    members = []
    for split in thresholds[categorical].astype(np.int64):
        words = bits[ends[split] : ends[split + 1]]
        members.append(np.flatnonzero(bit_members(words, 32 * len(words))).astype(np.float64))
    left, right = integer_array(text, "left_child"), integer_array(text, "right_child")
    return Trees(
        roots=[0],
        features=np.array(
            [views.place(str(view_name), int(index)) for view_name, index in zip(view, features, strict=True)]
        ),
        splits=np.where(categorical, 0.0, thresholds if views.as_they_are else _around_zero(thresholds)),
        missing=missing.astype(np.int64),
        true=np.where(left < 0, -left - 1, left),
        true_leaf=(left < 0).astype(np.int64),
        false=np.where(right < 0, -right - 1, right),
        false_leaf=(right < 0).astype(np.int64),
        leaves=leaves,
        modes=np.where(categorical, MEMBER, LEQ).astype(np.uint8) if categorical.any() else None,
        members=tuple(members),
    )


def _around_zero(thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return thresholds that treat all values near zero as they treat 0."""
    is_near_zero = np.abs(thresholds) <= ZERO
    return np.where(is_near_zero, np.where(thresholds >= 0, ZERO, np.nextafter(-ZERO, -np.inf)), thresholds)


def _refuse(writer: GraphWriter, model: Any, booster: Booster) -> None:
    if any(int(tree.get("is_linear", "0")) for tree in booster.trees):
        raise writer.refusal("its leaves are linear models (linear_tree)", "linear_tree=False")
    if model.get_params().get("pred_early_stop"):
        raise writer.refusal("it stops early when it predicts (pred_early_stop)", "pred_early_stop=False")
    if not booster.trees:
        raise writer.refusal("it has no trees", "n_estimators of at least 1")


def _require_categories(writer: GraphWriter, model: Any, columns: Columns) -> None:
    """Refuse columns of pandas' category type that are not those that the model was fitted on.

    Raises:
        ExportError: other columns are of this type, they have other categories, or no column is.
    """
    fitted, received = fitted_categories(model), categories_of(columns)
    if fitted is None or fitted != received:
        raise writer.refusal(
            "it was fitted on columns of dtype category, which rows do not have"
            if not received
            else "its columns of dtype category are not those that it was fitted on",
            "CategoryColumns in front of it (`import` puts it there), or an OrdinalEncoder and categorical_feature by position",
        )


def _sums(
    writer: GraphWriter, model: Any, booster: Booster, columns: Columns, targets: Sequence[int], width: int
) -> str:
    """Return the sums of the trees, shape (N, width)."""
    _require_categories(writer, model, columns)
    writer.require_numbers(as_places(columns))
    views = _Views(writer, columns, booster.trees)
    parts = [_tree(text, views) for text in booster.trees]
    return writer.trees(views.columns, join(parts, list(targets) * booster.rounds, width), model)


def _mean_of_rounds(writer: GraphWriter, booster: Booster, sums: str) -> str:
    """Return the mean over the rounds if the model is a random forest, else the sums."""
    if "average_output" not in booster.header:
        return sums
    return writer.node("Div", [sums, writer.constant(np.full((1, 1), float(booster.rounds)), "rounds")], "mean")


def convert_regressor(writer: GraphWriter, model: Any, columns: Columns) -> str:
    """Write the sum of the trees, converted for the objective."""
    booster = booster_of(model)
    _refuse(writer, model, booster)
    name = booster.objective[0]
    known_objectives = (*IDENTITIES, *EXPONENTIALS, *SIGMOIDS)
    if name not in known_objectives or booster.sums != 1:
        raise writer.refusal(f"objective={name!r} of {booster.sums} sums", "objective='regression'")
    raw = _mean_of_rounds(writer, booster, _sums(writer, model, booster, columns, [0], 1))
    if name in EXPONENTIALS:
        return writer.node("Exp", [raw], "exponential")
    if name in SIGMOIDS:
        return sigmoid(writer, _multiply(writer, raw, booster.factor))
    if "sqrt" in booster.objective:
        return writer.node("Mul", [writer.node("Mul", [writer.node("Sign", [raw]), raw]), raw], "square")
    return raw


def _multiply(writer: GraphWriter, value: str, factor: float) -> str:
    return value if factor == 1.0 else writer.node("Mul", [value, writer.constant(np.full((1, 1), factor), "factor")])


def convert_classifier(writer: GraphWriter, model: Any, columns: Columns) -> Scores:
    """Write probabilities; the label is the first most probable class."""
    booster = booster_of(model)
    _refuse(writer, model, booster)
    name, classes = booster.objective[0], len(model.classes_)
    if name in SIGMOIDS and classes == 2:
        # The sum of the first class stays 0: softmax of (0, s) is (1 - sigmoid(s), sigmoid(s)).
        sums = _sums(writer, model, booster, columns, [POSITIVE], 2)
        mean = _mean_of_rounds(writer, booster, sums)
        probabilities = writer.node("Softmax", [_multiply(writer, mean, booster.factor)], "probabilities", axis=1)
        label = label_above(writer, _second(writer, mean), undecided(booster.factor))
        return Scores(label, probabilities, _second(writer, sums))
    if name in ("multiclass", "multiclassova") and classes == booster.sums:
        sums = _sums(writer, model, booster, columns, range(classes), classes)
        mean = _mean_of_rounds(writer, booster, sums)
        if name == "multiclass":
            probabilities = writer.node("Softmax", [mean], "probabilities", axis=1)
        else:
            probabilities = sigmoid(writer, _multiply(writer, mean, booster.factor))
        return Scores(label_of_largest(writer, probabilities), probabilities, sums)
    raise writer.refusal(f"objective={name!r} with {classes} classes", "binary, multiclass or multiclassova")


def _second(writer: GraphWriter, sums: str) -> str:
    return writer.node("Gather", [sums, writer.constant(np.array([POSITIVE], dtype=np.int64))], "second", axis=1)


def undecided(factor: float) -> float:
    """Return the largest sum whose probability is not above a half: a little above 0."""

    def probability(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(1.0 / (1.0 + np.exp(-factor * values)))

    boundaries, _ = preimages(np.array([0.5]), probability, (0.0, 1.0))
    return float(boundaries[0])


def leaves_of_rounds(model: Any, X: Any) -> NDArray[np.int64]:
    """Return the leaf of each used tree, shape (N, trees)."""
    return np.asarray(model.predict(X, pred_leaf=True)).reshape(X.shape[0], -1).astype(np.int64)


if find_spec("lightgbm") is not None:
    from lightgbm import LGBMClassifier, LGBMRegressor

    regressor(LGBMRegressor)(convert_regressor)
    classifier(LGBMClassifier)(convert_classifier)
    reads_leaves(LGBMRegressor, LGBMClassifier)(leaves_of_rounds)
    same_in_float32(LGBMRegressor, LGBMClassifier)
