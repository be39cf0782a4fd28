"""The careful decoder names every fault: the row, the field, the expected and the actual value."""

from __future__ import annotations

import json
from typing import Any

import pytest

from serving.codec.decode import PLAIN_BYTES, Decoder
from serving.codec.identify import decoder_of
from serving.codec.rows import Rows
from serving.codec.slices import run_steps
from serving.errors import DETAILS_LIMIT, Detail, InvalidError, MalformedError, ServingError
from tabento.bundle.contract import Contract, Feature, Output
from tests.bundles import TAGGED_TREE, TREE, orchard_contract, tagged_contract

DECODER = Decoder(orchard_contract(), max_rows=5)


def _decode(body: bytes) -> Rows:
    return run_steps(DECODER.careful.steps(body))


def _faults(body: bytes) -> list[Detail]:
    with pytest.raises(ServingError) as raised:
        _decode(body)
    return raised.value.details


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
        (_tree(pruned=2), "pruned", "true or false", "2"),
        (_tree(pruned="oui"), "pruned", "true or false", '"oui"'),
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
    """Each fault has its row, its field, the expected and the actual value."""
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
    with pytest.raises(InvalidError, match="at least") as raised:
        _decode(body)
    assert len(json.loads(raised.value.body("id"))["error"]["details"]) == DETAILS_LIMIT


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
    """A fault outside the rows has no row."""
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
    """The error for bytes that are not JSON in UTF-8 names the position."""
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


@pytest.mark.parametrize("bad", [0, 1, 499, 1_234, 1_999])
def test_a_bad_row_among_many_is_named_by_its_index(bad: int) -> None:
    """Rows are decoded many at a time; of those around the bad one none is skipped or counted twice."""
    rows = [{**TREE, "age": 1 + index % 90} for index in range(2_000)]
    decoder = Decoder(orchard_contract(), max_rows=2_000)
    right = run_steps(decoder.careful.steps(json.dumps({"instances": rows}).encode()))
    assert (right.count, right.single) == (2_000, False)
    assert right.data == b"".join(decoder.decode(json.dumps(row).encode()).data for row in rows)
    rows[bad]["age"] = 91
    with pytest.raises(InvalidError, match="1 value is wrong") as raised:
        decoder.decode(json.dumps({"instances": rows}).encode())
    assert [(detail.row, detail.field) for detail in raised.value.details] == [(bad, "age")]


def test_a_body_beyond_the_plain_limit_is_decoded_to_the_same_bytes() -> None:
    """In slices, white space and unusual rows included."""
    rows = [{**TREE, "soil": "}]" if index % 50 == 0 else "clay"} for index in range(3_000)]
    decoder = Decoder(orchard_contract(), max_rows=3_000)
    body = json.dumps({"instances": rows}, indent=1).encode()
    assert len(body) > PLAIN_BYTES
    assert decoder.decode_plain(body) is None
    assert sum(1 for _ in decoder.decode_steps(body)) > 5
    assert decoder.decode(body).data == b"".join(decoder.decode(json.dumps(row).encode()).data for row in rows)


def test_the_rest_of_a_body_is_not_read_after_a_hundred_faults() -> None:
    """What is behind them may even not be JSON."""
    rows = ", ".join([json.dumps({**TREE, "age": 0})] * 101)
    decoder = Decoder(orchard_contract(), max_rows=1_000)
    with pytest.raises(InvalidError, match="at least 101 values are wrong"):
        decoder.decode(f'{{"instances": [{rows}, {"x" * 100_000}'.encode())


@pytest.mark.parametrize("member", ['"k": 1', '"instances": 1', '"age": 1', '"instances": []'])
def test_too_many_members_are_refused_at_once(member: str) -> None:
    """An object with a hundred members more than there are fields is not read to its end, which is missing here."""
    with pytest.raises(InvalidError, match="at least") as raised:
        _decode(f"{{{', '.join([member] * 100_000)}".encode())
    assert len(raised.value.details) <= DETAILS_LIMIT + 1


def test_the_names_of_the_features_are_listed_once() -> None:
    """The first unknown field brings them, so that an answer stays small."""
    first, second = _faults(_tree(colour=1, shape=2))
    assert first.expected.startswith("no such field; there are age, crown width,")
    assert second.expected == "no such field"


