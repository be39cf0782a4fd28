"""Validation lets good rows through typed, and tells everything that is wrong with others at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from bundle.contract import Feature
from training.config import ModelConfig
from training.data.validation import DataError, Fault, check_cells, validate


def faults(frame: pd.DataFrame, config: ModelConfig) -> list[Fault]:
    """Return what the validation finds; finding nothing fails the test."""
    with pytest.raises(DataError) as caught:
        validate(frame, config)
    return caught.value.faults


def spoiled(frame: pd.DataFrame, column: str, cells: dict[int, Any]) -> pd.DataFrame:
    """Return a copy with cells of one column replaced, by position."""
    values = frame[column].astype(object).tolist()
    for row, value in cells.items():
        values[row] = value
    return frame.assign(**{column: pd.Series(values, dtype=object, index=frame.index)})


def test_valid_rows_come_out_typed_and_in_order(orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """Columns come in the contract's order with the target last, floats for numbers, text or None for categories."""
    shuffled = trees[trees.columns[::-1]].assign(tag=range(len(trees))).set_index(np.arange(len(trees)) + 7)
    clean = validate(shuffled, orchard)
    names = [feature.name for feature in orchard.features]
    assert list(clean.columns) == [*names, "apples"]
    assert list(clean.index) == list(range(len(trees)))
    for feature in orchard.features:
        assert clean[feature.name].dtype == (object if feature.type == "category" else np.float64)
    assert clean["apples"].dtype == np.float64
    assert {type(value) for value in clean["soil"]} == {str, type(None)}
    assert clean["slope"].isna().sum() == trees["slope"].isna().sum() > 0


@pytest.mark.parametrize(
    "cells", [[True, False], ["true", "False"], [1, 0], ["1", "0"], [1.0, 0.0], ["TRUE", 0], [np.True_, np.float64(0)]]
)
def test_booleans_are_taken_in_four_spellings(orchard: ModelConfig, trees: pd.DataFrame, cells: list[Any]) -> None:
    """True, false, 1 and 0 mean the same in every type that a file can bring them in."""
    frame = spoiled(trees, "pruned", dict(enumerate(cells)))
    assert validate(frame, orchard)["pruned"].tolist()[:2] == [1.0, 0.0]


