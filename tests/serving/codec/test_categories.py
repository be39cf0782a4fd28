"""Categories are found in any letter case that the contract allows, and in no other."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.codec.categories import CategoryTable
from tabento.bundle.contract import UNKNOWN_CATEGORY, Feature, LetterCase, change_case, encode_value

TRICKY = "iIıİsSſßẞkKKσΣςéÉǆǅǄµμΜﬁ\U00010428\U00010400 x"
"""Letters whose other case is another letter, several letters, or none that changes back."""


def _feature(case: LetterCase, unknown: str, texts: list[str]) -> Feature:
    categories = tuple(dict.fromkeys(change_case(text, case) for text in texts))
    changes: dict[str, Any] = {"categories": categories, "case": case, "unknown": unknown}
    return Feature(name="a", type="category", **changes)


@given(
    st.sampled_from(["exact", "upper", "lower"]),
    st.sampled_from(["refuse", "ignore"]),
    st.lists(st.text(TRICKY, max_size=3), min_size=1, max_size=4),
    st.text(TRICKY, max_size=4),
    st.sampled_from([str, str.upper, str.lower, str.title]),
)
def test_the_table_says_what_the_contract_says(
    case: LetterCase, unknown: str, texts: list[str], value: str, change: Any
) -> None:
    """A value gets the code of the category that the contract's normalisation makes of it, or that of an unknown one."""
    feature = _feature(case, unknown, texts)
    for text in (value, change(texts[0])):
        code = encode_value(feature, text)
        expected = None if code == UNKNOWN_CATEGORY and unknown == "refuse" else code
        assert CategoryTable(feature).code(text) == expected


@pytest.mark.parametrize("value", ["BOſKOOP", "boßkoop", "BOSKOOP ", "K" * 100_000])
def test_similar_letters_are_no_letter_case(value: str) -> None:
    """A long s is not an S, although Unicode's upper case makes it one; and a long text is not a category."""
    feature = Feature(name="a", type="category", categories=("BOSKOOP",), case="upper")
    assert CategoryTable(feature).code(value) is None
