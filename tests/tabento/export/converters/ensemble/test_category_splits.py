"""Splits on categories: sets of strings and numbers, with missing and unknown values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler

from tabento.bundle.contract import Contract, Feature
from tabento.export.converters.ensemble.category_splits import Categories, ask_for_categories
from tabento.export.errors import ExportError
from tabento.export.graph.trees import MEMBER, tree
from tabento.export.leaves import reached_leaves
from tabento.tables.frames import to_frame
from tests.tabento.export.tree_graphs import EstimatorGraph, check, contract_of, run_trees

CATEGORIES = tuple(f"k{number:03d}" for number in range(120))
CONTRACT = contract_of(
    Feature(name="size", type="number", nullable=True),
    Feature(
        name="colour", type="category", categories=("", "red", "blü", "green", "x"), nullable=True, unknown="ignore"
    ),
    Feature(name="place", type="category", categories=CATEGORIES, unknown="ignore"),
    Feature(name="level", type="integer", nullable=True, minimum=-5, maximum=10),
    Feature(name="share", type="number", nullable=True),
)


def _rows(count: int, seed: int, *, surprises: bool = False) -> NDArray[np.float64]:
    """Return packed rows; surprises are unknown values and values that are not in the training rows."""
    generator = np.random.default_rng(seed)
    low, colours, places = (-1, 5, 120) if surprises else (0, 4, 100)
    shares = [0.5, 1.0, 1.5, 2.25, 3.0, 0.0, 1.25] if surprises else [0.5, 1.0, 1.5, 2.25]
    rows = np.stack(
        [
            generator.normal(size=count),
            generator.integers(low, colours, count),
            generator.integers(low, places, count),
            generator.integers(-5 if surprises else -2, 11 if surprises else 6, count),
            generator.choice(shares, count),
        ],
        axis=1,
    )
    for column in (0, 1, 3, 4):
        rows[generator.random(count) < 0.1, column] = np.nan
    return rows


ROWS = _rows(2000, 1)
TARGET = (
    np.nan_to_num(ROWS[:, 0])
    + np.sin(ROWS[:, 2] * 7)
    + 2.0 * (ROWS[:, 1] == 2)
    + np.isnan(ROWS[:, 1])
    + np.nan_to_num(ROWS[:, 3]) % 3
    + (ROWS[:, 4] == 1.5)
)
QUERIED_ROWS = _rows(1500, 2, surprises=True)


def _frame(missing: Any = None, contract: Contract = CONTRACT) -> pd.DataFrame:
    frame = to_frame(ROWS, contract)
    return frame.assign(colour=frame["colour"].where(frame["colour"].notna(), missing).astype(object))


@pytest.mark.parametrize("missing", [None, np.nan], ids=["none", "nan"])
@pytest.mark.parametrize("columns", [["colour"], ["colour", "place"], ["place", "level"], ["level", "share", "colour"]])
def test_sets_of_categories_bit_for_bit(columns: list[str], missing: Any) -> None:
    """Known, unknown and missing categories take scikit-learn's side; its encoder may treat None as a category."""
    left = [name for name in CONTRACT.feature_names if name not in {*columns, "size"}]
    contract = contract_of(*(feature for feature in CONTRACT.features if feature.name not in left))
    kept_columns = [index for index, name in enumerate(CONTRACT.feature_names) if name not in left]
    model = HistGradientBoostingRegressor(max_iter=30, categorical_features=columns)
    model.fit(_frame(missing).drop(columns=left), TARGET)
    rows = np.ascontiguousarray(QUERIED_ROWS[:, kept_columns])
    graph = check(model, rows, contract, to_frame(rows, contract))
    modes = graph.trees[0].modes
    assert modes is not None
    assert (modes == MEMBER).any()
    # A number that may have a fraction goes through the encoder; all else is asked as it travels.
    assert ("share" in columns) == (len(graph.graph.nodes) > 3)


@pytest.mark.parametrize("classes", [2, 3])
def test_classifiers(classes: int) -> None:
    """Each class has its own sets."""
    labels = np.searchsorted(np.quantile(TARGET, np.linspace(0, 1, classes + 1)[1:-1]), TARGET)
    model = HistGradientBoostingClassifier(max_iter=10, categorical_features=["colour", "place"])
    check(
        model.fit(_frame(), labels),
        QUERIED_ROWS,
        CONTRACT,
        to_frame(QUERIED_ROWS, CONTRACT),
        loose={"probabilities": 1e-15},
    )


def test_category_columns_by_dtype() -> None:
    """A model that was fitted on pandas' categories takes the strings of a request."""
    frame = _frame()
    frame = frame.assign(**{name: frame[name].astype("category") for name in ("colour", "place")})
    model = HistGradientBoostingRegressor(max_iter=30, categorical_features="from_dtype").fit(frame, TARGET)
    check(model, QUERIED_ROWS, CONTRACT, to_frame(QUERIED_ROWS, CONTRACT))


