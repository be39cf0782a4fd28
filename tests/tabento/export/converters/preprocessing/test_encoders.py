"""Encoders: the graph compares codes, the pipeline compares strings, and both give the same numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder

from tabento.bundle.contract import Feature
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

GENERATOR = np.random.default_rng(21)
WORDS = ("", "émoi", "z", "Ω", "rare", "a")
CONTRACT = contract_of(
    category("kind", *WORDS, unknown="ignore", nullable=True),
    category("sort", "B", "A", "C"),
    number("count", nullable=True),
    Feature(name="flag", type="boolean", nullable=True),
)


def _rows(count: int, *, unknown: bool = True, missing: bool = True) -> NDArray[np.float64]:
    shares = np.array([0.3, 0.2, 0.2, 0.2, 0.02, 0.08])
    kinds = GENERATOR.choice(6, count, p=shares).astype(np.float64)
    if unknown:
        kinds[GENERATOR.random(count) < 0.1] = -1.0
    counts = GENERATOR.choice([-2.0, 0.0, 0.5, 3.0, 7.0], count)
    flags = GENERATOR.integers(0, 2, count).astype(np.float64)
    if missing:
        for column in (kinds, counts, flags):
            column[GENERATOR.random(count) < 0.1] = np.nan
    return np.column_stack([kinds, GENERATOR.integers(0, 3, count), counts, flags])


TRAIN = _rows(300, unknown=False)
ROWS = np.concatenate([_rows(300), [[np.nan] + [0.0] * 3, [-1.0, 2.0, -0.0, 1.0], [4.0, 1.0, 1e300, np.nan]]])
FRAME = to_frame(TRAIN, CONTRACT)
TARGET = GENERATOR.normal(size=300) + np.nan_to_num(TRAIN[:, 0])
NAMES = ["kind", "sort", "count", "flag"]


def fit_encoder(encoder: Any, names: list[str], target: Any = TARGET) -> ColumnTransformer:
    """Return an encoder of named columns, fitted on the training frame."""
    return ColumnTransformer([("encode", encoder, names)]).fit(FRAME, target)


@pytest.mark.parametrize(
    "encoder",
    [
        OneHotEncoder(handle_unknown="ignore"),
        OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype=np.int64),
        OneHotEncoder(handle_unknown="ignore", drop="first"),
        OneHotEncoder(handle_unknown="ignore", drop="if_binary"),
        OneHotEncoder(handle_unknown="ignore", drop=["rare", "A", 3.0, np.nan]),
        OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=20),
        OneHotEncoder(handle_unknown="ignore", min_frequency=0.1),
        OneHotEncoder(handle_unknown="warn", max_categories=3),
        OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=2, drop="first"),
        OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=1),
    ],
    ids=repr,
)
@pytest.mark.filterwarnings("ignore:Found unknown categories")
def test_one_hot(encoder: OneHotEncoder) -> None:
    """Dropped, infrequent, unknown and missing categories agree for strings, numbers and booleans."""
    assert_same(fit_encoder(encoder, NAMES), CONTRACT, ROWS)
    assert_same(fit_encoder(OneHotEncoder(**encoder.get_params() | {"drop": None}), ["count"]), CONTRACT, ROWS)


@pytest.mark.parametrize(
    "encoder",
    [
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=-7),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=99, encoded_missing_value=99, dtype=np.int32),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-3, min_frequency=25),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=50, max_categories=2, dtype=np.float32),
    ],
    ids=repr,
)
def test_ordinal(encoder: OrdinalEncoder) -> None:
    """Each column has its own numbers, also for missing values; alone and together."""
    for names in (NAMES, ["kind"], ["kind", "sort"], ["flag", "count"]):
        assert_same(fit_encoder(encoder, names), CONTRACT, ROWS)


def test_codes_that_are_the_encoders_own_cost_nothing() -> None:
    """An encoder with the contract's own codes adds no node."""
    encoder = OrdinalEncoder(categories=[list(WORDS), ["B", "A", "C"]])
    encoder.set_params(handle_unknown="use_encoded_value", unknown_value=-1)
    contract = contract_of(*CONTRACT.features[:2])
    contract = contract.model_copy(
        update={"features": (contract.features[0].model_copy(update={"nullable": False}), contract.features[1])}
    )
    rows = np.array([[0.0, 2.0], [-1.0, 1.0], [5.0, 0.0]])
    encoder.fit(to_frame(rows[[0, 2]], contract))
    assert_same(encoder, contract, rows)
    assert not pack_transformer(encoder, contract).nodes


