"""A peer as a running server: its command, its variables and its working folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from benchmarks.bodies import BenchModel
from benchmarks.peers.registry import Peer
from benchmarks.process import ROOT, RunningServer, run_server
from tools.ports import free_port


@contextmanager
def launch_peer(
    peer: Peer, model: BenchModel, cores: frozenset[int] | None = None, variables: Mapping[str, str] | None = None
) -> Iterator[RunningServer]:
    """Serve a model with a peer on a free port of the loopback interface.

    Args:
        peer: the server.
        model: the model that it serves.
        cores: the cores of the server and all its processes; None for any.
        variables: environment variables to add.

    Raises:
        BenchmarkError: the peer is not installed, or did not become ready; the message has the end of its output.
    """
    port = free_port()
    command = peer.command(model, port)
    # Peers write caches and logs into TMPDIR: the folder is deleted with the peer.
    with tempfile.TemporaryDirectory(prefix="peer-") as folder, tempfile.TemporaryFile() as log:
        environment = {
            "PYTHONPATH": str(ROOT),
            "BENTOML_DO_NOT_TRACK": "True",
            "OMP_NUM_THREADS": "1",
            "TMPDIR": folder,
            **(variables or {}),
        }
        address = f"http://127.0.0.1:{port}"
        with run_server(
            command, address, ready_path=peer.ready, environment=environment, cores=cores, log=log
        ) as server:
            yield server
