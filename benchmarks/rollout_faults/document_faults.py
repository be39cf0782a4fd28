"""Faults of the document: broken, contradictory, of an unknown model, removed; and two people who change it at once."""

from __future__ import annotations

import http.client
import json
import threading
from typing import Any
from urllib.parse import urlsplit

from benchmarks.rollout_faults.tried_service import TriedService
from benchmarks.rollout_faults.versions import MODEL, store_version, tag_of

ROUNDS = 10
"""The changes that two people begin at the same time."""


def break_document(service: TriedService) -> None:
    """Cut the document in its middle, then restore it."""
    data = service.store.path.read_bytes()
    service.store.path.write_bytes(data[: len(data) // 2])
    service.expect_fault("the rollout document is not used", "is not a rollout document")
    _restore(service, data)


def contradict(service: TriedService) -> None:
    """Deploy documents that contradict themselves: a version twice, a share of 0, falling shares, a tag of another model."""
    data = service.store.path.read_bytes()
    champion, other = tag_of("v1"), tag_of("v2")
    canary = {"tag": other, "mode": "canary"}
    cases: dict[str, dict[str, Any]] = {
        "are the same version": {"champion": champion, "challenger": {"tag": champion}},
        "greater than 0": {"champion": champion, "challenger": {**canary, "steps": [{"share": 0}]}},
        "must not fall": {"champion": champion, "challenger": {**canary, "steps": [{"share": 0.5}, {"share": 0.1}]}},
        "is a version of another model": {"champion": "churn:v1"},
        "Extra inputs are not permitted": {"champion": champion, "chalenger": {"tag": other}},
    }
    for words, entry in cases.items():
        service.store.path.write_text(
            json.dumps({"format": 1, "revision": 9, "models": {MODEL: entry}}), encoding="utf-8"
        )
        service.expect_fault("the rollout document is not used", words)
    _restore(service, data)


def remove(service: TriedService) -> None:
    """Remove the document, then restore it."""
    data = service.store.path.read_bytes()
    service.store.path.unlink()
    service.expect_fault("was removed")
    _restore(service, data)


def _restore(service: TriedService, data: bytes) -> None:
    """Put the document back as it was, and change the version by it."""
    service.expect_answers("v1")
    service.store.path.write_bytes(data)
    service.expect_live("v1")
    store_version("v2")
    service.want("v2")
    service.expect_live("v2")
    service.want("v1")
    service.expect_live("v1")


def two_admins(service: TriedService) -> None:
    """Let two people change the champion at once, from the same revision: one succeeds, the other one is told."""
    for version in ("v2", "v3"):
        store_version(version)
        service.live.allow(version)
    statuses: list[list[int]] = []
    answers: list[str] = []
    for _ in range(ROUNDS):
        revision = service.store.read().revision
        barrier = threading.Barrier(2)
        results: list[tuple[int, str]] = []

        def change(version: str, revision: int = revision, barrier: threading.Barrier = barrier) -> None:
            body = {
                "action": "champion",
                "tag": tag_of(version),
                "who": version,
                "why": "two at once",
                "revision": revision,
            }
            barrier.wait()
            results.append(post(service, body))  # noqa: B023

        champion = service.store.read().models[MODEL].champion
        pair = [version for version in ("v1", "v2", "v3") if tag_of(version) != champion]
        threads = [threading.Thread(target=change, args=(version,)) for version in pair]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        statuses.append(sorted(status for status, _ in results))
        answers += [content for status, content in results if status == 409]
        after = service.store.read().revision
        if after != revision + 1:
            service.failed.append(f"expected the revision {revision + 1} after two changes at once, got {after}")
    if any(pair != [200, 409] for pair in statuses):
        service.failed.append(f"expected 200 and 409 in every round, got {statuses}")
    n_changes = sum(change.reason == "two at once" for change in service.store.history.read(MODEL, 1_000))
    if n_changes != ROUNDS:
        service.failed.append(f"expected {ROUNDS} changes in the history, got {n_changes}")
    service.keep_answer(answers[0] if answers else "")
    version = service.store.read().models[MODEL].champion.partition(":")[2]
    service.expect_live(version)
    service.want("v1")
    service.expect_live("v1")


def post(service: TriedService, body: dict[str, Any]) -> tuple[int, str]:
    """Return the status and the message of a change by the admin route."""
    connection = http.client.HTTPConnection(urlsplit(service.server.address).netloc, timeout=30)
    headers = {"content-type": "application/json", "x-api-key": service.key}
    try:
        connection.request("POST", "/admin/rollout", json.dumps(body), headers)
        response = connection.getresponse()
        content = json.loads(response.read())
    finally:
        connection.close()
    return response.status, "" if response.status == 200 else str(content["error"]["message"])
