"""Validation returns valid rows with types, and reports all faults in one error."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabento.bundle.contract import Feature
from training.config import ModelConfig
from training.data.validation import DataError, Fault, check_cells, validate


def faults(frame: pd.DataFrame, config: ModelConfig) -> list[Fault]:
    """Return the faults of a validation; the test fails if there are none."""
    with pytest.raises(DataError) as error:
        validate(frame, config)
    return error.value.faults


def with_cells(frame: pd.DataFrame, column: str, cells: dict[int, Any]) -> pd.DataFrame:
    """Return a copy with cells of one column replaced, by position."""
    values = frame[column].astype(object).tolist()
    for row, value in cells.items():
        values[row] = value
    return frame.assign(**{column: pd.Series(values, dtype=object, index=frame.index)})


def test_valid_rows_are_typed_and_ordered(orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """Columns have the contract's order with the target last, floats for numbers, text or None for categories."""
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
    "cells",
    [
        [True, False],
        ["true", "False"],
        [1, 0],
        ["1", "0"],
        [1.0, 0.0],
        ["TRUE", 0],
        [np.True_, np.float64(0)],
        ["Yes", "NO"],
        ["y", " N "],
        ["t", "F"],
        ["on", "Off"],
    ],
)
def test_common_spellings_of_booleans_are_accepted(orchard: ModelConfig, trees: pd.DataFrame, cells: list[Any]) -> None:
    """True and false, yes and no, on and off, 1 and 0 are accepted in every type and letter case of a file."""
    frame = with_cells(trees, "pruned", dict(enumerate(cells)))
    assert validate(frame, orchard)["pruned"].tolist()[:2] == [1.0, 0.0]


