"""The decoder of the service says what a straightforward decoder says."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.decode_cost.straightforward import decode_straightforward
from serving.codec import tokens
from serving.codec.decode import Decoder
from serving.codec.identify import decoder_of
from serving.codec.rows import Rows
from serving.codec.slices import WorkMeter, run_steps
from serving.errors import ServingError
from tests.bundles import TAGGED_TREE, tagged_contract
from tests.examples import examples
from tests.serving.codec.strategies import CONTRACT, almost_right_bodies, token_texts

MAX_ROWS = 5
DECODER = Decoder(CONTRACT, MAX_ROWS)
TAGGED = tagged_contract()
TAGGED_DECODERS = {ignore: decoder_of(TAGGED, MAX_ROWS, ignore) for ignore in (False, True)}
IGNORING = decoder_of(CONTRACT, MAX_ROWS, ignore_unknown=True)

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
    return outcome == expected or any(too_many in str(rejected_body) for rejected_body in (outcome, expected))


_bodies = st.one_of(almost_right_bodies(), token_texts(), st.binary(max_size=40), st.text(max_size=40).map(str.encode))


@settings(max_examples=examples(3000), deadline=None)
@given(_bodies)
@example(b'{"age": "\\')
@example(b'{"age": "\\u12')
@example(b'{"age": "\\ud800\\u12')
@example(b'\n\n "\xc3\xa9" x')
@example(b'[1,\n2,\n"\xc3\xa9" 3]')
def test_the_careful_way_says_what_a_straightforward_decoder_says(body: bytes) -> None:
    """The same rows to the bit, or the same status, message and details, the words of syntax errors included."""
    assert _agree(_outcome(_carefully, body), _outcome(_straightforwardly, body))


@settings(max_examples=examples(1000), deadline=None)
@given(almost_right_bodies())
def test_the_plain_way_takes_only_what_a_straightforward_decoder_takes(body: bytes) -> None:
    """Whatever the plain way accepts, a straightforward decoder accepts as the same bytes."""
    rows = DECODER.decode_plain(body)
    if rows is not None:
        assert rows == _straightforwardly(body)


@settings(max_examples=examples(500), deadline=None)
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


@settings(max_examples=examples(1500), deadline=None)
@given(almost_right_bodies(TAGGED), st.booleans())
@example(json.dumps(TAGGED_TREE | {"100% owner": 2**53 - 1, "slope": -999.0}).encode(), False)
@example(json.dumps(TAGGED_TREE | {"100% owner": 12.0}).encode(), False)
@example(json.dumps(TAGGED_TREE | {"100% owner": True, "pruned": "OFF"}).encode(), False)
@example(json.dumps(TAGGED_TREE | {"other": {"a": [1, {"b": 2}]}, "age": 0}).encode(), True)
def test_all_ways_agree_on_a_contract_with_identifiers(body: bytes, ignore: bool) -> None:
    """Identifiers, exclusive bounds, missing texts and ignored fields: the same rows and identifiers, or the same faults."""
    decoder = TAGGED_DECODERS[ignore]
    expected = _outcome(lambda data: decode_straightforward(data, TAGGED, MAX_ROWS, ignore), body)
    assert _agree(_outcome(lambda data: run_steps(decoder.careful.steps(data, WorkMeter())), body), expected)
    plain = decoder.decode_plain(body)
    assert plain is None or plain == expected


@settings(max_examples=examples(500), deadline=None)
@given(_bodies, st.integers(6, 12))
def test_ignored_fields_change_nothing_else(body: bytes, chunk: int) -> None:
    """With ``unknown_fields: ignore`` a row is answered as without its other fields, however it is cut into chunks."""
    expected = _outcome(lambda data: decode_straightforward(data, CONTRACT, MAX_ROWS, ignore_unknown=True), body)
    assert _agree(_outcome(IGNORING.decode, body), expected)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokens, "CHUNK", chunk)
        patch.setattr(IGNORING.careful, "call_bytes", 1)
        patch.setattr("serving.codec.scanner.CALL_BYTES", 1)
        assert _agree(_outcome(lambda data: run_steps(IGNORING.careful.steps(data, WorkMeter())), body), expected)
