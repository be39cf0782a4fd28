"""The store of feedback keeps one truth for each row, whatever is repeated, corrected, killed or full."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from monitoring.feedback.answered_model import answered_model
from monitoring.feedback.database import SqliteDatabase
from monitoring.feedback.errors import FeedbackStoreError
from monitoring.feedback.store import FeedbackStore, JoinedTruth, Mismatch
from tests.monitoring.feedback.answers import NOW_S, monitored, truth

INFINITY = float("inf")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of a store."""
    return tmp_path / "new folder" / "feedback.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[FeedbackStore]:
    """An empty store."""
    store = FeedbackStore(SqliteDatabase(path))
    yield store
    store.close()


def _join(store: FeedbackStore, request_id: str, text: str, answer: float = 1.0) -> int:
    model = answered_model(monitored())
    actual = model.actual(text)
    row = JoinedTruth(
        request_id,
        0,
        text,
        store.model_id(model),
        "champion",
        NOW_S - 5,
        np.array([answer]).tobytes(),
        b"",
        None if actual is None else actual.tobytes(),
    )
    return store.join([row])


def _texts(store: FeedbackStore) -> dict[str, object]:
    return {item["request_id"]: item["truth"] for item in store.truths(-INFINITY, INFINITY)}


def test_a_repeated_request_changes_nothing(store: FeedbackStore) -> None:
    """The same truths again are duplicates, in another request or in the same."""
    first = store.add([truth("a", 1), truth("b", 2), truth("a", 1)], NOW_S)
    second = store.add([truth("b", 2), truth("a", 1)], NOW_S + 1)
    assert (first.new, first.duplicate) == (2, 1)
    assert (second.new, second.duplicate, second.waiting) == (0, 2, ())
    assert store.counts() == (2, 0, 0)


def test_the_truth_that_became_known_last_wins(store: FeedbackStore) -> None:
    """A later truth is a correction, an earlier one is outdated, in any order of arrival."""
    store.add([truth("a", 1, time_s=10)], NOW_S)
    assert store.add([truth("a", 2, time_s=9)], NOW_S).outdated == 1
    assert _texts(store) == {"a": 1}
    assert store.add([truth("a", 3, time_s=11), truth("a", 4, time_s=11), truth("a", 5, time_s=10)], NOW_S)
    assert _texts(store) == {"a": 4}


def test_a_confirmed_truth_is_not_replaced_by_an_older_one(store: FeedbackStore) -> None:
    """The order of arrival does not matter: of the values, the one that was known last is stored."""
    store.add([truth("a", 1, time_s=5)], NOW_S)
    assert store.add([truth("a", 1, time_s=20)], NOW_S).duplicate == 1
    assert store.add([truth("a", 2, time_s=10)], NOW_S).outdated == 1
    assert store.add([truth("a", 1, time_s=30), truth("a", 2, time_s=25)], NOW_S).outdated == 1
    assert store.add([truth("a", 2, time_s=27)], NOW_S).outdated == 1
    assert store.add([truth("a", 2, time_s=30)], NOW_S).correction == 1
    assert [item["time_s"] for item in store.truths(-INFINITY, INFINITY)] == [30]


def test_rows_of_a_request_are_distinct(store: FeedbackStore) -> None:
    """Each row has a truth of its own."""
    assert store.add([truth("a", 1, row=row) for row in range(1000)], NOW_S).new == 1000
    assert store.add([truth("a", 1, row=row) for row in range(500, 1500)], NOW_S).duplicate == 500


def test_a_correction_keeps_its_prediction(store: FeedbackStore) -> None:
    """The corrected truth is measured with the same answer; a correction that does not fit is named."""
    store.add([truth("a", 1)], NOW_S)
    assert _join(store, "a", "1", answer=7.5) == 1
    assert store.add([truth("a", 2)], NOW_S).waiting == ()
    (row,) = store.joined_columns(1, "truth", 0, INFINITY, 10)
    assert np.frombuffer(row[2]).tolist() == [7.5]
    assert np.frombuffer(row[4]).tolist() == [2.0]
    assert store.add([truth("a", "many")], NOW_S).mismatches == (Mismatch("a", 0, "a number"),)
    assert store.counts() == (0, 0, 1)
    assert store.joined_columns(1, "truth", 0, INFINITY, 10) == []


def test_a_join_of_a_corrected_truth_is_ignored(store: FeedbackStore) -> None:
    """A truth that was corrected after it was read is joined with its new value only."""
    store.add([truth("a", 1)], NOW_S)
    store.add([truth("a", 2)], NOW_S)
    assert _join(store, "a", "1") == 0
    assert _join(store, "a", "2") == 1
    assert _join(store, "a", "2") == 0


def test_waiting_truths_are_listed_in_pages(store: FeedbackStore) -> None:
    """Every waiting truth is on one page."""
    store.add([truth(f"r{number}", 1) for number in range(25)], NOW_S)
    store.add([truth("late", 1)], NOW_S + 1)
    pages = []
    after = (-1.0, "", -1)
    while page := store.waiting(0, INFINITY, 10, after):
        pages.append(len(page))
        after = (page[-1].received_s, page[-1].request_id, page[-1].row)
    assert pages == [10, 10, 6]
    assert len(store.waiting(NOW_S + 1, INFINITY, 10)) == 1