@pytest.mark.parametrize("key", ["dataframe_split", "dataframe_records", "inputs", "data"])
def test_the_format_of_another_server_gets_a_hint(key: str) -> None:
    """Who sends what MLflow or the Open Inference Protocol take is told how rows are written here."""
    body = json.dumps({key: {"columns": ["age"], "data": [[1]] * 5_000}}).encode()
    with pytest.raises(InvalidError, match=f"The key '{key}' is the format|The key '{key}' is MLflow's") as raised:
        _decode(body)
    assert raised.value.message.endswith('{"instances": [{…}, {…}]} with one object for each row.')


def test_a_feature_may_be_called_as_in_another_format() -> None:
    """A feature with the name of a key of another format gives no hint."""
    feature = Feature(name="data", type="number", maximum=1)
    contract = Contract(
        name="m", title="", description="", task="regression", features=(feature,), output=Output(name="y")
    )
    with pytest.raises(InvalidError, match=r"got 2\.$"):
        Decoder(contract, max_rows=1).decode(b'{"data": 2}')


def _ignoring(**changes: Any) -> Rows:
    decoder = decoder_of(tagged_contract(), max_rows=3, ignore_unknown=True)
    return decoder.decode(json.dumps({**TAGGED_TREE, **changes}).encode())


def test_other_fields_are_ignored_if_the_setting_says_so() -> None:
    """A row of one's own table is answered as the row without its other columns, whatever they hold."""
    assert _ignoring(colour="red", data=[{}], inputs={"a": [1, [2]]}, note="x" * 10_000) == _ignoring()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {f"c{index}": index for index in range(1_001)},
            "row 0: expected at most 1000 fields that are ignored, got more",
        ),
        (
            {f"c{index:099d}": index for index in range(3_000)},
            "expected at most 1000 fields that are ignored, got more",
        ),
        (
            {"note": [[1, 2, 3, 4, 5]] * 2_000},
            "'note' of row 0: expected a short value, as the field is ignored, got an",
        ),
        ({"data": 1, "age": "old"}, "'age' of row 0: expected an integer"),
    ],
)
def test_ignoring_has_its_limits(changes: dict[str, Any], message: str) -> None:
    """Thousands of columns and large nested values are refused, as reading them has a cost."""
    with pytest.raises(ServingError) as raised:
        _ignoring(**changes)
    assert message in raised.value.message
    assert "MLflow" not in raised.value.message


def test_a_foreign_format_is_still_explained() -> None:
    """A body with none of the contract's fields is no row of one's own table."""
    with pytest.raises(ServingError, match="MLflow's format"):
        decoder_of(tagged_contract(), 1, ignore_unknown=True).decode(b'{"dataframe_split": {}}')


def test_fields_beside_the_rows_are_never_ignored() -> None:
    """Another key next to ``instances`` is not a field of a row."""
    body = json.dumps({"instances": [TAGGED_TREE], "other": 1}).encode()
    with pytest.raises(ServingError, match="only 'instances' beside it"):
        decoder_of(tagged_contract(), 1, ignore_unknown=True).decode(body)


@pytest.mark.parametrize(
    ("tag", "got"),
    [
        ("t12", '"t12"'),
        ("T12\n", '"T12\\n"'),
        (12, "12"),
        (None, "null"),
        (["T12"], "an array of 1 elements"),
        ("\ud800", "\\ud8"),
    ],
)
def test_a_wrong_identifier_is_named(tag: object, got: str) -> None:
    """The message quotes the pattern and what came."""
    with pytest.raises(ServingError, match=r"'tag' of row 0: expected .* fits T.* as a whole, got ") as raised:
        _ignoring(tag=tag)
    assert got in raised.value.message


def test_a_missing_identifier_is_named() -> None:
    """One that is required has to be there; another is answered as null."""
    decoder = decoder_of(tagged_contract(), 1)
    with pytest.raises(ServingError, match=r"'tag' of row 0: .* got nothing: the field is missing"):
        decoder.decode(json.dumps(TREE).encode())
    assert decoder.decode(json.dumps(TAGGED_TREE).encode()).identifiers == b'{"tag":"T12","100% owner":null}'
