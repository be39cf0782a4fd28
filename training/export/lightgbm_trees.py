"""LightGBM: double trees, with its own views of missing values, of zero, and of categories.

Read from the model as LightGBM writes it in text, with the 17 digits that make a double. It takes whatever lies within
1e-35 of zero for zero, and by the kind of a split NaN for zero, or zero for missing. Sums are in double, tree after
tree from 0.

The package is optional: nothing is registered where it is not installed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.export.boosting import POSITIVE
from training.export.category_columns import as_places, categories_of
from training.export.category_splits import bit_members, holds_integers
from training.export.leaves import reached_by
from training.export.links import above, highest, sigmoid
from training.export.pen import Pen
from training.export.preimages import preimages
from training.export.registry import classifier, regressor, safe_in_single
from training.export.trees import LEQ, MEMBER, Trees, join, single_leaf
from training.export.values import Columns, Scores, numbers

ZERO = float(np.float32(1e-35))
"""What is at most so large counts as zero: ``kZeroThreshold``, a float32."""
CATEGORICAL, DEFAULT_LEFT = 1, 2
"""Bits of a split's ``decision_type``; the two above them say what is missing."""
NOTHING_MISSING, ZERO_MISSING, NAN_MISSING = range(3)

IDENTITIES = ("regression", "regression_l1", "huber", "fair", "quantile", "mape", "custom", "none")
EXPONENTIALS = ("poisson", "gamma", "tweedie")
SIGMOIDS = ("binary", "cross_entropy")
"""Objectives by what they make of the sum of the trees."""


@dataclass(frozen=True)
class Booster:
    """What a fitted LightGBM model consists of."""

    header: dict[str, str]
    """What holds for all trees; a key without a value has an empty one."""
    trees: list[dict[str, str]]
    """Each tree's arrays, as text."""

    @property
    def objective(self) -> list[str]:
        """The objective's name and, behind it, its parameters; ``none`` for one of the user's own."""
        return self.header.get("objective", "none").split() or ["none"]

    @property
    def factor(self) -> float:
        """What a sigmoid multiplies its argument with."""
        given = [part.split(":")[1] for part in self.objective if part.startswith("sigmoid:")]
        return float(given[0]) if given else 1.0

    @property
    def sums(self) -> int:
        """How many sums there are."""
        return int(self.header["num_tree_per_iteration"])

    @property
    def rounds(self) -> int:
        """How many trees each sum has."""
        return len(self.trees) // self.sums


def booster_of(model: Any) -> Booster:
    """Read a fitted model of LightGBM's scikit-learn interface; early stopping has chosen its rounds."""
    head, *blocks = str(model.booster_.model_to_string()).split("\nTree=")
    blocks[-1:] = [block.split("\nend of trees")[0] for block in blocks[-1:]]
    return Booster(_pairs(head), [_pairs(block) for block in blocks])


def _pairs(text: str) -> dict[str, str]:
    return {key: value for key, _, value in (line.partition("=") for line in text.splitlines()) if key}


def _numbers(tree: dict[str, str], key: str) -> NDArray[np.float64]:
    return np.array(tree.get(key, "").split(), dtype=np.float64)


def _integers(tree: dict[str, str], key: str) -> NDArray[np.int64]:
    return np.array(tree.get(key, "").split(), dtype=np.int64)


class _Views:
    """The columns in the ways in which splits look at them: as they are, with zero missing, and cut to integers."""

    def __init__(self, pen: Pen, columns: Columns, trees: Sequence[dict[str, str]]) -> None:
        kinds = np.concatenate([_integers(tree, "decision_type") for tree in trees])
        features = np.concatenate([_integers(tree, "split_feature") for tree in trees])
        categorical = (kinds & CATEGORICAL) > 0
        zero = np.unique(features[~categorical & (kinds >> 2 == ZERO_MISSING)])
        loose = [at for at in np.unique(features[categorical]) if not holds_integers(pen, columns, int(at))]
        self._place: dict[tuple[str, int], int] = {}
        parts = [columns]
        for view, chosen, write in (("zero", zero, _zero_as_missing), ("cut", loose, _cut)):
            for number, at in enumerate(chosen):
                self._place[view, int(at)] = sum(part.width for part in parts) + number
            if len(chosen):
                picked = pen.pick(columns, [int(at) for at in chosen])
                parts.append(numbers(write(pen, picked.name), picked.width))
        self.columns = as_places(pen.join(parts) if len(parts) > 1 else columns)
        self.as_they_are = columns.sparse and not columns.by_column
        """Whether LightGBM compares what is near zero too: it does so where it reads a sparse matrix row by row."""

    def place(self, view: str, feature: int) -> int:
        """Return the column in which a split of a kind finds a feature."""
        return self._place.get((view, feature), feature)


