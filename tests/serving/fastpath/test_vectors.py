"""Every vector is framed, answered or refused as RFC 9110 and RFC 9112 say, whole and in two pieces."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from benchmarks.siege.service import BesiegedService
from tests.serving.fastpath.exchange import exchange, halves
from tests.serving.fastpath.judge import fault
from tests.serving.fastpath.vectors import VECTORS
from tests.serving.fastpath.vectors.vector import Vector

MINIMUM = 300


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_a_vector_is_read_as_the_standard_says(besieged_service: BesiegedService, vector: Vector) -> None:
    """Right requests are answered in order; wrong ones are refused, and nothing behind them is answered."""
    seen = exchange(besieged_service.port, vector.sent, half_close=vector.cut)
    assert fault(vector, seen) is None, vector.source


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_a_vector_in_pieces_is_read_the_same(besieged_service: BesiegedService, vector: Vector) -> None:
    """Where the network cuts a request says nothing about it."""
    places = random.Random(vector.name).sample(range(1, max(len(vector.sent), 4)), 3)
    seen = exchange(besieged_service.port, *halves(vector.sent, places), half_close=vector.cut)
    assert fault(vector, seen) is None, f"{vector.source}, cut at {places}"


def test_the_vectors_are_many_and_distinct() -> None:
    """There are at least 300, each with a name of its own, and each says what is right."""
    assert len(VECTORS) >= MINIMUM
    assert [name for name, count in Counter(vector.name for vector in VECTORS).items() if count > 1] == []
    assert all(vector.framed is not None or vector.refused for vector in VECTORS)
