"""One batch of the shadow: rows that the champion has answered, and the challenger's answers to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from runners.batch import Model
from runners.work import Values


class ShadowRequest(NamedTuple):
    """Rows of one request that the champion has answered."""

    data: bytes
    """The rows, packed by the champion's contract."""
    n_rows: int
    """The number of the rows."""
    values: Values
    """The champion's answers."""
    request_id: bytes
    latency_s: float
    """The seconds of the champion's answer."""
    batch_s: float
    """The seconds of the champion's batch in the model."""


@dataclass
class ShadowBatch:
    """Requests with the challenger's answers."""

    requests: list[ShadowRequest]
    data: list[bytes]
    """The rows of each request, packed by the challenger's contract."""
    answers: list[Values | None]
    """The challenger's answers to each request; None if it failed on one of its rows."""
    seconds: float
    """The time of the challenger's model."""
    rows: int
    """The number of rows."""
    champion_s: float | None = None
    """The time of the champion's model for the same rows, one after the other; None if it was not measured with this batch."""
    champion_first: bool = False
    """Whether the champion's model ran before the challenger's: the first of both finds colder caches."""


def run_requests(model: Model, data: Sequence[bytes], counts: Sequence[int]) -> list[Values | None]:
    """Return a model's answers to the rows of several requests; None for a request with a row on which it fails.

    A batch that fails is run again by halves.

    Args:
        model: the model.
        data: the packed rows of each request.
        counts: their numbers.
    """
    rows = sum(counts)
    try:
        values = model.run_bytes(b"".join(data), rows)
        if len(values) != rows:
            raise ValueError(f"{rows} rows went into the model, but it returned {len(values)} predictions")
    except Exception:
        if len(data) == 1:
            return [None]
        half = len(data) // 2
        return [*run_requests(model, data[:half], counts[:half]), *run_requests(model, data[half:], counts[half:])]
    answers: list[Values | None] = []
    start = 0
    for count in counts:
        answers.append(values[start : start + count])
        start += count
    return answers
