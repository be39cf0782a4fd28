"""Identifiers: which values they take, and how they are described."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import ValidationError

from tabento.bundle.identifier import Identifier


@pytest.mark.parametrize(
    ("pattern", "required", "right", "wrong"),
    [
        (
            None,
            True,
            ["USR1", "é 1", "a" * 200, 0, 1 - 2**53, 12.0],
            ["", "a" * 201, "a\nb", "\ud800", 2**53, 2.0**53, 0.5, math.nan, None],
        ),
        (None, False, [None, "USR1", 1], [0.5, True, math.inf, [], {}]),
        (r"USR\d+", True, ["USR1"], ["usr1", 1, "USR1\n", None]),
        (r"\d{1,3}", True, ["12"], [12, "1234", "x"]),
    ],
)
def test_an_identifier_takes_texts_and_integers_that_fit(
    pattern: str | None, required: bool, right: list[Any], wrong: list[Any]
) -> None:
    """An identifier accepts texts and exact integers, only texts if it has a pattern, and null only if it is optional."""
    check = Identifier(name="user_id", pattern=pattern, required=required).check()
    assert [value for value in right + wrong if check(value)] == right


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"pattern": "(?=a)"}, "no look-around"),
        ({"pattern": ""}, "fits no text of 1 to 200 characters; a text of 0 was found"),
        ({"pattern": "a{201}"}, "a text of 201 was found"),
        ({"name": 'a"b'}, "pattern"),
        ({"type": "number"}, "Extra inputs"),
    ],
)
def test_an_impossible_identifier_is_refused(fault: dict[str, Any], message: str) -> None:
    """An unusable pattern is an error when the config is read, before any request."""
    with pytest.raises(ValidationError, match=message):
        Identifier(**{"name": "user_id", **fault})


def test_an_identifier_says_what_it_takes() -> None:
    """Error messages can quote the pattern."""
    assert "that fits USR[0-9]+ as a whole" in Identifier(name="u", pattern="USR[0-9]+").expected()
    assert Identifier(name="u", required=False).expected().endswith("an integer, or null")
