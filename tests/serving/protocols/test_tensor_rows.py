"""Tensors become the same rows as JSON, and are refused with the same details."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from serving.codec.decode import Decoder
from serving.codec.identify import decoder_of
from serving.codec.slices import WorkMeter, run_steps
from serving.errors import DETAILS_LIMIT, InvalidError, ServingError
from serving.protocols.tensor_rows import TensorDecoder, input_metadata
from serving.protocols.tensors import BYTES, DATATYPES, NUMBER_TYPES, OutputTensor, Tensor
from tabento.bundle.contract import Contract, Feature, Output
from tests.bundles import TAGGED_TREE, TREE, orchard_contract, tagged_contract
from tests.examples import examples
from tests.serving.codec.strategies import SCALARS

CONTRACT = orchard_contract()
DECODER = Decoder(CONTRACT, max_rows=5)
TENSORS = TensorDecoder(CONTRACT, DECODER.careful)
TYPES = {metadata.name: metadata.datatype for metadata in input_metadata(CONTRACT)}


def columns(rows: Sequence[dict[str, Any]], types: dict[str, str] | None = None) -> list[Tensor]:
    """Return one tensor of JSON data for each field of some rows."""
    datatypes = TYPES | (types or {})
    return [Tensor(name, datatypes.get(name, BYTES), (len(rows),), [row[name] for row in rows]) for name in rows[0]]


def binary(tensor: Tensor) -> Tensor:
    """Return the same tensor in the binary layout; null is NaN."""
    values = [math.nan if value is None else value for value in tensor.data]
    return Tensor(
        tensor.name,
        tensor.datatype,
        tensor.shape,
        OutputTensor(tensor.name, tensor.datatype, tensor.shape, values).binary(),
    )


def as_json(rows: Sequence[dict[str, Any]]) -> bytes:
    """Return the JSON request of some rows."""
    return json.dumps({"instances": list(rows)}).encode()


def refusal(tensors: Sequence[Tensor], decoder: TensorDecoder = TENSORS) -> InvalidError:
    """Return the error of tensors that are wrong."""
    with pytest.raises(InvalidError) as error_info:
        decoder.decode(tensors)
    return error_info.value


def test_one_tensor_for_each_feature_becomes_the_rows_of_json() -> None:
    """Numbers, booleans and texts arrive as the JSON route packs them, from JSON data and from the binary layout."""
    rows = [TREE, {**TREE, "age": 3, "slope": 1.5, "sort": "boskoop", "pruned": False, "soil": "moon dust"}]
    expected = DECODER.decode(as_json(rows))
    tensors = columns(rows)
    assert TENSORS.decode(tensors) == expected
    assert TENSORS.decode([binary(tensor) for tensor in reversed(tensors)]) == expected


def test_a_column_may_have_a_second_axis() -> None:
    """A tensor of shape [N, 1] has one value a row as well."""
    tensors = [Tensor(tensor.name, tensor.datatype, (1, 1), tensor.data) for tensor in columns([TREE])]
    assert TENSORS.decode(tensors) == DECODER.decode(as_json([TREE]))


def numbers_contract() -> Contract:
    """Return a contract of a number, an integer and a boolean."""
    features = (
        Feature(name="width", type="number", minimum=0, nullable=True),
        Feature(name="rooms", type="integer"),
        Feature(name="sold", type="boolean"),
    )
    return Contract(
        name="rooms",
        title="",
        description="",
        task="regression",
        features=features,
        output=Output(name="price"),
    )


NUMBERS = Decoder(numbers_contract(), max_rows=5)
PACKED = TensorDecoder(numbers_contract(), NUMBERS.careful)


@pytest.mark.parametrize("datatype", ["FP64", "FP32", "FP16", "INT8", "INT64", "UINT8", "UINT64"])
def test_a_packed_tensor_has_the_features_in_order(datatype: str) -> None:
    """A tensor of shape [N, F] under any name is read row after row, in JSON data and in the binary layout."""
    values = [2, 3, 1, 4, 5, 0]
    expected = NUMBERS.decode(
        as_json([{"width": 2, "rooms": 3, "sold": True}, {"width": 4, "rooms": 5, "sold": False}])
    )
    tensor = Tensor("input-0", datatype, (2, 3), values)
    assert PACKED.decode([tensor]) == expected
    assert PACKED.decode([binary(tensor)]) == expected


def test_nan_is_null() -> None:
    """NaN in a tensor of floats is a missing value if the feature may be null, and a fault if not."""
    content = np.array([math.nan, 3, 1]).tobytes()
    rows = PACKED.decode([Tensor("x", "FP64", (1, 3), content)])
    assert rows == NUMBERS.decode(as_json([{"width": None, "rooms": 3, "sold": True}]))
    error = refusal([Tensor("x", "FP64", (1, 3), np.array([1, math.nan, 1]).tobytes())], PACKED)
    assert [(detail.row, detail.field, detail.got) for detail in error.details] == [(0, "rooms", "NaN")]


def test_null_of_json_is_null() -> None:
    """A null in JSON data is a missing value, or is named as null."""
    rows = PACKED.decode([Tensor("x", "FP32", (1, 3), [None, 3, 1])])
    assert rows == NUMBERS.decode(as_json([{"width": None, "rooms": 3, "sold": True}]))
    error = refusal([Tensor("x", "INT8", (1, 3), [1, None, 1])], PACKED)
    assert [(detail.field, detail.got) for detail in error.details] == [("rooms", "null")]


def test_fp32_is_widened_exactly() -> None:
    """A float32 is the float64 of the same value, whether it was sent in four bytes or as the digits of JSON."""
    expected = NUMBERS.decode(as_json([{"width": float(np.float32(0.1)), "rooms": 3, "sold": True}]))
    tensor = Tensor("x", "FP32", (1, 3), [0.1, 3, 1])
    assert PACKED.decode([tensor]) == PACKED.decode([binary(tensor)]) == expected
    nullable = [Tensor("width", "FP32", (2,), [0.1, None]), *rest(2)]
    assert PACKED.decode(nullable).data[:24] == expected.data


def rest(n_rows: int) -> list[Tensor]:
    """Return the other two features of ``numbers_contract``."""
    return [
        Tensor("rooms", "INT64", (n_rows,), [3] * n_rows),
        Tensor("sold", "BOOL", (n_rows,), [True] * n_rows),
    ]


@pytest.mark.parametrize(
    ("datatype", "value", "expected", "got"),
    [
        ("INT8", 200, "an integer between -128 and 127 (INT8)", "200"),
        ("UINT8", -1, "an integer between 0 and 255 (UINT8)", "-1"),
        ("INT64", 2.5, "an integer between -9223372036854775808 and 9223372036854775807 (INT64)", "2.5"),
        ("INT64", 2**63, "an integer between -9223372036854775808 and 9223372036854775807 (INT64)", str(2**63)),
        ("INT32", True, "an integer between -2147483648 and 2147483647 (INT32)", "true"),
        ("FP32", 1e39, "a number of FP32", "1e+39"),
        ("FP32", 10**400, "a number of FP32", "1" + "0" * 99 + "…"),
        ("FP16", 70_000, "a number of FP16", "70000"),
        ("FP64", "3", "a number of FP64", '"3"'),
        ("FP64", [3], "a number of FP64", "an array of 1 elements"),
        ("BOOL", 1, "true or false (BOOL)", "1"),
        ("BYTES", 3, "a text in UTF-8 (BYTES)", "3"),
        ("BYTES", b"\xff", "a text in UTF-8 (BYTES)", '"\\\\xff"'),
    ],
)
def test_an_element_must_be_of_the_datatype(datatype: str, value: object, expected: str, got: str) -> None:
    """An element that the declared datatype does not have is named with its row and its feature."""
    good: object = {"BYTES": "1", "BOOL": True}.get(datatype, 1)
    error = refusal([Tensor("width", datatype, (2,), [good, value]), *rest(2)], PACKED)
    fault = error.details[0]
    assert (fault.row, fault.field, fault.expected, fault.got) == (1, "width", expected, got)


@pytest.mark.parametrize("value", [2**53 + 1, -(2**53) - 1, 2**63 - 1])
def test_an_integer_that_float64_does_not_have_is_refused(value: int) -> None:
    """An INT64 beyond 2^53 is refused with the details of the JSON route."""
    row = {"width": 1.0, "rooms": value, "sold": True}
    with pytest.raises(InvalidError) as error_info:
        NUMBERS.decode(as_json([row]))
    tensor = Tensor("rooms", "INT64", (1,), [value])
    for data in (tensor, binary(tensor), Tensor("rooms", "FP64", (1,), [value])):
        error = refusal([Tensor("width", "FP64", (1,), [1.0]), rest(1)[1], data], PACKED)
        assert error.details == error_info.value.details


@pytest.mark.parametrize(
    ("tensors", "field", "expected", "got"),
    [
        ([], None, "a tensor for each feature", "no tensor"),
        ([Tensor("x", "FP64", (2, 4), [1] * 8)], "x", "one tensor for each feature, or one of shape [N, 3]", "[2, 4]"),
        ([Tensor("x", "FP64", (3,), [1] * 3)], "x", "one tensor for each feature, or one of shape [N, 3]", "[3]"),
        ([Tensor("x", "FP64", (0, 3), [])], "x", "a tensor of 1 to 5 rows", "the shape [0, 3]"),
        ([Tensor("x", "FP64", (-1, 3), [])], "x", "a tensor of 1 to 5 rows", "the shape [-1, 3]"),
        ([Tensor("x", "FP64", (6, 3), [1] * 18)], "x", "a tensor of 1 to 5 rows", "[6, 3]; send several requests"),
        ([Tensor("x", "FP64", (10**30, 3), [])], "x", "a tensor of 1 to 5 rows", "the shape […, 3]; send"),
        ([Tensor("x", "FP128", (1, 3), [1] * 3)], "x", "one of the datatypes BOOL, INT8", '"FP128"'),
        ([Tensor("x", "FP64", (1, 3), [1] * 2)], "x", "3 elements for the shape [1, 3]", "2"),
        ([Tensor("x", "FP64", (1, 3), b"123")], "x", "24 bytes for 3 elements of FP64", "3 bytes"),
        ([Tensor("width", "FP64", (1,), [1])], "rooms", "an integer between", "nothing: there is no tensor"),
        ([Tensor("width", "FP64", (1, 2), [1, 1]), *rest(1)], "width", "a tensor of shape [N] or [N, 1]", "[1, 2]"),
        ([Tensor("width", "FP64", (), [1]), *rest(1)], "width", "a tensor of shape [N] or [N, 1]", "the shape []"),
        ([Tensor("width", "FP64", (1,) * 9, [1]), *rest(1)], "width", "a tensor of shape", "1, 1, …]"),
        ([Tensor("width", "FP64", (2,), [1, 2]), *rest(1)], "rooms", "2 rows as in the tensor before", "[1]"),
        ([*rest(1), *rest(1)], "rooms", "one tensor of this name", "another one"),
        ([Tensor("other", "FP64", (1,), [1]), *rest(1)], "other", "no such field; there are width, rooms", "[1]"),
        (
            [Tensor("width", "FP64", (1,), [1]), rest(1)[0], Tensor("sold", "BOOL", (1,), b"\x02")],
            "sold",
            "bytes of 0 and 1 for BOOL",
            "another byte",
        ),
    ],
)
def test_a_wrong_frame_is_named(tensors: list[Tensor], field: str | None, expected: str, got: str) -> None:
    """Wrong names, shapes, datatypes and sizes are faults of the request, not of a row."""
    fault = refusal(tensors, PACKED).details[0]
    assert (fault.row, fault.field) == (None, field)
    assert fault.expected.startswith(expected)
    assert got in fault.got


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\x01\x00\x00\x00a", "2 elements of BYTES"),
        (b"\x05\x00\x00\x00a", "an element of at most 1 bytes at index 0"),
        (b"\xff\xff\xff\xffa", "an element of at most 1 bytes at index 0"),
        (b"\x01\x00\x00\x00a" * 3, "2 elements of BYTES"),
    ],
)
def test_texts_of_wrong_lengths_are_refused(content: bytes, expected: str) -> None:
    """The lengths before the elements of BYTES must add up to the bytes of the tensor."""
    remaining = [tensor for tensor in columns([TREE, TREE]) if tensor.name != "sort"]
    fault = refusal([*remaining, Tensor("sort", BYTES, (2,), content)]).details[0]
    assert (fault.field, fault.expected) == ("sort", expected)


def test_a_packed_tensor_of_numbers_needs_numeric_features() -> None:
    """A category has no number that a client knows: the message says to send one tensor for each feature."""
    error = refusal([Tensor("x", "FP64", (1, len(TREE)), [1] * len(TREE))])
    assert error.details[0].expected == "one tensor for each feature, as 'sort' is a category"


def test_an_empty_text_is_null() -> None:
    """In BYTES, which have no other null, an empty text is null for a field that accepts null and no empty text."""
    contract = tagged_contract()
    decoder = decoder_of(contract, 5)
    tensors = TensorDecoder(contract, decoder.careful)
    row = {**TAGGED_TREE, "sort": None, "100% owner": None}
    request = columns([{key: "" if value is None else value for key, value in row.items()}], {"slope": "BYTES"})
    assert tensors.decode(request) == decoder.decode(as_json([row]))


def test_identifiers_are_tensors_as_well() -> None:
    """Identifiers follow the rows, from texts or integers; a required one must be there, beside a packed tensor too."""
    contract = tagged_contract()
    decoder = decoder_of(contract, 5)
    tensors = TensorDecoder(contract, decoder.careful)
    rows = [{**TAGGED_TREE, "100% owner": 7}, {**TAGGED_TREE, "tag": "T2", "100% owner": 8}]
    assert tensors.decode(columns(rows, {"100% owner": "INT64"})) == decoder.decode(as_json(rows))
    error = refusal(columns([TREE]), tensors)
    assert [(detail.field, detail.got) for detail in error.details] == [
        ("tag", "nothing: there is no tensor of this name")
    ]


def test_ignored_fields_are_ignored() -> None:
    """With the setting to ignore unknown fields, a tensor outside the contract is skipped."""
    decoder = TensorDecoder(CONTRACT, Decoder(CONTRACT, 5, ignore_unknown=True).careful)
    other = Tensor("other", "NONE", (7, 7), [])
    assert decoder.decode([*columns([TREE]), other]) == DECODER.decode(as_json([TREE]))


def test_an_answer_lists_a_limited_number_of_faults() -> None:
    """Reading stops when there are more faults than an answer lists."""
    decoder = TensorDecoder(CONTRACT, Decoder(CONTRACT, 1_000).careful)
    error = refusal(columns([{**TREE, "age": -5, "height": -1}] * 1_000), decoder)
    assert len(error.details) <= DETAILS_LIMIT + 2
    assert "at least" in error.message
    assert len(refusal([Tensor(f"x{index}", "FP64", (1,), [1]) for index in range(5_000)]).details) <= DETAILS_LIMIT + 2


def test_large_tensors_are_decoded_in_slices() -> None:
    """The decoder yields between slices, in the quick way and in the careful one."""
    decoder = TensorDecoder(CONTRACT, Decoder(CONTRACT, 50_000).careful)
    rows = [TREE] * 20_000
    tensors = columns(rows)
    assert sum(1 for _ in decoder.steps(tensors)) > 20
    with_unusual_value = [tensor for tensor in tensors if tensor.name != "pruned"]
    with_unusual_value.append(Tensor("pruned", BYTES, (len(rows),), ["yes"] * len(rows)))
    meter = WorkMeter()
    assert run_steps(decoder.steps(with_unusual_value, meter=meter)) == decoder.decode(tensors)
    assert meter.units > 1_000_000


def _datatype(values: Sequence[Any]) -> str:
    """Return a datatype that has all values, or a text that no datatype has."""
    types = {type(value) for value in values} - {type(None)}
    if types <= {str}:
        return BYTES
    if types == {bool}:
        return "BOOL"
    if types <= {int, float}:
        return (
            "INT64" if types == {int} and all(abs(value) < 2**63 for value in values if value is not None) else "FP64"
        )
    return ""


@st.composite
def almost_right_rows(draw: st.DrawFn, contract: Contract) -> list[dict[str, Any]]:
    """Draw rows in which little is wrong."""
    row = contract.with_identifiers({**TREE, "100% owner": 5} if contract.identifiers else TREE)
    rows = draw(st.lists(st.just(row), min_size=1, max_size=6))
    changed = []
    for one_row in rows:
        values = dict(one_row)
        for name in draw(st.lists(st.sampled_from(contract.field_names), max_size=2)):
            values[name] = draw(SCALARS)
        changed.append(values)
    return changed


def test_a_negative_zero_of_a_boolean_is_zero() -> None:
    """A boolean that is sent as -0.0 has the same bytes as in JSON, so that both give the same cached answer."""
    contract = orchard_contract()
    decoder = decoder_of(contract, 1)
    row = TREE | {"pruned": -0.0}
    tensors = [Tensor(name, _datatype([value]), (1,), [value]) for name, value in row.items()]
    assert TensorDecoder(contract, decoder.careful).decode(tensors) == decoder.decode(as_json([row]))


@pytest.mark.parametrize("contract", [orchard_contract(), tagged_contract()], ids=["orchard", "tagged"])
def test_tensors_and_json_agree(contract: Contract) -> None:
    """Whatever the values are, tensors and JSON give the same rows or the same details."""
    decoder = decoder_of(contract, 5)
    tensor_decoder = TensorDecoder(contract, decoder.careful)

    @settings(max_examples=examples(300))
    @given(almost_right_rows(contract), st.booleans())
    def agree(rows: list[dict[str, Any]], in_bytes: bool) -> None:
        assume(len(rows) <= 5)
        tensors = []
        for name in rows[0]:
            values = [row[name] for row in rows]
            datatype = _datatype(values)
            assume(datatype)
            tensor = Tensor(name, datatype, (len(rows),), values)
            # An identifier is repeated as it was sent, and a tensor of FP64 has no whole numbers.
            is_identifier = name not in contract.feature_names
            assume(not (is_identifier and datatype == "FP64" and any(isinstance(value, int) for value in values)))
            has_null = None in values and datatype != "FP64"
            texts = "".join(value for value in values if isinstance(value, str))
            assume(datatype != BYTES or "" not in values or name not in tensor_decoder.null_if_empty)
            assume(texts.encode("utf-8", "replace").decode() == texts)
            unusual = has_null or any(isinstance(value, int) and abs(value) >= 2**53 for value in values)
            tensors.append(binary(tensor) if in_bytes and not unusual else tensor)
        try:
            expected: object = decoder.decode(as_json(rows))
        except ServingError as error:
            expected = [(detail.row, detail.field, detail.expected) for detail in error.details]
        try:
            answer: object = tensor_decoder.decode(tensors)
        except ServingError as error:
            answer = [(detail.row, detail.field, detail.expected) for detail in error.details]
        assert answer == expected

    agree()


SHAPES = st.lists(st.integers(-2, 4) | st.integers(-(2**70), 2**70), max_size=3).map(tuple)
DATA = st.binary(max_size=80) | st.lists(SCALARS | st.binary(max_size=3) | st.floats(), max_size=8)
HOSTILE = st.builds(
    Tensor, st.sampled_from([*CONTRACT.field_names, "x"]), st.sampled_from([*DATATYPES, "", "fp64"]), SHAPES, DATA
)


@settings(max_examples=examples(300))
@given(st.lists(HOSTILE, max_size=8))
def test_hostile_tensors_are_refused_by_name(tensors: list[Tensor]) -> None:
    """Wrong shapes, sizes and elements are never anything else than an error of the client."""
    for decoder in (TENSORS, PACKED):
        try:
            rows = decoder.decode(tensors)
        except InvalidError as error:
            assert error.details
        else:
            assert len(rows.data) == 8 * rows.count * len(decoder.contract.features)


@settings(max_examples=examples(300))
@given(st.sampled_from(sorted(NUMBER_TYPES)), SHAPES, DATA)
def test_one_hostile_column_is_refused_by_name(datatype: str, shape: tuple[int, ...], data: bytes | list[Any]) -> None:
    """A wrong tensor among right ones is refused, or is right."""
    try:
        rows = PACKED.decode([Tensor("width", datatype, shape, data), *rest(1)])
    except InvalidError as error:
        assert error.details
    else:
        assert rows.count == 1
