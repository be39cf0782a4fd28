"""The saved panes: one SQLite file in the monitoring folder, written by a thread of the monitor process.

A write is one transaction. After ``kill -9`` the file has the last complete one; the rows counted since then, those of
a few seconds, are missing from the windows and from nothing else.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from monitoring.drift.histograms import Integers

STATE_FILE = "drift.sqlite"
LOCK_FILE = "drift.lock"
BUSY_S = 2.0
_TABLE = """
CREATE TABLE IF NOT EXISTS panes (
    name TEXT, version TEXT, variant TEXT, fingerprint TEXT, pane_s REAL, pane INTEGER, rows INTEGER, slots BLOB,
    PRIMARY KEY (name, version, variant, fingerprint, pane_s, pane)
) WITHOUT ROWID
"""


class SavedPane(NamedTuple):
    """One row of the file."""

    name: str
    version: str
    variant: str
    fingerprint: str
    """See ``monitoring.drift.histograms.Layout``."""
    pane_s: float
    pane: int
    rows: int
    slots: Integers


class InUseError(Exception):
    """Another process uses the folder."""


class DriftState:
    """The file of saved panes.

    Args:
        folder: the monitoring folder; it is made if it does not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / STATE_FILE
        self._folder = folder
        self._lock: int | None = None

    def open(self) -> list[SavedPane]:
        """Lock the folder and return the saved panes; a damaged file is set aside as ``drift.sqlite.damaged``.

        Raises:
            InUseError: another process has locked the folder.
            OSError: the folder cannot be written.
            sqlite3.Error: the file cannot be written.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._lock is None:
            lock = os.open(self._folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                raise InUseError("another service uses this monitoring folder") from None
            self._lock = lock
        try:
            return list(self._read())
        except sqlite3.OperationalError:
            raise
        except (sqlite3.DatabaseError, zlib.error, ValueError):
            self.path.replace(self.path.with_name(f"{STATE_FILE}.damaged"))
            for suffix in ("-wal", "-shm"):
                self.path.with_name(STATE_FILE + suffix).unlink(missing_ok=True)
            return list(self._read())

    def save(self, panes: Iterable[SavedPane], oldest_s: float) -> None:
        """Write changed panes, and delete those that end before a time, in one transaction.

        Raises:
            sqlite3.Error: the file cannot be written; its content is as before.
        """
        rows = [
            (*pane[:7], zlib.compress(np.ascontiguousarray(pane.slots, "<i8").tobytes(), 1))  # counts are mostly small
            for pane in panes
        ]
        with self._connection() as connection, connection:
            connection.executemany("INSERT OR REPLACE INTO panes VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
            connection.execute("DELETE FROM panes WHERE (pane + 1) * pane_s < ?", (oldest_s,))

    def close(self) -> None:
        """Release the folder."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        # A connection for each write: a file that was deleted or whose disk was full is found again.
        with closing(sqlite3.connect(self.path, timeout=BUSY_S)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(_TABLE)
            yield connection

    def _read(self) -> Iterator[SavedPane]:
        with self._connection() as connection:
            for row in connection.execute("SELECT * FROM panes"):
                slots = np.frombuffer(zlib.decompress(row[7]), "<i8").astype(np.int64)
                yield SavedPane(row[0], row[1], row[2], row[3], row[4], row[5], row[6], slots)
