"""Known shapes of request smuggling through nginx and HAProxy leave the next client its own answer."""

from __future__ import annotations

from pathlib import Path

from benchmarks.attacks.smuggling import SHAPES, smuggle
from benchmarks.siege.service import BesiegedService

ROUNDS = 2
SEED = 8


def test_the_next_client_gets_its_own_answer(besieged_service: BesiegedService, tmp_path: Path) -> None:
    """After every shape, through each proxy, the next request is answered as if there had been no attack."""
    results = smuggle(besieged_service.port, tmp_path, ROUNDS, SEED)
    assert [entry.proxy for entry in results] == ["nginx", "nginx with WebSockets", "HAProxy"]
    assert [entry.attacks for entry in results] == [ROUNDS * len(SHAPES)] * 3
    assert [dict(entry.wrong_shapes) for entry in results] == [{}, {}, {}]
