"""The file in which alerts survive a restart of the monitor process."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import shutil
import threading
from pathlib import Path

import msgspec

from monitoring.alerts.history import HistoryState
from monitoring.alerts.states import StatesContent

FILE_NAME = "alerts.state"
FORMAT = 1
CLOSE_S = 2.0

logger = logging.getLogger("monitoring.alerts")


class StoredAlerts(msgspec.Struct):
    """The content of the file."""

    format: int
    history: HistoryState
    states: StatesContent


class AlertStore:
    """Reads and writes the file, and looks at the space of its disk; slow disks delay only a thread.

    Args:
        folder: the folder of monitoring.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME
        self.fault = ""
        """The reason why the file was not written; empty if it was."""
        self.free_share: float | None = None
        """The free share of the disk; None if it is not known."""
        self._thread: threading.Thread | None = None
        self._lock_file: int | None = None

    def read(self) -> StoredAlerts | None:
        """Return the stored content; None if there is none, or if it cannot be used, which the log says."""
        if not self._lock():
            return None
        try:
            stored = msgspec.msgpack.decode(self.path.read_bytes(), type=StoredAlerts)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            logger.warning("the states of alerts cannot be read, and start again: %s", type(error).__name__)
            return None
        return stored if stored.format == FORMAT else None

    @property
    def is_busy(self) -> bool:
        """Whether the thread still works."""
        return self._thread is not None and self._thread.is_alive()

    def look(self) -> None:
        """Measure the disk in the thread, if the thread has time."""
        self._start(None)

    def write(self, content: StoredAlerts) -> bool:
        """Write the content in the thread; return False if the thread is still busy."""
        return self._start(content)

    def close(self) -> None:
        """Wait for the thread for a few seconds."""
        if self._thread is not None:
            self._thread.join(CLOSE_S)

    def release(self) -> None:
        """Let another process use the file."""
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None

    def _lock(self) -> bool:
        """Return whether the file belongs to this process: two services never share one."""
        if self._lock_file is not None:
            return True
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock_file = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            self._fail(f"the states of alerts cannot be stored ({type(error).__name__})")
            return False
        try:
            fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock_file)
            self._fail("another service stores its alerts in this folder; set another monitoring_folder")
            return False
        self._lock_file = lock_file
        return True

    def _fail(self, fault: str) -> None:
        if not self.fault:
            logger.warning("%s", fault)
        self.fault = fault

    def _start(self, content: StoredAlerts | None) -> bool:
        if self.is_busy:
            return False
        data = None if content is None else msgspec.msgpack.encode(content)
        self._thread = threading.Thread(target=self._work, args=(data,), name="alert-store", daemon=True)
        self._thread.start()
        return True

    def _work(self, data: bytes | None) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            usage = shutil.disk_usage(self.path.parent)
            self.free_share = usage.free / usage.total if usage.total else None
        except OSError:
            self.free_share = None
        if data is None or not self._lock():
            return
        temporary_path = self.path.with_suffix(".tmp")
        try:
            with temporary_path.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary_path.replace(self.path)
            self.fault = ""
        except OSError as error:
            self._fail(f"the states of alerts cannot be written ({type(error).__name__})")
            with contextlib.suppress(OSError):
                temporary_path.unlink(missing_ok=True)
