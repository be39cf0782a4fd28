"""The measurement covers the decoding up to its end or its error."""

from __future__ import annotations

from benchmarks.decode_cost.measure import Cost, measure_memory, measure_time
from serving.codec.rows import Rows
from serving.codec.slices import Steps
from serving.errors import MalformedError


def _allocating(body: bytes) -> Steps[Rows]:
    allocation = bytearray(1_000_000)
    yield
    del allocation
    return Rows(body, 1, True)


def _failing(body: bytes) -> Steps[Rows]:
    yield
    raise MalformedError("wrong")


def test_a_cost_is_measured_to_the_end_or_to_the_error() -> None:
    """The longest slice is a part of the whole."""
    for decode_steps in (_allocating, _failing):
        cost = measure_time(decode_steps, b"{}", repeats=3)
        assert cost.size == 2
        assert 0 <= cost.slice_s <= cost.seconds


def test_a_cost_is_told_for_each_byte() -> None:
    """In nanoseconds."""
    assert Cost(size=1_000, seconds=0.001, slice_s=0.001).ns_per_byte == 1_000


def test_memory_is_the_peak_beside_the_body() -> None:
    """Also if it is freed before the end."""
    assert 1_000_000 <= measure_memory(_allocating, b"{}") < 1_100_000
    assert measure_memory(_failing, b"{}") < 100_000
