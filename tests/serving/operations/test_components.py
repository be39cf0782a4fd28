"""The components of every service, each with its faults."""

from __future__ import annotations

import asyncio
import tempfile
from array import array
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace
from typing import cast

import pytest

from runners.batcher import MicroBatcher
from runners.costs import BatchCosts
from runners.runner import Runner, RunnerOptions
from runners.work import Work
from serving.live_model import LiveModel
from serving.operations.components import (
    LOW_DISK_BYTES,
    STUCK_S,
    DiskSpace,
    batcher_report,
    breaker_report,
    models_report,
    rollout_report,
    runner_report,
    service_health,
    temporary_folder,
)
from serving.operations.metrics import Metrics
from serving.state import ServiceState, UnloadedModel
from tabento.bundle.store import Bundle
from tabento.remote.circuit_breaker import CircuitBreaker
from tests.runners.echo import EchoModel, Ticket
from tests.runners.manual_loop import ManualLoop


def _runner(model: EchoModel, loop: ManualLoop) -> Runner:
    return Runner(
        model, loop, lambda function, done: done(function(), None), RunnerOptions(slo_s=1.0), BatchCosts(1024)
    )


def test_a_service_without_a_model_is_unhealthy() -> None:
    """Model and runner are critical and unhealthy; intake and metrics are healthy."""
    health = service_health(ServiceState(), Metrics())
    states = {component.name: component.report().status for component in health.components()}
    assert states == {
        "model": "unhealthy",
        "models": "healthy",
        "intake": "healthy",
        "runner": "unhealthy",
        "metrics": "healthy",
    }
    assert [component.name for component in health.components() if component.critical] == ["model", "intake", "runner"]


def test_metrics_of_one_worker_only_are_degraded() -> None:
    """A fault of the link to the supervisor degrades the service and is the detail."""
    metrics = Metrics()
    metrics.fault = "the supervisor does not answer"
    report = service_health(ServiceState(), metrics).components()[-1].report()
    assert (report.status, report.message) == ("degraded", "the supervisor does not answer")


def test_a_batcher_without_progress_is_unhealthy() -> None:
    """Rows that wait for more than 5 s show that the loop or the model hangs."""
    loop = ManualLoop()
    batcher = _runner(EchoModel(), loop).batcher
    assert batcher_report(batcher, loop.now).status == "healthy"
    batcher.submit(Work(array("d", [1.0]).tobytes(), 1, loop.now, float("inf"), Ticket(0, 1)))
    assert batcher_report(batcher, loop.now + STUCK_S).status == "healthy"
    report = batcher_report(batcher, loop.now + STUCK_S + 1)
    assert (report.status, report.message) == ("unhealthy", "1 rows wait for the model, the oldest for 6 s")
    loop.turn(0.0)
    assert batcher_report(batcher, loop.now + STUCK_S + 1).status == "healthy"


def test_a_rollout_that_cannot_be_followed_is_degraded() -> None:
    """A document that is not used and refused versions are reported without their names, which health must not show."""
    assert rollout_report(None, {}).status == "healthy"
    faulty = rollout_report("/srv/rollout.json was removed", {})
    assert (faulty.status, "/srv" in faulty.message) == ("degraded", False)
    messages = [rollout_report(None, refusals).message for refusals in ({"pear": 1}, {"pear": 1, "apple": 2})]
    assert [message.partition(" not")[0] for message in messages] == ["one wanted version is", "2 wanted versions are"]


def test_a_failed_batch_is_degraded_until_the_next_one() -> None:
    """The runner is degraded if the model failed on a row of the last batch."""
    loop, model = ManualLoop(), EchoModel()
    model.raises = {1.0}
    batcher = _runner(model, loop).batcher
    for row, expected in ((1.0, "degraded"), (2.0, "healthy")):
        batcher.submit(Work(array("d", [row]).tobytes(), 1, loop.now, float("inf"), Ticket(0, 1)))
        loop.turn(0.0)
        assert batcher_report(batcher, loop.now).status == expected


