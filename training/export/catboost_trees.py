"""CatBoost: symmetric and other trees over float32 columns, added in double, and splits on categories as tables.

Read from the model as CatBoost writes it in JSON. A number is rounded to float32 and goes right where it is above the
border; the rounding is taken into thresholds for doubles (``float32_splits``). Leaves are added in double, tree after
tree from 0; then the sum is multiplied by the scale, and the bias is added.

CatBoost compares categories by a hash of their text, or by statistics of the target that it keeps for each hash ("CTR").
Either is a function of the contract's categories alone, so the library itself is asked about each of them, through a
copy of the model whose trees are one split each (``training.export.catboost_categories``).

The package is optional: nothing is registered where it is not installed.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.export.catboost_categories import MISSING_IS_HIGH, category_splits
from training.export.forests import sum_in_order
from training.export.leaves import reached_by
from training.export.links import above, both_classes, highest, sigmoid
from training.export.pen import INT64, Pen
from training.export.preimages import preimages
from training.export.registry import classifier, regressor, safe_in_single
from training.export.trees import Trees, float32_splits, join, tree
from training.export.values import Columns, Scores

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
"""Losses of regressors by what ``predict`` makes of the sum of the trees."""
BINARY = ("Logloss", "CrossEntropy")
CLASSES = ("MultiClass", "MultiClassOneVsAll")
"""Losses of classifiers."""


@dataclass(frozen=True)
class Booster:
    """What a fitted CatBoost model consists of, as it writes itself in JSON."""

    document: dict[str, Any]
    """The model."""
    loss: str
    """The loss that it was fitted with, without parameters."""

    @property
    def symmetric(self) -> bool:
        """Whether all nodes of a level ask the same."""
        return "oblivious_trees" in self.document

    @property
    def trees(self) -> list[dict[str, Any]]:
        """The trees."""
        return list(self.document.get("oblivious_trees") or self.document.get("trees") or [])

    @property
    def scale(self) -> float:
        """What the sums are multiplied with."""
        return float(self.document["scale_and_bias"][0])

    @property
    def bias(self) -> NDArray[np.float64]:
        """What is added to each sum, shape (sums,)."""
        return np.array(self.document["scale_and_bias"][1], dtype=np.float64).ravel()


def booster_of(model: Any) -> Booster:
    """Read a fitted model of CatBoost's scikit-learn interface; the best iteration has already cut its trees off."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        model.save_model(str(path), format="json")
        document = json.loads(path.read_text(encoding="utf-8"))
    loss = str(model.get_all_params().get("loss_function", ""))
    return Booster(document, loss.partition(":")[0])


@dataclass(frozen=True)
class Seen:
    """What the trees see: numbers, and behind them a column for each thing that is asked of categories."""

    columns: Columns
    places: Mapping[int, int]
    """The column behind each of the model's numbers."""
    missing: Mapping[int, bool]
    """For each of the model's numbers whether a missing value is above all borders."""
    categories: Mapping[int, tuple[int, float]]
    """For each split on categories, by its number in the model, the column and the threshold that it is above."""

    def question(self, split: Mapping[str, Any]) -> tuple[int, float, bool]:
        """Return for a split the column, the largest double on the left, and whether missing goes left."""
        if split["split_type"] == "FloatFeature":
            number = int(split["float_feature_index"])
            border = np.array([split["border"]], dtype=np.float64).astype(np.float32).astype(np.float64)
            return self.places[number], float(float32_splits(border)[0]), not self.missing[number]
        column, threshold = self.categories[int(split["split_index"])]
        return column, threshold, False


def _splits(booster: Booster) -> list[dict[str, Any]]:
    """Return the splits of all trees."""
    if booster.symmetric:
        return [split for one in booster.trees for split in one.get("splits") or []]
    found, pending = [], list(booster.trees)
    while pending:
        node = pending.pop()
        if "split" in node:
            found.append(node["split"])
            pending += [node["left"], node["right"]]
    return found


