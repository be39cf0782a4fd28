"""The database under the store of feedback: SQLite in a file, or Postgres by its URL, behind one small interface."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from monitoring.feedback.errors import FeedbackStoreError
from tabento.remote.circuit_breaker import CircuitBreaker

BUSY_S = 10.0
"""The seconds for which SQLite waits for another process that writes."""
BUSY_PAUSE_S = 0.01
CONNECT_S = 5
STATEMENT_MS = 60_000
OPEN_S = 5.0
"""The seconds after three failures of Postgres until it is tried again."""
FAILURES = 3


class Database(Protocol):
    """A database of one thread. Statements have ``?`` for each parameter, and no other question mark and no percent sign."""

    types: dict[str, str]
    """The names of the column types: ``float``, ``bytes`` and ``serial``."""
    lock: str
    """A query that makes other processes wait until the end of the transaction, while tables are made."""

    def transaction(self, write: bool = True) -> Any:
        """Return a context in which statements are one transaction.

        Raises:
            FeedbackStoreError: the database cannot be used; nothing is stored.
        """

    def query(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a statement."""

    def run(self, statement: str, parameters: Sequence[Any] = ()) -> int:
        """Run a statement and return the number of changed rows."""

    def run_many(self, statement: str, parameters: Sequence[Sequence[Any]]) -> int:
        """Run a statement for each list of parameters and return the number of changed rows."""

    def close(self) -> None:
        """Close the connection."""


class SqliteDatabase:
    """A file of SQLite. It may be shared by several processes on one machine.

    A transaction is on the disk before it is answered (``synchronous`` is full), so neither ``kill -9`` nor a power cut loses it.

    Args:
        path: the file; its folder is made if it is missing.
    """

    types = {"float": "REAL", "bytes": "BLOB", "serial": "INTEGER PRIMARY KEY"}
    lock = "SELECT 1"  # a transaction that writes has the file for itself

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._is_lasting = True

    @contextmanager
    def transaction(self, write: bool = True) -> Iterator[None]:
        """See ``Database``."""
        try:
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            try:
                yield
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            if not self._is_lasting:
                self.close()
        except (sqlite3.Error, OSError) as error:
            # A file that was removed or replaced is opened again.
            self.close()
            reason = str(error) if isinstance(error, sqlite3.Error) else (error.strerror or type(error).__name__)
            raise FeedbackStoreError(f"The store of feedback (SQLite) failed: {reason}.") from error

    def query(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """See ``Database``."""
        return self._open().execute(statement, parameters).fetchall()

    def run(self, statement: str, parameters: Sequence[Any] = ()) -> int:
        """See ``Database``."""
        return self._open().execute(statement, parameters).rowcount

    def run_many(self, statement: str, parameters: Sequence[Sequence[Any]]) -> int:
        """See ``Database``."""
        return self._open().executemany(statement, parameters).rowcount

    def close(self) -> None:
        """See ``Database``."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # The owner calls from one thread at a time, which need not be the same thread.
            connection = sqlite3.connect(self._path, BUSY_S, isolation_level=None, check_same_thread=False)
            try:
                _use_write_ahead_log(connection)
                connection.execute("PRAGMA synchronous=FULL")
            except BaseException:
                connection.close()
                raise
            self._connection = connection
            # All connections of a process share the state of the write-ahead log. One that is opened while the volume is read-only
            # keeps it read-only for all of them, so it must not outlive its transaction.
            self._is_lasting = os.access(self._path, os.W_OK)
        return self._connection


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch the file to a write-ahead log; SQLite does not wait for another connection that does the same, so it is repeated.

    Raises:
        sqlite3.OperationalError: the file is locked for longer than ``BUSY_S``, or cannot be used.
    """
    end_s = time.monotonic() + BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end_s:
                raise
            time.sleep(BUSY_PAUSE_S)
        else:
            return


class PostgresDatabase:
    """A Postgres, which several services can share. A lost connection is opened again by the next transaction.

    Args:
        url: ``postgresql://user:password@host:port/database``.
    """

    types = {"float": "DOUBLE PRECISION", "bytes": "BYTEA", "serial": "SERIAL PRIMARY KEY"}
    lock = "SELECT 1 FROM pg_advisory_xact_lock(7461626)"  # a number that no other program should use

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Any = None
        self._breaker = CircuitBreaker("postgres", FAILURES, OPEN_S)

    @contextmanager
    def transaction(self, write: bool = True) -> Iterator[None]:
        """See ``Database``."""
        psycopg = _driver()
        if not self._breaker.allows():
            raise FeedbackStoreError(f"The store of feedback (Postgres) is not available: {self._breaker.reason}.")
        try:
            with self._open().transaction():
                yield
        except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure) as error:
            self._breaker.succeeded()
            raise FeedbackStoreError("The store of feedback (Postgres) is busy with the same truths.") from error
        except psycopg.OperationalError as error:
            self._breaker.failed(type(error).__name__)
            self.close()
            raise FeedbackStoreError(f"The store of feedback (Postgres) failed: {type(error).__name__}.") from error
        except psycopg.Error as error:
            self._breaker.succeeded()
            if self._connection is not None and self._connection.closed:
                self.close()
            code = error.sqlstate or "no code"
            raise FeedbackStoreError(
                f"The store of feedback (Postgres) refused: {type(error).__name__} ({code})."
            ) from error
        except BaseException:
            self._breaker.succeeded()
            raise
        self._breaker.succeeded()

    def query(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """See ``Database``."""
        with self._open().cursor(binary=True) as cursor:
            rows: list[tuple[Any, ...]] = cursor.execute(_with_percent(statement), parameters).fetchall()
            return rows

    def run(self, statement: str, parameters: Sequence[Any] = ()) -> int:
        """See ``Database``."""
        with self._open().cursor() as cursor:
            return int(cursor.execute(_with_percent(statement), parameters or None).rowcount)

    def run_many(self, statement: str, parameters: Sequence[Sequence[Any]]) -> int:
        """See ``Database``."""
        with self._open().cursor() as cursor:
            cursor.executemany(_with_percent(statement), parameters)
            return int(cursor.rowcount)

    def close(self) -> None:
        """See ``Database``."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> Any:
        if self._connection is None:
            self._connection = _driver().connect(
                self._url,
                autocommit=True,
                connect_timeout=CONNECT_S,
                application_name="tabento-feedback",
                options=f"-c statement_timeout={STATEMENT_MS}",
                tcp_user_timeout=STATEMENT_MS,
            )
        return self._connection


def _driver() -> Any:
    """Return psycopg.

    Raises:
        FeedbackStoreError: it is not installed. The service goes on, and its health says so.
    """
    try:
        import psycopg
    except ImportError as error:
        raise FeedbackStoreError(
            "feedback_url needs psycopg, which is not installed. Install requirements/postgres.txt."
        ) from error
    return psycopg


def _with_percent(statement: str) -> Any:
    """Return a statement with the parameters' marks of psycopg. All statements are constants of this package."""
    return statement.replace("?", "%s")


def open_database(folder: Path, url: str | None) -> Database:
    """Return the database of the settings: Postgres if there is a URL, else a file of SQLite.

    Args:
        folder: the monitoring folder.
        url: the URL of a Postgres; None for SQLite.
    """
    return PostgresDatabase(url) if url else SqliteDatabase(folder / "feedback.sqlite")
