"""A service of the champion with a rollout document of its own: it is told what to try, and asked what is live."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.live_rollouts.versions import CHAMPION, NAME, store_versions
from benchmarks.monitored_load import Client
from benchmarks.process import BenchmarkError, RunningServer, get, serve_bento
from rollout import changes
from rollout.changes import Author, Start
from rollout.document import RolloutDocument
from rollout.settings import RolloutSettings
from rollout.store import DocumentStore, open_store
from tests.conftest import bentoml_home

USER = "benchmark"
DEADLINE_S = 120.0
POLL_S = 0.02
CONNECTIONS_TO_ALL = 12
"""The connections of which each worker is expected to accept some."""


@dataclass(frozen=True)
class TrialService:
    """A running service."""

    server: RunningServer
    store: DocumentStore

    @property
    def address(self) -> str:
        """The address of the service."""
        return self.server.address

    def start(self, rollout: Start) -> None:
        """Begin a rollout, and return when its trial runs.

        Raises:
            BenchmarkError: the challenger is refused, or not live in time.
        """
        author = Author(USER, "trial")
        self.store.change(None, lambda document: changes.start(document, rollout, author), "start")
        status = self.wait(lambda status: status["trial"] is not None or _is_refused(status), "the trial to begin")
        if status["trial"] is None:
            raise BenchmarkError(f"the challenger is not tried: {status['differs_because']}")

    def abort(self) -> None:
        """End the rollout, if it still runs, and return when the champion is the only live version.

        Raises:
            BenchmarkError: another version is live.
        """

        def edit(document: RolloutDocument) -> RolloutDocument:
            if document.models[NAME].challenger is None:
                return document
            return changes.abort(document, NAME, Author(USER, "the time is over"))

        self.store.change(None, edit, "abort")
        alone: dict[str, Any] = {"champion": CHAMPION, "challenger": None, "retiring": []}
        self.wait(lambda status: status["live"] == alone, "the champion to be alone")

    def has_challenger(self) -> bool:
        """Return whether a challenger is wanted, with the overrides of this replica: the workers follow one after the other."""
        document = self.store.overrides.apply(self.store.read())
        return document.models[NAME].challenger is not None

    def status(self) -> dict[str, Any]:
        """Return the state of the versions in one of the workers."""
        status: dict[str, Any] = json.loads(get(f"{self.address}/models/{NAME}") or b"{}").get("rollout", {})
        return status

    def wait(self, condition: Callable[[dict[str, Any]], bool], description: str) -> dict[str, Any]:
        """Wait until the state fulfils a condition, and return it.

        Raises:
            BenchmarkError: it does not in time.
        """
        end_s = time.monotonic() + DEADLINE_S
        while time.monotonic() < end_s:
            status = self.status()
            if status and condition(status):
                return status
            time.sleep(POLL_S)
        raise BenchmarkError(f"waited {DEADLINE_S:g} s for {description}; the state is {self.status()}")

    def metric(self, name: str, *labels: str) -> float:
        """Return the sum of the series of a metric whose labels have all of some texts."""
        text = (get(f"{self.address}/metrics") or b"").decode()
        lines = [line for line in text.splitlines() if line.startswith(f"{name}{{") and all(x in line for x in labels)]
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    def wait_for_workers(self, count: int) -> None:
        """Wait until a number of workers answer requests; the service is ready as soon as one does.

        Raises:
            BenchmarkError: fewer do in time.
        """
        end_s = time.monotonic() + DEADLINE_S
        while time.monotonic() < end_s:
            clients = [Client(self.address) for _ in range(CONNECTIONS_TO_ALL)]
            for client in clients:
                client.request("GET", "/livez")
            workers = {pid for port, pid in self.worker_of_port().items() if port in {c.port() for c in clients}}
            for client in clients:
                client.close()
            if len(workers) >= count:
                return
        raise BenchmarkError(f"expected {count} workers that answer, got {len(workers)}")

    def worker_of_port(self) -> dict[int, int]:
        """Return the process id of the worker at the other end of each open connection, by the client's port."""
        return {
            connection.raddr.port: child.pid
            for child in psutil.Process(self.server.pid).children(recursive=True)
            for connection in child.net_connections(kind="tcp")
            if connection.raddr
        }


def _is_refused(status: Mapping[str, Any]) -> bool:
    reason = status["differs_because"]
    return reason is not None and "is being loaded" not in reason


@contextmanager
def trial_service(
    home: Path, workers: int = 1, *, is_read_only: bool = False, log: Path | None = None
) -> Iterator[TrialService]:
    """Serve the champion while the block runs.

    Args:
        home: a model store with all versions, see ``stored_versions``.
        workers: the number of workers.
        is_read_only: whether the service cannot write the document, as that of a ConfigMap; ``start`` and ``abort`` can.
        log: the file of the service's output.

    Raises:
        BenchmarkError: the service does not start, or the document's folder cannot be made read-only.
    """
    with tempfile.TemporaryDirectory(prefix="live-rollouts-") as name:
        folder = Path(name)
        deployed = folder / "deployed"
        deployed.mkdir()
        environment = {
            "BENTOML_HOME": str(home),
            "BENTOML_DO_NOT_TRACK": "True",
            "OMP_NUM_THREADS": "1",
            "TABENTO_MODEL": CHAMPION,
            "TABENTO_WORKERS": str(workers),
            "TABENTO_MONITORING": "false",
            # A busy computer must not cause refusals: this is not about the latency limit.
            "TABENTO_SLO_P99_MS": "60000",
            "TABENTO_DRAIN_S": "0",
            "TABENTO_ROLLOUT_FOLDER": str(folder / "rollout"),
            "TABENTO_ROLLOUT_FILE": str(deployed / "rollout.json"),
        }
        settings = RolloutSettings(rollout_folder=folder / "rollout", rollout_file=deployed / "rollout.json")
        store = open_store(settings)
        first = RolloutDocument.model_validate({"models": {NAME: {"champion": CHAMPION, "who": USER}}})
        store.change(None, lambda document: document.model_copy(update={"models": first.models}), "champion")
        with (log or folder / "log").open("w+b") as output:
            if not is_read_only:
                with serve_bento(sys.executable, "service:Tabento", environment=environment, log=output) as server:
                    yield TrialService(server, store)
                return
            with read_only_copy(deployed, folder / "mounted") as mounted:
                environment["TABENTO_ROLLOUT_FILE"] = str(mounted / "rollout.json")
                with serve_bento(sys.executable, "service:Tabento", environment=environment, log=output) as server:
                    yield TrialService(server, store)


@contextmanager
def read_only_copy(folder: Path, mounted: Path) -> Iterator[Path]:
    """Mount a folder a second time, read-only, as Kubernetes does with a ConfigMap.

    Raises:
        BenchmarkError: only root can.
    """
    mounted.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if mount is None or umount is None:
        raise BenchmarkError("expected the programs mount and umount")
    for arguments in (["--bind", str(folder), str(mounted)], ["-o", "remount,bind,ro", str(mounted)]):
        process = subprocess.run([mount, *arguments], capture_output=True, text=True)
        if process.returncode:
            raise BenchmarkError(f"a read-only document needs root, which can mount a folder: {process.stderr.strip()}")
    try:
        yield mounted
    finally:
        subprocess.run([umount, "-l", str(mounted)], check=True)


@contextmanager
def stored_versions() -> Iterator[Path]:
    """Yield the home of a new model store with the champion and all challengers."""
    with tempfile.TemporaryDirectory(prefix="live-rollouts-store-") as folder, bentoml_home(Path(folder)) as home:
        store_versions()
        yield home
