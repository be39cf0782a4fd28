"""The processes of an image: real starts of ``container.py`` in the checkout."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import bentoml.models
import httpx
import psutil
import pytest

from rollout.document import ModelRollout, RolloutDocument
from rollout.settings import RolloutSettings
from rollout.store import open_store
from serving.container import process
from serving.container.command import STOP_SIGNALS
from serving.container.process import REPLACEMENTS
from serving.container.service import Service as CheckedService
from serving.container.start_clock import StartClock
from serving.operations.worker_link import ADDRESS_VARIABLE
from serving.settings import ServingSettings
from tabento.bundle.format import BENTOML_MODULE
from tabento.bundle.store import read_bundle
from tests.bundles import TREE, linear_answer, orchard_contract, write_bundle
from tests.conftest import bentoml_home
from tests.servers import chosen_server, wait_until
from tests.test_start import END_S, Service, started

ANSWER = linear_answer(TREE, orchard_contract())


@pytest.fixture(autouse=True)
def in_image() -> Iterator[None]:
    """Serve with the entry point of an image."""
    token = chosen_server.set("container")
    yield
    chosen_server.reset(token)


@pytest.fixture
def environment(session_store: Path, linear_bundle: str) -> dict[str, str]:
    """The variables of a service of the linear bundle with one worker."""
    return {"BENTOML_HOME": str(session_store), "TABENTO_MODEL": linear_bundle, "TABENTO_WORKERS": "1"}


@pytest.fixture
def own_signals(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The handlers of signals and the variables that a supervisor changes in its process are restored."""
    numbers = (*STOP_SIGNALS, signal.SIGCHLD)
    handlers = [signal.getsignal(number) for number in numbers]
    monkeypatch.setenv(ADDRESS_VARIABLE, "")
    yield
    signal.set_wakeup_fd(-1)
    for number, handler in zip(numbers, handlers, strict=True):
        signal.signal(number, handler)


@pytest.mark.usefixtures("own_signals")
def test_a_computer_without_room_for_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """If no worker can be forked, further tries follow, then the service ends with the reason; stop signals are not blocked."""

    def fork() -> int:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", fork)
    monkeypatch.setattr(process, "LONGEST_PAUSE_S", 0.0)
    bundle = read_bundle(write_bundle(tmp_path / "bundle"), "orchard:v1")
    service = CheckedService(tmp_path, ServingSettings(), bundle, None, bundle.tag)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert process.ServiceProcess(service, listener, None, StartClock()).run() == 1
    end = "a worker cannot be forked (Resource temporarily unavailable); 6 workers have ended within 60 s"
    assert capfd.readouterr().err == f"The service has ended: {end}\n"
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()) & set(STOP_SIGNALS)


def _messages(service: Service) -> list[str]:
    return [json.loads(line)["message"] for line in service.log.read_text(encoding="utf-8").splitlines()]


def test_a_service_answers_and_ends(tmp_path: Path, environment: dict[str, str]) -> None:
    """A forked worker predicts, the log has the duration of each phase, and SIGTERM ends both processes with exit code 0."""
    with started(tmp_path, environment) as service:
        wait_until(service.is_ready, "the service to get ready")
        assert httpx.post(f"{service.address}/predict", json=TREE, timeout=30).json()["prediction"] == ANSWER
        (worker,) = (psutil.Process(pid) for pid in service.workers())
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(END_S) == 0
        assert not worker.is_running()
    (line,) = (message for message in _messages(service) if message.startswith("ready after"))
    phases = re.findall(r"([a-z]+) [\d.]+ ms", line.partition(": ")[2])
    assert phases == ["interpreter", "imports", "checks", "port", "application", "model", "listening"]


@pytest.mark.slow
def test_the_pages_are_those_of_bentoml(
    tmp_path: Path, environment: dict[str, str], service_module: ModuleType
) -> None:
    """The schema for BentoML's clients and the assets of pages are equal to BentoML's; unknown assets get the service's 404."""
    with started(tmp_path, environment) as service, httpx.Client(base_url=service.address, timeout=60) as client:
        wait_until(service.is_ready, "the service to get ready")
        schema = client.get("/schema.json")
        assert schema.headers["content-type"] == "application/json"
        assert schema.json() == service_module.Tabento.schema()
        assert client.head("/schema.json").content == b""
        sheet = client.get("/static_content/swagger-ui.css")
        assert sheet.status_code == 200
        assert sheet.headers["content-type"].startswith("text/css")
        for path in ("/static_content/no-such-file", "/static_content/%2e%2e/%2e%2e/__init__.py", "/schema.jsonx"):
            assert client.get(path).json()["error"]["code"] == "not_found"


