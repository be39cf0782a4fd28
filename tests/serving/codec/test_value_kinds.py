"""Each refused value has one kind."""

from __future__ import annotations

import json
from typing import Any

import pytest

from serving.codec.decode import Decoder
from serving.errors import InvalidError
from tabento.bundle.contract import Contract, Feature, Output
from tests.bundles import TREE, orchard_contract

DECODER = Decoder(orchard_contract(), 3)
RIDE = Contract(
    name="ride",
    title="",
    description="",
    task="regression",
    features=(Feature(name="at", type="timestamp", minimum="2020-01-01"),),
    output=Output(name="minutes"),
)


@pytest.mark.parametrize(
    ("field", "text", "kind"),
    [
        ("age", "null", "null"),
        ("age", "0", "out_of_range"),
        ("age", "1e999", "out_of_range"),
        ("age", "9" * 400, "out_of_range"),
        ("age", "9" * 500, "out_of_range"),
        ("age", "NaN", "other"),
        ("age", "12.5", "other"),
        ("age", '"12"', "other"),
        ("age", "true", "other"),
        ("age", "[1]", "other"),
        ("sort", '"moon"', "unknown_category"),
        ("sort", json.dumps("x" * 100_000), "unknown_category"),
        ("sort", "null", "null"),
        ("sort", "3", "other"),
        ("sort", "NaN", "other"),
        ("pruned", '"perhaps"', "other"),
    ],
)
def test_a_refused_value_has_a_kind(field: str, text: str, kind: str) -> None:
    """The kind follows from the value and the type of its feature."""
    body = json.dumps({**TREE, field: "?"}).replace('"?"', text)
    with pytest.raises(InvalidError) as error_info:
        DECODER.decode(body.encode())
    assert error_info.value.kinds == {(field, kind): 1}


@pytest.mark.parametrize(("value", "kind"), [("1999-01-01", "out_of_range"), ("soon", "other"), (3, "other")])
def test_a_refused_timestamp_has_a_kind(value: Any, kind: str) -> None:
    """A date before the range is out of range; other texts and numbers are not timestamps."""
    with pytest.raises(InvalidError) as error_info:
        Decoder(RIDE, 1).decode(json.dumps({"at": value}).encode())
    assert error_info.value.kinds == {("at", kind): 1}


def test_missing_repeated_and_unknown_fields_are_told_apart() -> None:
    """A required field that is not sent counts as null, a repeated one as other, and an unknown one not at all."""
    body = json.dumps({key: value for key, value in TREE.items() if key != "age"})
    with pytest.raises(InvalidError) as error_info:
        DECODER.decode(f'{body[:-1]}, "height": 1, "moon": 1}}'.encode())
    assert error_info.value.kinds == {("age", "null"): 1, ("height", "other"): 1}
