"""A real service under a small load, to which faults of rollouts are done, and everything that it says about them."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.monitored_load import Client, wait_for
from benchmarks.process import RunningServer
from benchmarks.rollout_faults.known_load import KnownLoad, LiveVersions
from benchmarks.rollout_faults.surroundings import Surroundings
from benchmarks.rollout_faults.versions import CONTRACT, MODEL, SCALES, tag_of
from rollout.document import Challenger, ModelRollout, RolloutDocument
from rollout.store import DocumentStore
from tests.bundles import TREE, linear_answer

DEADLINE_S = 30.0
"""The longest time until a service names a fault, or follows the document."""
CONNECTIONS = 16
"""The connections that find all of two workers, but for one time in 33,000."""
METRICS = (
    *("tabento_rollout_refused", "tabento_rollout_document_fault", "tabento_bundle_fetches_total"),
    *("tabento_bundles_unchecked_total", "tabento_circuit_state"),
)
"""The metrics that name faults of rollouts."""
LOUD = ("warning", "error", "critical")


@dataclass
class Statement:
    """The account that a service gives of a fault."""

    reason: str = ""
    """``differs_because`` of ``GET /models/NAME``, or the answer to a command."""
    health: str = ""
    """The components that are not healthy, with their messages."""
    log: str = ""
    """The first line of the log that names the fault."""
    metrics: tuple[str, ...] = ()
    """The metrics whose values have changed."""


@dataclass
class TriedService:
    """A running service with its document, its load and its surroundings.

    Args:
        server: the service.
        load: the load.
        live: the versions that may answer.
        store: the rollout document.
        around: the parts that the service depends on.
        key: an API key with all scopes.
        log: the file of its output.
        start: starts another service in its place, with changed settings.
    """

    server: RunningServer
    load: KnownLoad
    live: LiveVersions
    store: DocumentStore
    around: Surroundings
    key: str
    log: Path
    start: Callable[..., AbstractContextManager[RunningServer]]
    statement: Statement = field(default_factory=Statement)
    failed: list[str] = field(default_factory=list)
    """The expectations that were not met."""
    recovered_s: float | None = None
    """The seconds from the repair until the wanted version was the only live one; the largest ones, if there were several."""
    allowed_errors: int = 0
    """Requests in flight on a killed worker: at most one for each client."""
    ended_s: float | None = None
    """The time at which the service was told to end."""
    end_s: float | None = None
    """The seconds from then until its last process had ended."""
    exceptions: list[str] = field(default_factory=list)
    """The lines of the log with a traceback."""
    _log_start: int = 0
    _before: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.client = Client(self.server.address, self.key)

    def begin(self) -> None:
        """Keep the state before the fault."""
        self._log_start = self.log.stat().st_size
        self._before = self.metrics()

    def read_log(self) -> None:
        """Keep the exceptions in the log."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        self.exceptions = [line for line in lines if "Traceback (most recent call last)" in line]

    def want(self, champion: str = "v1", challenger: Challenger | None = None) -> None:
        """Write a document that wants versions of the model."""
        if champion != "broken":
            self.live.allow(champion)
        entry = ModelRollout(champion=tag_of(champion), challenger=challenger, who="benchmark", why="fault")
        self.store.change(None, lambda document: with_entry(document, entry), "put")

    def state(self) -> dict[str, Any]:
        """Return the wanted and the live versions of the model; empty if the service does not answer."""
        try:
            status, content = self.client.request("GET", f"/models/{MODEL}")
        except OSError:
            return {}
        answer: dict[str, Any] = json.loads(content)["rollout"] if status == 200 else {}
        return answer

    def states(self) -> list[dict[str, Any]]:
        """Return the versions that all workers have: the kernel gives each new connection to one of them by chance."""
        if self.around.workers == 1:
            return [self.state()]
        states = []
        for _ in range(CONNECTIONS):
            self.client.close()
            states.append(self.state())
        return states

    def reason(self) -> str:
        """Return the reason why the versions differ; empty if they do not."""
        return self.state().get("differs_because") or ""

    def faulty_components(self) -> dict[str, str]:
        """Return the messages of the components that are not healthy."""
        try:
            components = json.loads(self.client.request("GET", "/health")[1])["components"]
        except OSError:
            return {"": "no answer"}
        return {name: part["message"] for name, part in components.items() if part["status"] != "healthy"}

    def metrics(self) -> dict[str, float]:
        """Return the metrics that name faults."""
        try:
            text = self.client.request("GET", "/metrics")[1].decode()
        except OSError:
            return {}
        samples = (line.rpartition(" ") for line in text.splitlines() if line.startswith(METRICS))
        return {name: float(value) for name, _, value in samples}

    def log_lines(self) -> list[dict[str, Any]]:
        """Return the lines of the log since the fault began that are warnings or worse."""
        with self.log.open("rb") as file:
            file.seek(self._log_start)
            lines = file.read().decode(errors="replace").splitlines()
        parsed = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
        return [line for line in parsed if line.get("level") in LOUD]

    def expect_fault(self, *words: str, component: str | None = "rollout", in_log: str | None = None) -> None:
        """Wait until the service names a fault, and keep its account.

        Args:
            words: words of the reason in ``GET /models/NAME``.
            component: the component of health that must be degraded; None if health is good.
            in_log: words of the log; by default the first of ``words``.
        """

        def is_named() -> bool:
            reason = self.reason()
            return all(word in reason for word in words)

        if not wait_for(is_named, DEADLINE_S):
            self.failed.append(f"expected {' … '.join(words)!r} as the reason, got {self.reason()!r}")
        reason = self.reason()
        self.expect_component(component)
        self._keep(reason, words[0] if in_log is None else in_log)

    def expect_component(self, component: str | None) -> None:
        """Wait until a component of health is degraded; None: until all are healthy."""

        def is_reported() -> bool:
            faulty = self.faulty_components()
            return not faulty if component is None else component in faulty

        if not wait_for(is_reported, DEADLINE_S):
            self.failed.append(f"expected health to name {component or 'no component'}, got {self.faulty_components()}")

    def keep_answer(self, answer: str, in_log: str | None = None) -> None:
        """Keep the answer to a command as the service's account of a fault."""
        self._keep(answer, in_log)

    def expect_live(self, version: str) -> None:
        """Wait until a version is the only live one, and health is good."""
        self.expect_swap(version)
        self.expect_component(None)

    def expect_swap(self, version: str) -> None:
        """Wait until a version is the only live one and has answered."""
        started_s = time.monotonic()
        expected: dict[str, Any] = {"champion": tag_of(version), "challenger": None, "retiring": []}

        def is_reached() -> bool:
            return all(state.get("live") == expected and not state["differs_because"] for state in self.states())

        if not wait_for(is_reached, DEADLINE_S):
            self.failed.append(f"expected {version} to be live, got {self.state()}")
            return
        self.recovered_s = max(time.monotonic() - started_s, self.recovered_s or 0.0)
        self.live.allow_only(version)
        self.expect_answers(version)

    def forget(self, version: str) -> None:
        """Remove a version from the model store, so that it has to be fetched."""
        shutil.rmtree(self.around.home / "models" / MODEL / version)

    @contextmanager
    def restarted(self, version: str, **changes: str) -> Iterator[None]:
        """Start a service in place of the one that has ended; its first answer must be of a version.

        Args:
            version: the version.
            changes: the settings that differ.
        """
        started_s = time.monotonic()
        with self.start(**changes) as server:
            self.server = server
            self.client.close()
            self.client = Client(server.address, self.key)
            status, content = self.client.request("POST", "/predict", json.dumps(TREE).encode())
            self.recovered_s = time.monotonic() - started_s
            answer = json.loads(content)
            expected = (200, version, SCALES[version] * linear_answer(TREE, CONTRACT))
            if (status, answer.get("version"), answer.get("prediction")) != expected:
                self.failed.append(f"expected {expected} as the first answer after the restart, got {status}: {answer}")
            yield

    def expect_answers(self, version: str, count: int = 20) -> None:
        """Wait until a version has given further answers."""
        before = self.load.versions()[version]
        if not wait_for(lambda: self.load.versions()[version] >= before + count, DEADLINE_S):
            self.failed.append(f"expected further answers of {version}, got {dict(self.load.versions())}")

    def _keep(self, reason: str, in_log: str | None) -> None:
        """Keep the account of a fault; the first one of several is the one for the table."""
        message = "" if in_log is None else self._log_line(in_log)
        if self.statement.reason:
            return
        now = self.metrics()
        changed = tuple(f"{name} {value:g}" for name, value in now.items() if self._before.get(name, 0.0) != value)
        health = "; ".join(f"{name}: {text}" for name, text in self.faulty_components().items())
        self.statement = Statement(reason, health, message, changed)

    def _log_line(self, words: str) -> str:
        """Return the first line of the log with some words."""
        matches: list[str] = []

        def is_logged() -> bool:
            matches[:] = [line["message"] for line in self.log_lines() if words in line["message"]]
            return bool(matches)

        if not wait_for(is_logged, DEADLINE_S):
            self.failed.append(f"expected a warning with {words!r} in the log, got {self._messages()}")
            return ""
        return matches[0]

    def _messages(self) -> Sequence[str]:
        return [line["message"] for line in self.log_lines()][-5:]


def with_entry(document: RolloutDocument, entry: ModelRollout) -> RolloutDocument:
    """Return a document with another entry of the model."""
    return document.model_copy(update={"models": {**document.models, MODEL: entry}})