def _zero_as_missing(pen: Pen, value: str) -> str:
    """NaN for what counts as zero; the rest as it is."""
    zero = pen.node("LessOrEqual", [pen.node("Abs", [value]), pen.constant(np.full((1, 1), ZERO), "least")], "zero")
    return pen.node("Where", [zero, pen.constant(np.full((1, 1), np.nan), "nan"), value], "missing")


def _cut(pen: Pen, value: str) -> str:
    """Cut to integers towards zero, as C does; NaN stays."""
    return pen.node("Mul", [pen.node("Sign", [value]), pen.node("Floor", [pen.node("Abs", [value])])], "cut")


def _tree(text: dict[str, str], views: _Views) -> Trees:
    """Return one tree; LightGBM numbers leaves from 0 and writes the leaf n as child -n - 1."""
    leaves = _numbers(text, "leaf_value")
    if int(text["num_leaves"]) == 1:
        return single_leaf(float(leaves[0]))
    kinds = _integers(text, "decision_type")
    categorical = (kinds & CATEGORICAL) > 0
    what_is_missing = kinds >> 2
    features, thresholds = _integers(text, "split_feature"), _numbers(text, "threshold")
    default_left = (kinds & DEFAULT_LEFT) > 0
    missing = np.where(what_is_missing == NOTHING_MISSING, thresholds >= 0, default_left) & ~categorical
    view = np.where(categorical, "cut", np.where(what_is_missing == ZERO_MISSING, "zero", "plain"))
    ends, bits = _integers(text, "cat_boundaries"), _integers(text, "cat_threshold").astype(np.uint32)
    members = []
    for split in thresholds[categorical].astype(np.int64):
        words = bits[ends[split] : ends[split + 1]]
        members.append(np.flatnonzero(bit_members(words, 32 * len(words))).astype(np.float64))
    left, right = _integers(text, "left_child"), _integers(text, "right_child")
    return Trees(
        roots=[0],
        features=np.array([views.place(str(how), int(at)) for how, at in zip(view, features, strict=True)]),
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
    """Return thresholds that treat all of what counts as zero as they treat 0."""
    near = np.abs(thresholds) <= ZERO
    return np.where(near, np.where(thresholds >= 0, ZERO, np.nextafter(-ZERO, -np.inf)), thresholds)


def _refuse(pen: Pen, model: Any, booster: Booster) -> None:
    if any(int(tree.get("is_linear", "0")) for tree in booster.trees):
        raise pen.refusal("its leaves are linear models (linear_tree)", "linear_tree=False")
    if model.get_params().get("pred_early_stop"):
        raise pen.refusal("it stops early when it predicts (pred_early_stop)", "pred_early_stop=False")
    if not booster.trees:
        raise pen.refusal("it has no trees", "n_estimators of at least 1")


def _require_categories(pen: Pen, model: Any, columns: Columns) -> None:
    """Refuse where columns of pandas' category type are not those that the model was fitted on.

    Raises:
        ExportError: there are others, with other categories, or none.
    """
    wanted, found = fitted_categories(model), categories_of(columns)
    if wanted is None or wanted != found:
        raise pen.refusal(
            "it was fitted on columns of dtype category, which rows do not have"
            if not found
            else "its columns of dtype category are not those that it was fitted on",
            "CategoryColumns in front of it (`import` puts it there), or an OrdinalEncoder and categorical_feature by position",
        )


def fitted_categories(model: Any) -> dict[int, list[Any]] | None:
    """Return the categories of each column of pandas' category type that a model was fitted on, by its place.

    None where it cannot be told which columns those are: the model lists the categories, and of each column whether it
    is compared by sets, which other columns may be as well.
    """
    listed = model.booster_.pandas_categorical or []
    head = _pairs(str(model.booster_.model_to_string()).split("\nTree=")[0])
    infos = head.get("feature_infos", "").split()
    places = [at for at, info in enumerate(infos) if info != "none" and not info.startswith("[")]
    if not listed:
        return {}
    return dict(zip(places, (list(known) for known in listed), strict=True)) if len(places) == len(listed) else None


def _sums(pen: Pen, model: Any, booster: Booster, columns: Columns, targets: Sequence[int], width: int) -> str:
    """Return the sums of the trees, shape (N, width)."""
    _require_categories(pen, model, columns)
    pen.require_numbers(as_places(columns))
    views = _Views(pen, columns, booster.trees)
    parts = [_tree(text, views) for text in booster.trees]
    return pen.trees(views.columns, join(parts, list(targets) * booster.rounds, width), model)


def _averaged(pen: Pen, booster: Booster, sums: str) -> str:
    """Return the mean over the rounds where the model is a random forest, else the sums."""
    if "average_output" not in booster.header:
        return sums
    return pen.node("Div", [sums, pen.constant(np.full((1, 1), float(booster.rounds)), "rounds")], "mean")


def convert_regressor(pen: Pen, model: Any, columns: Columns) -> str:
    """The sum of the trees, and what the objective makes of it."""
    booster = booster_of(model)
    _refuse(pen, model, booster)
    name = booster.objective[0]
    known = (*IDENTITIES, *EXPONENTIALS, *SIGMOIDS)
    if name not in known or booster.sums != 1:
        raise pen.refusal(f"objective={name!r} of {booster.sums} sums", "objective='regression'")
    raw = _averaged(pen, booster, _sums(pen, model, booster, columns, [0], 1))
    if name in EXPONENTIALS:
        return pen.node("Exp", [raw], "exponential")
    if name in SIGMOIDS:
        return sigmoid(pen, _scaled(pen, raw, booster.factor))
    if "sqrt" in booster.objective:
        return pen.node("Mul", [pen.node("Mul", [pen.node("Sign", [raw]), raw]), raw], "square")
    return raw


def _scaled(pen: Pen, value: str, factor: float) -> str:
    return value if factor == 1.0 else pen.node("Mul", [value, pen.constant(np.full((1, 1), factor), "factor")])


def convert_classifier(pen: Pen, model: Any, columns: Columns) -> Scores:
    """Probabilities, and as label the first most probable class."""
    booster = booster_of(model)
    _refuse(pen, model, booster)
    name, classes = booster.objective[0], len(model.classes_)
    if name in SIGMOIDS and classes == 2:
        # The sum of the first class stays 0: softmax of (0, s) is (1 - sigmoid(s), sigmoid(s)).
        sums = _sums(pen, model, booster, columns, [POSITIVE], 2)
        mean = _averaged(pen, booster, sums)
        probabilities = pen.node("Softmax", [_scaled(pen, mean, booster.factor)], "probabilities", axis=1)
        label = above(pen, _second(pen, mean), undecided(booster.factor))
        return Scores(label, probabilities, _second(pen, sums))
    if name in ("multiclass", "multiclassova") and classes == booster.sums:
        sums = _sums(pen, model, booster, columns, range(classes), classes)
        mean = _averaged(pen, booster, sums)
        if name == "multiclass":
            probabilities = pen.node("Softmax", [mean], "probabilities", axis=1)
        else:
            probabilities = sigmoid(pen, _scaled(pen, mean, booster.factor))
        return Scores(highest(pen, probabilities), probabilities, sums)
    raise pen.refusal(f"objective={name!r} with {classes} classes", "binary, multiclass or multiclassova")


def _second(pen: Pen, sums: str) -> str:
    return pen.node("Gather", [sums, pen.constant(np.array([POSITIVE], dtype=np.int64))], "second", axis=1)


def undecided(factor: float) -> float:
    """Return the largest sum whose probability is not above a half: a little above 0."""

    def probability(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(1.0 / (1.0 + np.exp(-factor * values)))

    found, _ = preimages(np.array([0.5]), probability, (0.0, 1.0))
    return float(found[0])


def leaves_of_rounds(model: Any, X: Any) -> NDArray[np.int64]:
    """The leaf of each used tree, shape (N, trees)."""
    return np.asarray(model.predict(X, pred_leaf=True)).reshape(X.shape[0], -1).astype(np.int64)


if find_spec("lightgbm") is not None:
    from lightgbm import LGBMClassifier, LGBMRegressor

    regressor(LGBMRegressor)(convert_regressor)
    classifier(LGBMClassifier)(convert_classifier)
    reached_by(LGBMRegressor, LGBMClassifier)(leaves_of_rounds)
    safe_in_single(LGBMRegressor, LGBMClassifier)
