"""JSON of other protocols is read in slices, into the values that Python's parser reads."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.codec.slices import WorkMeter, run_steps
from serving.errors import InvalidError, MalformedError
from serving.protocols import json_reader
from serving.protocols.json_reader import DIRECT_BYTES, read_json
from tests.examples import examples


def read(body: bytes, values_limit: int = 10**6) -> Any:
    """Return the value of a body."""
    return run_steps(read_json(body, WorkMeter(), values_limit, 1_000))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda part: st.lists(part, max_size=4) | st.dictionaries(st.text(max_size=4), part, max_size=3),
    max_leaves=12,
)


@settings(max_examples=examples(200))
@given(VALUES, st.integers(1, 40), st.booleans())
def test_short_and_long_bodies_are_read_alike(value: Any, copies: int, ascii_only: bool) -> None:
    """Whatever the values are, reading in pieces gives the values of Python's parser."""
    body = json.dumps([value] * copies, ensure_ascii=ascii_only).encode("utf-8", "replace")
    expected = json.loads(body)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_reader, "DIRECT_BYTES", 0)
        assert read(body) == expected
    assert read(body) == expected


@pytest.mark.parametrize(
    "part", ["1.5, 2", '"a,],}\\", b"', "[1, [2, {}]]", '{"a": [1, "]"], "b": null}', "NaN", "1e5", "true"]
)
def test_long_lists_are_read_in_slices(part: str) -> None:
    """A long list is read whole, and other requests get their turn between its pieces."""
    n_parts = 2 * DIRECT_BYTES // len(part)
    body = f'{{"x": [{", ".join([part] * n_parts)}], "y": 1}}'.encode()
    steps = read_json(body, WorkMeter(), 10**6, 1_000)
    n_slices = 0
    try:
        while True:
            next(steps)
            n_slices += 1
    except StopIteration as stop:
        assert repr(stop.value) == repr(json.loads(body))
    assert n_slices > 2


def test_nan_is_a_float() -> None:
    """The words that Python writes for floats without a number are read."""
    assert math.isnan(read(b"[NaN]")[0])
    assert read(b"[Infinity, -Infinity]") == [math.inf, -math.inf]


@pytest.mark.parametrize(
    "body", [b"", b"[", b'{"a"', b"[1 2]", b"\xff", b"\xef\xbb\xbf1", b"[" * 5_000, b"nul", b"[1]]"]
)
@pytest.mark.parametrize("spaces", [0, DIRECT_BYTES])
def test_other_bodies_are_malformed(body: bytes, spaces: int) -> None:
    """A body that is not JSON in UTF-8 is an error of the client, in short and long bodies."""
    with pytest.raises(MalformedError):
        read(body + b" " * spaces)


def test_the_number_of_values_is_limited() -> None:
    """A long body of many small values is refused before it fills the memory."""
    with pytest.raises(InvalidError, match="more than 1000 values"):
        read(b"[" + b",".join([b"[]"] * DIRECT_BYTES) + b"]", values_limit=1_000)
    with pytest.raises(InvalidError, match="more than 1000 values"):
        read(b'{"":' * 200 + b"[" + b"1," * DIRECT_BYTES + b"1]" + b"}" * 200, values_limit=1_000)
