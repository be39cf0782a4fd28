"""The part of the monitor that takes feedback answers once truths are stored, and goes on when the store fails."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitoring.errors import RequestError
from monitoring.feedback.database import SqliteDatabase
from monitoring.feedback.part import MOST_REQUESTS, Feedback
from monitoring.feedback.store import FeedbackStore
from monitoring.settings import MonitoringSettings
from tests.monitoring.feedback.answers import NOW_S, monitored, predicted_rows
from tests.servers import wait_until


class SlowDatabase(SqliteDatabase):
    """A database that can be blocked."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.is_free = threading.Event()
        self.is_free.set()

    def run_many(self, statement: str, parameters: Any) -> int:
        """Run a statement once the database is free."""
        self.is_free.wait(30)
        return super().run_many(statement, parameters)


@pytest.fixture
def database(tmp_path: Path) -> SlowDatabase:
    """The database of the part."""
    return SlowDatabase(tmp_path / "store" / "feedback.sqlite")


@pytest.fixture
def part(database: SlowDatabase) -> Iterator[Feedback]:
    """A part that has seen three rows of the orchard."""
    part = Feedback(MonitoringSettings(feedback_max_truths=50), FeedbackStore(database), clock=lambda: NOW_S)
    model = monitored()
    part.add_model(model)
    part.add_rows(predicted_rows(model, ["a", "b", "c"], np.array([1.0, 2.0, 3.0])))
    yield part
    database.is_free.set()
    part.close()


def _post(part: Feedback, *items: dict[str, Any]) -> dict[str, Any]:
    answer = asyncio.run(part.answer("feedback", {}, json.dumps(items).encode()))
    content: dict[str, Any] = json.loads(answer.content)
    return content


def _results(part: Feedback) -> dict[str, float]:
    return {labels[0]: value for labels, value in part.numbers()["tabento_feedback"].items() if value}


def test_the_answer_counts_each_truth(part: Feedback) -> None:
    """New, duplicate, corrected and outdated truths add up; joined, waiting and unfitting ones are told."""
    items = [{"request_id": name, "truth": 1, "time": 10} for name in ("a", "b", "unknown")]
    first = _post(part, *items, {"request_id": "c", "truth": "many"})
    assert first == {
        "received": 4,
        "new": 4,
        "duplicates": 0,
        "corrections": 0,
        "outdated": 0,
        "joined": 2,
        "waiting": 1,
        "mismatches": [{"request_id": "c", "row": 0, "expected": "a number"}],
    }
    second = _post(part, *items, {"request_id": "a", "truth": 5}, {"request_id": "b", "truth": 5, "time": 9})
    assert [second[key] for key in ("new", "duplicates", "corrections", "outdated", "joined")] == [0, 3, 1, 1, 0]
    assert _results(part) == {
        "new": 4,
        "joined": 2,
        "mismatch": 1,
        "duplicate": 3,
        "correction": 1,
        "outdated": 1,
    }


def test_a_refused_request_stores_nothing(part: Feedback) -> None:
    """One fault refuses all truths of the request."""
    with pytest.raises(RequestError):
        _post(part, {"request_id": "a", "truth": 1}, {"request_id": "b"})
    assert _post(part, {"request_id": "a", "truth": 1})["new"] == 1
    assert _results(part)["refused"] == 1


def test_a_waiting_truth_is_joined_by_the_upkeep(part: Feedback) -> None:
    """The truth may come before the record of the prediction."""
    assert _post(part, {"request_id": "late", "truth": 1})["waiting"] == 1
    model = next(iter(part._models))
    part.add_rows(predicted_rows(model, ["late"], np.array([1.0])))
    part.tick(NOW_S)
    wait_until(lambda: _results(part).get("joined") == 1, "the upkeep")
    assert _post(part, {"request_id": "late", "truth": 1})["duplicates"] == 1


