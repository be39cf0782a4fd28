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

from tabento.export import ExportError
from tabento.tables.frames import to_frame
from tabento.transformers.missing_text import MissingText
from tests.tabento.export.tables import (
    assert_same,
    assert_same_branches,
    category,
    contract_of,
    expected_output,
    number,
    pack_transformer,
    write_transformer,
)

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


def _fit_step(step: Any, names: list[str]) -> ColumnTransformer:
    return ColumnTransformer([("impute", step, names)]).fit(FRAME, TARGET)


@pytest.mark.parametrize("strategy", ["mean", "median", "most_frequent", "constant"])
@pytest.mark.parametrize("indicated", [False, True])
def test_numbers(strategy: str, indicated: bool) -> None:
    """Every strategy is exported, with indicator columns."""
    imputer = SimpleImputer(strategy=strategy, add_indicator=indicated)
    assert_same(_fit_step(imputer, ["b", "c", "a"]), CONTRACT, ROWS)


@pytest.mark.parametrize("sign", [-1, 0, 2.5])
def test_numbers_that_stand_for_missing(sign: float) -> None:
    """A number may mean missing; scikit-learn then raises on NaN, so the contract must exclude it."""
    for imputer in (
        SimpleImputer(missing_values=sign),
        SimpleImputer(missing_values=sign, strategy="constant", fill_value=-9, add_indicator=True),
    ):
        assert_same(_fit_step(imputer, ["c"]), CONTRACT, ROWS)
    imputer = SimpleImputer(missing_values=-1).fit(FRAME[["c"]].rename(columns={"c": "a"}))
    with pytest.raises(ExportError, match=r"missing_values=-1 raises on a missing value.*\['a'\]"):
        write_transformer(imputer, contract_of(CONTRACT.features[0]))


def _fit_encoder(imputer: SimpleImputer, names: list[str]) -> Any:
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return _fit_step(make_pipeline(imputer, encoder), names)


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
@pytest.mark.parametrize(
    ("strategy", "fill"),
    [("most_frequent", None), ("constant", None), ("constant", "ü"), ("constant", "nowhere listed")],
)
def test_strings(missing: Any, strategy: str, fill: str | None) -> None:
    """None is missing if the imputer says so, and NaN is different; a new string gets its own code."""
    imputer = SimpleImputer(missing_values=missing, strategy=strategy, fill_value=fill)
    columns = _fit_encoder(imputer, ["kind", "sort"])
    assert_same(columns, CONTRACT if fill == "ü" or strategy != "constant" else REFUSING, ROWS)
    if missing is None and fill is not None:
        assert expected_output(columns, CONTRACT, ROWS).sum(axis=1).max() == 2


def test_text_that_an_imputer_puts_in_and_a_row_may_send() -> None:
    """An inserted text that a row could send as unknown is refused, unless the contract lists it."""
    imputer = SimpleImputer(missing_values=None, strategy="constant", fill_value="none")
    columns = _fit_encoder(imputer, ["kind", "sort"])
    with pytest.raises(ExportError, match=r"puts 'none' into '.*does not list it.*`categories` of"):
        write_transformer(columns, CONTRACT)


def test_strings_behind_missing_text() -> None:
    """If a step has replaced missing text by NaN, the default `missing_values` finds it, and None does not."""
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
    """One imputer over strings and numbers finds the missing values of each column."""
    imputer = SimpleImputer(strategy="most_frequent", missing_values=pd.NA)
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-5)
    assert_same(_fit_step(make_pipeline(imputer, encoder), ["b", "kind", "c"]), CONTRACT, ROWS)
    texts = _fit_step(SimpleImputer(strategy="constant", missing_values=pd.NA), ["b", "kind"])
    with pytest.raises(ExportError, match=r"put the string 'missing_value' among numbers"):
        write_transformer(texts, CONTRACT)