def test_missing_text_as_nan() -> None:
    """After `MissingText` encoders receive NaN instead of None, and distinguish the two."""
    step = MissingText(["kind"]).fit(FRAME)
    for encoder in (
        OneHotEncoder(handle_unknown="ignore"),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2),
    ):
        columns = ColumnTransformer([("encode", encoder, ["kind", "sort"])])
        pipeline = make_pipeline(step, columns).fit(FRAME)
        assert pipeline[-1].named_transformers_["encode"].categories_[0][-1] is not None
        assert_same(pipeline, CONTRACT, ROWS)
        # Fitted on NaN but asked without the step, a category that was learned would never be met.
        with pytest.raises(ExportError, match=r"knows NaN as a category.*reaches it as None.*MissingText in front"):
            write_transformer(columns, CONTRACT)
    assert np.isnan(step.transform(FRAME)["kind"].to_numpy()[np.isnan(TRAIN[:, 0])].astype(float)).all()


def test_trees_behind_encoders_take_the_same_branches() -> None:
    """Trees after means and infrequent groups take the same branches."""
    columns = ColumnTransformer(
        [
            (
                "hot",
                OneHotEncoder(min_frequency=30, handle_unknown="infrequent_if_exist", sparse_output=False),
                ["kind", "count"],
            ),
            ("mean", TargetEncoder(cv=3), ["kind", "sort", "count"]),
        ]
    )
    pipeline = make_pipeline(columns, HistGradientBoostingRegressor(max_iter=10, min_samples_leaf=3)).fit(FRAME, TARGET)
    assert_same_branches(pipeline, CONTRACT, ROWS)


def test_encoder_that_raises_where_the_contract_does_not_is_refused() -> None:
    """`handle_unknown="error"` needs a contract without unknown values; the error names one."""
    strict = OneHotEncoder(handle_unknown="error", sparse_output=False)
    assert_same(fit_encoder(strict, ["sort"]), CONTRACT, ROWS)
    assert_same(fit_encoder(OrdinalEncoder(), ["sort", "flag"]), CONTRACT, ROWS)
    with pytest.raises(ExportError, match=r"step 'encode'.*an unknown value.*'kind'.*handle_unknown='ignore'"):
        write_transformer(fit_encoder(strict, ["kind"]), CONTRACT)
    with pytest.raises(ExportError, match=r"a number that it has not learned.*'count'"):
        write_transformer(fit_encoder(strict, ["count"]), CONTRACT)
    rounded_rows = ColumnTransformer([("encode", OrdinalEncoder(), ["sort"])]).fit(FRAME[FRAME["sort"] != "A"])
    with pytest.raises(ExportError, match=r"'A'.*'sort'.*use_encoded_value"):
        write_transformer(rounded_rows, CONTRACT)
    integers = ColumnTransformer([("encode", OrdinalEncoder(), ["flag"])]).fit(FRAME.dropna())
    with pytest.raises(ExportError, match=r"a missing value.*'flag'"):
        write_transformer(integers, CONTRACT)


def test_integers_in_a_small_range_can_be_known() -> None:
    """An integer whose total range was learned needs no unknown value."""
    contract = contract_of(Feature(name="n", type="integer", minimum=0, maximum=3))
    rows = np.arange(4.0)[:, np.newaxis]
    assert_same(OneHotEncoder().fit(to_frame(rows, contract)), contract, rows)
    with pytest.raises(ExportError, match=r"raises on 3, which the contract allows for 'n'"):
        write_transformer(OneHotEncoder().fit(to_frame(rows[:3], contract)), contract)


def test_category_that_the_contract_lacks_is_refused() -> None:
    """The error names a value that only the encoder knows, and a string among numbers."""
    encoder = OneHotEncoder(categories=[["A", "B", "C", "ELSTAR"]], sparse_output=False)
    with pytest.raises(ExportError, match=r"knows 'ELSTAR', which the contract does not list"):
        write_transformer(fit_encoder(encoder, ["sort"]), CONTRACT)
    texts = ColumnTransformer([("encode", OneHotEncoder(handle_unknown="ignore"), ["count"])])
    texts.fit(pd.DataFrame({"kind": ["a"], "sort": ["A"], "count": ["three"], "flag": [1.0]}))
    with pytest.raises(ExportError, match=r"'count' knows the string 'three'.*type: category"):
        write_transformer(texts, CONTRACT)


def test_numbers_that_were_whole_in_training() -> None:
    """An encoder that was fitted on integers and booleans knows the same values as floats."""
    frame = pd.DataFrame({"kind": "a", "sort": "A", "count": [0, 3, 7], "flag": [True, False, True]})
    for encoder in (
        OneHotEncoder(handle_unknown="ignore"),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    ):
        fitted = ColumnTransformer([("encode", encoder, ["count", "flag"])]).fit(frame)
        assert expected_output(fitted, CONTRACT, ROWS)[:, 1].any()
        assert_same(fitted, CONTRACT, ROWS)


def test_encoder_that_drops_everything_is_refused() -> None:
    """An encoder whose columns are all dropped is refused."""
    contract = contract_of(category("only", "x"))
    encoder = OneHotEncoder(drop="first", sparse_output=False).fit(to_frame(np.zeros((2, 1)), contract))
    with pytest.raises(ExportError, match="drops every column"):
        write_transformer(encoder, contract)