def test_a_store_that_fails_is_told_and_recovers(tmp_path: Path) -> None:
    """The client gets 503 and can repeat; health is degraded until the store works."""
    place = tmp_path / "store"
    place.write_text("no folder")
    part = Feedback(MonitoringSettings(), FeedbackStore(SqliteDatabase(place / "f.sqlite")), clock=lambda: NOW_S)
    part.add_model(monitored())
    for _ in range(2):
        with pytest.raises(RequestError, match="Repeat the request later") as raised_error:
            _post(part, {"request_id": "a", "truth": 1})
        assert raised_error.value.status == 503
        assert str(tmp_path) not in raised_error.value.message
    health = part.health()
    assert health is not None
    assert health.status == "degraded"
    assert str(tmp_path) not in health.message
    place.unlink()
    assert _post(part, {"request_id": "a", "truth": 1})["new"] == 1
    health = part.health()
    assert health is not None
    assert health.status == "healthy"
    assert _results(part) == {"unavailable": 2, "new": 1}
    part.close()


def test_a_slow_store_refuses_further_requests(part: Feedback, database: SlowDatabase) -> None:
    """The requests that wait are bounded; those that waited are answered when the store goes on."""

    async def flood() -> list[Any]:
        database.is_free.clear()
        contents = [
            json.dumps({"request_id": f"r{number}", "truth": 1}).encode() for number in range(MOST_REQUESTS + 3)
        ]
        tasks = [asyncio.ensure_future(part.answer("feedback", {}, content)) for content in contents]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        database.is_free.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    results = asyncio.run(flood())
    refusals = [result for result in results if isinstance(result, RequestError)]
    assert [refusal.status for refusal in refusals] == [503] * 3
    assert _results(part)["new"] == MOST_REQUESTS
    assert _post(part, {"request_id": "r0", "truth": 1})["duplicates"] == 1


def test_a_hanging_store_is_answered_in_time(
    part: Feedback, database: SlowDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client gets 503 although the truth is stored later; its repetition is a duplicate."""
    monkeypatch.setattr("monitoring.feedback.part.ANSWER_S", 0.01)

    async def send() -> None:
        database.is_free.clear()
        with pytest.raises(RequestError, match="does not answer") as raised_error:
            await part.answer("feedback", {}, b'{"request_id": "a", "truth": 1}')
        assert raised_error.value.status == 503
        database.is_free.set()

    asyncio.run(send())
    monkeypatch.undo()
    assert _post(part, {"request_id": "a", "truth": 1})["duplicates"] == 1


def test_old_truths_expire(part: Feedback, database: SlowDatabase) -> None:
    """Truths are kept for ``feedback_days`` after their arrival."""
    _post(part, {"request_id": "a", "truth": 1})
    part.tick(NOW_S + 401 * 86_400)
    wait_until(lambda: _results(part).get("expired") == 1, "the upkeep")


def test_made_up_ids_cannot_fill_the_disk(database: SlowDatabase) -> None:
    """Of the truths without a prediction the newest are kept, up to a limit; joined ones stay."""
    now_s = NOW_S
    part = Feedback(MonitoringSettings(), FeedbackStore(database), clock=lambda: now_s)
    model = monitored()
    part.add_model(model)
    part.add_rows(predicted_rows(model, ["a"], np.array([1.0])))
    part._most_waiting = 5
    try:
        _post(part, {"request_id": "a", "truth": 1})
        for index in range(20):
            now_s += 1
            _post(part, {"request_id": f"made-up-{index}", "truth": 1})
        part.tick(now_s)
        wait_until(lambda: _results(part).get("expired") == 14, "the deletion")
        assert _post(part, {"request_id": "a", "truth": 1})["duplicates"] == 1
        assert _post(part, {"request_id": "made-up-19", "truth": 1})["duplicates"] == 1
        assert _post(part, {"request_id": "made-up-0", "truth": 1})["new"] == 1
    finally:
        part.close()