def test_numbers_as_text_are_parsed(orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """One odd cell makes pandas read a column as text; its numbers are still numbers, to the last bit."""
    text = trees.assign(height=trees["height"].map(repr))
    np.testing.assert_array_equal(validate(text, orchard)["height"], trees["height"])


def test_categories_are_normalised_before_they_are_looked_up(orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """If the contract ignores case, lower-case letters in a file are accepted."""
    clean = validate(trees.assign(sort=trees["sort"].str.lower()), orchard)
    assert set(clean["sort"]) == {"BOSKOOP", "COX", "GLOSTER"}


def test_unknown_category_is_accepted_if_it_is_ignored(orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """A feature that ignores unknown categories keeps them as they are."""
    assert validate(with_cells(trees, "soil", {0: "peat"}), orchard)["soil"].iloc[0] == "peat"


@pytest.mark.parametrize(
    ("column", "cells", "expected", "displayed_cells"),
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
        ("pruned", {1: "maybe", 2: "nay"}, "true or false", ["'maybe'", "'nay'"]),
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
    displayed_cells: list[str] | None,
) -> None:
    """Each kind of wrong cell is one fault with its count, its rows in the file and the cells as they were read."""
    (fault,) = faults(with_cells(trees, column, cells), orchard)
    assert (fault.column, fault.expected, fault.count) == (column, expected, len(cells))
    assert [example.row for example in fault.examples] == [row + 1 for row in cells]
    assert displayed_cells is None or [example.value for example in fault.examples] == displayed_cells


def test_column_of_booleans_is_not_numeric(orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """A column of true and false in place of numbers is a wrong type, not ones and zeros."""
    (fault,) = faults(trees.assign(slope=trees["age"] > 10), orchard)
    assert (fault.column, fault.expected, fault.count) == ("slope", "a number", len(trees))


def test_at_most_five_examples_are_kept(orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """A column in which every cell is wrong has five examples."""
    with pytest.raises(DataError, match=r"height: expected a number; 200 values are not: .* and 195 more") as error:
        validate(trees.assign(height="tall" * 30), orchard)
    (fault,) = error.value.faults
    assert len(fault.examples) == 5
    assert all(len(example.value or "") <= 40 for example in fault.examples)


def test_missing_and_unknown_columns_are_named(orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """Columns that only the config has and columns that only the data has are both reported."""
    reported = faults(trees.drop(columns=["height", "apples"]).assign(owner="me", tag=1), orchard)
    assert [(fault.column, fault.got) for fault in reported] == [
        ("height", "there is none"),
        ("apples", "there is none"),
        ("owner", "the config does not know this column"),
    ]


def test_a_column_with_another_spelling_is_shown(orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """Surrounding blanks and another letter case are hard to see in a list of names."""
    reported = faults(trees.rename(columns={"height": " Height"}), orchard)
    assert [(fault.column, fault.got) for fault in reported] == [
        ("height", "there is none, only ' Height'"),
        (" Height", "the config does not know this column"),
    ]


def test_repeated_column_is_named(orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """Two columns with one name are ambiguous."""
    (fault,) = faults(pd.concat([trees, trees[["age"]]], axis=1), orchard)
    assert (fault.column, fault.expected) == ("age", "one column of this name")


def test_duplicate_rows_are_reported_by_their_repetitions(orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """The first of equal rows is the original; missing values are equal to each other."""
    rows = [*range(100), 4, 9, 4]
    (fault,) = faults(trees.iloc[rows], orchard.model_copy(update={"duplicates": "refuse"}))
    assert (fault.column, fault.count) == (None, 3)
    assert [example.row for example in fault.examples] == [101, 102, 103]


def test_duplicate_rows_stay_with_a_warning_that_counts_them(orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """By default they stay, and the warning has the keys that change it."""
    warnings: list[str] = []
    assert len(validate(trees.iloc[[*range(100), 4, 9]], orchard, warnings.append)) == 102
    (warning,) = warnings
    assert "2 of 102 rows equal an earlier row in every column (row 101, 102, counted from 1" in warning
    assert "`duplicates: drop`" in warning


def test_duplicate_rows_can_be_dropped(orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """The first of equal rows stays, and the warning has the number of dropped rows."""
    warnings: list[str] = []
    config = orchard.model_copy(update={"duplicates": "drop"})
    clean = validate(trees.iloc[[4, *range(100)]], config, warnings.append)
    assert clean["age"].tolist() == trees["age"].iloc[[4, 0, 1, 2, 3, *range(5, 100)]].tolist()
    assert clean.index.tolist() == list(range(100))
    assert "1 of 101 rows equals an earlier row" in warnings[0]
    with pytest.raises(DataError, match="at least 50 rows without duplicates; there are 40"):
        validate(trees.iloc[[*range(40), *range(40)]], config)


def with_keys(config: ModelConfig, **changes: Any) -> ModelConfig:
    """Return the config with other keys, validated."""
    return ModelConfig.model_validate({**config.model_dump(), **changes})


def test_missing_texts_are_missing(orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """A blank, a question mark and a code are missing, in columns of text and of numbers; other blanks are faults."""
    columns = [column.model_dump() for column in orchard.features]
    columns[3] |= {"missing": (" ", "?", "-9"), "minimum": 0}
    columns[6] |= {"missing": ("?",)}
    config = with_keys(orchard, features=columns)
    frame = with_cells(trees, "slope", {0: " ", 1: "?", 2: -9, 3: "-9"})
    clean = validate(with_cells(frame, "soil", {0: "?"}), config)
    assert clean["slope"].iloc[:4].isna().all()
    assert clean["soil"].iloc[0] is None
    numbers = trees.assign(slope=[-9.0, *trees["slope"].iloc[1:]])
    assert np.isnan(validate(numbers, config)["slope"].iloc[0])
    (fault,) = faults(with_cells(trees, "height", {0: " "}), config)
    assert (fault.column, fault.examples[0].value) == ("height", "' '")


def test_bounds_can_be_exclusive(orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """The bound itself is a fault then, with a message about it."""
    columns = [column.model_dump() for column in orchard.features]
    columns[2] |= {"minimum": None, "exclusive_minimum": 0.5}
    (fault,) = faults(with_cells(trees, "height", {0: 0.5}), with_keys(orchard, features=columns))
    assert fault.expected == "a number above 0.5 and at most 20"


def test_identifiers_are_checked_and_never_given_to_the_pipeline(orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """Cells must match the pattern and exist if they are required; a file without the column is accepted."""
    config = with_keys(orchard, identifiers=[{"name": "tree", "pattern": "T[0-9]+"}])
    frame = trees.assign(tree=[f"T{row}" for row in range(len(trees))])
    assert "tree" not in validate(frame, config).columns
    assert "tree" not in validate(trees, config).columns
    (fault,) = faults(with_cells(frame, "tree", {0: "7", 1: None}), config)
    assert (fault.column, fault.count, [example.value for example in fault.examples]) == ("tree", 2, ["'7'", "missing"])
    plain = with_keys(orchard, identifiers=[{"name": "tree", "required": False}])
    numbers = trees.assign(tree=[math.nan, *range(1, len(trees))])
    assert len(validate(numbers, plain)) == len(trees)


def test_rows_with_different_identifiers_are_not_duplicates(orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """Duplicates are equal in every column, including columns that the model does not see."""
    repeated = pd.concat([trees, trees]).assign(tag=range(2 * len(trees)))
    assert len(validate(repeated, orchard)) == 2 * len(trees)


def test_constant_target_is_refused(orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """A model cannot learn from equal labels."""
    (fault,) = faults(trees.assign(apples=5.0), orchard)
    assert (fault.column, fault.expected) == ("apples", "labels that differ")


def test_column_without_any_value_is_refused(orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """A column without any value cannot be imputed."""
    (fault,) = faults(trees.assign(slope=np.nan), orchard)
    assert (fault.column, fault.expected) == ("slope", "at least one value")


@pytest.mark.parametrize("rows", [0, 1, 49])
def test_too_few_rows_are_refused(orchard: ModelConfig, trees: pd.DataFrame, rows: int) -> None:
    """The message has the number of rows."""
    reported = faults(trees.head(rows), orchard)
    assert (reported[0].column, reported[0].expected, reported[0].got) == (
        None,
        "at least 50 rows",
        f"there are {rows}",
    )


def test_all_faults_are_in_one_error(orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """One run reports all faults, and each cell has at most one."""
    frame = with_cells(trees, "height", {0: "abc", 1: 99.0, 2: None})
    frame = with_cells(frame, "sort", {3: "PEAR"}).drop(columns="age").assign(owner="me")
    frame = pd.concat([frame, frame.tail(1)])
    with pytest.raises(DataError) as error:
        validate(frame, orchard.model_copy(update={"duplicates": "refuse"}))
    assert [(fault.column, fault.count) for fault in error.value.faults] == [
        (None, 1),
        ("age", 1),
        ("height", 1),
        ("height", 1),
        ("height", 1),
        ("sort", 1),
        ("owner", 1),
    ]
    message = str(error.value)
    assert message.startswith("the data has 7 faults")
    assert "\n  height: expected a number; 1 value is not: 'abc' in row 1\n" in message
    assert (
        "\n  the table: expected no row twice, equal in every column; 1 row repeats an earlier one: row 201\n"
        in message
    )


def test_validation_does_not_change_its_input(orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """The caller's frame is not changed in place."""
    before = trees.copy()
    validate(trees, orchard)
    pd.testing.assert_frame_equal(trees, before)


def test_cells_alone_are_checked_without_a_config() -> None:
    """A few rows of some columns are checked for types and values only, not for size, duplicates and other columns."""
    frame = pd.DataFrame({"a": ["1", "x", "9"], "b": ["true", "true", "true"], "other": [1, 2, 3]})
    columns = (Feature(name="a", type="integer", maximum=5), Feature(name="b", type="boolean"))
    values, reported = check_cells(frame, columns)
    assert values["b"].tolist() == [1.0, 1.0, 1.0]
    assert [(fault.column, fault.count) for fault in reported] == [("a", 1), ("a", 1)]
    assert check_cells(frame[["b"]], columns[1:])[1] == []
