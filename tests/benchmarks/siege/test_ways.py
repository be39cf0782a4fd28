"""The comparison of both ways finds none to differ, and would find it."""

from __future__ import annotations

from pathlib import Path

from benchmarks.siege.ways import compare, normalised
from serving.settings import ServingSettings
from tests.serving.http1.lines import application_of, serving


def test_both_ways_answer_mutated_requests_the_same(tmp_path: Path) -> None:
    """Whole and in pieces, with the fast path and without."""
    with (
        serving(application_of(tmp_path / "fast", ServingSettings(slo_p99_ms=60_000))) as fast,
        serving(application_of(tmp_path / "asgi", ServingSettings(slo_p99_ms=60_000, doorman=False))) as asgi,
    ):
        ports = [int(address.rpartition(":")[2]) for address in (fast, asgi)]
        comparison = compare(ports, 300, seed=5)
    assert comparison.requests == 300
    assert comparison.differences == []


def test_a_difference_is_found(tmp_path: Path) -> None:
    """Two services with another limit do not answer the same."""
    seen: list[int] = []
    with (
        serving(application_of(tmp_path / "one", ServingSettings(slo_p99_ms=60_000))) as one,
        serving(application_of(tmp_path / "two", ServingSettings(slo_p99_ms=60_000, max_rows=5))) as two,
    ):
        ports = [int(address.rpartition(":")[2]) for address in (one, two)]
        comparison = compare(ports, 60, seed=5, progress=seen.append)
    assert comparison.differences
    assert {"number", "sent", "answers"} == set(comparison.differences[0])


def test_only_what_cannot_be_the_same_is_left_out() -> None:
    """Dates and made ids; the caller's own ids and lengths stay."""
    made = b"HTTP/1.1 200 OK\r\ndate: now\r\nx-request-id: 0123456789abcdef-1f\r\ncontent-length: 7\r\n\r\n{}"
    assert normalised(made) == b"HTTP/1.1 200 OK\r\nx-request-id: made\r\n\r\n{}"
    own = b"HTTP/1.1 200 OK\r\nx-request-id: call-7\r\ncontent-length: 7\r\n\r\n{}"
    assert normalised(own) == own
