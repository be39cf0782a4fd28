"""XGBoost: float32 from end to end, so the graph rounds where XGBoost rounds.

A row is rounded to float32 and goes left where it is strictly below the threshold; that is taken into thresholds for
doubles (``float32_splits``). Leaves are added in float32, tree after tree, starting from the base score: an ensemble
would add them in double, so each tree is a target of its own and the sum is made behind it, in float32 and in order.
Exponentials are made in double and rounded to float32, as ``expf`` is to within a unit of its last place.

The package is optional: nothing is registered where it is not installed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from training.export.category_columns import as_places, categories_of
from training.export.category_splits import NO_CODE
from training.export.leaves import numbered, reached_by
from training.export.links import above, highest
from training.export.pen import DOUBLE, Pen
from training.export.preimages import preimages
from training.export.raises import unknown_singles
from training.export.registry import classifier, regressor, safe_in_single
from training.export.trees import LEQ, MEMBER, Trees, float32_splits, join, tree
from training.export.values import Columns, Scores, numbers

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
"""Objectives by what they make of the sum of the trees."""


@dataclass(frozen=True)
class Booster:
    """What a fitted XGBoost model consists of, as it writes itself in JSON."""

    document: dict[str, Any]
    """The model."""
    rounds: int
    """How many rounds of boosting are used; 0: all."""
    weights: tuple[float, ...] | None = None
    """For each tree of a model with dropout (``dart``) what its leaves are multiplied with; None for any other."""

    @property
    def objective(self) -> str:
        """The name of the objective."""
        return str(self.document["learner"]["objective"]["name"])

    @property
    def kind(self) -> str:
        """The name of the booster: ``gbtree``, of ``dart`` as well, or ``gblinear``."""
        return str(self.document["learner"]["gradient_booster"]["name"])

    @property
    def _model(self) -> dict[str, Any]:
        found: dict[str, Any] = self.document["learner"]["gradient_booster"]["model"]
        return found

    @property
    def groups(self) -> list[int]:
        """For each used tree the sum that it adds to."""
        return list(self._model["tree_info"][: len(self.trees)])

    @property
    def trees(self) -> list[dict[str, Any]]:
        """The used trees, each with its arrays over nodes."""
        end = self._model["iteration_indptr"][self.rounds] if self.rounds else None
        return list(self._model["trees"][:end])

    @cached_property
    def start(self) -> NDArray[np.float32]:
        """What each sum starts from, shape (sums,): what the model answers when its trees are taken out."""
        import xgboost

        learner = self.document["learner"]
        parameters = {**self._model["gbtree_model_param"], "num_trees": "0"}
        model = {"gbtree_model_param": parameters, "iteration_indptr": [0], "tree_info": [], "trees": []}
        booster = {**learner["gradient_booster"], "model": {**self._model, **model}}
        # Otherwise a model without trees would count as one that is yet to learn its start.
        fixed = {**learner["learner_model_param"], "boost_from_average": "0"}
        bare = json.dumps(
            {**self.document, "learner": {**learner, "gradient_booster": booster, "learner_model_param": fixed}}
        )
        width = int(fixed["num_feature"])
        rows = xgboost.DMatrix(np.zeros((1, width), dtype=np.float32))
        bare_booster = xgboost.Booster(model_file=bytearray(bare.encode()))
        # Names are not compared: XGBoost does not read back those that it wrote with escapes, such as "Größe".
        answer = bare_booster.predict(rows, output_margin=True, validate_features=False)
        return np.asarray(answer, dtype=np.float32).ravel()


def booster_of(model: Any) -> Booster:
    """Read a fitted model of XGBoost's scikit-learn interface; early stopping has chosen its rounds."""
    document = json.loads(bytes(model.get_booster().save_raw("json")))
    rounds = int(getattr(model, "best_iteration", -1)) + 1
    booster = document["learner"]["gradient_booster"]
    if booster["name"] != "dart":
        return Booster(document, rounds)
    trees = {"name": "gbtree", "model": booster["gbtree"]["model"]}
    learner = {**document["learner"], "gradient_booster": trees}
    return Booster({**document, "learner": learner}, rounds, tuple(booster["weight_drop"]))


