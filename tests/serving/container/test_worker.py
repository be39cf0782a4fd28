"""A worker of an image: faults before it serves."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from serving.container import worker
from serving.container.service import Service
from serving.container.start_clock import StartClock
from serving.operations.worker_link import WorkerFailed, WorkerLink
from serving.settings import ServingSettings, SettingsError
from tabento.bundle.store import read_bundle
from tests.bundles import write_bundle


@pytest.fixture
def service(tmp_path: Path) -> Service:
    """A checked service of a tiny bundle in a checkout."""
    bundle = read_bundle(write_bundle(tmp_path / "bundle"), "orchard:v1")
    return Service(tmp_path, ServingSettings(), bundle, None, bundle.tag)


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The supervisor's end of the worker's link."""
    own_end, worker_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    monkeypatch.setattr(worker, "connect", lambda: WorkerLink(worker_end))
    monkeypatch.setattr(worker, "configure_log", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["container.py"])
    with own_end, worker_end:
        yield own_end


@pytest.mark.parametrize(
    ("error", "is_logged"), [(SettingsError("the remedy"), False), (ZeroDivisionError("a defect"), True)]
)
def test_a_fault_before_the_server_is_reported(
    service: Service,
    supervisor: socket.socket,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    is_logged: bool,
) -> None:
    """The supervisor gets the reason and the exit code is 1; only the traceback of a defect is in the log."""

    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(worker, "Application", fail)
    with socket.socket() as listener:
        assert worker.run_worker(service, listener, StartClock()) == 1
    message = msgspec.msgpack.decode(supervisor.recv(1 << 20), type=WorkerFailed)
    assert message.reason == f"{type(error).__name__}: {error}"
    errors = [record for record in caplog.records if record.levelname == "ERROR"]
    assert [record.exc_info is not None for record in errors] == [True] * is_logged
