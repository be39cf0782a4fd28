"""A rollout document and real services: restarts, ``tabento serve`` and a built Bento follow it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from rollout import changes
from rollout.changes import Author, Start
from rollout.document import Limits, ModelRollout, RolloutDocument, Step, Sticky
from rollout.settings import RolloutSettings
from rollout.store import DocumentStore, open_store
from tabento.keys.key_file import format_keys
from tests.bundles import TREE, linear_answer, orchard_contract
from tests.conftest import bentoml_home
from tests.rollout.documents import make_read_only
from tests.servers import wait_until
from tests.serving.fleet.versions import store_version
from tests.serving.guards.key_records import new_key
from tests.test_service import TRAINING_BLOCKER
from tools.ports import free_port

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
AUTHOR = Author("anna", "test")
ANSWER = linear_answer(TREE, orchard_contract())
CONNECTIONS = 8
SCALES = {"v1": 1.0, "v2": 2.0, "v3": 3.0}
"""The factor of each version's answer."""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A model store with three versions."""
    with bentoml_home(tmp_path / "home") as home:
        for version, scale in SCALES.items():
            store_version(version, scale)
        yield home


@pytest.fixture
def store(tmp_path: Path) -> DocumentStore:
    """The rollout document of the services."""
    return open_store(RolloutSettings(rollout_folder=tmp_path / "rollout"))


def _want(store: DocumentStore, version: str) -> None:
    entry = ModelRollout(champion=f"orchard:{version}", who="anna", why="test")
    store.change(None, lambda document: document.model_copy(update={"models": {"orchard": entry}}), "champion")


def _start(store: DocumentStore, version: str, limits: Limits = Limits()) -> None:  # noqa: B008 - it is frozen
    plan = Start(f"orchard:{version}", "orchard:v1", "canary", (Step(share=0.5),), Sticky(by="request"), limits)
    store.change(None, lambda document: changes.start(document, plan, AUTHOR), "start")


class Service:
    """A running service, and the command that started it."""

    def __init__(self, address: str, pid: int) -> None:
        self.address = address
        self.pid = pid
        self.client = httpx.Client(base_url=address, timeout=30)

    def workers(self) -> set[int]:
        """Return the process ids of the workers that answer some new connections."""
        return {worker for worker, _ in self._answers(0)}

    def versions_of_workers(self) -> list[set[str]]:
        """Return the versions that answer some requests, of each worker."""
        answers = self._answers(20)
        return [set().union(*(versions for pid, versions in answers if pid == worker)) for worker in dict(answers)]

    def _answers(self, count: int) -> list[tuple[int, set[str]]]:
        """Return the worker and the versions of some connections."""
        answers = []
        for _ in range(CONNECTIONS):
            with httpx.Client(base_url=self.address, headers=self.client.headers, timeout=30) as client:
                response = client.get("/livez")
                port = response.extensions["network_stream"].get_extra_info("client_addr")[1]
                worker = next(
                    child.pid
                    for child in psutil.Process(self.pid).children()
                    if any(item.raddr and item.raddr.port == port for item in child.net_connections("tcp"))
                )
                answers.append((worker, self.versions(count, client)))
        return answers

    def versions(self, count: int = 30, client: httpx.Client | None = None) -> set[str]:
        """Return the versions that answer some requests; each answer is that of its version."""
        versions = set()
        for _ in range(count):
            content = (client or self.client).post("/predict", json=TREE).raise_for_status().json()
            assert content["prediction"] == pytest.approx(ANSWER * SCALES[content["version"]], rel=1e-12)
            versions.add(content["version"])
        return versions

    def status(self) -> dict[str, Any]:
        """Return the state of the versions."""
        status: dict[str, Any] = self.client.get("/models/orchard").raise_for_status().json()["rollout"]
        return status

    def wait_for(self, champion: str, challenger: str | None = None) -> None:
        """Wait until two versions are live and nothing retires."""
        tag = None if challenger is None else f"orchard:{challenger}"
        live: dict[str, Any] = {"champion": f"orchard:{champion}", "challenger": tag, "retiring": []}
        wait_until(lambda: self.status()["live"] == live, f"{live}")