def test_numbers_as_text_are_parsed(orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """One odd cell makes pandas read a column as text; its numbers are still numbers, to the last bit."""
    text = trees.assign(height=trees["height"].map(repr))
    np.testing.assert_array_equal(validate(text, orchard)["height"], trees["height"])


def test_categories_are_normalised_before_they_are_looked_up(orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """Where the contract ignores case, small letters in a file are no fault."""
    clean = validate(trees.assign(sort=trees["sort"].str.lower()), orchard)
    assert set(clean["sort"]) == {"BOSKOOP", "COX", "GLOSTER"}


def test_unknown_category_passes_where_it_is_ignored(orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """A feature that ignores unknown categories keeps them as they are."""
    assert validate(spoiled(trees, "soil", {0: "peat"}), orchard)["soil"].iloc[0] == "peat"


@pytest.mark.parametrize(
    ("column", "cells", "expected", "shown"),
    [
        ("height", {3: "abc", 5: "1_000", 6: "nan"}, "a number", ["'abc'", "'1_000'", "'nan'"]),
        ("height", {3: True}, "a number", ["True"]),
        ("height", {3: pd.Timestamp("2020-01-01")}, "a number", ["Timestamp('2020-01-01 00:00:00')"]),
        ("height", {3: np.inf, 4: "-Infinity", 5: 10**400}, "a finite number", None),
        ("height", {3: 0.25, 9: "21"}, "a number between 0.5 and 20", ["0.25", "'21'"]),
        ("height", {3: None, 4: np.nan}, "no missing value", ["missing", "missing"]),
        ("age", {0: 3.5}, "an integer, without a fraction", ["3.5"]),
        ("age", {0: "old"}, "an integer", ["'old'"]),
        ("slope", {0: 2**53 + 2}, f"a number between {-(2**53)} and {2**53} or null", [str(2**53 + 2)]),
        ("pruned", {1: "yes", 2: "no"}, "true or false", ["'yes'", "'no'"]),
        ("pruned", {1: 2}, "true or false", ["2"]),
        ("sort", {1: "PEAR"}, "one of 'BOSKOOP', 'COX', 'GLOSTER'", ["'PEAR'"]),
        ("sort", {1: 7}, "text", ["7"]),
        ("sort", {1: None}, "no missing value", ["missing"]),
        ("apples", {1: None}, "no missing value", ["missing"]),
        ("apples", {1: "many"}, "a number", ["'many'"]),
        ("apples", {1: np.inf}, "a finite number", ["inf"]),
        ("apples", {1: -1.0, 2: 2001.0}, "a number between 0 and 2000", ["-1", "2001"]),
    ],
)
def test_wrong_cells_are_counted_and_shown(
    orchard: ModelConfig,
    trees: pd.DataFrame,
    column: str,
    cells: dict[int, Any],
    expected: str,
    shown: list[str] | None,
) -> None:
    """Each kind of wrong cell is one fault with its count, its rows in the file and the cells as they came."""
    (fault,) = faults(spoiled(trees, column, cells), orchard)
    assert (fault.column, fault.expected, fault.count) == (column, expected, len(cells))
    assert [example.row for example in fault.examples] == [row + 1 for row in cells]
    assert shown is None or [example.value for example in fault.examples] == shown


def test_column_of_booleans_is_no_number(orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """A whole column of true and false where numbers belong is a wrong type, not ones and zeros."""
    (fault,) = faults(trees.assign(slope=trees["age"] > 10), orchard)
    assert (fault.column, fault.expected, fault.count) == ("slope", "a number", len(trees))


def test_at_most_five_examples_are_kept(orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """A column that is wrong throughout does not flood the terminal."""
    with pytest.raises(DataError, match=r"height: expected a number; 200 values are not: .* and 195 more") as caught:
        validate(trees.assign(height="tall" * 30), orchard)
    (fault,) = caught.value.faults
    assert len(fault.examples) == 5
    assert all(len(example.value or "") <= 40 for example in fault.examples)


def test_missing_and_unknown_columns_are_named(orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """Both directions are reported: what the config wants and the data lacks, and the other way round."""
    found = faults(trees.drop(columns=["height", "apples"]).assign(owner="me", tag=1), orchard)
    assert [(fault.column, fault.got) for fault in found] == [
        ("height", "there is none"),
        ("apples", "there is none"),
        ("owner", "the config does not know this column"),
    ]


def test_a_column_that_is_spelt_otherwise_is_shown(orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """Blanks around a name and other letter case are hard to see in a list of names."""
    found = faults(trees.rename(columns={"height": " Height"}), orchard)
    assert [(fault.column, fault.got) for fault in found] == [
        ("height", "there is none, only ' Height'"),
        (" Height", "the config does not know this column"),
    ]


def test_repeated_column_is_named(orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """Two columns of one name leave open which is meant."""
    (fault,) = faults(pd.concat([trees, trees[["age"]]], axis=1), orchard)
    assert (fault.column, fault.expected) == ("age", "one column of this name")


def test_duplicate_rows_are_reported_by_their_repetitions(orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """The first of equal rows is the original; missing values are equal to each other."""
    rows = [*range(100), 4, 9, 4]
    (fault,) = faults(trees.iloc[rows], orchard)
    assert (fault.column, fault.count) == (None, 3)
    assert [example.row for example in fault.examples] == [101, 102, 103]


def test_rows_with_an_own_identifier_are_no_duplicates(orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """Equal means equal in every column, those that the model never sees included."""
    twice = pd.concat([trees, trees]).assign(tag=range(2 * len(trees)))
    assert len(validate(twice, orchard)) == 2 * len(trees)


def test_constant_target_is_refused(orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """Labels that are all alike teach nothing."""
    (fault,) = faults(trees.assign(apples=5.0), orchard)
    assert (fault.column, fault.expected) == ("apples", "labels that differ")


def test_column_without_any_value_is_refused(orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """Nothing can be imputed where nothing was ever seen."""
    (fault,) = faults(trees.assign(slope=np.nan), orchard)
    assert (fault.column, fault.expected) == ("slope", "at least one value")


@pytest.mark.parametrize("rows", [0, 1, 49])
def test_too_few_rows_are_refused(orchard: ModelConfig, trees: pd.DataFrame, rows: int) -> None:
    """A model of a handful of rows is no model; the message says how many there are."""
    found = faults(trees.head(rows), orchard)
    assert (found[0].column, found[0].expected, found[0].got) == (None, "at least 50 rows", f"there are {rows}")


def test_all_faults_are_told_at_once(orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """One run is enough to learn everything that is wrong, and one cell is not blamed twice."""
    frame = spoiled(trees, "height", {0: "abc", 1: 99.0, 2: None})
    frame = spoiled(frame, "sort", {3: "PEAR"}).drop(columns="age").assign(owner="me")
    frame = pd.concat([frame, frame.tail(1)])
    with pytest.raises(DataError) as caught:
        validate(frame, orchard)
    assert [(fault.column, fault.count) for fault in caught.value.faults] == [
        (None, 1),
        ("age", 1),
        ("height", 1),
        ("height", 1),
        ("height", 1),
        ("sort", 1),
        ("owner", 1),
    ]
    message = str(caught.value)
    assert message.startswith("the data has 7 faults")
    assert "\n  height: expected a number; 1 value is not: 'abc' in row 1\n" in message
    assert (
        "\n  the table: expected no row twice, equal in every column; 1 row repeats an earlier one: row 201\n"
        in message
    )


def test_validation_leaves_its_input_alone(orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """The caller's frame is not changed in place."""
    before = trees.copy()
    validate(trees, orchard)
    pd.testing.assert_frame_equal(trees, before)


def test_cells_alone_are_checked_without_a_config() -> None:
    """A few rows of some columns: types and values only, no size, no duplicates, no other columns."""
    frame = pd.DataFrame({"a": ["1", "x", "9"], "b": ["true", "true", "true"], "other": [1, 2, 3]})
    columns = (Feature(name="a", type="integer", maximum=5), Feature(name="b", type="boolean"))
    values, found = check_cells(frame, columns)
    assert values["b"].tolist() == [1.0, 1.0, 1.0]
    assert [(fault.column, fault.count) for fault in found] == [("a", 1), ("a", 1)]
    assert check_cells(frame[["b"]], columns[1:])[1] == []