def test_string_that_stands_for_missing() -> None:
    """A listed string may mean missing; an unlisted one cannot be told from other unknown ones."""
    assert_same(_fit_encoder(SimpleImputer(missing_values="", strategy="most_frequent"), ["kind"]), CONTRACT, ROWS)
    with pytest.raises(ExportError, match=r"missing_values='n/a' is not a category"):
        write_transformer(
            _fit_encoder(SimpleImputer(missing_values="n/a", strategy="most_frequent"), ["kind"]), CONTRACT
        )


@pytest.mark.filterwarnings("ignore:Skipping features")
@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("strategy", ["mean", "constant"])
def test_columns_that_were_empty_in_training(keep: bool, strategy: str) -> None:
    """Empty columns are dropped, or kept with 0, and the indicator includes them."""
    frame = FRAME[["a", "b", "c"]].assign(b=np.nan)
    imputer = SimpleImputer(strategy=strategy, keep_empty_features=keep, add_indicator=True)
    contract = contract_of(*CONTRACT.features[:3])
    assert_same(imputer.fit(frame), contract, ROWS[:, :3])
    unchanged = SimpleImputer().fit(frame[["b"]])
    with pytest.raises(ExportError, match="no column had a value"):
        write_transformer(unchanged, contract_of(CONTRACT.features[1]))


@pytest.mark.parametrize("indicator", [MissingIndicator(), MissingIndicator(features="all")], ids=repr)
def test_indicator_alone(indicator: MissingIndicator) -> None:
    """The indicator has one column for each feature that may be missing, or for each feature."""
    union = FeatureUnion([("flags", indicator), ("values", SimpleImputer())])
    assert_same(_fit_step(union, ["a", "b", "c"]), CONTRACT, ROWS)
    strings = MissingIndicator(missing_values=None, features="all")
    assert_same(_fit_step(strings, ["kind", "sort"]), CONTRACT, ROWS)


def test_indicator_that_raises_on_a_new_hole_is_refused() -> None:
    """An indicator with `error_on_new` is refused if the contract lets another column be missing."""
    full = FRAME.assign(b=0.0)
    columns = ColumnTransformer([("flags", MissingIndicator(), ["a", "b"])]).fit(full)
    with pytest.raises(ExportError, match=r"error_on_new=True raises.*\['b'\]"):
        write_transformer(columns, CONTRACT)
    relaxed = MissingIndicator(error_on_new=False)
    assert_same(ColumnTransformer([("flags", relaxed, ["a", "b"])]).fit(full), CONTRACT, ROWS)
    with pytest.raises(ExportError, match="nothing was missing"):
        write_transformer(ColumnTransformer([("flags", MissingIndicator(), ["c"])]).fit(FRAME), CONTRACT)


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
    kinds = [node.op_type for node in pack_transformer(columns, CONTRACT).nodes]
    assert kinds.count("Where") == 1
    assert_same(columns, CONTRACT, ROWS)


def test_trees_behind_imputation_and_indicators() -> None:
    """Trees receive indicators as columns and take the pipeline's branches."""
    imputer = SimpleImputer(add_indicator=True, strategy="median")
    columns = ColumnTransformer([("x", make_pipeline(imputer, StandardScaler()), ["a", "b", "c"])])
    pipeline = make_pipeline(columns, HistGradientBoostingRegressor(max_iter=10, max_bins=8)).fit(FRAME, TARGET)
    assert_same_branches(pipeline, CONTRACT, ROWS)


def test_text_for_missing_that_no_row_can_hold() -> None:
    """If the contract refuses unlisted texts, `missing_values='?'` never finds one."""
    contract = contract_of(category("c", "u", "v"))
    rows = np.array([[0.0], [1.0], [1.0]])
    imputer = SimpleImputer(missing_values="?", strategy="most_frequent")
    pipeline = make_pipeline(imputer, OneHotEncoder(sparse_output=False)).fit(to_frame(rows, contract))
    assert_same(pipeline, contract, rows)
    with pytest.raises(ExportError, match=r"missing_values='\?' is not a category"):
        write_transformer(pipeline, contract_of(category("c", "u", "v", unknown="ignore")))
