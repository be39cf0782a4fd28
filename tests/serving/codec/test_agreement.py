"""The decoder of the service says what a straightforward decoder says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.decode_cost.straightforward import decode_straightforward
from serving.codec import tokens
from serving.codec.slices import WorkMeter, run_steps
from serving.decode import Decoder
from serving.errors import ServingError
from serving.rows import Rows
from tests.serving.codec.strategies import CONTRACT, almost_right_bodies, token_texts

MAX_ROWS = 5
DECODER = Decoder(CONTRACT, MAX_ROWS)

Decode = Callable[[bytes], Rows]


def _carefully(body: bytes) -> Rows:
    return run_steps(DECODER.careful.steps(body, WorkMeter()))


def _straightforwardly(body: bytes) -> Rows:
    return decode_straightforward(body, CONTRACT, MAX_ROWS)


def _outcome(decode: Decode, body: bytes) -> Any:
    try:
        return decode(body)
    except ServingError as error:
        return error.status, error.message.partition(" The key '")[0], error.details


def _agree(outcome: Any, expected: Any) -> bool:
    """Tell whether two outcomes are the same. Of too many rows and another fault, either may be named."""
    too_many = "a list of more than 5; send several requests"
    return outcome == expected or any(too_many in str(each) for each in (outcome, expected))


_bodies = st.one_of(almost_right_bodies(), token_texts(), st.binary(max_size=40), st.text(max_size=40).map(str.encode))


@settings(max_examples=3000, deadline=None)
@given(_bodies)
@example(b'{"age": "\\')
@example(b'{"age": "\\u12')
@example(b'{"age": "\\ud800\\u12')
@example(b'\n\n "\xc3\xa9" x')
@example(b'[1,\n2,\n"\xc3\xa9" 3]')
def test_the_careful_way_says_what_a_straightforward_decoder_says(body: bytes) -> None:
    """The same rows to the bit, or the same status, message and details, the words of syntax errors included."""
    assert _agree(_outcome(_carefully, body), _outcome(_straightforwardly, body))


@settings(max_examples=1000, deadline=None)
@given(almost_right_bodies())
def test_the_plain_way_takes_only_what_a_straightforward_decoder_takes(body: bytes) -> None:
    """Whatever the plain way accepts, a straightforward decoder accepts as the same bytes."""
    rows = DECODER.decode_plain(body)
    if rows is not None:
        assert rows == _straightforwardly(body)


@settings(max_examples=500, deadline=None)
@given(_bodies, st.integers(6, 12))
def test_chunks_change_nothing(body: bytes, chunk: int) -> None:
    """Wherever a long token is cut into chunks, none shorter than an escape, the answer is the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokens, "CHUNK", chunk)
        patch.setattr("serving.codec.unicode._CHUNK", 4 + chunk)
        # Nothing is read in one call.
        patch.setattr(DECODER.careful, "call_bytes", 1)
        patch.setattr("serving.codec.scanner.CALL_BYTES", 1)
        assert _agree(_outcome(_carefully, body), _outcome(_straightforwardly, body))
