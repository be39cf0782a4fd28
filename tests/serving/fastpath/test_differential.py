"""No request is framed otherwise than h11 frames it, over the vectors and a seeded corpus."""

from __future__ import annotations

from benchmarks.siege.service import BesiegedService
from tests.serving.fastpath.corpus import corpus
from tests.serving.fastpath.exchange import exchange
from tests.serving.fastpath.reference import Reading, disagreement, read_with_h11
from tests.serving.fastpath.vectors import VECTORS

SEED = 20
GROUPS = 1_000
LEAST_WHOLE = 300
"""So many requests of the corpus at least must be right, or the comparison says little."""


def _compare(port: int, data: bytes) -> tuple[Reading, str | None]:
    reading = read_with_h11(data)
    seen = exchange(port, data, half_close=True)
    return reading, disagreement(reading.requests, seen, is_complete=reading.is_complete)


def test_vectors_are_framed_as_h11_frames_them(besieged_service: BesiegedService) -> None:
    """Whatever both accept, both understand alike."""
    disagreements = {vector.name: _compare(besieged_service.port, vector.sent)[1] for vector in VECTORS}
    assert {name: text for name, text in disagreements.items() if text} == {}


def test_a_seeded_corpus_is_framed_as_h11_frames_it(besieged_service: BesiegedService) -> None:
    """Pieces that nobody put together by hand are understood alike too."""
    total, disagreements = 0, {}
    for data in corpus(SEED, GROUPS):
        reading, text = _compare(besieged_service.port, data)
        total += len(reading.requests)
        if text:
            disagreements[data] = text
    assert disagreements == {}
    assert total >= LEAST_WHOLE
