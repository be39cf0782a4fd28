"""The components of every service: model, intake, runner, metrics, disk."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence, Sized
from time import perf_counter
from types import MappingProxyType

from rollout.registry.watch import RegistryWatch
from runners.batcher import MicroBatcher
from serving.guards.key_source import KeySource
from serving.operations.health import ComponentReport, HealthRegistry, Status
from serving.operations.metrics import Metrics
from serving.remote.redis_link import RedisLink
from serving.state import ServiceState
from tabento.remote.circuit_breaker import CircuitBreaker

STUCK_S = 5.0
"""Rows that have waited for so long show that the batcher makes no progress: no latency target is as long."""
SEVERITIES: Mapping[Status, int] = MappingProxyType({"healthy": 0, "degraded": 1, "unhealthy": 2})
LOW_DISK_BYTES = 256 * 1024 * 1024
"""Less free space than this, and less than ``LOW_DISK_SHARE``, is low."""
LOW_DISK_SHARE = 0.05


def service_health(state: ServiceState, metrics: Metrics) -> HealthRegistry:
    """Return a registry with the components that need no file and no socket."""
    health = HealthRegistry()
    health.add("model", True, lambda: model_report(state))
    health.add("models", False, lambda: models_report(state))
    health.add("intake", True, lambda: intake_report(state))
    health.add("runner", True, lambda: runner_report(state))
    health.add("metrics", False, lambda: metrics_report(metrics))
    redis = metrics.redis
    if redis is not None:
        health.add("redis", False, lambda: redis_report(redis))
    keys = metrics.key_source
    if keys is not None:
        health.add("keys", False, lambda: keys_report(keys))
    return health


def model_report(state: ServiceState) -> ComponentReport:
    """Return whether the default model is loaded."""
    model = state.model
    if model is None:
        return ComponentReport("unhealthy", "no model is loaded")
    return ComponentReport("healthy", f"{model.bundle.tag} is loaded and warm")


def models_report(state: ServiceState) -> ComponentReport:
    """Return whether the other models can be loaded. Their names are not in the message, since health needs no key."""
    names = state.known_names()
    n_loaded = f"{len(state.models)} of {len(names)} models are loaded"
    on_demand = state.on_demand
    if on_demand is None:
        return ComponentReport("healthy", n_loaded)
    n_failed = sum(on_demand.describe(name).state == "failed" for name in names if name not in state.models)
    if n_failed:
        return ComponentReport(
            "degraded", f"{n_loaded}, {n_failed} cannot be loaded; GET /models?state=failed has the reasons"
        )
    return ComponentReport("healthy", n_loaded)


def intake_report(state: ServiceState) -> ComponentReport:
    """Return whether new requests are accepted."""
    if state.is_leaving:
        return ComponentReport("unhealthy", "stopping")
    return ComponentReport("healthy", "open")


def runner_report(state: ServiceState) -> ComponentReport:
    """Return whether all batchers make progress, and whether the models answered their last batches."""
    models = state.live_models()
    if not models:
        return ComponentReport("unhealthy", "there is no runner, since no model is loaded")
    now_s = perf_counter()
    reports = [batcher_report(model.batcher, now_s) for model in models]
    worst = max(reports, key=lambda report: SEVERITIES[report.status])
    n_faults = sum(report.status != "healthy" for report in reports)
    if n_faults and len(reports) > 1:
        return ComponentReport(worst.status, f"{n_faults} of {len(reports)} models: {worst.message}")
    return worst


def batcher_report(batcher: MicroBatcher, now_s: float) -> ComponentReport:
    """Return the state of a batcher at a time of its clock."""
    if batcher.queue.rows:
        oldest_s = batcher.queue.waits(now_s)[0]
        if oldest_s > STUCK_S:
            return ComponentReport(
                "unhealthy", f"{batcher.queue.rows} rows wait for the model, the oldest for {oldest_s:.0f} s"
            )
    if batcher.last_failed:
        return ComponentReport("degraded", "the model failed on a row of the last batch; the log has the reason")
    return ComponentReport("healthy", "batches are answered")


def metrics_report(metrics: Metrics) -> ComponentReport:
    """Return whether the metrics of all workers are shown."""
    if metrics.fault is not None:
        return ComponentReport("degraded", metrics.fault)
    return ComponentReport("healthy", "all workers are shown")


def keys_report(source: KeySource) -> ComponentReport:
    """Return whether the key file is read."""
    if source.fault is None:
        return ComponentReport("healthy", "the keys are read")
    # The fault itself has the path of the file, and health is open to everybody.
    return ComponentReport(
        "degraded", "the key file is wrong or missing; the former keys stay valid; the service's log has the reason"
    )


def registry_report(registry: RegistryWatch) -> ComponentReport:
    """Return whether the registry's aliases are used."""
    if registry.fault is None:
        return ComponentReport("healthy", "the aliases are read")
    # The fault itself has the address of the registry, and health is open to everybody.
    return ComponentReport(
        "degraded",
        "the registry's aliases cannot be used; the last known versions stay; the service's log has the reason",
    )


