"""The place of the records: which MLflow server or database, and where it keeps files.

The default is SQLite in the registry folder, with the files next to it. The module checks a place before MLflow does, because
MLflow tries for minutes to reach a database that does not answer.
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

from tabento.remote.breakers import breaker_of
from tabento.remote.errors import RemoteUnavailableError
from tabento.remote.retry import RetryPolicy
from training.config.settings import TrainingSettings
from training.registry.tracking.errors import TrackingError

RETRY = RetryPolicy()
"""Three attempts of 10 seconds, and 2 and 4 seconds between them."""

DATABASE_FILE = "mlflow.db"
ARTIFACTS_FOLDER = "mlflow-artifacts"

_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}
_HOSTED = ("databricks", "databricks-uc")
"""Addresses without a scheme, which MLflow resolves."""


def tracking_uri(settings: TrainingSettings) -> str:
    """Return the address of the MLflow server or database: ``tracking_uri``, or SQLite in the registry folder.

    Raises:
        TrackingError: ``tracking_uri`` is not an address.
    """
    uri = settings.tracking_uri
    if uri is None:
        # SQLAlchemy takes a path unchanged, without percent encoding.
        return f"sqlite:///{(settings.registry_folder.resolve() / DATABASE_FILE).as_posix()}"
    if uri in _HOSTED or re.match(r"^[a-z][a-z0-9+.-]*:/", uri):
        return uri
    raise TrackingError(
        f"tracking_uri: expected an address such as https://mlflow.example.org or sqlite:///{uri}/{DATABASE_FILE},"
        f" got {uri!r}. Correct --tracking-uri or TABENTO_TRAINING_TRACKING_URI."
    )


def artifact_location(uri: str) -> str | None:
    """Return the address of the files of a new experiment: next to an SQLite database, or None for the server's default."""
    path = sqlite_path(uri)
    return None if path is None else (path.resolve().parent / ARTIFACTS_FOLDER).as_uri()


def sqlite_path(uri: str) -> Path | None:
    """Return the file of an SQLite address; None for any other address."""
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


def is_absent(uri: str) -> bool:
    """Return whether an address names an SQLite database that does not exist yet and so holds no run and no version."""
    path = sqlite_path(uri)
    return path is not None and not path.exists()


def mask_passwords(uri: str) -> str:
    """Return an address, or a text with addresses, without its passwords."""
    return re.sub(r"(?<=://)([^/@:]*):[^/@]*@", r"\1:***@", uri)


def require_reachable(uri: str, *, retry: RetryPolicy = RETRY) -> None:
    """Check that a server answers, or that a database can be opened and written, in several attempts.

    Args:
        uri: the address.
        retry: the attempts.

    Raises:
        TrackingError: the server does not answer, or the database is locked; the message has the remedy.
    """
    try:
        probe = _make_probe(uri, retry)
        breaker = None if sqlite_path(uri) is not None else breaker_of(uri)
    except ValueError as error:
        raise TrackingError(f"tracking_uri: {mask_passwords(uri)} is not an address: {error}. Correct it.") from None
    if probe is None:
        return
    try:
        retry.run(probe, lambda error: isinstance(error, OSError | httpx.HTTPError | sqlite3.OperationalError), breaker)
    except (OSError, httpx.HTTPError, sqlite3.Error, RemoteUnavailableError) as error:
        raise TrackingError(
            f"MLflow at {mask_passwords(uri)} cannot be used: {type(error).__name__}: {mask_passwords(str(error))} ({retry.attempts}"
            " attempts)."
            " Start the server or free the database, or give another one with --tracking-uri or"
            " TABENTO_TRAINING_TRACKING_URI."
        ) from error


def _make_probe(uri: str, retry: RetryPolicy) -> Callable[[], None] | None:
    """Return the function that checks whether a place answers; None if only MLflow can check it."""
    path = sqlite_path(uri)
    if path is not None:
        return lambda: _open_database(path, retry.timeout_s / retry.attempts)
    parts = urlsplit(uri)
    if parts.scheme in ("http", "https"):
        return lambda: _probe_server(uri, retry.timeout_s)
    host, port = parts.hostname, parts.port or _PORTS.get(parts.scheme.partition("+")[0])
    if host is None or port is None:
        return None
    return lambda: _open_socket(unquote(host), port, retry.timeout_s)


def _open_database(path: Path, timeout_s: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(sqlite3.connect(path, timeout=timeout_s)) as database:
        # Takes the lock for writing and releases it, without a change.
        database.execute("BEGIN IMMEDIATE")
        database.rollback()


def _probe_server(uri: str, timeout_s: float) -> None:
    answer = httpx.get(f"{uri.rstrip('/')}/health", timeout=timeout_s, follow_redirects=True)
    if answer.is_server_error:
        answer.raise_for_status()


def _open_socket(host: str, port: int, timeout_s: float) -> None:
    socket.create_connection((host, port), timeout=timeout_s).close()
