"""The thread that writes the prediction log: it encodes batches of records and appends them to the open segment.

If the disk is full, slow or read-only, batches wait up to a limit in bytes; further ones are dropped and counted. The thread tries
again every second, and goes on where it stopped as soon as the disk accepts bytes again.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from monitoring.core_time import offer_core
from monitoring.log.segments import Segment, new_segment

logger = logging.getLogger("tabento.monitoring.log")

WAIT_S = 1.0
"""The seconds after which a failed write is tried again."""
SYNC_S = 5.0
"""The seconds after which written records also survive a power failure."""
FILE_MODE = 0o640
"""Records are personal data in many cases: other users of the machine cannot read them."""
_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Batch:
    """Records that wait to be written."""

    encode: Callable[[], bytes]
    """Returns one line for each record."""
    count: int
    """The number of records."""
    n_bytes: int
    """The memory that they take, about."""
    kind: str
    """``rows`` or ``errors``."""
    newest_s: float
    """The Unix time of the newest record, in seconds."""


class OpenSegment:
    """A segment that this process writes. It is locked, so no process seals it.

    Args:
        segment: a segment that no process has used.

    Raises:
        OSError: the file cannot be made.
    """

    def __init__(self, segment: Segment) -> None:
        self.size = 0
        self._path = segment.plain_path
        segment.folder.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(self._path, flags, FILE_MODE)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not self.is_present():
                raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        except OSError:
            os.close(self._descriptor)
            raise

    def write(self, content: memoryview) -> int:
        """Append content; return the number of bytes that the disk accepted."""
        n_bytes = os.write(self._descriptor, content)
        self.size += n_bytes
        return n_bytes

    def sync(self) -> None:
        """Make the content survive a power failure."""
        os.fsync(self._descriptor)

    def is_present(self) -> bool:
        """Return whether the file still has its name: somebody may have deleted it."""
        return os.fstat(self._descriptor).st_nlink > 0

    def close(self) -> None:
        """Close the file, and remove it if it is empty. An error of the disk is ignored: the content is complete or lost."""
        with suppress(OSError):
            if self.size:
                self.sync()
            else:
                self._path.unlink()
        with suppress(OSError):
            os.close(self._descriptor)


class LogWriter:
    """Writes batches of records from a thread of its own.

    Args:
        folder: the folder of the log. It is made with the first record.
        segment_bytes: the size at which a segment ends.
        segment_s: the age in seconds at which a segment ends.
        buffer_bytes: the largest number of bytes of batches that wait.
        end_segment: called after a segment has ended.
        clock: the Unix time in seconds.
    """

    def __init__(
        self,
        folder: Path,
        segment_bytes: int,
        segment_s: float,
        buffer_bytes: int,
        end_segment: Callable[[], object] = lambda: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.written = {"rows": 0, "errors": 0}
        """The number of written records."""
        self.dropped = {"rows": 0, "errors": 0}
        """The number of records that could not be written."""
        self.dropped_s: float | None = None
        """The time of the last dropped record, by ``time.monotonic``."""
        self.failure: str | None = None
        """The reason why the last write failed; None if it succeeded."""
        self.lag_s = 0.0
        """The age of the newest record when it was written, in seconds."""
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._segment_s = segment_s
        self._buffer_bytes = buffer_bytes
        self._end_segment = end_segment
        self._clock = clock
        self._writer = secrets.token_hex(4)
        self._number = 0
        self._batches: deque[tuple[float, Batch]] = deque()
        """Batches that wait, each with the time at which it came, by ``time.monotonic``."""
        self.n_taken = 0
        """The number of batches that were put and not dropped at once."""
        self._current_s = 0.0
        self._waiting_bytes = 0
        self._current: Batch | None = None
        self._content = b""
        self._position = 0
        self._open: OpenSegment | None = None
        self._opened_s = self._synced_s = self._looked_s = 0.0
        self._is_stopped = False
        self._condition = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)

    @property
    def waiting(self) -> int:
        """The number of records that wait to be written."""
        with self._condition:
            current = 0 if self._current is None else self._current.count
            return current + sum(batch.count for _, batch in self._batches)

    def n_finished(self) -> int:
        """Return how many of the first of these batches are written or dropped."""
        with self._condition:
            return self.n_taken - len(self._batches) - (self._current is not None)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def put(self, batch: Batch) -> None:
        """Write a batch soon, or drop and count it if too many bytes wait."""
        with self._condition:
            if self._is_stopped or self._waiting_bytes + batch.n_bytes > self._buffer_bytes:
                self._drop(batch.kind, batch.count)
                return
            self._batches.append((time.monotonic(), batch))
            self.n_taken += 1
            self._waiting_bytes += batch.n_bytes
            self._condition.notify()

    def waiting_s(self) -> float:
        """Return the seconds for which the oldest batch waits; 0 if none does."""
        return 0.0 if self._current is None else time.monotonic() - self._current_s

    def stop(self, timeout_s: float) -> None:
        """Write all batches and end the thread, at the latest after some seconds. Batches that the disk refuses are dropped."""
        with self._condition:
            self._is_stopped = True
            self._condition.notify()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            with self._condition:
                if self._current is None and not self._batches and not self._is_stopped:
                    self._condition.wait(WAIT_S)
                if self._current is None and self._batches:
                    self._current_s, self._current = self._batches.popleft()
                is_stopped = self._is_stopped
            if self._current is None:
                if is_stopped:
                    break
            elif not self._write(self._current) and self._pause():
                break
            self._maintain()
        self._drop_all()
        self._end()

    def _pause(self) -> bool:
        """Wait after a failed write; return whether the thread ends."""
        with self._condition:
            if not self._is_stopped:
                self._condition.wait_for(lambda: self._is_stopped, WAIT_S)
                return False
            return True

    def _write(self, batch: Batch) -> bool:
        """Write a batch, or the rest of it; return whether it is done."""
        if not self._content:
            try:
                self._content = batch.encode()
                offer_core()
            except Exception:
                logger.exception("%d records cannot be encoded; the log goes on without them", batch.count)
                self._finish(batch, batch.count)
                return True
        try:
            self._append(batch)
        except OSError as error:
            self._fail(error)
            return False
        if self.failure is not None:
            logger.warning("the prediction log is written again; %d rows were dropped so far", self.dropped["rows"])
            self.failure = None
        self.lag_s = max(self._clock() - batch.newest_s, 0.0)
        self._finish(batch, 0)
        return True

    def _append(self, batch: Batch) -> None:
        if self._open is None:
            self._number += 1
            self._open = OpenSegment(new_segment(self._folder, self._clock(), self._writer, self._number))
            self._opened_s = self._synced_s = self._looked_s = time.monotonic()
        view = memoryview(self._content)
        while self._position < len(view):
            end = self._position + self._open.write(view[self._position :])
            self.written[batch.kind] += self._content.count(b"\n", self._position, end)
            self._position = end

    def _fail(self, error: OSError) -> None:
        """Keep the rest of the batch. On a full disk the file goes on later; otherwise the next attempt begins another file."""
        reason = error.strerror or type(error).__name__
        if self.failure != reason:
            logger.error("the prediction log cannot be written: %s. It is tried again every second", reason)
            self.failure = reason
        if error.errno not in _FULL:
            self._leave_segment()

    def _leave_segment(self) -> None:
        """End the segment. A line that is torn at its end is written again, as a whole, into the next segment."""
        self._position = self._content.rfind(b"\n", 0, self._position) + 1
        self._end()

    def _finish(self, batch: Batch, n_dropped: int) -> None:
        with self._condition:
            if n_dropped:
                self._drop(batch.kind, n_dropped)
            self._waiting_bytes -= batch.n_bytes
            self._current, self._content, self._position = None, b"", 0

    def _drop(self, kind: str, count: int) -> None:
        self.dropped[kind] += count
        self.dropped_s = time.monotonic()

    def _drop_all(self) -> None:
        """Count all records that wait as dropped."""
        if self._current is not None:
            n_written = self._content.count(b"\n", 0, self._position)
            self._finish(self._current, self._current.count - n_written)
        while self._batches:
            _, batch = self._batches.popleft()
            self._finish(batch, batch.count)

    def _maintain(self) -> None:
        """End a large, old or deleted segment, and write it to the disk at intervals."""
        if self._open is None:
            return
        now_s = time.monotonic()
        if now_s - self._looked_s >= WAIT_S:
            self._looked_s = now_s
            if not self._open.is_present():
                logger.error("the open segment of the prediction log was deleted; another one is begun")
                self._leave_segment()
                return
        if self._open.size >= self._segment_bytes or now_s - self._opened_s >= self._segment_s:
            if not self._content:
                self._end()
        elif now_s - self._synced_s >= SYNC_S:
            self._synced_s = now_s
            with suppress(OSError):
                self._open.sync()

    def _end(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None
            self._end_segment()
