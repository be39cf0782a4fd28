"""The start of real services: it succeeds, fails, replaces workers and shares a computer.

Each test runs twice: with `bentoml serve`, and with the entry point of an image.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import bentoml
import httpx
import psutil
import pytest

from tabento.bundle.format import BENTOML_MODULE, MODEL_FILE
from tests.bundles import TREE, linear_model, write_bundle
from tests.conftest import bentoml_home
from tests.servers import serving_command, wait_until
from tools.ports import free_port

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("both_servers")]
ROOT = Path(__file__).parents[1]
END_S = 60.0
"""The seconds within which a service must end, long enough for a busy computer."""


_FULL_DISK = (
    sys.executable,
    "-c",
    "import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (4, 4)); os.execv(sys.argv[1], sys.argv[1:])",
)
"""Runs a command whose files cannot grow beyond four bytes, which Python writes to find a folder for temporary files."""


def _environment(home: Path, model: str, workers: str = "1") -> dict[str, str]:
    """Return the variables that choose store, model and number of workers."""
    return {"BENTOML_HOME": str(home), "TABENTO_MODEL": model, "TABENTO_WORKERS": workers}


class Service:
    """A running service."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self.address = f"http://127.0.0.1:{port}"
        self.log = log

    def is_ready(self) -> bool:
        """Return whether the service answers; fail if it has ended."""
        assert self.process.poll() is None, self.log.read_text(encoding="utf-8")
        return self.is_refused() is False and httpx.get(f"{self.address}/readyz", timeout=30).status_code == 200

    def is_refused(self) -> bool:
        """Return whether the port refuses a connection."""
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=10).close()
        except (ConnectionRefusedError, ConnectionResetError):  # a reset: the connection waited and was refused
            return True
        return False

    def workers(self) -> list[int]:
        """Return the process ids of the workers."""
        return [child.pid for child in psutil.Process(self.process.pid).children()]

    def predict(self, times: int) -> None:
        """Request predictions, each over a connection of its own, so that all workers get some."""
        for _ in range(times):
            assert httpx.post(f"{self.address}/predict", json=TREE, timeout=30).status_code == 200

    def predictions(self) -> float:
        """Return the number of predictions in the metrics."""
        text = httpx.get(f"{self.address}/metrics", timeout=30).text
        lines = [line for line in text.splitlines() if line.startswith('tabento_requests_total{route="/predict"')]
        return sum(float(line.rpartition(" ")[2]) for line in lines)


@contextmanager
def started(
    folder: Path,
    environment: dict[str, str],
    port: int | None = None,
    wrapper: Sequence[str] = (),
    options: Sequence[str] = (),
    process_group: int | None = None,
) -> Iterator[Service]:
    """Run a service while the block runs; a thread copies its output from a pipe to a file.

    Args:
        folder: the folder of the output file.
        environment: variables to add.
        port: the port of the service; by default a free port.
        wrapper: a command that runs its remaining arguments.
        options: further options of the command.
        process_group: 0 for a process group of its own; by default that of this process.
    """
    port = port or free_port()
    log = folder / f"log-{port}"
    process = subprocess.Popen(
        [*wrapper, *serving_command(), "--host", "127.0.0.1", "--port", str(port), *options],
        cwd=ROOT,
        process_group=process_group,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        # A busy computer must not cause refusals here: these tests are not about the latency limit.
        env={**os.environ, "TABENTO_SLO_P99_MS": "60000", "TABENTO_DRAIN_S": "0"} | environment,
    )

    def copy_output() -> None:
        assert process.stdout is not None
        with log.open("wb", buffering=0) as file, process.stdout:
            for line in process.stdout:
                file.write(line)

    log.touch()
    copier = threading.Thread(target=copy_output)
    copier.start()
    try:
        yield Service(process, port, log)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(END_S)
        copier.join(END_S)


def failed_start(folder: Path, environment: dict[str, str], port: int | None = None) -> tuple[int, str]:
    """Start a service that must fail, and return its exit code and the last line of its output."""
    with started(folder, environment, port) as service:
        code = service.process.wait(END_S)
    lines = service.log.read_text(encoding="utf-8").splitlines()
    return code, lines[-1]


def _store_bundle(home: Path, *, features: int | None = None) -> tuple[str, Path]:
    """Write a bundle into a store, and return its tag and folder.

    Args:
        home: the BENTOML_HOME of the store.
        features: the number of columns of its graph; by default that of the contract.
    """
    with bentoml_home(home):
        with bentoml.models.create("orchard", module=BENTOML_MODULE) as stored:
            write_bundle(Path(stored.path), model=None if features is None else linear_model(features))
        return str(stored.tag), Path(bentoml.models.get(stored.tag).path)


def test_a_tampered_bundle_ends_the_start(tmp_path: Path) -> None:
    """A bundle with a changed file is refused before the port opens, and the last line names the file."""
    tag, folder = _store_bundle(tmp_path / "home")
    (folder / MODEL_FILE).chmod(0o644)
    with (folder / MODEL_FILE).open("ab") as file:
        file.write(b"\0")
    code, last = failed_start(tmp_path, _environment(tmp_path / "home", tag))
    assert code == 1
    assert "BundleIntegrityError" in last
    assert MODEL_FILE in last


