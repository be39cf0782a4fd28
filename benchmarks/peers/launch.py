"""A peer as a process of its own: started, waited for, and ended with all that it has started."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import IO

import psutil

from benchmarks.bodies import BenchModel
from benchmarks.peers.registry import Peer
from benchmarks.process import READY_DEADLINE_S, ROOT, STOP_DEADLINE_S, BenchmarkError, Served, free_port, get

LOG_TAIL_BYTES = 4_000


@contextmanager
def launched(
    peer: Peer, model: BenchModel, cores: frozenset[int] | None = None, variables: Mapping[str, str] | None = None
) -> Iterator[Served]:
    """Serve a model with a peer on a free port of the loopback interface.

    Args:
        peer: which server.
        model: which model.
        cores: on which cores the server and all its processes run; None for any.
        variables: more environment variables for it.

    Raises:
        BenchmarkError: it is not installed, or did not get ready; with the end of what it wrote.
    """
    port = free_port()
    command = peer.command(model, port)
    address = f"http://127.0.0.1:{port}"
    # Peers write caches and logs into their working folder or TMPDIR: theirs is thrown away.
    with tempfile.TemporaryDirectory(prefix="peer-") as folder, tempfile.TemporaryFile() as log:
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "BENTOML_DO_NOT_TRACK": "True",
            "OMP_NUM_THREADS": "1",
            "TMPDIR": folder,
            **(variables or {}),
        }
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            preexec_fn=None if cores is None else partial(os.sched_setaffinity, 0, cores),
        )
        try:
            while get(f"{address}{peer.ready}") is None:
                if process.poll() is not None or time.perf_counter() - started > READY_DEADLINE_S:
                    raise BenchmarkError(f"{' '.join(command)} did not get ready:\n{_tail(log)}")
                time.sleep(0.02)
            yield Served(address, process.pid, time.perf_counter() - started)
        finally:
            _end(process)


def _tail(log: IO[bytes]) -> str:
    size = log.seek(0, os.SEEK_END)
    log.seek(max(0, size - LOG_TAIL_BYTES))
    return log.read().decode(errors="replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process by its id, and whatever of its children is left after that."""
    try:
        family = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        family = []
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_DEADLINE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for child in family:
        if child.is_running():
            child.terminate()
    _, left = psutil.wait_procs(family, timeout=STOP_DEADLINE_S)
    for child in left:
        child.kill()
    psutil.wait_procs(left, timeout=STOP_DEADLINE_S)
