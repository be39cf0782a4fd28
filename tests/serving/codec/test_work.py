"""The work of any body is bounded by its bytes, counted in units and in calls rather than in seconds."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.decode_cost.contracts import MAX_ROWS, narrow_contract, right_row, wide_contract
from benchmarks.decode_cost.grammar import Genome, mutate, random_genome, write_body
from benchmarks.decode_cost.named_bodies import named_bodies
from serving.codec.decode import Decoder
from serving.codec.identify import decoder_of
from serving.codec.slices import SLICE_UNITS, WorkMeter
from serving.errors import ServingError
from tests.examples import examples

CONTRACTS = {contract.name: contract for contract in (narrow_contract(), wide_contract())}
DECODERS = {name: Decoder(contract, MAX_ROWS) for name, contract in CONTRACTS.items()}
IGNORING = {name: decoder_of(contract, MAX_ROWS, ignore_unknown=True) for name, contract in CONTRACTS.items()}
UNITS_PER_BYTE = 20
UNITS_OF_ANY_BODY = 500_000
"""The work that a few bytes can cause: a hundred faults, some hundred tokens."""
LONGEST_SLICE_UNITS = 3 * SLICE_UNITS
CALLS_PER_UNIT = 1 / 10
CALLS_OF_A_SLICE = LONGEST_SLICE_UNITS * CALLS_PER_UNIT


@contextmanager
def _counted_calls() -> Iterator[list[int]]:
    """Count calls of functions, those in C included."""
    count = [0]

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        count[0] += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        yield count
    finally:
        sys.setprofile(before)


def _check(decoder: Decoder, body: bytes) -> None:
    """Decode a body the careful way, and compare its work with the bounds."""
    meter = WorkMeter()
    steps = decoder.careful.steps(body, meter)
    longest_units = most_calls = units_before = 0
    done = False
    while not done:
        with _counted_calls() as calls:
            try:
                next(steps)
            except (StopIteration, ServingError):
                done = True
        longest_units = max(longest_units, meter.units - units_before)
        most_calls = max(most_calls, calls[0])
        units_before = meter.units
    assert meter.units <= UNITS_OF_ANY_BODY + UNITS_PER_BYTE * len(body)
    # A number with a fraction is read in one call, which takes a fraction of a unit for each byte.
    assert longest_units <= LONGEST_SLICE_UNITS + len(body) // 8
    assert most_calls <= CALLS_OF_A_SLICE


@st.composite
def _genomes(draw: st.DrawFn) -> Genome:
    rng = Random(draw(st.integers(0, 2**32)))
    genome = random_genome(rng, draw(st.sampled_from([500, 4_096, 20_000, 100_000])))
    for _ in range(draw(st.integers(0, 3))):
        genome = mutate(genome, rng)
    return genome


@settings(max_examples=examples(300), deadline=None)
@given(st.sampled_from(sorted(CONTRACTS)), _genomes())
def test_the_work_of_a_body_is_bounded_by_its_bytes(name: str, genome: Genome) -> None:
    """Whatever is repeated in a body: units, units of a slice, and calls of a slice stay within their bounds."""
    _check(DECODERS[name], write_body(genome, CONTRACTS[name]))


@pytest.mark.parametrize("body_name", named_bodies(narrow_contract()))
def test_the_work_of_named_bodies_is_bounded(body_name: str) -> None:
    """So it is of the bodies that once stopped the service, at their full size."""
    _check(DECODERS["narrow"], named_bodies(CONTRACTS["narrow"])[body_name])


@settings(max_examples=examples(300), deadline=None)
@given(st.sampled_from(sorted(CONTRACTS)), _genomes())
def test_ignoring_fields_is_bounded_as_refusing_them_is(name: str, genome: Genome) -> None:
    """With ``unknown_fields: ignore`` the same bounds hold."""
    _check(IGNORING[name], write_body(genome, CONTRACTS[name]))


def _ignored_bodies() -> dict[str, bytes]:
    """Return bodies of right rows with fields that are ignored."""
    row = json.dumps(right_row(CONTRACTS["narrow"]))[:-1]
    repeated = "".join(f', "c{index}": {index}' for index in range(500))

    def rows(others_count: str, count: int) -> str:
        return '{"instances": [' + ", ".join([row + others_count + "}"] * count) + "]}"

    bodies = {
        "many columns": row + repeated + "}",
        "many rows with many columns": rows(repeated, 300),
        "many rows with a column more": rows(', "c": [{}]', 900),
        "a column again and again": row + ', "c": 1' * 300_000 + "}",
        "a long text": row + ', "c": "' + "x" * 2_000_000 + '"}',
        "a long list": row + ', "c": [' + "1," * 1_000_000 + "1]}",
        "nested lists in each row": rows(', "c": ' + "[" * 200 + "]" * 200, 900),
    }
    return {name: body.encode() for name, body in bodies.items()}


@pytest.mark.parametrize("body_name", [*_ignored_bodies()])
def test_the_work_of_ignored_columns_is_bounded(body_name: str) -> None:
    """So it is where a body consists of ignored fields."""
    _check(IGNORING["narrow"], _ignored_bodies()[body_name])


@pytest.mark.parametrize("body_name", named_bodies(narrow_contract()))
def test_the_work_of_named_bodies_is_bounded_if_fields_are_ignored(body_name: str) -> None:
    """Of the bodies that once stopped the service, too."""
    _check(IGNORING["narrow"], named_bodies(CONTRACTS["narrow"])[body_name])
