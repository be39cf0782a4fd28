"""Imputation: numbers and strings, with and without indicators."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from tests.training.export.tables import (
    assert_same,
    assert_same_branches,
    category,
    contract_of,
    number,
    packed,
    wanted,
    written,
)
from training.export import ExportError
from training.frames import to_frame
from training.transformers.missing_text import MissingText

GENERATOR = np.random.default_rng(31)
CONTRACT = contract_of(
    number("a", nullable=True),
    number("b", nullable=True),
    number("c"),
    category("kind", "x", "", "ü", nullable=True, unknown="ignore"),
    category("sort", "p", "q", nullable=True),
)


def _holes(values: Any) -> Any:
    return np.where(GENERATOR.random(200) < 0.2, np.nan, values)


ROWS = np.column_stack(
    [
        _holes(GENERATOR.normal(size=200)),
        _holes(GENERATOR.integers(-1, 4, 200).astype(np.float64)),
        GENERATOR.choice([-1.0, 0.0, 2.5], 200),
        _holes(GENERATOR.choice([-1.0, 0.0, 1.0, 2.0], 200)),
        _holes(GENERATOR.choice([0.0, 1.0], 200)),
    ]
)
# Trained on what the contract lists: an encoder that learned the stand-in for unknown text would be refused.
TRAIN = np.where(ROWS == -1.0, [-1.0, -1.0, -1.0, 0.0, 0.0], ROWS)
FRAME = to_frame(TRAIN, CONTRACT)
TARGET = np.nan_to_num(ROWS).sum(axis=1)


REFUSING = contract_of(*(feature.model_copy(update={"unknown": "refuse"}) for feature in CONTRACT.features))
"""The same without texts that nobody listed."""


def _fitted(step: Any, names: list[str]) -> ColumnTransformer:
    return ColumnTransformer([("impute", step, names)]).fit(FRAME, TARGET)


@pytest.mark.parametrize("strategy", ["mean", "median", "most_frequent", "constant"])
@pytest.mark.parametrize("indicated", [False, True])
def test_numbers(strategy: str, indicated: bool) -> None:
    """Every strategy, with columns behind that say what was missing."""
    imputer = SimpleImputer(strategy=strategy, add_indicator=indicated)
    assert_same(_fitted(imputer, ["b", "c", "a"]), CONTRACT, ROWS)


@pytest.mark.parametrize("sign", [-1, 0, 2.5])
def test_numbers_that_stand_for_missing(sign: float) -> None:
    """A number may mean missing; scikit-learn raises on NaN then, so the contract may not let one through."""
    for imputer in (
        SimpleImputer(missing_values=sign),
        SimpleImputer(missing_values=sign, strategy="constant", fill_value=-9, add_indicator=True),
    ):
        assert_same(_fitted(imputer, ["c"]), CONTRACT, ROWS)
    imputer = SimpleImputer(missing_values=-1).fit(FRAME[["c"]].rename(columns={"c": "a"}))
    with pytest.raises(ExportError, match=r"missing_values=-1 raises on a missing value.*\['a'\]"):
        written(imputer, contract_of(CONTRACT.features[0]))


def _encoded(imputer: SimpleImputer, names: list[str]) -> Any:
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return _fitted(make_pipeline(imputer, encoder), names)


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
@pytest.mark.parametrize(
    ("strategy", "fill"),
    [("most_frequent", None), ("constant", None), ("constant", "ü"), ("constant", "nowhere listed")],
)
def test_strings(missing: Any, strategy: str, fill: str | None) -> None:
    """None is missing where it is asked for, and NaN is another thing; a new string gets a code of its own."""
    imputer = SimpleImputer(missing_values=missing, strategy=strategy, fill_value=fill)
    columns = _encoded(imputer, ["kind", "sort"])
    assert_same(columns, CONTRACT if fill == "ü" or strategy != "constant" else REFUSING, ROWS)
    if missing is None and fill is not None:
        assert wanted(columns, CONTRACT, ROWS).sum(axis=1).max() == 2


def test_text_that_an_imputer_puts_in_and_a_row_may_send() -> None:
    """It would count as unknown, where the pipeline's encoder knows it: refused, unless the contract lists it."""
    imputer = SimpleImputer(missing_values=None, strategy="constant", fill_value="none")
    columns = _encoded(imputer, ["kind", "sort"])
    with pytest.raises(ExportError, match=r"puts 'none' into '.*does not list it.*`categories` of"):
        written(columns, CONTRACT)


def test_strings_behind_missing_text() -> None:
    """Where a step has put NaN for missing text, the default `missing_values` finds it, and None finds nothing."""
    for missing in (np.nan, None):
        imputer = SimpleImputer(missing_values=missing, strategy="most_frequent", add_indicator=True)
        tail = make_pipeline(imputer, OneHotEncoder(handle_unknown="ignore", sparse_output=False))
        columns = ColumnTransformer([("kind", tail, ["kind", "sort"])])
        step = MissingText(["kind", "sort"]).fit(FRAME)
        if missing is None:
            with pytest.raises(ValueError, match="NaN"):
                make_pipeline(step, columns).fit(FRAME)
            continue
        assert_same(make_pipeline(step, columns).fit(FRAME), CONTRACT, ROWS)