@pytest.mark.slow
def test_workers_that_end_again_and_again_end_the_service(tmp_path: Path, environment: dict[str, str]) -> None:
    """Each killed worker is replaced, until too many have ended within a minute; the last line names the cause."""
    with started(tmp_path, environment) as service:
        known_workers: set[int] = set()
        for _ in range(REPLACEMENTS + 1):
            wait_until(lambda: bool(set(service.workers()) - known_workers), "another worker")
            (worker,) = set(service.workers()) - known_workers
            wait_until(service.is_ready, "the worker to get ready")
            known_workers.add(worker)
            os.kill(worker, signal.SIGKILL)
        assert service.process.wait(END_S) == 1
    assert re.fullmatch(
        rf"The service has ended: worker \d+ was killed by SIGKILL; {REPLACEMENTS + 1} workers have ended within 60 s",
        _messages(service)[-1],
    )


@pytest.mark.slow
def test_a_worker_that_a_real_time_signal_killed_is_replaced(tmp_path: Path, environment: dict[str, str]) -> None:
    """A signal without a name ends a worker, not the service."""
    with started(tmp_path, environment) as service:
        wait_until(service.is_ready, "the service to get ready")
        (worker,) = service.workers()
        os.kill(worker, signal.SIGRTMIN + 6)
        wait_until(lambda: service.workers() not in ([], [worker]), "another worker")
        wait_until(service.is_ready, "the service to answer again")
    assert (
        f"worker {worker} was killed by signal {signal.SIGRTMIN + 6}; another one takes its place in 0 s"
        in _messages(service)
    )


@pytest.mark.slow
def test_another_worker_starts_with_the_present_champion(tmp_path: Path, session_store: Path) -> None:
    """A version that was promoted since the start answers the first request of a worker that takes another's place."""
    with bentoml_home(tmp_path / "home"):
        for name in ("orchard:v1", "orchard:v2"):
            with bentoml.models.create(name, module=BENTOML_MODULE) as stored:
                write_bundle(Path(stored.path))
    settings = {
        "BENTOML_HOME": str(tmp_path / "home"),
        "TABENTO_MODEL": "orchard:v1",
        "TABENTO_ROLLOUT_FOLDER": str(tmp_path / "rollout"),
        "TABENTO_MONITORING": "false",
    }
    store = open_store(RolloutSettings(rollout_folder=tmp_path / "rollout"))

    def version() -> str:
        return str(httpx.post(f"{service.address}/predict", json=TREE, timeout=30).json()["version"])

    with started(tmp_path, settings) as service:
        wait_until(service.is_ready, "the service to get ready")
        assert version() == "v1"
        document = RolloutDocument(models={"orchard": ModelRollout(champion="orchard:v2")})
        store.change(None, lambda _: document, "promote")
        wait_until(lambda: version() == "v2", "the promotion")
        (worker,) = service.workers()
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: service.workers() not in ([], [worker]), "another worker")
        wait_until(service.is_ready, "the service to answer again")
        assert version() == "v2"
    (line,) = (message for message in _messages(service) if message.startswith("the service starts with orchard:v2"))
    assert line.endswith("the settings say orchard:v1")


@pytest.mark.slow
def test_a_port_that_the_kernel_chose_is_kept(tmp_path: Path, environment: dict[str, str]) -> None:
    """With port 0 the log names the port, and a worker that takes another's place answers there."""
    with started(tmp_path, environment, options=("--port", "0")) as service:
        wait_until(lambda: any(message.startswith("serving ") for message in _messages(service)), "the port")
        (line,) = (message for message in _messages(service) if message.startswith("serving "))
        port = re.search(r"on port (\d+)", line)
        assert port is not None
        service.address = f"http://127.0.0.1:{port[1]}"
        service.port = int(port[1])
        wait_until(service.is_ready, "the service to get ready")
        (worker,) = service.workers()
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: service.workers() not in ([], [worker]), "another worker")
        wait_until(service.is_ready, "the service to answer again")


_WITHOUT_STREAMS = (
    sys.executable,
    "-c",
    "import os, sys; [os.close(number) for number in range(3)]; os.execv(sys.argv[1], sys.argv[1:])",
)
"""Runs a command without standard input, output and errors."""


