"""The faults, and the checks that hold after each of them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from sys import executable
from typing import Any

from benchmarks.monitored_load import wait_for
from benchmarks.process import BenchmarkError, RunningServer, serve_bento
from benchmarks.rollout_faults import bundle_faults, document_faults, process_faults, source_faults
from benchmarks.rollout_faults.bundle_faults import refusal_of
from benchmarks.rollout_faults.known_load import KnownLoad, LiveVersions
from benchmarks.rollout_faults.surroundings import sign, surroundings_of
from benchmarks.rollout_faults.tried_service import DEADLINE_S, TriedService
from benchmarks.rollout_faults.versions import store_version, tag_of
from rollout.document import ModelRollout
from rollout.settings import RolloutSettings
from rollout.store import open_store
from tabento.keys.changes import create_key
from tabento.keys.key_file import format_keys
from tabento.keys.record import utc_now
from tabento.keys.secret import new_secret
from tests.conftest import bentoml_home
from tests.rollout.cascade.object_folders import flip_byte, truncate, use_newer_format


@dataclass(frozen=True)
class Fault:
    """A fault, and the service to which it is done."""

    title: str
    act: Callable[[TriedService], None]
    kind: str = "plain"
    """One of ``surroundings.KINDS``."""


FAULTS = {
    "truncated": Fault(
        "truncated bundle in the model store", refusal_of(truncate, "was changed after the bundle was sealed")
    ),
    "flipped-byte": Fault(
        "one flipped byte in the model store", refusal_of(flip_byte, "was changed after the bundle was sealed")
    ),
    "stored-again": Fault("one flipped byte, and the bundle stored again", bundle_faults.refused_until_stored_again),
    "newer-format": Fault("bundle of a newer format", refusal_of(use_newer_format, "bundle format 99")),
    "not-a-graph": Fault("sealed bundle whose graph is not one", refusal_of(bundle_faults.replace_graph, "model.onnx")),
    "feature-less": Fault("contract with a feature less", refusal_of(None, "its contract does not fit")),
    "unsigned": Fault(
        "bundle without a signature", refusal_of(bundle_faults.remove_signature, "is not signed"), "signed"
    ),
    "unknown-key": Fault(
        "signature of an unknown key", refusal_of(bundle_faults.sign_with_another_key, "signed"), "signed"
    ),
    "wrong-signature": Fault(
        "bundle changed after it was signed", refusal_of(bundle_faults.change_after_signing, "signature"), "signed"
    ),
    "damaged-object": Fault(
        "truncated and changed bundle in the object store", source_faults.damaged_in_object_store, "object store"
    ),
    "hanging-store": Fault("object store hangs", source_faults.hanging_object_store, "object store"),
    "registry-gone": Fault("registry is gone", source_faults.registry_gone, "registry"),
    "full-disk": Fault("disk full during a fetch", source_faults.full_disk, "small disk"),
    "broken-document": Fault("document cut in its middle", document_faults.break_document),
    "contradictory": Fault("document contradicts itself, five times", document_faults.contradict),
    "removed-document": Fault("document removed", document_faults.remove),
    "two-admins": Fault("two people change the model at once, ten times", document_faults.two_admins),
    "kill-load": Fault(
        "one of two workers killed while a version loads", process_faults.kill_during_load, "two workers"
    ),
    "kill-fetch": Fault(
        "one of two workers killed while a version is fetched", process_faults.kill_during_fetch, "two fetching workers"
    ),
    "haste": Fault("sixty changes, faster than versions load", process_faults.change_in_haste),
    "removed-bundle": Fault("folder of the live version removed", process_faults.remove_live_bundle),
    "sigterm-load": Fault("SIGTERM while a version loads", process_faults.end_during_load),
    "sigterm-fetch": Fault("SIGTERM while a version is fetched", process_faults.end_during_fetch, "patient"),
}


def run_fault(name: str) -> dict[str, Any]:
    """Do one fault to a service of its own; return the figures and the expectations that were not met.

    Args:
        name: a key of ``FAULTS``.

    Raises:
        BenchmarkError: the service does not start, or the fault needs root.
    """
    fault = FAULTS[name]
    with tried_service(fault.kind) as service:
        fault.act(service)
        if service.ended_s is None:
            service.expect_component(None)
    return {"fault": name, "title": fault.title, **check(service)}


@contextmanager
def tried_service(kind: str) -> Iterator[TriedService]:
    """Yield a service of ``orchard:v1`` under load.

    Args:
        kind: one of ``surroundings.KINDS``.

    Raises:
        BenchmarkError: it does not start, or does not answer.
    """
    with ExitStack() as up:
        folder = Path(up.enter_context(tempfile.TemporaryDirectory(prefix="rollout-faults-")))
        around = up.enter_context(surroundings_of(kind, folder))
        up.enter_context(bentoml_home(around.home))
        sign(around, store_version("v1"))
        key = new_secret()
        record = create_key((), key, owner="benchmark", scopes=["admin", "predict", "read"], now=utc_now())
        (folder / "keys.json").write_bytes(format_keys((record,)))
        store = open_store(RolloutSettings(rollout_folder=folder / "rollout"))
        entry = ModelRollout(champion=tag_of("v1"), who="benchmark", why="start")
        store.change(None, lambda document: document.model_copy(update={"models": {"orchard": entry}}), "put")
        environment = {
            "BENTOML_HOME": str(around.home),
            "TABENTO_MODEL": tag_of("v1"),
            "TABENTO_WORKERS": str(around.workers),
            "TABENTO_SLO_P99_MS": "60000",
            "TABENTO_API_KEYS_FILE": str(folder / "keys.json"),
            "TABENTO_ROLLOUT_FOLDER": str(folder / "rollout"),
            "TABENTO_MONITORING_FOLDER": str(folder / "monitoring"),
            **around.settings,
        }
        log = folder / "output"
        output = up.enter_context(log.open("w+b"))

        def start(**changes: str) -> AbstractContextManager[RunningServer]:
            return serve_bento(executable, "service:Tabento", environment={**environment, **changes}, log=output)

        server = up.enter_context(start())
        live = LiveVersions("v1")
        load = KnownLoad(server.address, live, key)
        service = TriedService(server, load, live, store, around, key, log, start)
        up.callback(lambda: service.client.close())
        with load.running():
            if not wait_for(lambda: load.count() > 0 and not service.faulty_components(), DEADLINE_S):
                raise BenchmarkError(
                    f"the service is not healthy: {service.faulty_components()}, {dict(load.failures_before())}"
                )
            service.begin()
            yield service
        service.read_log()


def check(service: TriedService) -> dict[str, Any]:
    """Return the figures of a tried service, and the expectations that were not met."""
    load, statement = service.load, service.statement
    foreign = load.foreign_answers()
    failures = load.failures_before(service.ended_s)
    failed = [
        *service.failed,
        *([f"{len(load.wrong)} wrong answers: {load.wrong[:3]}"] if load.wrong else []),
        *([f"{len(foreign)} answers of versions that were not live: {foreign[:3]}"] if foreign else []),
        *([f"requests failed: {dict(failures)}"] if failures.total() > service.allowed_errors else []),
        *([f"{len(service.exceptions)} exceptions in the log: {service.exceptions[:2]}"] if service.exceptions else []),
    ]
    return {
        "answered": load.count(),
        "versions": dict(load.versions()),
        "wrong": len(load.wrong),
        "foreign": len(foreign),
        "errors": dict(failures),
        "errors_after_sigterm": dict(load.failures_before() - failures),
        "reason": statement.reason,
        "health": statement.health,
        "log": statement.log,
        "metrics": list(statement.metrics),
        "end_s": None if service.end_s is None else round(service.end_s, 2),
        "recovered_s": None if service.recovered_s is None else round(service.recovered_s, 2),
        "failed": failed,
    }