def test_arrays_with_integer_categories() -> None:
    """Category columns can be given by position, in arrays without names."""
    contract = contract_of(*(Feature(name=f"x{index}", type="integer", nullable=True) for index in range(3)))
    rows = np.round(ROWS[:, [0, 2, 3]] * 2)
    model = HistGradientBoostingRegressor(max_iter=30, categorical_features=[1, 2]).fit(rows, TARGET)
    check(model, np.round(QUERIED_ROWS[:, [0, 2, 3]] * 2), contract, np.round(QUERIED_ROWS[:, [0, 2, 3]] * 2))


def test_behind_an_ordinal_encoder() -> None:
    """The numbers of an encoder are not numbered again, but the numbers of another step are."""
    names = ["colour", "place"]
    for scale, repeated in ((None, False), (StandardScaler(), True)):
        encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
        steps = make_pipeline(encoder) if scale is None else make_pipeline(encoder, scale)
        columns = ColumnTransformer([("numbers", "passthrough", ["size"]), ("categories", steps, names)])
        model = HistGradientBoostingRegressor(max_iter=20, categorical_features=[1, 2])
        pipeline = make_pipeline(columns, model).fit(_frame(), TARGET)
        graph = EstimatorGraph(pipeline, CONTRACT)
        frame = to_frame(QUERIED_ROWS, CONTRACT)
        np.testing.assert_array_equal(graph.answers(QUERIED_ROWS)["values"][:, 0], pipeline.predict(frame))
        np.testing.assert_array_equal(
            graph.leaves(QUERIED_ROWS)[0], reached_leaves(model, pipeline[:-1].transform(frame))
        )
        encoders = [step for step in graph.graph.steps if isinstance(step.model, OrdinalEncoder)]
        assert len(encoders) == 1 + repeated


def test_split_on_missing_alone() -> None:
    """A split can separate missing values from all categories."""
    contract = contract_of(
        Feature(name="colour", type="category", categories=("red", "blue"), nullable=True, unknown="ignore")
    )
    rows = np.tile([0.0, 1.0, np.nan, np.nan], 60)[:, np.newaxis]
    target = np.isnan(rows[:, 0]).astype(float)
    for missing in (None, np.nan):
        frame = to_frame(rows, contract)
        frame = frame.assign(colour=frame["colour"].where(frame["colour"].notna(), missing).astype(object))
        model = HistGradientBoostingRegressor(max_iter=3, categorical_features=[0]).fit(frame, target)
        queried_rows = np.array([[0.0], [1.0], [-1.0], [np.nan]])
        check(model, queried_rows, contract, to_frame(queried_rows, contract))


def test_missing_beside_equal_leaves() -> None:
    """ONNX Runtime joins sets with equal leaves; the side of missing values stays correct."""
    nodes = np.zeros(5, dtype=PREDICTOR_RECORD_DTYPE)
    nodes["is_leaf"] = [0, 1, 0, 1, 1]
    nodes["is_categorical"] = [1, 0, 1, 0, 0]
    nodes["left"], nodes["right"] = [1, 0, 3, 0, 0], [2, 0, 4, 0, 0]
    nodes["value"] = [0.0, 10.0, 0.0, 10.0, 20.0]
    nodes["bitset_idx"] = [0, 0, 1, 0, 0]
    # The numbers 0 to 3 are the codes 1, 2 and 3, and missing. First 0 goes left, then 1 and missing.
    bitsets = np.zeros((2, 8), dtype=np.uint32)
    bitsets[:, 0] = [0b0001, 0b1010]
    column = Categories(0, np.array([1.0, 2.0, 3.0, np.nan]), np.ones(4, dtype=bool), 3)
    modes, members = ask_for_categories(nodes, bitsets, {0: column})
    boosted = tree(
        nodes["is_leaf"].astype(bool),
        nodes["feature_idx"],
        nodes["num_threshold"],
        nodes["missing_go_to_left"],
        nodes["left"],
        nodes["right"],
        nodes["value"],
        modes,
        members,
    )
    queried_rows = np.array([[1.0], [2.0], [3.0], [np.nan], [-1.0]])
    np.testing.assert_array_equal(run_trees(boosted, queried_rows)[:, 0], [10, 10, 20, 10, 20])


def test_unlisted_category_is_refused() -> None:
    """A category of the model that the contract does not list is refused, because no row can hold it."""
    contract = contract_of(
        Feature(name="size", type="number", nullable=True),
        Feature(name="colour", type="category", categories=("red",), nullable=True, unknown="ignore"),
    )
    frame = _frame()[["size", "colour"]]
    model = HistGradientBoostingRegressor(max_iter=2, categorical_features=["colour"]).fit(frame, TARGET)
    with pytest.raises(ExportError, match=r"'colour' knows .*does not list"):
        check(model, QUERIED_ROWS[:, :2], contract, frame)


def test_strings_that_are_no_categories_are_refused() -> None:
    """A string in a column that is compared by size is refused."""
    model = HistGradientBoostingRegressor(max_iter=2, categorical_features=[1])
    model.fit(np.nan_to_num(ROWS[:, :3] % 50), TARGET)
    with pytest.raises(ExportError, match=r"would see the strings of \['place'\]"):
        check(model, QUERIED_ROWS[:, :3], contract_of(*CONTRACT.features[:3]), None)