def _leaf(nodes: dict[str, Any]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Say which nodes are leaves, and which are in use: pruning leaves nodes behind that nothing leads to."""
    left, right = np.array(nodes["left_children"]), np.array(nodes["right_children"])
    leaf = left < 0
    used = np.zeros(len(left), dtype=bool)
    used[0] = True
    used[left[~leaf]] = used[right[~leaf]] = True
    return leaf, used


def _tree(nodes: dict[str, Any]) -> Trees:
    leaf, used = _leaf(nodes)
    number = np.cumsum(used) - 1
    conditions = np.array(nodes["split_conditions"], dtype=np.float64).astype(np.float32)
    # x < t of float32 numbers is x <= the float32 before t. Of a leaf it is the value, which is not compared.
    splits = float32_splits(np.nextafter(conditions, np.float32(-np.inf)).astype(np.float64))
    left, right = np.array(nodes["left_children"]), np.array(nodes["right_children"])
    missing = np.array(nodes["default_left"]).astype(bool)
    categorical = np.array(nodes["split_type"]).astype(bool) & ~leaf
    # A set lists what goes right, so that is the true side of its node.
    true, false = np.where(categorical, right, left), np.where(categorical, left, right)
    missing = np.where(categorical, ~missing, missing)
    listed = np.array(nodes["categories"], dtype=np.float64)
    begins, sizes = nodes["categories_segments"], nodes["categories_sizes"]
    of_node = dict(zip(nodes["categories_nodes"], zip(begins, sizes, strict=True), strict=True))
    members = []
    for node in np.flatnonzero(categorical & used).tolist():
        begin, size = of_node[node]
        # See training.export.category_splits: with this code a set stands for itself where it sends NaN along.
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


def fitted_categories(model: Any) -> dict[int, list[Any]] | None:
    """Return the categories of each column of pandas' category type that a model was fitted on, by its place.

    None where the model does not tell them: it was fitted by XGBoost before 3.1, on numbers said to be categories, or on
    texts beyond ASCII.
    """
    booster = model.get_booster()
    types = list(booster.feature_types or ())
    if "c" not in types:
        return {}
    # Only of trees; a model without categories gives None for each column.
    kept = booster.get_categories(export_to_arrow=True).to_arrow() if hasattr(booster, "get_categories") else []
    try:
        found = {at: known.tolist() for at, (_, known) in enumerate(kept) if known is not None}
    except UnicodeDecodeError:
        return None
    if not all(str(value).isascii() for known in found.values() for value in known):
        return None  # XGBoost 3.2 cuts such texts off: it counts characters where it should count bytes
    return found if sorted(found) == [at for at, kind in enumerate(types) if kind == "c"] else None


def _refuse(pen: Pen, model: Any, booster: Booster, columns: Columns) -> None:
    if booster.kind != "gbtree":
        raise pen.refusal(f"booster={booster.kind!r}", "booster='gbtree'")
    if np.isinf(model.missing):
        raise pen.refusal(f"missing={model.missing!r}", "missing=NaN")
    types = booster.document["learner"].get("feature_types") or []
    if "c" in types or any(any(nodes["split_type"]) for nodes in booster.trees):
        wanted, given = fitted_categories(model), categories_of(columns)
        if wanted is None or wanted != given:
            raise pen.refusal(
                "its trees split on sets of categories (enable_categorical), of columns that rows do not have",
                "CategoryColumns in front of it (`import` puts it there), or an encoder",
            )
    if not booster.trees:
        raise pen.refusal("it has no trees", "n_estimators of at least 1")
    if any(int(nodes["tree_param"]["size_leaf_vector"]) > 1 for nodes in booster.trees):
        raise pen.refusal("its leaves hold several outputs", "multi_strategy='one_output_per_tree'")


def _absent_as_missing(pen: Pen, columns: Columns) -> Columns:
    """Return columns in which what a sparse matrix leaves out is missing, as XGBoost takes it; a stored 0 stays 0.

    Raises:
        ExportError: it is not known which zeros are stored.
    """
    if not columns.sparse:
        return columns
    if columns.stored is None:
        raise pen.refusal(
            "it takes what a sparse matrix leaves out for missing, and a step in front of it may store zeros",
            "sparse_threshold=0 in the ColumnTransformer and sparse_output=False in its encoders",
        )
    pen.require_numbers(columns)
    absent = pen.node("Equal", [columns.stored, pen.constant(np.zeros((1, 1)), "zero")], "absent")
    value = pen.node("Where", [absent, pen.constant(np.full((1, 1), np.nan), "nan"), columns.name], "entries")
    return numbers(value, columns.width)


def _sums(pen: Pen, model: Any, booster: Booster, columns: Columns) -> str:
    """Return the sums of the trees in float32, shape (N, sums).

    Each tree is a target: sums next to each other, and the trees of a sum behind each other.
    """
    unknown_singles(pen, columns, model)
    columns = _absent_as_missing(pen, columns)
    parts = [_tree(nodes) for nodes in booster.trees]
    groups, width = booster.groups, len(booster.start)
    added = [0] * width
    targets = []
    for at, (part, group) in enumerate(zip(parts, groups, strict=True)):
        if booster.weights is not None:
            part.leaves = _dropped(part.leaves, booster.weights[at], booster.start[group])
        if not added[group]:
            part.leaves = (booster.start[group] + part.leaves.astype(np.float32)).astype(np.float64)
        targets.append(added[group] * width + group)
        added[group] += 1
    said = pen.cast(pen.trees(columns, join(parts, targets, len(parts)), model), SINGLE)
    if width > 1:
        shape = np.array([0, len(parts) // width, width], dtype=np.int64)  # 0: as many rows as there are
        said = pen.node("Reshape", [said, pen.constant(shape, "shape")], "said")
    sums = pen.node("CumSum", [said, pen.constant(np.array(1, dtype=np.int64), "axis")], "sums")
    last = np.array(-1 if width > 1 else [-1], dtype=np.int64)
    return pen.node("Gather", [sums, pen.constant(last, "last")], "sum", axis=1)


def _dropped(leaves: NDArray[np.float64], weight: float, start: np.float32) -> NDArray[np.float64]:
    """Return what a tree of a model with dropout adds: it is asked alone, with the start, which is then taken away."""
    alone = (leaves.astype(np.float32) + start) - start
    return (np.float32(weight) * alone).astype(np.float64)


def _as_missing(pen: Pen, model: Any, columns: Columns) -> Columns:
    """Put NaN in place of what the model takes for missing (``missing``), compared as float32."""
    columns = as_places(columns)
    if np.isnan(model.missing):
        return columns
    pen.require_numbers(columns)
    value = np.float32(model.missing)
    ends = np.array([np.nextafter(value, np.float32(-np.inf)), value]).astype(np.float64)
    below, last = float32_splits(ends)
    above = pen.node("Greater", [columns.name, pen.constant(np.full((1, 1), below), "below")], "above")
    within = pen.node("LessOrEqual", [columns.name, pen.constant(np.full((1, 1), last), "last")], "within")
    missing = pen.node("And", [above, within], "missing")
    nan = pen.constant(np.full((1, 1), np.nan), "nan")
    return numbers(pen.node("Where", [missing, nan, columns.name], "present"), columns.width)


def _linear(pen: Pen, model: Any, columns: Columns) -> str | None:
    """Return the sums of a linear booster in float32, shape (N, sums); None if the model has trees.

    The start and the constant are added first, then a product for each column that is not missing, in their order.
    """
    learner = json.loads(bytes(model.get_booster().save_raw("json")))["learner"]
    if learner["gradient_booster"]["name"] != "gblinear":
        return None
    pen.require_numbers(columns)
    width = columns.width
    weights = np.array(learner["gradient_booster"]["model"]["weights"], dtype=np.float32).reshape(width + 1, -1)
    given = np.atleast_1d(np.array(json.loads(learner["learner_model_param"]["base_score"]), dtype=np.float32))
    if str(learner["objective"]["name"]) not in IDENTITIES or len(given) != weights.shape[1]:
        raise pen.refusal("booster='gblinear' with classes or a link", "booster='gbtree', or LogisticRegression")
    present = _as_missing(pen, model, columns).name
    single = pen.cast(present, SINGLE)
    missing = pen.node("IsNaN", [single], "missing")
    zero = pen.graph.constant(np.zeros((1, 1), dtype=np.float32), "zero")
    sums = []
    for target in range(weights.shape[1]):
        factors = pen.graph.constant(weights[:-1, target][np.newaxis], "weights")
        products = pen.node("Where", [missing, zero, pen.node("Mul", [single, factors])], "products")
        total = pen.graph.constant((weights[-1, target] + given[target]).reshape(1, 1), "start")
        for at in range(width):
            place = pen.constant(np.array([at], dtype=np.int64), "column")
            total = pen.node("Add", [total, pen.node("Gather", [products, place], "product", axis=1)], "sum")
        sums.append(total)
    return pen.side_by_side(sums)


def _one(pen: Pen) -> str:
    return pen.graph.constant(np.ones((1, 1), dtype=np.float32), "one")


def _sigmoid(pen: Pen, value: str) -> str:
    """XGBoost's sigmoid, 1 / (exp(-x) + 1) rounded to float32 after each step: float64 becomes float32."""
    power = pen.cast(pen.node("Exp", [pen.node("Neg", [value])], "power"), SINGLE)
    return pen.node("Div", [_one(pen), pen.node("Add", [power, _one(pen)], "odds")], "sigmoid")


def convert_regressor(pen: Pen, model: Any, columns: Columns) -> str:
    """The sums of the trees, and what the objective makes of them."""
    linear = _linear(pen, model, columns)
    if linear is not None:
        return pen.cast(linear)
    booster = booster_of(model)
    _refuse(pen, model, booster, columns)
    columns = _as_missing(pen, model, columns)
    known = (*IDENTITIES, *EXPONENTIALS, *SIGMOIDS)
    if booster.objective not in known:
        raise pen.refusal(f"objective={booster.objective!r}", "objective='reg:squarederror'")
    raw = pen.cast(_sums(pen, model, booster, columns))
    if booster.objective in EXPONENTIALS:
        return pen.cast(pen.cast(pen.node("Exp", [raw], "exponential"), SINGLE))
    return pen.cast(_sigmoid(pen, raw)) if booster.objective in SIGMOIDS else raw


def convert_classifier(pen: Pen, model: Any, columns: Columns) -> Scores:
    """Probabilities in float32. The label is the first most probable class, or the second of two if above a half."""
    booster = booster_of(model)
    _refuse(pen, model, booster, columns)
    columns = _as_missing(pen, model, columns)
    classes, sums = int(model.n_classes_), len(booster.start)
    if booster.objective == "binary:logistic" and (classes, sums) == (2, 1):
        raw = pen.cast(_sums(pen, model, booster, columns))
        second = _sigmoid(pen, raw)
        rest = pen.node("Sub", [_one(pen), second], "rest")
        return Scores(above(pen, raw, undecided()), pen.cast(pen.side_by_side([rest, second])))
    if booster.objective == "binary:logistic" and sums > 1:
        raise pen.refusal(f"it gives {sums} labels to a row", "one classifier per label")
    if booster.objective == "multi:softprob" and classes == sums:
        probabilities = pen.cast(_softmax(pen, _sums(pen, model, booster, columns)))
        return Scores(highest(pen, probabilities), probabilities)
    raise pen.refusal(
        f"objective={booster.objective!r} with {classes} classes and {sums} sums", "binary:logistic or multi:softprob"
    )


def _softmax(pen: Pen, sums: str) -> str:
    """XGBoost's softmax of float32 numbers: each step is rounded to float32, but the total is added up in double."""
    axis = pen.constant(np.array([1], dtype=np.int64), "axis")
    less = pen.node("Sub", [sums, pen.node("ReduceMax", [sums, axis], "most", keepdims=1)], "less")
    powers = pen.cast(pen.node("Exp", [pen.cast(less)], "powers"), SINGLE)
    total = pen.node("ReduceSum", [pen.cast(powers, DOUBLE), axis], "total", keepdims=1)
    return pen.node("Div", [powers, pen.cast(total, SINGLE)], "probabilities")


def undecided() -> float:
    """Return the largest sum whose probability, in float32, is not above a half: a little above 0."""

    def probability(values: NDArray[np.float64]) -> NDArray[np.float64]:
        powers = np.exp(-values.astype(np.float32).astype(np.float64)).astype(np.float32)
        return (np.float32(1) / (powers + np.float32(1))).astype(np.float64)

    found, _ = preimages(np.array([0.5]), probability, (0.0, 1.0))
    return float(found[0])


def leaves_of_rounds(model: Any, X: Any) -> NDArray[np.int64]:
    """The leaf of each used tree, shape (N, trees)."""
    nodes = np.asarray(model.apply(X)).reshape(X.shape[0], -1)
    reached = []
    for at, arrays in enumerate(booster_of(model).trees):
        leaf, used = _leaf(arrays)
        reached.append(numbered(leaf & used, nodes[:, at]))
    return np.stack(reached, 1)


if find_spec("xgboost") is not None:
    from xgboost import XGBClassifier, XGBRegressor, XGBRFClassifier, XGBRFRegressor

    regressor(XGBRegressor, XGBRFRegressor)(convert_regressor)
    classifier(XGBClassifier, XGBRFClassifier)(convert_classifier)
    reached_by(XGBRegressor, XGBRFRegressor, XGBClassifier, XGBRFClassifier)(leaves_of_rounds)
    safe_in_single(XGBRegressor, XGBRFRegressor, XGBClassifier, XGBRFClassifier)
