"""Cells of a classification's target become indices of its classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from training.config import ClassLabel, Target
from training.data.classes import accepted_classes, class_indices


def target_of(*values: Any) -> Target:
    """Return a target with these class values; labels ascend."""
    classes = tuple(ClassLabel(value=value, label=f"{index}") for index, value in enumerate(values))
    return Target(name="y", classes=classes)


@pytest.mark.parametrize("cells", [[0, 1, 0], [0.0, 1.0, 0.0], ["0", "1", " 0.0 "], [0, "1.0", np.int64(0)]])
def test_numbers_are_matched_by_value(cells: list[Any]) -> None:
    """The type in the file does not matter: 0, 0.0 and "0" are one class."""
    assert class_indices(pd.Series(cells), target_of(0, 1)).tolist() == [0.0, 1.0, 0.0]


def test_order_is_the_configs() -> None:
    """The index is the position in the config, not the order of the values."""
    assert class_indices(pd.Series([7, 3, 7]), target_of(7, 3)).tolist() == [0.0, 1.0, 0.0]


def test_text_is_matched_exactly() -> None:
    """Surrounding blanks are ignored; another case is another text."""
    indices = class_indices(pd.Series(["no", " yes ", "Yes", "n o"]), target_of("no", "yes"))
    np.testing.assert_array_equal(indices, [0.0, 1.0, np.nan, np.nan])


def test_text_that_looks_like_a_number_can_be_a_number() -> None:
    """The reader of a file converts a column of such text to numbers."""
    assert class_indices(pd.Series([1, 2]), target_of("1", "2")).tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    "cells", [[False, True], ["false", "TRUE"], [0, 1], ["0", "1"], [0.0, 1.0], [np.False_, " true "]]
)
def test_booleans_are_taken_in_four_spellings(cells: list[Any]) -> None:
    """True, false, 1 and 0 mean the same in every type."""
    assert class_indices(pd.Series(cells, dtype=object), target_of(False, True)).tolist() == [0.0, 1.0]


def test_boolean_is_not_a_number() -> None:
    """True and false do not match the classes 0 and 1, because they probably mean something else."""
    assert np.isnan(class_indices(pd.Series([True, False]), target_of(0, 1))).all()


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_missing_cells_have_no_class(missing: Any) -> None:
    """A missing cell has no class in any spelling."""
    indices = class_indices(pd.Series([missing, "a"], dtype=object), target_of("a", "b"))
    np.testing.assert_array_equal(indices, [np.nan, 0.0])


def test_other_values_have_no_class() -> None:
    """A number among text, text among numbers and other types have no class."""
    assert np.isnan(class_indices(pd.Series([3, "c", (1,)], dtype=object), target_of("a", "b"))).all()
    assert np.isnan(class_indices(pd.Series([2, "a", "1e", (0,)], dtype=object), target_of(0, 1))).all()


def test_description_lists_the_classes() -> None:
    """The description lists the classes as in the config."""
    assert accepted_classes(target_of(0, 1)) == "one of 0, 1 (`target.classes` in the config)"


def test_target_without_classes_is_refused() -> None:
    """A target of numbers has no classes."""
    with pytest.raises(ValueError, match="a target with classes, got 'y' without"):
        class_indices(pd.Series([1.0]), Target(name="y"))
