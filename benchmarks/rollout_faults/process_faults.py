"""Faults of processes while a version loads: the service is told to end, or its worker is killed."""

from __future__ import annotations

import time

import psutil

from benchmarks.monitored_load import wait_for
from benchmarks.rollout_faults.known_load import CLIENTS
from benchmarks.rollout_faults.surroundings import TIMEOUT_S
from benchmarks.rollout_faults.tried_service import DEADLINE_S, TriedService
from benchmarks.rollout_faults.versions import store_version, tag_of, write_version

HASTE = ("v2", "slow", "v1", "v3")
ROUNDS = 30
GROWTH_MIB = 30
"""A version of this model takes less than 1 MiB; the rest is the allocator's."""
END_S = 10.0
"""The seconds within which a service must end: it answers its requests, and waits for no load."""


def end_during_load(service: TriedService) -> None:
    """End the service by SIGTERM while a version loads."""
    store_version("slow")
    _want_slow(service)
    _end(service)
    with service.restarted("slow"):
        pass


def end_during_fetch(service: TriedService) -> None:
    """End the service by SIGTERM while it fetches a version from an object store that hangs."""
    store = service.around.store
    assert store is not None
    write_version(service.around.object_folder("v2"), "v2")
    store.hang()
    service.want("v2")
    _await_fetch(service)
    service.keep_answer(service.reason())
    _end(service)
    with service.restarted("v1", TABENTO_BUNDLE_TIMEOUT_S=str(TIMEOUT_S)):
        store.answer()
        if not wait_for(lambda: service.state().get("live", {}).get("champion") == tag_of("v2"), DEADLINE_S):
            service.failed.append(f"expected v2 to be live after the restart, got {service.state()}")


def _end(service: TriedService) -> None:
    """Send SIGTERM, and wait until all processes have ended."""
    process = psutil.Process(service.server.pid)
    children = process.children(recursive=True)
    service.ended_s = time.monotonic()
    process.terminate()
    _, remaining = psutil.wait_procs([process, *children], timeout=END_S)
    service.end_s = time.monotonic() - service.ended_s
    if remaining:
        service.failed.append(f"expected the service to end within {END_S:g} s, but {len(remaining)} processes run")
    service.load.end()


def kill_during_load(service: TriedService) -> None:
    """Kill the worker while a version loads; the next worker begins with this version."""
    store_version("slow")
    _want_slow(service)
    _kill_worker(service)
    service.expect_live("slow")
    store_version("v2")
    service.want("v2")
    service.expect_live("v2")
    service.want("v1")
    service.expect_live("v1")


def kill_during_fetch(service: TriedService) -> None:
    """Kill the worker while it fetches a version from an object store that hangs; the next worker fetches it."""
    store = service.around.store
    assert store is not None
    write_version(service.around.object_folder("v2"), "v2")
    store.hang()
    service.want("v2")
    _await_fetch(service)
    _kill_worker(service)
    service.expect_answers("v1", 1)
    store.answer()
    service.expect_live("v2")
    service.want("v1")
    service.expect_live("v1")


def _await_fetch(service: TriedService) -> None:
    fetching = service.around.home / "fetching"
    if not wait_for(lambda: any(fetching.glob("*")), DEADLINE_S):
        service.failed.append("expected a fetch to begin")


def change_in_haste(service: TriedService) -> None:
    """Change the wanted version sixty times, faster than versions load; only the last one has to become live."""
    for version in HASTE:
        store_version(version)
        service.live.allow(version)
    worker = next(iter(psutil.Process(service.server.pid).children()))
    for number in range(ROUNDS):
        service.want(HASTE[number % len(HASTE)])
        time.sleep(0.1 * (number % 5))
    service.want("v3")
    service.expect_live("v3")
    before_bytes = worker.memory_info().rss
    for number in range(ROUNDS):
        service.want(("v2", "v1", "v3")[number % 3])
        time.sleep(0.1 * (number % 5))
    service.want("v1")
    service.expect_live("v1")
    grown_mib = (worker.memory_info().rss - before_bytes) / 2**20
    if grown_mib > GROWTH_MIB:
        service.failed.append(
            f"expected the memory of the worker to grow by less than {GROWTH_MIB} MiB, got {grown_mib:.0f}"
        )


def remove_live_bundle(service: TriedService) -> None:
    """Remove the folder of the live version: its graph is in memory. It cannot be wanted again until it is stored."""
    service.forget("v1")
    service.expect_answers("v1")
    store_version("v2")
    service.want("v2")
    service.expect_live("v2")
    service.want("v1")
    service.expect_fault(
        "the model store has no bundle orchard:v1", "It is tried again.", in_log="has no bundle orchard:v1"
    )
    store_version("v1")
    service.expect_live("v1")


def _want_slow(service: TriedService) -> None:
    """Want the version whose load takes seconds, and wait until it is being loaded."""
    service.want("slow")
    if not wait_for(lambda: service.reason() == "the version is being loaded", DEADLINE_S):
        service.failed.append(f"expected the version to be loading, got {service.reason()!r}")
    service.keep_answer(service.reason())


def _kill_worker(service: TriedService) -> None:
    """Kill one worker."""
    children = psutil.Process(service.server.pid).children()
    worker = next(child for child in children if "monitoring" not in child.cmdline())
    service.allowed_errors += CLIENTS
    worker.kill()