def test_a_full_disk_is_degraded(tmp_path: Path) -> None:
    """Little free space is reported with its amount; a large share of a small disk, or much of a large one, is enough."""

    def report_of(total: int, free: int) -> tuple[str, str]:
        report = DiskSpace([("log folder", tmp_path)], lambda folder: (total, total - free, free)).measure()
        return report.status, report.message

    assert report_of(10**12, LOW_DISK_BYTES) == ("healthy", "there is free space")
    assert report_of(10**8, 10**7) == ("healthy", "there is free space")
    assert report_of(10**12, 10**6) == ("degraded", "the log folder has 1 MB left of 1000000 MB")


def test_a_folder_that_cannot_be_read_is_degraded(tmp_path: Path) -> None:
    """The message has the reason and the folder's name, not its path."""
    report = asyncio.run(DiskSpace([("log folder", tmp_path / "absent")]).check())
    assert (report.status, report.message) == ("degraded", "the log folder cannot be read (No such file or directory)")


def test_the_real_temporary_folder_can_be_measured() -> None:
    """The disk component works with the folder of this system, and needs no check to be shown."""
    disk = DiskSpace([temporary_folder()])
    assert disk.probe().status == "healthy"
    assert asyncio.run(disk.check()).status in ("healthy", "degraded")


def test_a_system_without_a_temporary_folder_is_degraded(monkeypatch: pytest.MonkeyPatch) -> None:
    """If no folder can be written, the component has the remedy, and nothing fails."""

    def refuse() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "gettempdir", refuse)
    report = DiskSpace([temporary_folder()]).measure()
    assert report.status == "degraded"
    assert report.message.startswith("the temporary folder is missing: mount one that user ")


def test_an_open_breaker_degrades_its_dependency() -> None:
    """A dependency is healthy, degraded while its breaker is open or half-open, and healthy again."""
    now = [0.0]
    breaker = CircuitBreaker("redis", failures=1, clock=lambda: now[0])
    assert breaker_report(breaker).status == "healthy"
    breaker.failed("password in a text")
    assert (breaker_report(breaker).status, breaker_report(breaker).message) == (
        "degraded",
        "not used for 60 s, after 1 failures",
    )
    now[0] = 60.0
    assert breaker_report(breaker).message == "the next call decides whether it is available again"
    breaker.succeeded()
    assert breaker_report(breaker).status == "healthy"


def _live(name: str, batcher: MicroBatcher) -> LiveModel:
    """Return the parts of a live model that health reads."""
    return cast(LiveModel, SimpleNamespace(name=name, batcher=batcher))


def test_one_stuck_batcher_of_several_is_unhealthy() -> None:
    """The worst batcher of all models decides, also a challenger's; the message has the number of models, and no name."""
    loop, state = ManualLoop(), ServiceState()
    for name in ("orchard", "harvest"):
        state.set_model(_live(name, _runner(EchoModel(), loop).batcher))
    assert runner_report(state).status == "healthy"
    stuck = _runner(EchoModel(), loop).batcher
    state.set_challenger("orchard", _live("orchard", stuck))
    stuck.submit(Work(array("d", [1.0]).tobytes(), 1, perf_counter() - STUCK_S - 1, float("inf"), Ticket(0, 1)))
    report = runner_report(state)
    assert report.status == "unhealthy"
    assert report.message.startswith("1 of 3 models: 1 rows wait")


class _ThreeColdModels:
    """Three models that are not loaded, one of which cannot be loaded."""

    def names(self) -> list[str]:
        return ["frost", "sleet", "tenant_of_ours"]

    def describe(self, name: str) -> UnloadedModel:
        return (
            UnloadedModel("failed", None, "its graph is damaged") if name == "tenant_of_ours" else UnloadedModel("cold")
        )

    async def load(self, name: str, deadline_s: float | None) -> LiveModel:
        raise AssertionError(name)

    async def read(self, name: str) -> Bundle:
        raise AssertionError(name)


def test_a_model_that_cannot_be_loaded_degrades_the_service() -> None:
    """One damaged model of many does not make a replica unhealthy; health, which needs no key, does not show its name."""
    state = ServiceState()
    state.set_model(_live("orchard", _runner(EchoModel(), ManualLoop()).batcher))
    assert models_report(state).message == "1 of 1 models are loaded"
    state.on_demand = _ThreeColdModels()
    report = models_report(state)
    assert report.status == "degraded"
    assert report.message.startswith("1 of 4 models are loaded, 1 cannot be loaded")
    assert "tenant" not in report.message
