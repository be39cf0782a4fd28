"""A peer as a process."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from benchmarks.bodies import BenchModel
from benchmarks.peers.constant import ANSWER
from benchmarks.peers.launch import launch_peer
from benchmarks.peers.registry import PEERS, Peer
from benchmarks.peers.smoke import post_json
from benchmarks.process import BenchmarkError


class LocalPeer(Peer):
    """A peer in the environment of the tests."""

    @property
    def python(self) -> Path:
        """This interpreter."""
        return Path(sys.executable)


CONSTANT = LocalPeer(**vars(PEERS["constant"]))


@pytest.fixture
def model(tmp_path: Path) -> BenchModel:
    """A model whose files are never read."""
    return BenchModel("m", "m:1", *[tmp_path] * 5)


def test_a_peer_answers_and_ends(model: BenchModel) -> None:
    """A peer listens on the loopback interface, runs on the given cores with the given variables, and ends with the block."""
    core = min(os.sched_getaffinity(0))
    with launch_peer(CONSTANT, model, frozenset({core}), {"ORCHARD": "oak"}) as server:
        assert server.address.startswith("http://127.0.0.1:")
        assert post_json(server.address, "/predict", b"{}") == (200, ANSWER)
        process = psutil.Process(server.pid)
        assert process.cpu_affinity() == [core]
        assert process.environ()["ORCHARD"] == "oak"
    assert not process.is_running()


def test_a_peer_that_fails_shows_why(model: BenchModel) -> None:
    """The error has the end of the peer's output."""
    with (
        pytest.raises(BenchmarkError, match=r"did not get ready(?s:.*)No module named"),
        launch_peer(replace(CONSTANT, name="elm"), model),
    ):
        raise AssertionError("it cannot have started")
