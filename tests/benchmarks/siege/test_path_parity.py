"""The comparison finds no difference between the fast path and ASGI, and finds one between different services."""

from __future__ import annotations

from pathlib import Path

from benchmarks.siege.path_parity import compare, normalise
from serving.settings import ServingSettings
from tests.serving.fastpath.raw_client import application_of, serving


def test_both_paths_answer_mutated_requests_the_same(tmp_path: Path) -> None:
    """The fast path and ASGI have the same answers to requests, whole and in pieces."""
    with (
        serving(application_of(tmp_path / "fast", ServingSettings(slo_p99_ms=60_000))) as fast,
        serving(application_of(tmp_path / "asgi", ServingSettings(slo_p99_ms=60_000, doorman=False))) as asgi,
    ):
        ports = [int(address.rpartition(":")[2]) for address in (fast, asgi)]
        comparison = compare(ports, 300, seed=5)
    assert comparison.requests == 300
    assert comparison.differences == []


def test_a_difference_is_found(tmp_path: Path) -> None:
    """Two services with different limits have different answers."""
    with (
        serving(application_of(tmp_path / "one", ServingSettings(slo_p99_ms=60_000))) as first_service,
        serving(application_of(tmp_path / "two", ServingSettings(slo_p99_ms=60_000, max_rows=5))) as second_service,
    ):
        ports = [int(address.rpartition(":")[2]) for address in (first_service, second_service)]
        comparison = compare(ports, 60, seed=5)
    assert comparison.differences
    assert {"number", "sent", "answers"} == set(comparison.differences[0])


def test_only_dates_and_generated_ids_are_removed() -> None:
    """Dates and generated ids are removed; the caller's own ids and lengths stay."""
    answer = b"HTTP/1.1 200 OK\r\ndate: now\r\nx-request-id: 0123456789abcdef-1f\r\ncontent-length: 7\r\n\r\n{}"
    assert normalise(answer) == b"HTTP/1.1 200 OK\r\nx-request-id: made\r\n\r\n{}"
    own_id_answer = b"HTTP/1.1 200 OK\r\nx-request-id: call-7\r\ncontent-length: 7\r\n\r\n{}"
    assert normalise(own_id_answer) == own_id_answer
