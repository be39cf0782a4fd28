"""Feedback in a real Postgres: shared by processes, and neither lost nor doubled when it is killed or hangs."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.feedback import run
from monitoring.errors import RequestError
from monitoring.feedback.database import PostgresDatabase
from monitoring.feedback.errors import FeedbackStoreError
from monitoring.feedback.part import Feedback
from monitoring.feedback.store import FeedbackStore
from monitoring.quality.arm_losses import LOSSES
from monitoring.quality.build import build_feedback
from monitoring.quality.part import LiveQuality
from monitoring.settings import MonitoringSettings
from tests.monitoring.feedback.answers import NOW_S, monitored, predicted_rows, truth
from tests.real_parts.postgres_server import ESCAPED, PASSWORD, PostgresServer, running_postgres
from tests.servers import wait_until

INFINITY = float("inf")


@pytest.fixture
def postgres(monkeypatch: pytest.MonkeyPatch) -> Iterator[PostgresServer]:
    """A real Postgres; a failure of it is tried again at once."""
    monkeypatch.setattr("monitoring.feedback.database.OPEN_S", 0.05)
    with running_postgres() as server:
        yield server


def _store(postgres: PostgresServer) -> FeedbackStore:
    return FeedbackStore(PostgresDatabase(postgres.url))


def _ids(store: FeedbackStore) -> list[str]:
    return [item["request_id"] for item in store.truths(-INFINITY, INFINITY)]


def _parts(postgres: PostgresServer, folder: Path) -> tuple[Feedback, LiveQuality]:
    settings = MonitoringSettings.model_validate({"monitoring_folder": folder, "feedback_url": postgres.url})
    parts = build_feedback(settings)
    assert len(parts) == 2
    feedback, quality = parts
    feedback._clock = quality._clock = lambda: NOW_S
    return feedback, quality


def _post(part: Feedback, *items: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(asyncio.run(part.answer("feedback", {}, json.dumps(items).encode())).content)
    return content


def test_it_keeps_truths_as_sqlite_does(postgres: PostgresServer, tmp_path: Path) -> None:
    """Truths are stored, corrected, joined and measured, to the last digit."""
    feedback, quality = _parts(postgres, tmp_path)
    model = monitored()
    feedback.add_model(model)
    answers = np.random.default_rng(0).normal(size=300)
    feedback.add_rows(predicted_rows(model, [f"r{number}" for number in range(300)], answers))
    truths = (answers + 0.1).tolist()
    items = [{"request_id": f"r{number}", "truth": value, "time": NOW_S - 5} for number, value in enumerate(truths)]
    first = _post(feedback, *items, {"request_id": "unknown", "truth": "\0é"}, {"request_id": "r0", "truth": "many"})
    assert (first["new"], first["corrections"], first["joined"], first["waiting"]) == (301, 1, 299, 1)
    second = _post(feedback, *items, {"request_id": "r0", "truth": truths[0]})
    assert (second["duplicates"], second["outdated"], second["corrections"]) == (299, 1, 1)
    answer = json.loads(asyncio.run(quality.answer("quality", {"window": "all"}, b"")).content)
    (report,) = answer["models"]
    errors = np.array(truths) - answers
    assert report["targets"][0]["metrics"]["mae"]["value"] == pytest.approx(float(np.abs(errors).mean()), rel=1e-15)
    assert report["rows"] == 300
    assert answer["feedback"]["waiting"] == 1
    assert not list(tmp_path.iterdir())
    feedback.close()
    quality.close()


def test_shadow_is_stored_as_in_sqlite(postgres: PostgresServer, tmp_path: Path) -> None:
    """A truth is joined with both answers to its row, and both arms of the rollout have their losses."""
    feedback, quality = _parts(postgres, tmp_path)
    for model, value in ((monitored(), 1.0), (monitored(version="v2", variant="challenger"), 4.0)):
        feedback.add_model(model)
        quality.add_model(model)
        feedback.add_rows(predicted_rows(model, ["a"], np.array([value])))
    assert _post(feedback, {"request_id": "a", "truth": 2.0, "time": NOW_S - 5})["joined"] == 1
    quality.tick(NOW_S)
    assert quality._update is not None
    quality._update.result()
    arms = {labels[1]: value for labels, value in quality.numbers()[LOSSES.name].items() if labels[3] == "sum"}
    assert arms == {"v1": 1.0, "v2": 2.0}
    assert quality._store.delete_before(NOW_S + 1) == 1
    feedback.close()
    quality.close()


def test_another_replica_joins_its_own_rows(postgres: PostgresServer, tmp_path: Path) -> None:
    """A truth that reaches one replica is joined by the replica that answered the row."""
    first, first_quality = _parts(postgres, tmp_path)
    second, second_quality = _parts(postgres, tmp_path)
    model = monitored()
    second.add_model(model)
    second.add_rows(predicted_rows(model, ["a"], np.array([1.0])))
    assert _post(first, {"request_id": "a", "truth": 2})["waiting"] == 1
    second.tick(NOW_S)
    wait_until(lambda: second.numbers()["tabento_feedback"].get(("joined",)) == 1.0, "the other replica")
    assert _post(first, {"request_id": "a", "truth": 2})["duplicates"] == 1
    for part in (first, second, first_quality, second_quality):
        part.close()


def test_parallel_processes_store_each_truth_once(postgres: PostgresServer) -> None:
    """Connections that send the same truths at once count each as new once."""
    stores = [_store(postgres) for _ in range(4)]
    parts = [[truth(f"r{number}", 1) for number in range(start, start + 50)] for start in range(0, 500, 50)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda store: [store.add(part, NOW_S) for part in parts], stores))
    additions = [addition for result in results for addition in result]
    assert sum(addition.new for addition in additions) == 500
    assert sum(addition.duplicate for addition in additions) == 1500
    for store in stores:
        store.close()


def test_a_killed_server_loses_and_doubles_nothing(
    postgres: PostgresServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """While it is away the client gets 503 and health is degraded; the same requests again complete the store."""
    caplog.set_level(logging.DEBUG)
    feedback, quality = _parts(postgres, tmp_path)
    requests = [[{"request_id": f"r{part}-{number}", "truth": 1} for number in range(20)] for part in range(30)]
    messages = []
    for index, request in enumerate(requests):
        if index == 10:
            postgres.kill()
        try:
            _post(feedback, *request)
        except RequestError as error:
            assert error.status == 503
            messages.append(error.message)
    assert len(messages) == 20
    health = feedback.health()
    assert health is not None
    assert health.status == "degraded"
    secrets = (PASSWORD, ESCAPED, str(postgres.port))
    assert not [text for text in (*messages, health.message, caplog.text) for secret in secrets if secret in text]
    postgres.start()
    wait_until(lambda: _is_stored(feedback), "the store to be tried again")
    results = [_post(feedback, *request) for request in requests]
    assert sum(result["new"] for result in results) == 400
    assert sum(result["duplicates"] for result in results) == 200
    store = _store(postgres)
    ids = _ids(store)
    assert len(ids) == len(set(ids)) == 601
    store.close()
    feedback.close()
    quality.close()


def test_an_address_without_a_server_is_an_error_without_secrets() -> None:
    """The message names neither the address nor the password."""
    store = FeedbackStore(PostgresDatabase(f"postgresql://tabento:{ESCAPED}@127.0.0.1:9/postgres"))
    with pytest.raises(FeedbackStoreError) as raised_error:
        store.counts()
    assert "127.0.0.1" not in str(raised_error.value)
    assert ESCAPED not in str(raised_error.value)


def _is_stored(feedback: Feedback) -> bool:
    try:
        _post(feedback, {"request_id": "again", "truth": 1})
    except RequestError:
        return False
    return True


def test_live_quality_is_exact(postgres: PostgresServer, tmp_path: Path) -> None:
    """Late, repeated, corrected and unknown truths give the figures of the files, to the last digit."""
    figures = run(3000, tmp_path, postgres.url)
    assert figures["checks"] == dict.fromkeys(figures["checks"], True)
