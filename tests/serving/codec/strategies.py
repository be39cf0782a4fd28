"""Hypothesis strategies for request bodies: almost right rows, cut and doubled texts, and loose JSON tokens."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from tabento.bundle.contract import Contract
from tests.bundles import TREE, orchard_contract

CONTRACT = orchard_contract()

SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**60), 2**60),
    st.integers(2**53 - 2, 2**53 + 2),
    st.integers(0, 100),
    st.floats(allow_nan=False, width=64),
    st.floats(0.5, 15),
    st.sampled_from(
        [
            *("COX", "cox", "Boskoop", "BO\u017fKOOP", "clay", "naïve", "", '"', "}", "a\\b", "\ud7ff", "\ud800"),
            *("?", "cox?", "COX?", "None", "loamy", "-999", "yes", "No", "1", "T12", "T12345", "é", "\x7f", "o" * 201),
        ]
    ),
    st.sampled_from([[], {}, [1, [2]], {"a": {"b": [3]}}]),
    st.sampled_from([0, 1.0, 15, 15.0, 5e-324, -999, -999.0, -0.0]),
)


def _keys(contract: Contract) -> st.SearchStrategy[str]:
    return st.sampled_from([*contract.field_names, "instances", "other", "inputs"])


@st.composite
def _almost_rows(draw: st.DrawFn, contract: Contract) -> dict[str, Any]:
    row: dict[str, Any] = contract.with_identifiers(TREE)
    for key in draw(st.lists(_keys(contract), max_size=3)):
        if draw(st.booleans()):
            row[key] = draw(SCALARS)
        else:
            row.pop(key, None)
    return row


@st.composite
def almost_right_bodies(draw: st.DrawFn, contract: Contract = CONTRACT) -> bytes:
    """Draw a body of rows in which little is wrong."""
    rows = draw(st.lists(_almost_rows(contract), max_size=6))
    content: Any = rows[0] if len(rows) == 1 and draw(st.booleans()) else {"instances": rows}
    text = json.dumps(content, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, None, 1])))
    if draw(st.booleans()):
        key = draw(_keys(contract))
        text = f'{text[:-1]}, "{key}": {json.dumps(draw(SCALARS))}}}'
    if draw(st.integers(0, 4)) == 0:
        cut = draw(st.integers(0, len(text)))
        piece = draw(
            st.sampled_from(["", "NaN", ",", "}", '"', "1e999", "[[[", "\\", "\\u12", "\n", "-", "0", "\x00", "é"])
        )
        text = text[:cut] + piece + text[cut + draw(st.integers(0, 2)) :]
    if draw(st.integers(0, 9)) == 0:
        text = text[: draw(st.integers(0, len(text)))]
    return text.encode("utf-8", "backslashreplace")


_tokens = st.sampled_from(
    [
        *(
            '"age"',
            '"instances"',
            '"COX"',
            '"a\\n"',
            '"\\ud83d\\ude00"',
            '"é\U0001f600"',
            '"\\x"',
            '"\\u00g0"',
            '"',
            "\\",
        ),
        *(
            "{",
            "}",
            "[",
            "]",
            ":",
            ",",
            '{"',
            '{"age":',
            '{"instances":[',
            "]}",
            "},{",
            " ",
            "\n",
            "\t",
            "\x01",
            "\ufeff",
        ),
        *("0", "-0", "12", "01", "1.", "1.5", "-", "1e5", "1E+", "-1e-2", "1e999", "9" * 30, "9" * 500),
        *("true", "false", "null", "nul", "NaN", "Infinity", "-Infinity", "-Inf"),
    ]
)


def token_texts() -> st.SearchStrategy[bytes]:
    """Draw tokens of JSON, in an order that seldom makes sense."""
    return st.lists(_tokens, max_size=12).map(lambda tokens: "".join(tokens).encode())
