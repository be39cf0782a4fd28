"""The careful way names every fault: row, field, what was expected, what came."""

from __future__ import annotations

import json
from typing import Any

import pytest

from serving.codec.slices import run_steps
from serving.decode import Decoder
from serving.errors import DETAILS_LIMIT, Detail, InvalidError, MalformedError, ServingError
from serving.rows import Rows
from tests.bundles import TREE, orchard_contract

DECODER = Decoder(orchard_contract(), max_rows=5)


def _decode(body: bytes) -> Rows:
    return run_steps(DECODER.careful.steps(body))


def _faults(body: bytes) -> list[Detail]:
    with pytest.raises(ServingError) as caught:
        _decode(body)
    return caught.value.details


def _tree(**changes: Any) -> bytes:
    return json.dumps({**TREE, **changes}).encode()


@pytest.mark.parametrize(
    ("body", "field", "expected", "got"),
    [
        (_tree(age="12"), "age", "an integer between 1 and 90", '"12"'),
        (_tree(age=True), "age", "an integer between 1 and 90", "true"),
        (_tree(age=12.5), "age", "an integer between 1 and 90", "12.5"),
        (_tree(age=91), "age", "an integer between 1 and 90", "91"),
        (_tree(age=None), "age", "an integer between 1 and 90", "null"),
        (_tree(age=[1, 2]), "age", "an integer", "an array of 2 elements"),
        (_tree(age={"a": 1}), "age", "an integer", "an object with 1 keys"),
        (_tree(age=2**53 + 1), "age", "an integer", "9007199254740993"),
        (_tree(slope=10**400), "slope", "a number", "1000"),
        (_tree(slope=-(2**53) - 1), "slope", "or null", "-9007199254740993"),
        (_tree(pruned=1), "pruned", "true or false", "1"),
        (_tree(pruned="true"), "pruned", "true or false", '"true"'),
        (_tree(sort="PEAR"), "sort", "one of 'BOSKOOP', 'COX', 'GLOSTER'", '"PEAR"'),
        (_tree(sort=3), "sort", "one of 'BOSKOOP'", "3"),
        (_tree(soil=False), "soil", "a string or null", "false"),
        (_tree(colour="red"), "colour", "no such field", '"red"'),
        (_tree(sort="x" * 300), "sort", "one of", "…"),
        (_tree(sort="\ud800"), "sort", "one of", "\\ud800"),
        (_tree(**{"\ud800": 1}), "\\ud800", "no such field", "1"),
        (_tree().replace(b"12", b"NaN", 1), "age", "an integer", "NaN"),
        (_tree().replace(b"12", b"-Infinity", 1), "age", "an integer", "-Infinity"),
        (_tree().replace(b"12", b"1e999", 1), "age", "an integer", "1e999"),
        (_tree().replace(b'"COX"', b"NaN", 1), "sort", "one of", "NaN"),
        (_tree()[:-1] + b', "age": 13}', "age", "the field once", "it again, with 13"),
    ],
)
def test_a_wrong_value_is_named(body: bytes, field: str, expected: str, got: str) -> None:
    """Each fault comes back with its row, its field, what was expected and what came."""
    (fault,) = _faults(body)
    assert fault.row == 0
    assert fault.field == field
    assert expected in fault.expected
    assert got in fault.got


def test_a_missing_field_is_named() -> None:
    """A field that is not there is told apart from one that is null."""
    (fault,) = _faults(json.dumps({key: value for key, value in TREE.items() if key != "height"}).encode())
    assert (fault.field, fault.got) == ("height", "nothing: the field is missing")


def test_all_faults_of_all_rows_come_at_once() -> None:
    """A client can mend a request in one go: each row's faults are listed with its index."""
    faults = _faults(json.dumps({"instances": [TREE, {**TREE, "age": 0, "sort": "x"}, 7]}).encode())
    assert [(fault.row, fault.field) for fault in faults] == [(1, "age"), (1, "sort"), (2, None)]


def test_a_flood_of_faults_ends_early() -> None:
    """Past the limit the rest is not searched: the answer stays small and the message says so."""
    body = json.dumps({"instances": [{f"k{index}": 1 for index in range(200)}] * 2}).encode()
    with pytest.raises(InvalidError, match="at least") as caught:
        _decode(body)
    assert len(json.loads(caught.value.body("id"))["error"]["details"]) == DETAILS_LIMIT


@pytest.mark.parametrize(
    ("body", "field", "got"),
    [
        (b"[]", None, "an array of 0 elements"),
        (b"3", None, "3"),
        (b'"text"', None, '"text"'),
        (b"null", None, "null"),
        (b'{"instances": []}', "instances", "an empty list"),
        (b'{"instances": {}}', "instances", "an object with 0 keys"),
        (b'{"instances": 1}', "instances", "1"),
        (b'{"instances": [1], "more": 2}', "more", "2"),
        (b'{"instances": [1], "instances": [2]}', "instances", "it 2 times"),
    ],
)
def test_a_wrong_frame_is_named(body: bytes, field: str | None, got: str) -> None:
    """What is wrong around the rows belongs to no row."""
    fault = _faults(body)[0]
    assert (fault.row, fault.field, fault.got) == (None, field, got)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b'{"age": 1', "is not JSON"),
        (b'{"age": 01}', "line 1, column 10"),
        (b'\xff{"age": 1}', "byte 0 is 0xff"),
        (b'{"a":' * 200_000, "nested too deeply"),
        (b"\xef\xbb\xbf{}", "begins with a byte order mark .* without"),
    ],
)
def test_what_is_not_json_is_malformed(body: bytes, message: str) -> None:
    """Bytes that are no JSON text in UTF-8 are told where they go wrong."""
    with pytest.raises(MalformedError, match=message):
        _decode(body)


def test_nesting_below_the_parsers_limit_is_a_wrong_value() -> None:
    """Two hundred levels are valid JSON, and no number."""
    (fault,) = _faults(_tree().replace(b"12", b"[" * 200 + b"]" * 200, 1))
    assert (fault.field, fault.got) == ("age", "an array of 1 elements")


def test_too_many_rows_are_refused() -> None:
    """More rows than the limit are refused with the limit, without reading the rest."""
    (fault,) = _faults(json.dumps({"instances": [TREE] * 6}).encode())
    assert (fault.field, fault.expected) == ("instances", "a list of 1 to 5 objects")
    assert fault.got == "a list of more than 5; send several requests"
