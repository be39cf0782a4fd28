"""The thread that writes the prediction log."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from monitoring.log import writer as writer_module
from monitoring.log.reader import read_log
from monitoring.log.segments import list_segments
from monitoring.log.writer import Batch, LogWriter
from tests.monitoring.log.logged_rows import FIRST_S, batch_of, lines_of, monitored
from tests.servers import wait_until

MODEL = monitored()


@contextmanager
def running_writer(folder: Path, **limits: float) -> Iterator[LogWriter]:
    """Run a writer until the end of the block."""
    values = {"segment_bytes": 1 << 20, "segment_s": 3600.0, "buffer_bytes": 1 << 20, **limits}
    writer = LogWriter(folder, **values, clock=lambda: FIRST_S + 100)  # type: ignore[arg-type]
    writer.start()
    try:
        yield writer
    finally:
        writer.stop(10)


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try failed writes again soon."""
    monkeypatch.setattr(writer_module, "WAIT_S", 0.01)


def ids(folder: Path) -> list[str]:
    """Return the request ids of a log."""
    return [record["request_id"] for record in read_log(folder)]


def test_batches_are_written_in_order(tmp_path: Path) -> None:
    """Each batch is readable soon after it was put, and the counts add up."""
    with running_writer(tmp_path) as writer:
        for first in range(0, 50, 10):
            writer.put(batch_of(MODEL, first, 10))
        wait_until(lambda: writer.written["rows"] == 50, "the rows to be written")
        assert ids(tmp_path) == [f"r{index}" for index in range(50)]
        assert writer.lag_s == 51.0
    assert writer.waiting == 0
    assert (writer.dropped, writer.failure) == ({"rows": 0, "errors": 0}, None)
    assert list_segments(tmp_path)[0].plain_path.stat().st_mode & 0o007 == 0


def test_a_full_segment_ends(tmp_path: Path) -> None:
    """A segment ends after the batch that fills it; no row is lost or doubled between segments."""
    n_ends: list[int] = []
    writer = LogWriter(tmp_path, 2000, 3600, 1 << 20, lambda: n_ends.append(1))
    for first in range(0, 50, 5):
        writer.put(batch_of(MODEL, first, 5))
    writer.start()
    writer.stop(10)
    assert len(list_segments(tmp_path)) == len(n_ends) > 3
    assert sorted(ids(tmp_path)) == sorted(f"r{index}" for index in range(50))


def test_an_old_segment_ends_without_new_rows(tmp_path: Path) -> None:
    """A segment ends at its age, also if nothing is written any more."""
    n_ends: list[int] = []
    writer = LogWriter(tmp_path, 1 << 20, 0.02, 1 << 20, lambda: n_ends.append(1))
    writer.start()
    writer.put(batch_of(MODEL, 0, 1))
    wait_until(lambda: len(n_ends) == 1, "the segment to end")
    writer.stop(10)


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    """Rows wait up to the limit, further ones are dropped and counted; the log goes on once the folder can be written."""
    folder = tmp_path / "log"
    folder.write_text("a file where the folder belongs")
    with running_writer(folder, buffer_bytes=1500) as writer:
        for first in range(20):
            writer.put(batch_of(MODEL, first, 1))
        wait_until(lambda: writer.failure is not None, "the write to fail")
        assert writer.dropped["rows"] == 5
        assert writer.dropped_s is not None
        assert writer.waiting == 15
        folder.unlink()
        wait_until(lambda: writer.failure is None and writer.waiting == 0, "the writer to recover")
        writer.put(batch_of(MODEL, 90, 1))
    assert ids(folder) == [*(f"r{index}" for index in range(15)), "r90"]
    assert writer.written["rows"] == 16


def test_rows_that_cannot_be_written_at_the_end_are_counted(tmp_path: Path) -> None:
    """If the disk still refuses when the service stops, the waiting rows count as dropped."""
    folder = tmp_path / "log"
    folder.write_text("a file where the folder belongs")
    with running_writer(folder) as writer:
        writer.put(batch_of(MODEL, 0, 3))
        writer.put(batch_of(MODEL, 3, 4))
    assert writer.dropped["rows"] == 7
    writer.put(batch_of(MODEL, 7, 1))
    assert writer.dropped["rows"] == 8


def test_a_torn_write_is_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that takes some bytes of a batch and then fails gets the rest later: no line is lost, doubled or mixed."""
    write = os.write
    calls = {"n": 0}

    def torn_write(descriptor: int, content: bytes) -> int:
        calls["n"] += 1
        if calls["n"] % 3 == 0:
            raise OSError(28 if calls["n"] % 2 else 5, "the disk fails")
        return write(descriptor, content[:333])

    monkeypatch.setattr(os, "write", torn_write)
    with running_writer(tmp_path) as writer:
        for first in range(0, 30, 10):
            writer.put(batch_of(MODEL, first, 10))
        wait_until(lambda: writer.waiting == 0, "the rows to be written")
    assert sorted(ids(tmp_path)) == sorted(f"r{index}" for index in range(30))
    assert writer.written["rows"] == 30
    assert writer.dropped["rows"] == 0
    assert len(list_segments(tmp_path)) > 1  # an input/output error begins another file, a full disk does not


def test_a_deleted_segment_is_noticed(tmp_path: Path) -> None:
    """If somebody deletes the open file, the next rows go to another one."""
    with running_writer(tmp_path) as writer:
        writer.put(batch_of(MODEL, 0, 1))
        wait_until(lambda: writer.written["rows"] == 1, "the first row")
        (segment,) = list_segments(tmp_path)
        segment.plain_path.unlink()
        wait_until(lambda: writer._open is None, "the writer to notice")
        writer.put(batch_of(MODEL, 1, 1))
    assert ids(tmp_path) == ["r1"]


def test_records_that_cannot_be_encoded_are_dropped(tmp_path: Path) -> None:
    """A defect in one batch loses this batch only."""

    def fail() -> bytes:
        raise ZeroDivisionError

    with running_writer(tmp_path) as writer:
        writer.put(Batch(fail, 4, 100, "rows", FIRST_S))
        writer.put(batch_of(MODEL, 0, 1))
        writer.put(Batch(lambda: lines_of(MODEL, 1, 1), 1, 100, "errors", FIRST_S))
    assert writer.dropped == {"rows": 4, "errors": 0}
    assert writer.written == {"rows": 1, "errors": 1}


KILLED = """
import itertools, sys
from pathlib import Path
from monitoring.log.writer import LogWriter
from tests.monitoring.log.logged_rows import batch_of, monitored
model = monitored()
writer = LogWriter(Path(sys.argv[1]), 200_000, 3600, 1 << 24)
writer.start()
for first in itertools.count(0, 100):
    while writer.waiting > 1000:
        pass
    writer.put(batch_of(model, first, 100))
    print(writer.written["rows"], flush=True)
"""


def test_a_killed_process_loses_nothing_that_it_had_written(tmp_path: Path) -> None:
    """After ``kill -9`` in the middle of writing, all rows that counted as written are in the log, once and in order."""
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    n_written = 0
    for line in process.stdout:
        n_written = int(line)
        if n_written > 5000:
            break
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    rest = process.stdout.read().splitlines()
    process.stdout.close()
    n_written = max([n_written, *(int(line) for line in rest if line.isdigit())])
    numbers = [int(name[1:]) for name in ids(tmp_path)]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) >= n_written