def test_old_truths_are_deleted(store: FeedbackStore) -> None:
    """The age is that of the arrival."""
    store.add([truth("a", 1)], NOW_S)
    store.add([truth("b", 1, time_s=5)], NOW_S + 2)
    assert store.delete_before(NOW_S + 1) == 1
    assert _texts(store) == {"b": 1}
    assert store.newest_s() == NOW_S + 2


def test_a_stored_model_survives_a_restart(store: FeedbackStore, path: Path) -> None:
    """Another process gets the same number for the same version, and another one for other slices."""
    model = answered_model(monitored())
    number = store.model_id(model)
    other = FeedbackStore(SqliteDatabase(path))
    assert other.model_id(model) == number
    assert other.models() == {number: model}
    assert other.model_id(answered_model(monitored(), is_private=lambda name: name == "age")) != number
    other.close()


def test_another_format_is_refused(store: FeedbackStore, path: Path) -> None:
    """A store of a later version is not changed."""
    store.counts()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE tabento_feedback_format SET format = 2")
    connection.commit()
    connection.close()
    other = FeedbackStore(SqliteDatabase(path))
    with pytest.raises(FeedbackStoreError, match="has format 2; this version reads format 1"):
        other.counts()
    other.close()


@pytest.mark.parametrize("content", [b"no database " * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_file_is_an_error_without_its_path(path: Path, content: bytes) -> None:
    """The error says why, and nothing is overwritten."""
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    store = FeedbackStore(SqliteDatabase(path))
    with pytest.raises(FeedbackStoreError) as raised_error:
        store.add([truth("a", 1)], NOW_S)
    assert str(path.parent) not in str(raised_error.value)
    assert path.read_bytes() == content


def test_a_file_in_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    """It works again once the folder can be made."""
    place = tmp_path / "folder"
    place.write_text("a file")
    store = FeedbackStore(SqliteDatabase(place / "feedback.sqlite"))
    with pytest.raises(FeedbackStoreError):
        store.add([truth("a", 1)], NOW_S)
    place.unlink()
    assert store.add([truth("a", 1)], NOW_S).new == 1
    store.close()


def test_a_full_disk_stores_all_or_nothing(path: Path) -> None:
    """A request that does not fit is refused as a whole; the stored truths stay, and storing goes on once there is room."""
    database = SqliteDatabase(path)
    store = FeedbackStore(database)
    store.add([truth("first", 1)], NOW_S)
    pages = database.query("PRAGMA page_count")[0][0]
    database.query(f"PRAGMA max_page_count = {pages + 2}")
    requests = [truth(f"r{number}", number) for number in range(5000)]
    with pytest.raises(FeedbackStoreError, match="full"):
        store.add(requests, NOW_S)
    assert store.counts() == (1, 0, 0)  # a new connection, without the limit
    assert store.add(requests, NOW_S).new == 5000
    store.close()


def test_a_removed_file_is_made_again(path: Path) -> None:
    """A store whose tables are gone makes them again at the second request."""
    store = FeedbackStore(SqliteDatabase(path))
    store.add([truth("a", 1)], NOW_S)
    connection = sqlite3.connect(path)
    connection.execute("DROP TABLE tabento_truths")
    connection.commit()
    connection.close()
    with pytest.raises(FeedbackStoreError):
        store.counts()
    assert store.counts() == (0, 0, 0)
    store.close()


def test_parallel_processes_store_each_truth_once(path: Path) -> None:
    """Two connections that get the same truths at once count each truth as new once."""
    stores = [FeedbackStore(SqliteDatabase(path)) for _ in range(2)]
    truths = [truth(f"r{number}", number) for number in range(400)]
    with ThreadPoolExecutor(2) as pool:
        parts = [truths[start : start + 40] for start in range(0, 400, 40)]
        results = list(pool.map(lambda store: [store.add(part, NOW_S) for part in parts], stores))
    additions = [addition for result in results for addition in result]
    assert sum(addition.new for addition in additions) == 400
    assert sum(addition.duplicate for addition in additions) == 400
    for store in stores:
        store.close()


def test_a_killed_process_loses_no_answered_truth(path: Path) -> None:
    """After ``kill -9`` in the middle of writing, the store has each truth that was acknowledged, and each once."""
    program = textwrap.dedent("""
        import sys
        from pathlib import Path
        from monitoring.feedback.database import SqliteDatabase
        from monitoring.feedback.store import FeedbackStore
        from monitoring.feedback.truths import Truth
        store = FeedbackStore(SqliteDatabase(Path(sys.argv[1])))
        for part in range(10_000):
            store.add([Truth(f"r{part}-{number}", 0, "1", 1.0) for number in range(50)], 1.0)
            print(part, flush=True)
    """)
    process = subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for _ in range(20):
        process.stdout.readline()
    os.kill(process.pid, signal.SIGKILL)
    rest = process.stdout.read().split()
    process.wait()
    process.stdout.close()
    acknowledged = int(rest[-1]) if rest else 19
    store = FeedbackStore(SqliteDatabase(path))
    ids = [item["request_id"] for item in store.truths(0, INFINITY)]
    assert len(ids) == len(set(ids))
    assert len(ids) % 50 == 0
    assert {f"r{part}-{number}" for part in range(acknowledged + 1) for number in range(50)} <= set(ids)
    store.close()