@contextmanager
def _running(command: Sequence[str], folder: Path, **environment: str) -> Iterator[Service]:
    """Run a command that serves at ``PORT``; training libraries cannot be imported unless the command is one of training."""
    port = str(free_port())
    blocker = folder / "blocker"
    blocker.mkdir(exist_ok=True)
    (blocker / "sitecustomize.py").write_text(TRAINING_BLOCKER, encoding="utf-8")
    settings = {
        "TABENTO_SLO_P99_MS": "60000",
        "TABENTO_DRAIN_S": "0",
        "TABENTO_ROLLOUT_FOLDER": str(folder / "rollout"),
    }
    if "training" not in command:
        settings["PYTHONPATH"] = str(blocker)
    log = folder / f"log-{port}"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *command, "--host", "127.0.0.1", "--port", port],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **settings, **environment},
        )
        service = Service(f"http://127.0.0.1:{port}", process.pid)

        def is_ready() -> bool:
            assert process.poll() is None, log.read_text(encoding="utf-8")
            try:
                return service.client.get("/readyz").status_code == 200
            except httpx.TransportError:
                return False

        try:
            wait_until(is_ready, "the service to get ready")
            yield service
        finally:
            service.client.close()
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def test_a_promoted_version_answers_after_a_restart(home: Path, store: DocumentStore, tmp_path: Path) -> None:
    """From its first answer on, a restarted service uses the promoted champion, and it continues the trial of the challenger."""
    command = ["bentoml", "serve", "service:Tabento"]
    with _running(command, tmp_path, TABENTO_MODEL="orchard:v1") as service:
        assert service.versions() == {"v1"}
        _start(store, "v2")
        service.wait_for("v1", "v2")
        assert service.versions() == {"v1", "v2"}
        store.change(None, lambda document: changes.promote(document, "orchard", AUTHOR), "promote")
        service.wait_for("v2")
        assert service.versions() == {"v2"}
        _start(store, "v3")
        service.wait_for("v2", "v3")
    with _running(command, tmp_path, TABENTO_MODEL="orchard:v1") as service:
        assert service.versions(3) <= {"v2", "v3"}
        service.wait_for("v2", "v3")
        assert service.versions() == {"v2", "v3"}
        # The document alone decides: without it, the version of the settings answers.
        store.change(None, lambda _: RolloutDocument(), "forget")
        wait_until(lambda: service.status()["wanted"] is None, "the changed document")
        assert service.versions(3) == {"v2"}
    with _running(command, tmp_path, TABENTO_MODEL="orchard:v1") as service:
        assert service.versions(3) == {"v1"}


def test_the_command_serve_follows_a_document(home: Path, store: DocumentStore, tmp_path: Path) -> None:
    """``tabento serve`` with a version starts with the champion of the document instead, and follows its changes."""
    _want(store, "v2")
    with _running(["training", "serve", "orchard:v1"], tmp_path) as service:
        assert service.versions(3) == {"v2"}
        _want(store, "v3")
        service.wait_for("v3")
        assert service.versions(3) == {"v3"}


