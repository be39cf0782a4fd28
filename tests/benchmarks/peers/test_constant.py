"""The constant answer."""

from __future__ import annotations

from benchmarks.peers.constant import ANSWER, build_app
from benchmarks.peers.smoke import post_json
from tests.servers import running


def test_every_body_gets_the_same_answer() -> None:
    """The server reads any body, small or in many parts, and answers with the constant."""
    with running(build_app()) as address:
        for body in (b"{}", b"x" * 500_000):
            assert post_json(address, "/predict", body) == (200, ANSWER)
