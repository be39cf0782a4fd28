"""Texts in packed rows: each has one number within this process, and statistics look at lengths."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from tabento.bundle.contract import Feature
from tabento.tables.texts import is_text_number, text_lengths, text_number, text_of, with_lengths


def test_a_text_and_its_number_are_each_others_inverse() -> None:
    """Equal texts have equal numbers, and different texts have different numbers."""
    texts = ["", "a", "A", "a\x00", "\u00e9", "e\u0301", "🍏"]
    numbers = [text_number(text) for text in texts]
    assert len(set(numbers)) == len(texts)
    assert [text_of(number) for number in numbers] == texts
    assert [text_number(text) for text in texts] == numbers
    assert text_of(math.nan) is None


@pytest.mark.parametrize("number", [-1.0, 0.5, 1e9, math.inf])
def test_another_number_is_no_text(number: float) -> None:
    """Nothing is read out of the table by accident."""
    text_number("a")
    assert not is_text_number(number)
    with pytest.raises(ValueError, match="pack rows with `to_rows`"):
        text_of(number)


def test_statistics_look_at_lengths() -> None:
    """Of a column of texts the number of characters, and nothing of other columns."""
    np.testing.assert_array_equal(text_lengths(["", "abc", None, "é🍏"]), [0, 3, np.nan, 2])
    frame = pd.DataFrame({"t": ["ab", ""], "x": [1.0, 2.0]})
    features = (Feature(name="t", type="text"), Feature(name="x", type="number"))
    assert with_lengths(frame, features).to_dict("list") == {"t": [2.0, 0.0], "x": [1.0, 2.0]}
    assert with_lengths(frame, features[1:]) is frame
