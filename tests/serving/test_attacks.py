"""Hostile requests to a real process: each gets the right kind of answer, and nothing leaks."""

from __future__ import annotations

import asyncio
import random

import pytest

from benchmarks.attacks.corpus import FAMILIES, hostile_requests
from benchmarks.attacks.head_mutations import METHODS, TRICKS
from benchmarks.attacks.judge import faults_of, split_answers
from benchmarks.attacks.volley import exchange, fire
from benchmarks.siege.rows import body
from benchmarks.siege.service import BesiegedService

SEED = 2026
REQUESTS = 2_000
TRICKS_OF_THE_PREDICTION = frozenset(
    {
        *("/predict/", "/predict//", "/%70redict", "/predict?x=1", "/predict?" + "a=1&" * 300),
        *("http://other/predict", "http://127.0.0.1:1/predict", "https://siege/predict"),
    }
)
"""The targets that are the path of predictions: slashes at its end, an encoded letter, a query, an absolute URI."""


def _send(port: int, method: str, target: str) -> tuple[int | None, list[str]]:
    """Return the status of the answer to a request without faults but its method and target, and the answer's faults."""
    content = body(1) if method == "POST" else b""
    head = f"{method} {target} HTTP/1.1\r\nHost: siege\r\nContent-Type: application/json\r\n"
    sent = f"{head}Content-Length: {len(content)}\r\nConnection: close\r\n\r\n".encode("latin-1") + content
    received = asyncio.run(exchange(port, sent))
    assert received is not None, f"no answer and no end after {sent!r}"
    answers = list(split_answers(received))
    return answers[0].status if answers else None, [fault for answer in answers for fault in faults_of(answer, sent)]


def test_hostile_requests_get_errors_in_the_envelope(besieged_service: BesiegedService) -> None:
    """Of thousands of mutated requests none gets a 500, hangs, gets another envelope, or learns about code and clients."""
    volley = asyncio.run(fire(besieged_service.port, hostile_requests(SEED), REQUESTS))
    assert volley.examples == []
    assert (volley.requests, volley.hung, volley.faults) == (REQUESTS, 0, 0)
    assert set(volley.families) == set(FAMILIES)
    assert besieged_service.metric("tabento_watchdog_total") == 0


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_path_trick_reaches_another_route(besieged_service: BesiegedService, method: str) -> None:
    """Targets that walk, encode, repeat or break a path are not found, unless they are another spelling of one path."""
    statuses = {}
    for target in TRICKS:
        statuses[target], faults = _send(besieged_service.port, method, target)
        assert faults == [], target
    reached_targets = {target for target, status in statuses.items() if status == 200}
    assert reached_targets == (TRICKS_OF_THE_PREDICTION if method == "POST" else set())


@pytest.mark.parametrize("target", ["/predict", "/metrics", "/schema.json", "/static_content/index.html", "/nowhere"])
def test_every_method_gets_an_answer_of_the_service(besieged_service: BesiegedService, target: str) -> None:
    """Unknown and hostile methods get 400, 404, 405 or 501 in the envelope, also at the paths of BentoML's own application."""
    for method in METHODS:
        status, faults = _send(besieged_service.port, method, target)
        assert faults == [], method
        assert status in (200, 400, 404, 405, 414, 431, 501, None), method


@pytest.mark.parametrize("family", FAMILIES)
def test_the_corpus_is_seeded(family: str) -> None:
    """The same seed gives the same requests, another seed others."""
    first, same, other = (
        [FAMILIES[family](rng) for rng in [random.Random(seed)] for _ in range(50)] for seed in (1, 1, 2)
    )
    assert first == same
    assert first != other