def test_a_bento_follows_a_document(home: Path, store: DocumentStore, tmp_path: Path) -> None:
    """A Bento that was built with one version serves it, tries another one of the store, and swaps, without training libraries."""
    process = subprocess.run(
        [sys.executable, "-m", "bentoml", "build", "--arg", "model=orchard:v1", "--output", "tag"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    tag = process.stdout.strip().rpartition("__tag__:")[2]
    with _running(["bentoml", "serve", tag], tmp_path) as service:
        assert service.versions(3) == {"v1"}
        _start(store, "v2")
        service.wait_for("v1", "v2")
        assert service.versions() == {"v1", "v2"}
        _want(store, "v3")
        service.wait_for("v3")
        assert service.versions(3) == {"v3"}
    with _running(["bentoml", "serve", tag], tmp_path) as service:
        assert service.versions(3) == {"v3"}


def test_a_rollback_of_a_read_only_document_survives_a_restart(
    home: Path, store: DocumentStore, tmp_path: Path
) -> None:
    """A challenger that lost its traffic gets none after a restart either, although the document still wants it."""
    command = ["bentoml", "serve", "service:Tabento"]
    _start(store, "v2", Limits(p99_ms=0.001, min_requests=20))
    make_read_only(store)
    with _running(command, tmp_path, TABENTO_MODEL="orchard:v1") as service:
        service.wait_for("v1", "v2")
        service.versions(150)
        service.wait_for("v1")
        assert service.versions() == {"v1"}
    assert store.read().models["orchard"].challenger is not None
    with _running(command, tmp_path, TABENTO_MODEL="orchard:v1") as service:
        wait_until(lambda: service.status()["wanted"] is not None, "the document to be read")
        assert service.status()["wanted"]["who"] == "judge"
        assert service.versions() == {"v1"}


def test_a_killed_worker_does_not_end_a_trial(home: Path, store: DocumentStore, tmp_path: Path) -> None:
    """The worker that replaces a killed one continues the trial, and both take the traffic away if the challenger is too slow."""
    command = ["bentoml", "serve", "service:Tabento"]
    with _running(command, tmp_path, TABENTO_MODEL="orchard:v1", TABENTO_WORKERS="2") as service:
        wait_until(lambda: len(service.workers()) == 2, "both workers")
        _start(store, "v2", Limits(min_requests=20))
        service.wait_for("v1", "v2")
        assert service.versions() == {"v1", "v2"}
        killed = service.workers().pop()
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: len(service.workers() - {killed}) == 2, "another worker")
        wait_until(lambda: service.versions_of_workers() == [{"v1", "v2"}] * 2, "both workers to split the traffic")

        def slow(document: RolloutDocument) -> RolloutDocument:
            entry = document.models["orchard"]
            assert entry.challenger is not None
            limits = Limits(p99_ms=0.001, min_requests=20)
            challenger = entry.challenger.model_copy(update={"limits": limits})
            return document.model_copy(
                update={"models": {"orchard": entry.model_copy(update={"challenger": challenger})}}
            )

        store.change(None, slow, "limits")
        wait_until(lambda: service.versions_of_workers() == [{"v1"}] * 2, "both workers to take the traffic away")
        assert store.read().models["orchard"].who == "judge"


def test_a_command_waits_for_all_workers(home: Path, tmp_path: Path) -> None:
    """When a command has returned, no worker of the service answers with the former champion."""
    secret, record = new_key("ops", scopes=["admin", "predict", "read"])
    keys = tmp_path / "keys.json"
    keys.write_bytes(format_keys((record,)))
    settings = {"TABENTO_MODEL": "orchard:v1", "TABENTO_WORKERS": "2", "TABENTO_API_KEYS_FILE": str(keys)}
    with _running(["bentoml", "serve", "service:Tabento"], tmp_path, **settings) as service:
        service.client.headers["x-api-key"] = secret
        wait_until(lambda: len(service.workers()) == 2, "both workers")
        for version in ("v2", "v3", "v1"):
            command = ["rollout", "champion", f"orchard:{version}", "--why", "test", "--service", service.address]
            process = subprocess.run(
                [sys.executable, "-m", "training", *command],
                cwd=ROOT,
                capture_output=True,
                text=True,
                env={**os.environ, "TABENTO_API_KEY": secret},
            )
            assert process.returncode == 0, process.stdout + process.stderr
            assert service.versions_of_workers() == [{version}] * 2
            state = service.client.get("/admin/rollout").raise_for_status().json()["models"]["orchard"]
            assert state["workers"] == [{"champion": f"orchard:{version}", "challenger": None, "workers": 2}]


def test_workers_that_cannot_write_anything_roll_back_together(
    home: Path, store: DocumentStore, tmp_path: Path
) -> None:
    """On a read-only file system, one worker's rollback is used by all workers, also by one that starts later."""
    _start(store, "v2", Limits(p99_ms=0.001, min_requests=100))
    make_read_only(store)
    store.overrides.path.mkdir()
    settings = {"TABENTO_MODEL": "orchard:v1", "TABENTO_WORKERS": "2"}
    with _running(["bentoml", "serve", "service:Tabento"], tmp_path, **settings) as service:
        wait_until(lambda: len(service.workers()) == 2, "both workers")
        wait_until(lambda: service.versions_of_workers() == [{"v1"}] * 2, "both workers to take the traffic away")
        killed = service.workers().pop()
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: len(service.workers() - {killed}) == 2, "another worker")
        wait_until(lambda: service.versions_of_workers() == [{"v1"}] * 2, "the new worker to take the traffic away")
        assert service.status()["wanted"]["who"] == "judge"
    assert store.read().models["orchard"].challenger is not None
