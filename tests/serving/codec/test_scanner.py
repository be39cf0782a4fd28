"""The scanner reads as far as it is asked to, and keeps little of what is long."""

from __future__ import annotations

import pytest

from serving.codec.scanner import CALL_BYTES, NESTED_TOKENS_LIMIT, Scanner
from serving.codec.slices import WorkMeter, run_steps
from serving.codec.tokens import CHUNK, JsonSyntaxError
from serving.codec.values import DEPTH_LIMIT, LongText, NestedValue, NestingError, NumberText, Value, show


def _value(body: bytes) -> Value:
    scanner = Scanner(body, WorkMeter(), text_limit=10)
    value = run_steps(scanner.value())
    if not isinstance(value, NestedValue) or value.complete:
        run_steps(scanner.end())
    return value


@pytest.mark.parametrize("length", [1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_tokens_may_be_longer_than_a_chunk(length: int) -> None:
    """White space, digits, fractions, exponents and texts of any length are read."""
    assert _value(b" " * length + b"1" + b"\n" * length) == 1
    assert _value(b"0." + b"3" * length) == float(f"0.{'3' * length}")
    assert _value(b"1e" + b"0" * length + b"2") == 100.0
    assert _value(b"-0.5e-" + b"0" * length + b"1") == -0.05
    text = _value(b'"' + b"a\\n" * length + b'"')
    assert isinstance(text, str)
    assert text.startswith("a\na\n"[: 2 * length])


def test_a_long_integer_keeps_its_beginning() -> None:
    """It is beyond float64, so that only a message needs it."""
    value = _value(b"-" + b"7" * 100_000)
    assert isinstance(value, NumberText)
    assert show(value) == "-" + "7" * 99 + "…"


def test_a_long_fraction_is_a_number_to_the_last_bit() -> None:
    """The digits far behind decide between two neighbours of float64."""
    half = "1.00000000000000011102230246251565404236316680908203125"
    assert _value(half.encode() + b"0" * 50_000) == 1.0
    assert _value(half.encode() + b"0" * 50_000 + b"1") == 1.0000000000000002
    assert show(_value(b"1" * 20_000 + b".5")) == "1" * 100 + "…"


def test_a_long_text_keeps_its_beginning() -> None:
    """What is longer than any name or category is kept as far as a message shows it."""
    value = _value(b'"' + "é\\ud83d\\ude00".encode() * 100_000 + b'"')
    assert isinstance(value, LongText)
    assert len(value) < 1_000
    assert show(value) == '"' + ("é😀" * 100)[:99] + "…"


def test_a_large_nested_value_is_not_read_to_its_end() -> None:
    """It is wrong whatever follows; the message says how many elements were seen."""
    body = b"[" + b"1," * CALL_BYTES
    value = _value(body)
    assert value == NestedValue(is_object=False, count=NESTED_TOKENS_LIMIT, complete=False)
    assert show(value) == f"an array of at least {NESTED_TOKENS_LIMIT} elements"


def test_nested_values_are_counted() -> None:
    """Elements and keys of the outermost level, also if one of them is long."""
    assert _value(b'[1, [2, 3], {"a": [4]}]') == NestedValue(is_object=False, count=3, complete=True)
    long = b'{"a": "' + b"x" * 2 * CALL_BYTES + b'", "b": {}, "b": []}'
    assert _value(long) == NestedValue(is_object=True, count=3, complete=True)


@pytest.mark.parametrize("padding", [b"", b" " * 2 * CALL_BYTES])
def test_nesting_has_a_limit(padding: bytes) -> None:
    """It is the same for short values, which are read in one call, and for long ones."""
    deepest = b"[" * DEPTH_LIMIT + padding + b"]" * DEPTH_LIMIT
    assert _value(deepest) == NestedValue(is_object=False, count=1, complete=True)
    with pytest.raises(NestingError):
        _value(b"[" + deepest + b"]")
    with pytest.raises(NestingError):
        _value(b'{"a":' * (DEPTH_LIMIT + 1) + b"1" + padding + b"}" * (DEPTH_LIMIT + 1))


@pytest.mark.parametrize(
    ("body", "message", "position"),
    [
        (b'{"\xc3\xa9": 1 "b": 2}', "Expecting ',' delimiter", 9),
        (b"[" + b"1," * 200 + b"]", "Expecting value", 401),
        (b'{"a": "' + b"x" * CALL_BYTES + b'" 1}', "Expecting ',' delimiter", 9 + CALL_BYTES),
    ],
)
def test_a_syntax_error_has_the_position_of_its_byte(body: bytes, message: str, position: int) -> None:
    """In one call or token by token."""
    with pytest.raises(JsonSyntaxError, match=message) as raised:
        _value(body)
    assert raised.value.position == position


@pytest.mark.parametrize("tail", [b".5", b"e5", b"e+5", b"E-5", b".5e+5"])
@pytest.mark.parametrize("missing", range(5))
def test_a_chunk_may_end_anywhere_in_a_number(tail: bytes, missing: int) -> None:
    """A fraction or an exponent that begins just before the end of a chunk belongs to the number."""
    is_complete = b"1" + b"0" * (CHUNK - 1 - missing) + tail
    assert isinstance(_value(is_complete), NumberText)
    if not tail.startswith(b"."):
        small = b"0." + b"0" * (CHUNK - 3 - missing) + b"1" + tail
        assert _value(small) == float(small)
