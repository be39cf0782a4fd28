"""The place of the records: which MLflow server or database, and where it keeps files.

By default that is SQLite in the registry folder, with the files beside it. A place is looked at before MLflow is, because
MLflow tries a database that does not answer for minutes.
"""

from __future__ import annotations

import contextlib
import re
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx
import tenacity
from tenacity.wait import wait_base

from training.settings import TrainingSettings
from training.tracking.errors import TrackingError

ATTEMPTS = 3
TIMEOUT_S = 10.0
"""How long one attempt may take."""
WAIT: wait_base = tenacity.wait_exponential(multiplier=2.0, min=2.0, max=10.0)
"""Between attempts: 2, 4, … up to 10 seconds."""

DATABASE_FILE = "mlflow.db"
ARTIFACTS_FOLDER = "mlflow-artifacts"

_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}
_HOSTED = ("databricks", "databricks-uc")
"""Addresses of MLflow without a scheme of their own; MLflow finds out where they lead."""


def tracking_uri(settings: TrainingSettings) -> str:
    """Return the address of the MLflow server or database: ``tracking_uri``, or SQLite in the registry folder.

    Raises:
        TrackingError: ``tracking_uri`` is no address.
    """
    given = settings.tracking_uri
    if given is None:
        # SQLAlchemy takes a path as it is, without percent signs.
        return f"sqlite:///{(settings.registry_folder.resolve() / DATABASE_FILE).as_posix()}"
    if given in _HOSTED or re.match(r"^[a-z][a-z0-9+.-]*:/", given):
        return given
    raise TrackingError(
        f"tracking_uri: expected an address such as https://mlflow.example.org or sqlite:///{given}/{DATABASE_FILE},"
        f" got {given!r}. Correct --tracking-uri or TABENTO_TRAINING_TRACKING_URI."
    )


def artifact_location(uri: str) -> str | None:
    """Return where the files of a new experiment lie: beside an SQLite database, else where the server wants them."""
    path = sqlite_path(uri)
    return None if path is None else (path.resolve().parent / ARTIFACTS_FOLDER).as_uri()


def sqlite_path(uri: str) -> Path | None:
    """Return the file of an SQLite address; None for any other address."""
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


def is_absent(uri: str) -> bool:
    """Say whether an address leads to an SQLite database that is not there yet: it holds no run and no version."""
    path = sqlite_path(uri)
    return path is not None and not path.exists()


def masked(uri: str) -> str:
    """Return an address, or a text with addresses, without passwords, for messages."""
    return re.sub(r"(?<=://)([^/@:]*):[^/@]*@", r"\1:***@", uri)


def require_reachable(uri: str, *, wait: wait_base = WAIT, timeout_s: float = TIMEOUT_S) -> None:
    """Look whether a server answers, or a database can be opened and written; three attempts.

    Args:
        uri: the address.
        wait: how long to wait between attempts.
        timeout_s: how long an attempt may take, in seconds.

    Raises:
        TrackingError: it does not answer, or is locked; with what to do.
    """
    try:
        knock = _knock(uri, timeout_s)
    except ValueError as error:
        raise TrackingError(f"tracking_uri: {masked(uri)} is no address: {error}. Correct it.") from None
    if knock is None:
        return
    attempts = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        wait=wait,
        retry=tenacity.retry_if_exception_type((OSError, httpx.HTTPError, sqlite3.OperationalError)),
        reraise=True,
    )
    try:
        attempts(knock)
    except (OSError, httpx.HTTPError, sqlite3.Error) as error:
        raise TrackingError(
            f"MLflow at {masked(uri)} cannot be used: {type(error).__name__}: {masked(str(error))} ({ATTEMPTS}"
            " attempts)."
            " Start the server or free the database, or give another one with --tracking-uri or"
            " TABENTO_TRAINING_TRACKING_URI."
        ) from error


def _knock(uri: str, timeout_s: float) -> Callable[[], None] | None:
    """Return what finds out whether a place answers; None where only MLflow can."""
    path = sqlite_path(uri)
    if path is not None:
        return lambda: _open_database(path, timeout_s)
    parts = urlsplit(uri)
    if parts.scheme in ("http", "https"):
        return lambda: _ask_server(uri, timeout_s)
    host, port = parts.hostname, parts.port or _PORTS.get(parts.scheme.partition("+")[0])
    if host is None or port is None:
        return None
    return lambda: _open_socket(unquote(host), port, timeout_s)


def _open_database(path: Path, timeout_s: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(sqlite3.connect(path, timeout=timeout_s / ATTEMPTS)) as database:
        # Takes the lock for writing and gives it back, without a change.
        database.execute("BEGIN IMMEDIATE")
        database.rollback()


def _ask_server(uri: str, timeout_s: float) -> None:
    answer = httpx.get(f"{uri.rstrip('/')}/health", timeout=timeout_s, follow_redirects=True)
    if answer.is_server_error:
        answer.raise_for_status()


def _open_socket(host: str, port: int, timeout_s: float) -> None:
    socket.create_connection((host, port), timeout=timeout_s).close()
