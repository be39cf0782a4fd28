"""The constant answer."""

from __future__ import annotations

from benchmarks.peers.constant import ANSWER, build_app
from benchmarks.peers.smoke import ask
from tests.servers import running


def test_every_body_gets_the_same_answer() -> None:
    """Whatever is posted, small or in many parts, is read and answered with the constant."""
    with running(build_app()) as address:
        for body in (b"{}", b"x" * 500_000):
            assert ask(address, "/predict", body) == (200, ANSWER)