def test_a_missing_model_ends_the_start(tmp_path: Path) -> None:
    """If the store is empty, the last line names the command that trains the model."""
    code, last = failed_start(tmp_path, _environment(tmp_path / "empty", "pear"))
    assert code == 1
    assert "make train MODEL=pear" in last


def test_a_home_that_cannot_be_created_ends_the_start(tmp_path: Path) -> None:
    """The last line names the folder that cannot be created."""
    (tmp_path / "file").touch()
    code, last = failed_start(tmp_path, _environment(tmp_path / "file" / "home", "pear"))
    assert code == 1
    assert str(tmp_path / "file") in last


def test_a_taken_port_ends_the_start(tmp_path: Path, session_store: Path, linear_bundle: str) -> None:
    """If another program uses the port, the last line names the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        code, last = failed_start(tmp_path, _environment(session_store, linear_bundle), port)
    assert code == 1
    assert f"port {port} of 127.0.0.1 is in use" in last


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_worker_that_cannot_start_ends_the_service(tmp_path: Path, workers: str) -> None:
    """An error that only a worker finds, here a graph of another width, ends the service instead of restarting workers forever."""
    tag, _ = _store_bundle(tmp_path / "home", features=3)
    code, last = failed_start(tmp_path, _environment(tmp_path / "home", tag, workers))
    assert code == 1
    assert json.loads(last)["message"].startswith("The service has ended: RunnerError: ")
    assert "is not a graph for this contract" in last


def test_a_stopped_start_is_not_a_failure(tmp_path: Path, session_store: Path, linear_bundle: str) -> None:
    """SIGTERM during the load of the model ends the service with exit code 0."""
    with started(tmp_path, _environment(session_store, linear_bundle)) as service:
        wait_until(lambda: bool(service.workers()), "a worker")
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(END_S) == 0


def test_a_killed_worker_is_replaced_and_the_port_refuses_meanwhile(
    tmp_path: Path, session_store: Path, linear_bundle: str
) -> None:
    """While there is no worker the port refuses; the next worker answers, and the counters continue."""
    with started(tmp_path, _environment(session_store, linear_bundle)) as service:
        assert service.is_refused()
        wait_until(service.is_ready, "the service to get ready")
        service.predict(5)
        assert service.predictions() == 5
        (worker,) = service.workers()
        os.kill(worker, signal.SIGKILL)
        wait_until(service.is_refused, "the port to refuse")
        wait_until(lambda: service.workers() not in ([], [worker]), "another worker")
        wait_until(service.is_ready, "the service to answer again")
        service.predict(1)
        assert service.predictions() == 6
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(END_S) == 0


def test_metrics_keep_the_counts_of_a_killed_worker(tmp_path: Path, session_store: Path, linear_bundle: str) -> None:
    """The metrics include all workers, and the counts of a worker that was killed."""
    environment = _environment(session_store, linear_bundle, workers="2")
    with started(tmp_path, environment) as service:
        wait_until(service.is_ready, "the service to get ready")
        wait_until(lambda: len(service.workers()) == 2, "both workers")
        service.predict(20)
        wait_until(lambda: service.predictions() == 20, "both workers to have sent their counts")
        os.kill(service.workers()[0], signal.SIGKILL)
        service.predict(5)
        wait_until(lambda: service.predictions() == 25, "the counts of the running worker and of the killed one")


def test_two_services_share_a_home(tmp_path: Path, session_store: Path, linear_bundle: str) -> None:
    """A second service, and a start that fails, do not change the metrics of the first service; each shows its own."""
    environment = _environment(session_store, linear_bundle, workers="2")
    with started(tmp_path, environment) as first:
        wait_until(first.is_ready, "the first service to get ready")
        first.predict(7)
        with started(tmp_path, environment) as second:
            wait_until(second.is_ready, "the second service to get ready")
            second.predict(3)
            code, _ = failed_start(tmp_path, environment, second.port)
            assert code == 1
            wait_until(lambda: (first.predictions(), second.predictions()) == (7, 3), "each service to show its own")
        assert first.predictions() == 7


def test_a_full_disk_does_not_stop_a_service(tmp_path: Path, session_store: Path, linear_bundle: str) -> None:
    """If no file can grow, workers start, answer and add up their metrics; no worker maps a file for metrics."""

    environment = _environment(session_store, linear_bundle, workers="2")
    with started(tmp_path, environment, wrapper=_FULL_DISK) as service:
        wait_until(service.is_ready, "the service to get ready")
        service.predict(10)
        wait_until(lambda: service.predictions() == 10, "both workers to have sent their counts")
        health = httpx.get(f"{service.address}/health", timeout=30).json()
        assert health["components"]["metrics"]["status"] == "healthy"
        for worker in service.workers():
            assert "prometheus_multiproc_dir" not in Path(f"/proc/{worker}/maps").read_text(encoding="utf-8")
