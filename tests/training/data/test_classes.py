"""Cells of a classification's target become places among its classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from training.config import ClassLabel, Target
from training.data.classes import allowed_in_words, class_indices


def target_of(*values: Any) -> Target:
    """A target whose classes are written so in the data; labels ascend."""
    classes = tuple(ClassLabel(value=value, label=f"{at}") for at, value in enumerate(values))
    return Target(name="y", classes=classes)


@pytest.mark.parametrize("cells", [[0, 1, 0], [0.0, 1.0, 0.0], ["0", "1", " 0.0 "], [0, "1.0", np.int64(0)]])
def test_numbers_are_matched_by_value(cells: list[Any]) -> None:
    """A file's types do not matter: 0, 0.0 and "0" are one class."""
    assert class_indices(pd.Series(cells), target_of(0, 1)).tolist() == [0.0, 1.0, 0.0]


def test_order_is_the_configs() -> None:
    """The place in the config counts, not the order of the values."""
    assert class_indices(pd.Series([7, 3, 7]), target_of(7, 3)).tolist() == [0.0, 1.0, 0.0]


def test_text_is_matched_letter_by_letter() -> None:
    """Blanks around it are left out; another case is another text."""
    found = class_indices(pd.Series(["no", " yes ", "Yes", "n o"]), target_of("no", "yes"))
    np.testing.assert_array_equal(found, [0.0, 1.0, np.nan, np.nan])


def test_text_that_looks_like_a_number_may_come_as_one() -> None:
    """A column of such text is read as numbers by whoever reads the file."""
    assert class_indices(pd.Series([1, 2]), target_of("1", "2")).tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    "cells", [[False, True], ["false", "TRUE"], [0, 1], ["0", "1"], [0.0, 1.0], [np.False_, " true "]]
)
def test_booleans_are_taken_in_four_spellings(cells: list[Any]) -> None:
    """True, false, 1 and 0 mean the same in every type."""
    assert class_indices(pd.Series(cells, dtype=object), target_of(False, True)).tolist() == [0.0, 1.0]


def test_boolean_is_no_number() -> None:
    """Classes that are written 0 and 1 are not met by true and false: somebody means something else."""
    assert np.isnan(class_indices(pd.Series([True, False]), target_of(0, 1))).all()


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_missing_cells_have_no_class(missing: Any) -> None:
    """However a missing cell is written."""
    found = class_indices(pd.Series([missing, "a"], dtype=object), target_of("a", "b"))
    np.testing.assert_array_equal(found, [np.nan, 0.0])


def test_other_things_have_no_class() -> None:
    """A number among text, text among numbers, and what is neither."""
    assert np.isnan(class_indices(pd.Series([3, "c", (1,)], dtype=object), target_of("a", "b"))).all()
    assert np.isnan(class_indices(pd.Series([2, "a", "1e", (0,)], dtype=object), target_of(0, 1))).all()


def test_words_list_what_is_allowed() -> None:
    """As the config writes it."""
    assert allowed_in_words(target_of(0, 1)) == "one of 0, 1 (`target.classes` in the config)"


def test_target_without_classes_is_refused() -> None:
    """A number has no class."""
    with pytest.raises(ValueError, match="a target with classes, got 'y' without"):
        class_indices(pd.Series([1.0]), Target(name="y"))
