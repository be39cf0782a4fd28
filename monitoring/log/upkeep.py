"""The thread that keeps the log's folder in order: it seals segments that have ended, uploads them, and removes old ones.

It finds its work in the folder, so it also completes the work of a killed process.
"""

from __future__ import annotations

import fcntl
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from monitoring.log.sealing import seal
from monitoring.log.segments import INDEX, PLAIN, SEALED, TEMPORARY, UPLOADED, Segment, list_segments
from tabento.remote.breakers import breaker_of

logger = logging.getLogger("tabento.monitoring.log")

PASS_S = 10.0
"""The seconds between two passes."""
FAILED_PASS_S = 60.0
"""The seconds after a pass that failed: a full disk would otherwise cost a compression every ten seconds."""
CLOCK_JUMP_S = 60.0
"""A difference between the clock and the monotonic clock above this is a jump of the clock."""
CLOCK_STABLE_S = 3600.0
"""The seconds after a jump of the clock in which no segment is removed for its age."""


class Upload(Protocol):
    """Stores files elsewhere."""

    def put(self, paths: list[Path]) -> None:
        """Store files under their names.

        Raises:
            Exception: a file could not be stored.
        """


class FsspecUpload:
    """Stores files at an fsspec URL, under the circuit breaker of its server.

    Args:
        url: the URL of a folder.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._breaker = breaker_of(url)

    def put(self, paths: list[Path]) -> None:
        """Store files under their names, the records first."""
        if not self._breaker.allows():
            raise ConnectionError(f"{self._breaker.name} is not used for now")
        try:
            import fsspec

            files, folder = fsspec.core.url_to_fs(self._url)
            files.makedirs(folder, exist_ok=True)
            for path in paths:
                files.put_file(str(path), f"{folder.rstrip('/')}/{path.name}")
        except Exception as error:
            self._breaker.failed(type(error).__name__)
            raise
        self._breaker.succeeded()


class Upkeep:
    """Seals, uploads and removes segments from a thread of its own.

    Args:
        folder: the folder of the log.
        keep_bytes: the largest number of bytes of the folder; the oldest segments are removed above it.
        keep_s: the age in seconds at which a segment is removed.
        upload: stores sealed segments elsewhere; None if they remain here only.
        clock: the Unix time in seconds.
    """

    def __init__(
        self,
        folder: Path,
        keep_bytes: int,
        keep_s: float,
        upload: Upload | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.n_bytes = 0
        """The bytes of the folder after the last pass."""
        self.failure: str | None = None
        """The reason why the last pass failed; None if it succeeded."""
        self._folder = folder
        self._keep_bytes = keep_bytes
        self._keep_s = keep_s
        self._upload = upload
        self._clock = clock
        self._offset_s = clock() - time.monotonic()
        self._stable_since_s: float | None = None
        self._wake_event = threading.Event()
        self._is_stopped = False
        self._thread = threading.Thread(target=self._run, name="prediction-log-upkeep", daemon=True)

    def start(self) -> None:
        """Start the thread; its first pass completes the work of a killed process."""
        self._thread.start()

    def wake(self) -> None:
        """Do a pass now."""
        self._wake_event.set()

    def stop(self, timeout_s: float) -> None:
        """Do a last pass and end the thread, at the latest after some seconds."""
        self._is_stopped = True
        self._wake_event.set()
        self._thread.join(timeout_s)

    def run_once(self) -> None:
        """Do one pass."""
        failures: list[str] = []
        for task in (self._remove_old, self._seal, self._store, self._remove_old):
            try:
                task()
            except Exception as error:
                failures.append(getattr(error, "strerror", None) or type(error).__name__)
        failure = failures[0] if failures else None
        if failure is not None and failure != self.failure:
            logger.error("the segments of the prediction log cannot be kept in order: %s. It is tried again", failure)
        self.failure = failure

    def _run(self) -> None:
        while True:
            self._wake_event.clear()
            is_last = self._is_stopped
            self.run_once()
            if is_last:
                return
            self._wake_event.wait(PASS_S)
            if self.failure is not None and not self._is_stopped:
                self._wait_stopped(FAILED_PASS_S - PASS_S)

    def _wait_stopped(self, seconds: float) -> None:
        end_s = time.monotonic() + seconds
        while not self._is_stopped and time.monotonic() < end_s:
            self._wake_event.clear()
            self._wake_event.wait(max(end_s - time.monotonic(), 0.0))

    def _seal(self) -> None:
        for segment in list_segments(self._folder):
            if segment.plain_path.exists():
                seal(segment)

    def _store(self) -> None:
        """Upload the sealed segments that are not uploaded yet."""
        if self._upload is None:
            return
        for segment in list_segments(self._folder):
            if segment.sealed_path.exists() and not segment.uploaded_path.exists():
                self._upload.put([path for path in (segment.sealed_path, segment.index_path) if path.exists()])
                segment.uploaded_path.touch()

    def _remove_old(self) -> None:
        """Remove the oldest segments while the folder is too large, and segments that are too old."""
        sizes = self._sizes()
        total = sum(sizes.values())
        may_remove_by_age = self._has_stable_clock()
        now_s = self._clock()
        for segment in list_segments(self._folder):
            is_old = may_remove_by_age and now_s - segment.opened_s > self._keep_s
            if not is_old and total <= self._keep_bytes:
                if may_remove_by_age:
                    break
                continue
            if _remove(segment):
                total -= sum(sizes.get(path, 0) for path in (segment.plain_path, *segment.paths))
        self.n_bytes = total

    def _sizes(self) -> dict[Path, int]:
        sizes: dict[Path, int] = {}
        with suppress(FileNotFoundError):
            for path in self._folder.iterdir():
                if path.name.endswith((PLAIN, SEALED, INDEX, UPLOADED, TEMPORARY)):
                    with suppress(FileNotFoundError):
                        sizes[path] = path.stat().st_size
        return sizes

    def _has_stable_clock(self) -> bool:
        """Return whether the clock has not jumped lately: one wrong hour of a clock must not remove a log."""
        monotonic_s = time.monotonic()
        offset_s = self._clock() - monotonic_s
        if abs(offset_s - self._offset_s) > CLOCK_JUMP_S:
            logger.warning("the clock jumped by %.0f s", offset_s - self._offset_s)
            self._stable_since_s = monotonic_s
        self._offset_s = offset_s
        return self._stable_since_s is None or monotonic_s - self._stable_since_s >= CLOCK_STABLE_S


def _remove(segment: Segment) -> bool:
    """Remove a segment; return False if a process writes or seals it."""
    try:
        file: Any = segment.plain_path.open("rb")
    except FileNotFoundError:
        file = None
    if file is not None:
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            segment.plain_path.unlink(missing_ok=True)
    for path in segment.paths:
        path.unlink(missing_ok=True)
    return True
