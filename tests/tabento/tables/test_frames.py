"""Frames to packed rows and back."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabento.bundle.contract import UNKNOWN_CATEGORY, Contract, Feature, Output, encode_value
from tabento.bundle.errors import ContractError
from tabento.tables.frames import to_frame, to_rows, unknown_value
from tests.training.orchards import orchard_config, orchard_frame

CONTRACT = orchard_config().contract()


def test_rows_are_what_the_service_encodes() -> None:
    """Each value of a frame travels as `encode_value` lets the same value of a request travel."""
    frame = orchard_frame(60)
    rows = to_rows(frame, CONTRACT)
    one_by_one = [
        [encode_value(feature, frame[feature.name].iloc[row]) for feature in CONTRACT.features] for row in range(60)
    ]
    np.testing.assert_array_equal(rows, one_by_one)
    assert rows.dtype == np.float64
    assert rows.flags.c_contiguous


def test_columns_are_packed_in_the_contracts_order() -> None:
    """The order of the frame's columns, and columns that the contract does not list, change nothing."""
    frame = orchard_frame(20)
    shuffled = frame[frame.columns[::-1]].assign(note="x")
    np.testing.assert_array_equal(to_rows(shuffled, CONTRACT), to_rows(frame, CONTRACT))


def test_rows_survive_the_way_to_a_frame_and_back() -> None:
    """Decoding and encoding again gives the same rows, unknown and missing values included."""
    rows = to_rows(orchard_frame(200), CONTRACT)
    assert (rows == UNKNOWN_CATEGORY).any()
    assert np.isnan(rows).any()
    np.testing.assert_array_equal(to_rows(to_frame(rows, CONTRACT), CONTRACT), rows)


def test_frame_has_the_dtypes_that_the_pipeline_sees() -> None:
    """Numbers, integers and booleans are float64, categories are objects with None for missing."""
    frame = to_frame(to_rows(orchard_frame(50), CONTRACT), CONTRACT)
    assert [str(kind) for kind in frame.dtypes] == ["float64"] * 5 + ["object"] * 2
    missing = frame["soil"].isna()
    assert missing.any()
    assert all(value is None for value in frame.loc[missing, "soil"])


def test_string_columns_of_any_kind_are_encoded() -> None:
    """pandas' own string dtype, categoricals and objects with NaN give the same codes."""
    values = ["clay", None, "sand"]
    frame = orchard_frame(3)
    codes = [
        to_rows(frame.assign(soil=pd.Series(values, dtype=kind)), CONTRACT)[:, 6]
        for kind in ("object", "str", "category")
    ]
    for code in codes:
        np.testing.assert_array_equal(code, [0.0, np.nan, 2.0])


def test_letters_are_normalised() -> None:
    """A category in other letters is recognised if the contract normalises it."""
    frame = orchard_frame(2).assign(sort=["cox", "Gloster"])
    np.testing.assert_array_equal(to_rows(frame, CONTRACT)[:, 5], [1.0, 2.0])


def test_unknown_value_is_not_a_category() -> None:
    """The replacement of an unknown category differs from every category, also from a question mark."""
    feature = Feature(name="mood", type="category", categories=("?", "??"), unknown="ignore")
    assert unknown_value(feature) == "???"


def test_no_rows_stay_no_rows() -> None:
    """An empty frame gives rows of shape (0, F), and back."""
    rows = to_rows(orchard_frame(5).iloc[:0], CONTRACT)
    assert rows.shape == (0, 7)
    assert to_frame(rows, CONTRACT).shape == (0, 7)


def test_missing_column_is_named() -> None:
    """A frame without a feature's column is refused by the column's name."""
    with pytest.raises(ContractError, match="crown width"):
        to_rows(orchard_frame(3).drop(columns="crown width"), CONTRACT)


def test_unknown_category_is_refused_where_the_contract_refuses_it() -> None:
    """A value outside the categories names column, value and row."""
    frame = orchard_frame(3).assign(sort=["COX", "ELSTAR", "COX"])
    with pytest.raises(ContractError, match=r"'sort'.*'ELSTAR' in row 1"):
        to_rows(frame, CONTRACT)


def test_text_in_a_number_is_refused() -> None:
    """A numeric column of texts is refused by its name."""
    with pytest.raises(ContractError, match=r"'age'.*an integer"):
        to_rows(orchard_frame(2).assign(age=["old", "young"]), CONTRACT)


def test_rows_of_another_width_are_refused() -> None:
    """The error about rows with too few columns contains both numbers."""
    with pytest.raises(ContractError, match=r"\(N, 7\), got \(2, 3\)"):
        to_frame(np.zeros((2, 3)), CONTRACT)


@pytest.mark.parametrize("code", [3.0, -2.0, 0.5, np.inf])
def test_code_without_a_category_is_refused(code: float) -> None:
    """The error about a code without a category names feature, code and row."""
    contract = Contract(
        name="tiny",
        title="",
        description="",
        task="regression",
        features=(Feature(name="kind", type="category", categories=("a", "b", "c")),),
        output=Output(name="y"),
    )
    with pytest.raises(ContractError, match=r"'kind'.*in row 1"):
        to_frame(np.array([[0.0], [code]]), contract)
