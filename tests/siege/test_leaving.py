"""If clients leave, reset, half-close or pipeline, every other request is answered, and no request stays in flight."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.siege.rows import batch_body, prediction
from benchmarks.siege.service import BesiegedService
from benchmarks.siege.wire import Wire, prediction_request, request
from tests.examples import examples
from tests.siege.skirmish import HUNG_S, settles

EXAMPLES = 30
ROWS = 60
"""Of a request of many rows."""


@dataclass(frozen=True)
class Visit:
    """The behaviour of one connection."""

    batches: tuple[bool, ...]
    """For each of its requests, whether it has many rows."""
    chunks: int | None
    """The size of the chunks of bodies with many rows; None for Content-Length."""
    segments: int
    """The number of pieces of the requests."""
    end: str
    """``read``: all answers are read. ``half``: after a half-close. ``reset`` and ``close``: after ``answers`` answers."""
    answers: int


VISITS = st.lists(
    st.builds(
        Visit,
        batches=st.lists(st.booleans(), min_size=1, max_size=4).map(tuple),
        chunks=st.sampled_from((None, None, 64, 500)),
        segments=st.sampled_from((1, 1, 2, 7)),
        end=st.sampled_from(("read", "half", "reset", "close")),
        answers=st.integers(0, 3),
    ),
    min_size=1,
    max_size=6,
)


async def _visit(port: int, index: int, visit: Visit) -> None:
    """Act as planned; a connection that reads its answers checks each.

    Raises:
        AssertionError: an answer belongs to another request.
        TimeoutError, OSError, WireError: an answer did not arrive.
    """
    expected: list[tuple[str, float | list[float]]] = []
    data = b""
    for place, batch in enumerate(visit.batches):
        number, request_id = index * 100_000 + place * 1_000, f"visit-{index}-{place}"
        if batch:
            numbers = range(number, number + ROWS)
            data += request(batch_body(numbers), request_id=request_id, chunks=visit.chunks)
            expected.append((request_id, [prediction(number) for number in numbers]))
        else:
            data += prediction_request(number, request_id)
            expected.append((request_id, prediction(number)))
    with await Wire.open(port) as wire:
        size = -(-len(data) // visit.segments)
        for start in range(0, len(data), size):
            await wire.send(data[start : start + size])
            await asyncio.sleep(0)
        if visit.end == "half":
            wire.half_close()
        reads_all = visit.end in ("read", "half")
        for request_id, predictions in expected if reads_all else expected[: visit.answers]:
            async with asyncio.timeout(HUNG_S):
                answer = await wire.answer()
            assert answer.matches(request_id, predictions), answer
        if visit.end == "reset":
            wire.reset()


async def _all(port: int, visits: list[Visit]) -> None:
    await asyncio.gather(*(_visit(port, index, visit) for index, visit in enumerate(visits)))


@given(visits=VISITS)
@settings(max_examples=examples(EXAMPLES), deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_clients_that_stay_are_answered(besieged_service: BesiegedService, visits: list[Visit]) -> None:
    """Connections that read get each answer, in order and their own, regardless of the other connections; then no request is in flight."""
    asyncio.run(_all(besieged_service.port, visits))
    settles(besieged_service)