def test_strings_and_numbers_together() -> None:
    """One imputer over both: each column is missing in its own way."""
    imputer = SimpleImputer(strategy="most_frequent", missing_values=pd.NA)
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-5)
    assert_same(_fitted(make_pipeline(imputer, encoder), ["b", "kind", "c"]), CONTRACT, ROWS)
    texts = _fitted(SimpleImputer(strategy="constant", missing_values=pd.NA), ["b", "kind"])
    with pytest.raises(ExportError, match=r"put the string 'missing_value' among numbers"):
        written(texts, CONTRACT)


def test_string_that_stands_for_missing() -> None:
    """A listed string may mean missing; one that is not listed cannot be told from other unknown ones."""
    assert_same(_encoded(SimpleImputer(missing_values="", strategy="most_frequent"), ["kind"]), CONTRACT, ROWS)
    with pytest.raises(ExportError, match=r"missing_values='n/a' is no category"):
        written(_encoded(SimpleImputer(missing_values="n/a", strategy="most_frequent"), ["kind"]), CONTRACT)


@pytest.mark.filterwarnings("ignore:Skipping features")
@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("strategy", ["mean", "constant"])
def test_columns_that_were_empty_in_training(keep: bool, strategy: str) -> None:
    """They are left out, or kept with 0, and the indicator knows them."""
    frame = FRAME[["a", "b", "c"]].assign(b=np.nan)
    imputer = SimpleImputer(strategy=strategy, keep_empty_features=keep, add_indicator=True)
    contract = contract_of(*CONTRACT.features[:3])
    assert_same(imputer.fit(frame), contract, ROWS[:, :3])
    nothing = SimpleImputer().fit(frame[["b"]])
    with pytest.raises(ExportError, match="no column had a value"):
        written(nothing, contract_of(CONTRACT.features[1]))


@pytest.mark.parametrize("indicator", [MissingIndicator(), MissingIndicator(features="all")], ids=repr)
def test_indicator_alone(indicator: MissingIndicator) -> None:
    """One column per feature that may be missing, or per feature."""
    union = FeatureUnion([("flags", indicator), ("values", SimpleImputer())])
    assert_same(_fitted(union, ["a", "b", "c"]), CONTRACT, ROWS)
    strings = MissingIndicator(missing_values=None, features="all")
    assert_same(_fitted(strings, ["kind", "sort"]), CONTRACT, ROWS)


def test_indicator_that_raises_on_a_new_hole_is_refused() -> None:
    """`error_on_new` raises in scikit-learn where the contract lets another column be missing."""
    full = FRAME.assign(b=0.0)
    columns = ColumnTransformer([("flags", MissingIndicator(), ["a", "b"])]).fit(full)
    with pytest.raises(ExportError, match=r"error_on_new=True raises.*\['b'\]"):
        written(columns, CONTRACT)
    relaxed = MissingIndicator(error_on_new=False)
    assert_same(ColumnTransformer([("flags", relaxed, ["a", "b"])]).fit(full), CONTRACT, ROWS)
    with pytest.raises(ExportError, match="nothing was missing"):
        written(ColumnTransformer([("flags", MissingIndicator(), ["c"])]).fit(FRAME), CONTRACT)


def test_groups_share_one_imputation() -> None:
    """Numbers of two groups and a category are imputed in one node, over the packed rows."""
    columns = ColumnTransformer(
        [
            ("a", make_pipeline(SimpleImputer(), StandardScaler()), ["a", "c"]),
            ("b", SimpleImputer(strategy="median"), ["b"]),
            (
                "k",
                make_pipeline(
                    SimpleImputer(missing_values=None, strategy="most_frequent"),
                    OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
                ),
                ["kind"],
            ),
        ]
    ).fit(FRAME)
    kinds = [node.op_type for node in packed(columns, CONTRACT).nodes]
    assert kinds.count("Where") == 1
    assert_same(columns, CONTRACT, ROWS)


def test_trees_behind_imputation_and_indicators() -> None:
    """The trees see indicators as columns and take the pipeline's branches."""
    imputer = SimpleImputer(add_indicator=True, strategy="median")
    columns = ColumnTransformer([("x", make_pipeline(imputer, StandardScaler()), ["a", "b", "c"])])
    pipeline = make_pipeline(columns, HistGradientBoostingRegressor(max_iter=10, max_bins=8)).fit(FRAME, TARGET)
    assert_same_branches(pipeline, CONTRACT, ROWS)


def test_text_for_missing_that_no_row_can_hold() -> None:
    """If the contract refuses texts that it does not list, `missing_values='?'` has nothing to find."""
    contract = contract_of(category("c", "u", "v"))
    rows = np.array([[0.0], [1.0], [1.0]])
    imputer = SimpleImputer(missing_values="?", strategy="most_frequent")
    pipeline = make_pipeline(imputer, OneHotEncoder(sparse_output=False)).fit(to_frame(rows, contract))
    assert_same(pipeline, contract, rows)
    with pytest.raises(ExportError, match=r"missing_values='\?' is no category"):
        written(pipeline, contract_of(category("c", "u", "v", unknown="ignore")))