def rollout_report(document_fault: str | None, refusals: Sized) -> ComponentReport:
    """Return whether the rollout document is used, and whether all wanted versions can be.

    Args:
        document_fault: the reason why the document is not used; None if it is.
        refusals: the versions that are wanted and cannot be used.
    """
    # Neither paths nor names of models: health is open to everybody.
    if document_fault is not None:
        return ComponentReport(
            "degraded", "the rollout document is not used; the last good one stays; the service's log has the reason"
        )
    if refusals:
        count = len(refusals)
        text = "one wanted version is" if count == 1 else f"{count} wanted versions are"
        return ComponentReport("degraded", f"{text} not used; GET /models/NAME has the reason")
    return ComponentReport("healthy", "the wanted versions can be used")


def redis_report(link: RedisLink) -> ComponentReport:
    """Return whether Redis is used."""
    fault = link.health()
    return ComponentReport("healthy", "answers") if fault is None else ComponentReport("degraded", fault)


def breaker_report(breaker: CircuitBreaker) -> ComponentReport:
    """Return the state of an outside dependency by its circuit breaker."""
    state = breaker.state
    if state == "closed":
        return ComponentReport("healthy", "available")
    if state == "half_open":
        return ComponentReport("degraded", "the next call decides whether it is available again")
    return ComponentReport(
        "degraded", f"not used for {breaker.retry_after_s():.0f} s, after {breaker.failures} failures"
    )


class DiskSpace:
    """The free space of the folders to which the service writes.

    Args:
        folders: the folders, by the names under which messages mention them.
        usage: returns the total, used and free bytes of a folder.
    """

    def __init__(
        self,
        folders: Sequence[tuple[str, str | os.PathLike[str]]],
        usage: Callable[[str | os.PathLike[str]], tuple[int, int, int]] = shutil.disk_usage,
    ) -> None:
        self._folders = tuple(folders)
        self._usage = usage

    def probe(self) -> ComponentReport:
        """Return the state before the first check."""
        return ComponentReport("healthy", "not checked yet")

    async def check(self) -> ComponentReport:
        """Return the state, found out in a thread: the file system of a folder may not answer."""
        return await asyncio.to_thread(self.measure)

    def measure(self) -> ComponentReport:
        """Return the state."""
        problems = []
        for name, folder in self._folders:
            if not str(folder):
                problems.append(f"the {name} is missing: mount one that user {os.geteuid()} can write, or set TMPDIR")
                continue
            try:
                total, _used, free = self._usage(folder)
            except OSError as error:
                problems.append(f"the {name} cannot be read ({error.strerror or type(error).__name__})")
                continue
            if free < LOW_DISK_BYTES and free < LOW_DISK_SHARE * total:
                problems.append(f"the {name} has {free / 1e6:.0f} MB left of {total / 1e6:.0f} MB")
        if problems:
            return ComponentReport("degraded", "; ".join(problems))
        return ComponentReport("healthy", "there is free space")


def temporary_folder() -> tuple[str, str]:
    """Return the folder for temporary files, to which BentoML and its supervisor write.

    If no folder can be written, the service can still answer: an empty path makes the component degraded.
    """
    try:
        return "temporary folder", tempfile.gettempdir()
    except FileNotFoundError:
        return "temporary folder", ""