def _symmetric_tree(one: Mapping[str, Any], seen: Seen, width: int) -> tuple[Trees, NDArray[np.float64]]:
    """Return one symmetric tree whose leaves say their own number, and what they add, shape (leaves, width).

    The splits are the bits of a leaf's number, the first one the lowest: the root asks the last.
    """
    splits = one.get("splits") or []
    values = np.array(one["leaf_values"], dtype=np.float64).reshape(-1, width)
    levels = [seen.question(split) for split in reversed(splits)]
    inner = (1 << len(levels)) - 1
    total = inner + len(values)
    level = np.floor(np.log2(np.arange(1, inner + 1))).astype(np.int64)

    def of_level(at: int, kind: Any) -> NDArray[Any]:
        asked = np.array([question[at] for question in levels], dtype=kind)
        return np.append(asked[level], np.zeros(len(values), dtype=kind))

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
    root: Mapping[str, Any], seen: Seen, width: int, steps: Sequence[tuple[int, int]], numbers: Sequence[int]
) -> tuple[Trees, NDArray[np.float64]]:
    """Return a tree that is not symmetric; as ``_symmetric_tree``.

    Args:
        root: the tree as nested nodes.
        seen: what it sees.
        width: how many numbers a leaf adds.
        steps: for each node of CatBoost's own array how far it is to its left and right side; 0: it ends here.
        numbers: the number of the leaf at each node of that array.
    """
    nodes: list[Mapping[str, Any]] = []
    places: list[int] = []
    sides: list[list[int]] = []

    def write(node: Mapping[str, Any], place: int) -> int:
        number = len(nodes)
        nodes.append(node)
        places.append(place)
        sides.append([0, 0])
        if "split" in node:
            sides[number] = [write(node[side], place + steps[place][at]) for at, side in enumerate(("left", "right"))]
        return number

    write(root, 0)
    leaf = np.array(["split" not in node for node in nodes])
    number = np.array(
        [numbers[place] if last else -1 for place, last in zip(places, leaf, strict=True)], dtype=np.int64
    )
    # Inner nodes as they were written, the root first, and behind them the leaves by their number.
    order = np.argsort(number, kind="stable")
    place_of = np.argsort(order)
    asked = [seen.question(nodes[at]["split"]) if not leaf[at] else (0, 0.0, False) for at in order]
    values = np.array([nodes[at]["value"] for at in order if leaf[at]], dtype=np.float64).reshape(-1, width)
    rank = np.cumsum(leaf[order]) - 1.0
    left, right = place_of[np.array(sides, dtype=np.int64).reshape(-1, 2)[order]].T
    return (
        tree(
            leaf[order],
            np.array([question[0] for question in asked], dtype=np.int64),
            np.array([question[1] for question in asked], dtype=np.float64),
            np.array([question[2] for question in asked], dtype=bool),
            left,
            right,
            rank,
        ),
        values,
    )


def _parts(model: Any, booster: Booster, seen: Seen) -> list[tuple[Trees, NDArray[np.float64]]]:
    width = len(booster.bias)
    if booster.symmetric:
        return [_symmetric_tree(one, seen, width) for one in booster.trees]
    return [
        _other_tree(root, seen, width, model._get_tree_step_nodes(at), model._get_tree_node_to_leaf(at))
        for at, root in enumerate(booster.trees)
    ]


def _refuse(pen: Pen, booster: Booster) -> None:
    information = booster.document["features_info"]
    for kind, words in (("text_features", "texts"), ("embedding_features", "embeddings")):
        if information.get(kind):
            raise pen.refusal(f"it reads {words} ({kind})", "numbers and categories (cat_features)")
    if not booster.trees:
        raise pen.refusal("it has no trees", "iterations of at least 1")
    known = {"FloatFeature", "OneHotFeature", "OnlineCtr"}
    strange = sorted({str(split["split_type"]) for split in _splits(booster)} - known)
    if strange:
        raise pen.refusal(f"its trees split by {strange[0]}", "numbers and categories (cat_features)")
    treatments = {str(one["nan_value_treatment"]) for one in information.get("float_features") or []}
    if treatments - {"AsIs", "AsFalse", MISSING_IS_HIGH}:
        raise pen.refusal(f"it treats missing values as {sorted(treatments)}", "nan_mode='Min'")


def _in_order(pen: Pen, model: Any, columns: Columns) -> Columns:
    """Return the columns in the order in which the model was fitted: it finds the columns of a frame by name."""
    learned = [str(name) for name in model.feature_names_]
    if columns.width != len(learned):
        raise pen.refusal(
            f"it was fitted on {len(learned)} columns and gets {columns.width}", "the columns that it was fitted on"
        )
    if columns.names is None or learned == [str(at) for at in range(len(learned))]:
        return columns
    if sorted(columns.names) != sorted(learned):
        raise pen.refusal(
            f"it was fitted on the columns {learned}, and the contract sends {list(columns.names)}",
            "columns named as in the contract",
        )
    return pen.pick(columns, [columns.names.index(name) for name in learned])


def _see(pen: Pen, model: Any, booster: Booster, columns: Columns) -> Seen:
    """Return what the trees see.

    Raises:
        ExportError: numbers reach a column of categories or strings one of numbers, or it is not certain which
            categories the model knows.
    """
    columns = _in_order(pen, model, columns)
    information = booster.document["features_info"]
    floats = information.get("float_features") or []
    places = {int(one["feature_index"]): int(one["flat_feature_index"]) for one in floats}
    missing = {int(one["feature_index"]): one["nan_value_treatment"] == MISSING_IS_HIGH for one in floats}
    strings = [at for at in places.values() if columns.codes[at] is not None]
    if strings:
        names = [str(model.feature_names_[at]) for at in strings]
        raise pen.refusal(f"it would read the strings of {names} as numbers", f"cat_features={names}")
    splits = [split for split in _splits(booster) if split["split_type"] != "FloatFeature"]
    everything, categories = category_splits(pen, model, booster.document, columns, splits)
    return Seen(everything, places, missing, categories)


