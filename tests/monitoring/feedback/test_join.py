"""Truths are joined with recent predictions, with the log, and later if they had to wait."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitoring.feedback.answered_model import AnsweredModel, answered_model
from monitoring.feedback.database import SqliteDatabase
from monitoring.feedback.join import Joiner, JoinResult
from monitoring.feedback.predictions import Predictions, RecentPredictions, RowKey
from monitoring.feedback.store import FeedbackStore
from tests.bundles import TREE
from tests.monitoring.feedback.answers import NOW_S, monitored, predicted_rows, truth

INFINITY = float("inf")


class FakeLog:
    """A prediction log in memory."""

    def __init__(self) -> None:
        self.records: dict[RowKey, dict[str, Any]] = {}
        self.searches = 0
        self.is_damaged = False

    def find(self, keys: Iterable[RowKey]) -> dict[RowKey, list[dict[str, Any]]]:
        """Return the records of rows."""
        self.searches += 1
        if self.is_damaged:
            raise OSError("input/output error")
        return {key: [self.records[key]] for key in keys if key in self.records}

    def add(self, request_id: str, prediction: Any, **fields: Any) -> None:
        """Add a record as the log has it."""
        self.records[request_id, 0] = {
            "time": "2026-11-27T16:08:17.500000Z",
            "request_id": request_id,
            "row": 0,
            "model": "orchard",
            "version": "v1",
            "variant": "champion",
            "features": TREE,
            "prediction": prediction,
            **fields,
        }


class Setup:
    """A joiner with its store, its recent rows and its log."""

    def __init__(self, path: Path, recent_rows: int = 100) -> None:
        self.store = FeedbackStore(SqliteDatabase(path))
        self.recent = RecentPredictions(recent_rows)
        self.log = FakeLog()
        self.joiner = Joiner(self.store, Predictions(self.recent, self.log.find))
        self.model: AnsweredModel = answered_model(monitored())

    def add(self, request_id: str, value: Any, received_s: float = NOW_S) -> None:
        """Store a truth without joining it."""
        self.store.add([truth(request_id, value)], received_s)

    def join(self) -> JoinResult:
        """Join all waiting truths."""
        return self.joiner.join(self.store.waiting(0, INFINITY, 1000))

    def answers(self) -> dict[str, list[float]]:
        """Return the answers of joined truths by version and variant."""
        return {
            f"{model.version} {row[0]}": np.frombuffer(row[2]).tolist()
            for number, model in self.store.models().items()
            for row in self.store.joined_columns(number, "truth", 0, INFINITY, 10)
        }


@pytest.fixture
def setup(tmp_path: Path) -> Iterator[Setup]:
    """A joiner that knows the orchard's version v1."""
    setup = Setup(tmp_path / "feedback.sqlite")
    setup.joiner.register(setup.model)
    yield setup
    setup.store.close()


def test_a_recent_row_is_joined_without_the_log(setup: Setup) -> None:
    """The latest rows are in memory."""
    setup.recent.add(predicted_rows(monitored(variant="challenger"), ["a"], np.array([2.5])), setup.model)
    setup.add("a", 3)
    assert setup.join() == JoinResult(1, (), 0)
    assert (setup.answers(), setup.log.searches) == ({"v1 challenger": [2.5]}, 0)


def test_an_older_row_is_joined_with_the_log(setup: Setup) -> None:
    """A record of the log gives the same join as a row in memory, to the last bit."""
    setup.log.add("a", 0.1 + 0.2)
    setup.add("a", 3)
    assert setup.join().joined == 1
    assert setup.answers() == {"v1 champion": [0.1 + 0.2]}
    (row,) = setup.store.joined_columns(1, "prediction", 1_795_795_697.5, 1_795_795_697.6, 10)
    assert row[1] == 1_795_795_697.5


def test_an_unknown_row_waits_until_the_log_has_it(setup: Setup) -> None:
    """The truth may come before the record."""
    setup.add("a", 3)
    assert setup.join() == JoinResult(0, (), 1)
    setup.log.add("a", 1.0)
    assert sum(result.joined for result in setup.joiner.join_waiting(NOW_S + 1)) == 1
    assert setup.store.counts() == (0, 1, 0)


def test_a_truth_of_an_unknown_version_waits(setup: Setup) -> None:
    """A version that was never seen here cannot be measured; the truth waits for the version."""
    setup.log.add("a", 1.0, version="v0")
    setup.add("a", 3)
    assert setup.join().waiting == 1
    setup.joiner.register(answered_model(monitored(version="v0")))
    assert setup.join().joined == 1


def test_a_truth_of_another_kind_is_a_mismatch(setup: Setup) -> None:
    """It is stored and named, and no longer looked for."""
    setup.log.add("a", 1.0)
    setup.add("a", "many")
    (mismatch,) = setup.join().mismatches
    assert (mismatch.request_id, mismatch.expected) == ("a", "a number")
    assert setup.store.counts() == (0, 0, 1)


@pytest.mark.parametrize("fields", [{"prediction": "x"}, {"time": "?"}, {"prediction": None}])
def test_a_record_that_is_no_answer_is_ignored(setup: Setup, fields: dict[str, Any]) -> None:
    """The truth waits."""
    setup.log.add("a", 1.0)
    setup.log.records["a", 0].update(fields)
    setup.add("a", 3)
    assert setup.join().waiting == 1


def test_a_damaged_log_loses_no_truth(setup: Setup) -> None:
    """Recent rows are joined, and the others when the log can be read again."""
    setup.log.is_damaged = True
    setup.recent.add(predicted_rows(monitored(), ["a"], np.array([2.5])), setup.model)
    setup.log.add("b", 1.0)
    setup.add("a", 3)
    setup.add("b", 3)
    assert setup.join() == JoinResult(1, (), 1)
    setup.log.is_damaged = False
    assert setup.join().joined == 1


def test_old_truths_are_looked_for_rarely(setup: Setup) -> None:
    """A new truth is looked for within seconds, one of weeks ago every six hours, also after the clock was set back."""
    setup.add("new", 1, NOW_S)
    setup.add("old", 1, NOW_S - 20 * 86_400)
    setup.joiner.join_waiting(NOW_S)
    setup.log.add("new", 1.0)
    setup.log.add("old", 1.0)
    assert setup.joiner.join_waiting(NOW_S + 1) == []
    assert [result.joined for result in setup.joiner.join_waiting(NOW_S + 3)] == [1]
    assert sum(result.joined for result in setup.joiner.join_waiting(NOW_S + 21_601)) == 1
    setup.add("again", 1, NOW_S)
    setup.log.add("again", 1.0)
    assert sum(result.joined for result in setup.joiner.join_waiting(NOW_S - 86_400)) == 1


def test_the_memory_is_bounded(setup: Setup) -> None:
    """The oldest batches are forgotten; of a repeated id the latest row counts."""
    recent = RecentPredictions(5)
    for number in range(4):
        recent.add(predicted_rows(monitored(), ["same", f"r{number}"], np.array([number, number])), setup.model)
    rows = recent.find([("same", 0), ("r0", 0), ("r2", 0), ("r3", 1)])
    assert {key[0]: row[0].answer.tolist() for key, row in rows.items()} == {"same": [3.0], "r2": [2.0]}
