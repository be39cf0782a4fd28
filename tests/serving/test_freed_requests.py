"""Connections, requests and trials are freed with their last reference: a service that loads models on demand collects no circles."""

from __future__ import annotations

import gc
import json
import socket
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from rollout.document import Challenger, Step
from serving.fastpath.protocol import FastPathProtocol
from serving.live_model import LiveModel
from tests.bundles import TREE
from tests.servers import wait_until
from tests.serving.fleet.versions import VersionedService, versioned_service

ROW = json.dumps(TREE).encode()
REQUESTS: dict[str, tuple[str, bytes, bytes, int]] = {
    "answer": ("/predict", ROW, b"", 200),
    "slow way": ("/predict", ROW, b"x-deadline-ms: 60000\r\n", 200),
    "invalid": ("/predict", b"{}", b"", 422),
    "invalid rows": ("/predict/batch", b"[{}, {}]", b"", 422),
    "wrong header": ("/predict", ROW, b"x-deadline-ms: x\r\n", 400),
    "wrong header of the protocol": ("/v2/models/orchard/infer", b"{}", b"content-type: text/plain\r\n", 415),
    "invalid tensors": ("/v2/models/orchard/infer", b"{}", b"", 422),
    "unknown model": ("/models/cherry/predict", ROW, b"", 404),
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VersionedService]:
    """A running service of ``orchard:v1``."""
    with versioned_service(tmp_path_factory.mktemp("freed"), {"v1": 1.0, "v2": 2.0}) as service:
        yield service


@contextmanager
def _without_collections() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _request_answer(address: str, path: str, body: bytes, lines: bytes) -> int:
    host, _, port = address.partition("://")[2].partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        head = b"POST %b HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
        if b"content-type" in lines:
            head = head.replace(b"content-type: application/json\r\n", b"")
        connection.sendall(head % (path.encode(), len(body)) + lines + b"\r\n" + body)
        return int(connection.recv(65_536).split()[1])


def _connections() -> list[Any]:
    return [item for item in gc.get_objects() if isinstance(item, FastPathProtocol)]


@pytest.mark.parametrize("kind", REQUESTS)
def test_a_connection_is_freed_without_a_collection(service: VersionedService, kind: str) -> None:
    """After its end, no part of a connection is left, whatever its request was."""
    path, body, lines, status = REQUESTS[kind]
    service.client.close()
    with _without_collections():
        present = len(_connections())
        assert _request_answer(service.address, path, body, lines) == status
        wait_until(lambda: len(_connections()) <= present, "the connection to be freed")


@pytest.mark.parametrize("mode", ["shadow", "canary"])
def test_a_trial_is_freed_without_a_collection(
    service: VersionedService, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its end, neither the trial nor the challenger is left."""
    monkeypatch.setattr("serving.fleet.loading.give_back_memory", lambda: None)
    trials: list[weakref.ref[Any]] = []
    models: list[weakref.ref[LiveModel]] = []
    with _without_collections():
        plan = Challenger.model_validate({"tag": "orchard:v2", "mode": mode, "steps": (Step(share=0.5),)})
        service.want("v1", plan)
        service.wait(lambda status: status["trial"] is not None, "the trial")
        assert service.application.trials is not None
        trials.append(weakref.ref(service.application.trials.running["orchard"].trial))
        models.append(weakref.ref(service.application.state.challengers["orchard"]))
        for _ in range(5):
            assert _request_answer(service.address, "/predict", ROW, b"") == 200
        service.want("v1")
        service.wait_for_champion("v1")
        wait_until(lambda: trials[0]() is None and models[0]() is None, "trial and challenger to be freed")