def _sums(pen: Pen, model: Any, booster: Booster, columns: Columns) -> str:
    """Return the scaled sums with the bias, shape (N, sums)."""
    seen = _see(pen, model, booster, columns)
    parts = _parts(model, booster, seen)
    if len(booster.bias) == 1:
        grown = [_with_values(numbered, values[:, 0]) for numbered, values in parts]
        sums = pen.trees(seen.columns, join(grown), model)
    else:
        starts = np.cumsum([0, *(len(values) for _, values in parts)])
        grown = [
            _with_values(numbered, start + np.arange(len(values), dtype=np.float64))
            for start, (numbered, values) in zip(starts, parts, strict=False)
        ]
        rows = pen.trees(seen.columns, join(grown, range(len(grown)), len(grown)), model)
        table = pen.constant(np.concatenate([values for _, values in parts]), "leaves")
        sums = sum_in_order(pen, pen.node("Gather", [table, pen.cast(rows, INT64)], "said", axis=0), len(parts))
    if booster.scale != 1.0:
        sums = pen.node("Mul", [sums, pen.constant(np.full((1, 1), booster.scale), "scale")], "scaled")
    if booster.bias.any():
        sums = pen.node("Add", [sums, pen.constant(booster.bias[np.newaxis], "bias")], "sums")
    return sums


def _with_values(numbered: Trees, values: NDArray[np.float64]) -> Trees:
    """Let leaves that say their number say a value instead."""
    numbered.leaves = values[numbered.leaves.astype(np.int64)]
    return numbered


def convert_regressor(pen: Pen, model: Any, columns: Columns) -> str:
    """The sums of the trees, and what ``predict`` makes of them for the loss."""
    booster = booster_of(model)
    _refuse(pen, booster)
    predicted = str(model._get_default_prediction_type())
    if booster.loss in IDENTITIES and predicted == "RawFormulaVal":
        return _sums(pen, model, booster, columns)
    if booster.loss in EXPONENTIALS and predicted == "Exponent":
        return pen.node("Exp", [_sums(pen, model, booster, columns)], "exponential")
    raise pen.refusal(f"loss_function={booster.loss!r} ({predicted})", "loss_function='RMSE'")


def convert_classifier(pen: Pen, model: Any, columns: Columns) -> Scores:
    """Probabilities, and as label the first largest sum, or the second of two where the sum is above the threshold."""
    booster = booster_of(model)
    _refuse(pen, booster)
    classes, sums = len(np.asarray(model.classes_)), len(booster.bias)
    if booster.loss in BINARY and (classes, sums) == (2, 1):
        raw = _sums(pen, model, booster, columns)
        return Scores(above(pen, raw, undecided(model)), both_classes(pen, sigmoid(pen, raw)))
    if booster.loss in CLASSES and classes == sums > 1:
        raw = _sums(pen, model, booster, columns)
        if booster.loss == "MultiClass":
            return Scores(highest(pen, raw), pen.node("Softmax", [raw], "probabilities", axis=1))
        return Scores(highest(pen, raw), sigmoid(pen, raw))
    raise pen.refusal(
        f"loss_function={booster.loss!r} with {classes} classes and {sums} sums",
        "loss_function='Logloss' or 'MultiClass'",
    )


def undecided(model: Any) -> float:
    """Return the largest sum for which the model still answers its first class.

    0 unless a threshold was set for the probability (``set_probability_threshold``). Then the model itself is asked: a
    copy whose trees count nothing, so that its sum is the bias.
    """
    if model.get_probability_threshold() == 0.5:
        return 0.0
    blank = model.copy()
    row = np.zeros((1, len(model.feature_names_)), dtype=object)
    for at in model.get_cat_feature_indices():
        row[0, at] = ""

    def is_second(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        said = []
        for value in sums.tolist():
            blank.set_scale_and_bias(0.0, value)
            said.append(float(blank.predict(row)[0] == model.classes_[1]))
        return np.array(said)

    found, _ = preimages(np.array([0.5]), is_second, (-1e3, 1e3), certain=True)
    return float(found[0])


def leaves_of_trees(model: Any, X: Any) -> NDArray[np.int64]:
    """The leaf of each tree, shape (N, trees)."""
    return np.asarray(model.calc_leaf_indexes(X, thread_count=1)).reshape(len(X), -1).astype(np.int64)


if find_spec("catboost") is not None:
    from catboost import CatBoostClassifier, CatBoostRegressor

    regressor(CatBoostRegressor)(convert_regressor)
    classifier(CatBoostClassifier)(convert_classifier)
    reached_by(CatBoostRegressor, CatBoostClassifier)(leaves_of_trees)
    safe_in_single(CatBoostRegressor, CatBoostClassifier)