@pytest.mark.slow
def test_closed_streams_do_not_matter(tmp_path: Path, environment: dict[str, str]) -> None:
    """A service without standard streams answers, replaces a worker, starts its monitor and ends in order."""
    settings = environment | {"TABENTO_MONITORING": "true", "TABENTO_MONITORING_FOLDER": str(tmp_path / "monitoring")}
    with started(tmp_path, settings, wrapper=_WITHOUT_STREAMS) as service:
        wait_until(service.is_ready, "the service to get ready")
        (worker,) = service.workers()[:1]
        wait_until(lambda: len(service.workers()) == 2, "the monitor")
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: worker not in service.workers() and len(service.workers()) == 2, "another worker")
        wait_until(service.is_ready, "the service to answer again")

        def has_monitor() -> bool:
            health = httpx.get(f"{service.address}/health", timeout=30).json()
            return bool(health["components"]["monitoring"]["status"] == "healthy")

        wait_until(has_monitor, "the new worker to reach the monitor")
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(END_S) == 0


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT, signal.SIGHUP])
def test_a_terminal_ends_the_service_in_order(
    tmp_path: Path, environment: dict[str, str], number: signal.Signals
) -> None:
    """Ctrl-C, Ctrl-backslash and a closed terminal reach all processes, and the workers still answer while they drain."""
    with started(tmp_path, environment | {"TABENTO_DRAIN_S": "2"}, process_group=0) as service:
        wait_until(service.is_ready, "the service to get ready")
        os.killpg(service.process.pid, number)
        wait_until(lambda: any(message.startswith("stopping: ") for message in _messages(service)), "the drain")
        assert httpx.post(f"{service.address}/predict", json=TREE, timeout=30).json()["prediction"] == ANSWER
        assert service.process.wait(END_S) == 0


@pytest.mark.slow
def test_a_stopped_worker_is_killed(tmp_path: Path, environment: dict[str, str]) -> None:
    """A worker that cannot drain does not keep the service alive for longer than the limits say."""
    with started(tmp_path, environment | {"TABENTO_DRAIN_LIMIT_S": "0.1"}) as service:
        wait_until(service.is_ready, "the service to get ready")
        (worker,) = service.workers()
        os.kill(worker, signal.SIGSTOP)
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(END_S) == 0
    assert f"worker {worker} did not end in time, and is killed" in _messages(service)


@pytest.mark.slow
def test_no_worker_outlives_the_first_process(tmp_path: Path, environment: dict[str, str]) -> None:
    """If the first process is killed, its workers drain and end, and so does the monitor process."""
    settings = environment | {
        "TABENTO_WORKERS": "2",
        "TABENTO_MONITORING": "true",
        "TABENTO_MONITORING_FOLDER": str(tmp_path / "monitoring"),
    }
    with started(tmp_path, settings) as service:
        wait_until(lambda: len(service.workers()) == 3, "two workers and the monitor")
        wait_until(service.is_ready, "the service to get ready")
        children = psutil.Process(service.process.pid).children(recursive=True)
        service.process.kill()
        _, running = psutil.wait_procs(children, timeout=END_S)
        assert running == []


@pytest.mark.slow
def test_a_monitor_that_ends_is_started_again(tmp_path: Path, environment: dict[str, str]) -> None:
    """The monitor process is started once, and again after its end; the worker stays, and the service ends in order."""
    settings = environment | {"TABENTO_MONITORING": "true", "TABENTO_MONITORING_FOLDER": str(tmp_path / "monitoring")}
    with started(tmp_path, settings) as service:
        wait_until(service.is_ready, "the service to get ready")

        def monitors() -> list[int]:
            children = psutil.Process(service.process.pid).children()
            return [child.pid for child in children if "monitoring" in child.cmdline()]

        wait_until(lambda: len(monitors()) == 1, "the monitor")
        (first,) = monitors()
        (worker,) = set(service.workers()) - {first}
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: monitors() not in ([], [first]), "another monitor")
        assert worker in service.workers()
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(END_S) == 0
    assert sum("the monitor process has ended with exit code -9" in message for message in _messages(service)) == 1


_WITH_ORPHANS = (
    sys.executable,
    "-c",
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(36, 1); os.spawnlp(os.P_NOWAIT, 'sh', 'sh', '-c', 'sleep 0 & sleep 0');"
    " os.execv(sys.argv[1], sys.argv[1:])",
)
"""Runs a command as the process that gets orphaned descendants (``PR_SET_CHILD_SUBREAPER``), with two of them."""


@pytest.mark.slow
def test_orphaned_processes_are_collected(tmp_path: Path, environment: dict[str, str]) -> None:
    """The first process of a container collects processes that it did not start, and goes on to serve."""
    with started(tmp_path, environment, wrapper=_WITH_ORPHANS) as service:
        wait_until(service.is_ready, "the service to get ready")
        wait_until(lambda: len(service.workers()) == 1, "the end of the orphans")
        assert service.is_ready()
