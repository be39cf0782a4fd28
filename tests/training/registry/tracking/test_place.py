"""The place of the records: its address, and the errors if it cannot be used."""

from __future__ import annotations

import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.retries import AT_ONCE
from training.config.settings import TrainingSettings
from training.registry.tracking.errors import TrackingError
from training.registry.tracking.place import (
    artifact_location,
    mask_passwords,
    require_reachable,
    sqlite_path,
    tracking_uri,
)


def test_default_is_sqlite_in_the_registry_folder(tmp_path: Path) -> None:
    """Without an address, database and files lie in the registry folder, by absolute paths."""
    uri = tracking_uri(TrainingSettings(registry_folder=tmp_path / "my registry"))
    assert uri == f"sqlite:///{tmp_path}/my registry/mlflow.db"
    assert sqlite_path(uri) == tmp_path / "my registry" / "mlflow.db"
    assert artifact_location(uri) == (tmp_path / "my registry" / "mlflow-artifacts").as_uri()


def test_server_keeps_its_own_files() -> None:
    """An address that is no SQLite file is taken as it is, and the server says where files go."""
    uri = "https://mlflow.example.org/base"
    assert tracking_uri(TrainingSettings(tracking_uri=uri)) == uri
    assert tracking_uri(TrainingSettings(tracking_uri="databricks")) == "databricks"
    assert artifact_location(uri) is None


def test_folder_is_no_address() -> None:
    """A bare path is refused with an address that would do."""
    with pytest.raises(TrackingError, match=r"sqlite:///mlruns/mlflow\.db"):
        tracking_uri(TrainingSettings(tracking_uri="mlruns"))


def test_passwords_are_masked() -> None:
    """User names stay, passwords go, also inside longer texts."""
    text = "cannot open postgresql://me:pa55@db:5432/m, nor https://example.org/a@b"
    assert mask_passwords(text) == "cannot open postgresql://me:***@db:5432/m, nor https://example.org/a@b"


@contextmanager
def answering(statuses: list[int]) -> Iterator[str]:
    """Give the address of a server that answers with these statuses, one after the other."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(statuses.pop(0) if len(statuses) > 1 else statuses[0])
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_server_is_asked_three_times() -> None:
    """Two failures are forgiven, the third is told."""
    with answering([503, 503, 200]) as uri:
        require_reachable(uri, retry=AT_ONCE)
    with answering([503]) as uri, pytest.raises(TrackingError, match=r"503.*3 attempts"):
        require_reachable(uri, retry=AT_ONCE)


def test_server_that_wants_a_password_is_there() -> None:
    """Whether a request is allowed is MLflow's business."""
    with answering([401]) as uri:
        require_reachable(uri, retry=AT_ONCE)


def test_database_server_is_tried_by_its_socket() -> None:
    """A port that listens is enough; one that does not is told at once, long before MLflow would give up."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        require_reachable(f"mysql+pymysql://me:x@127.0.0.1:{port}/m", retry=AT_ONCE)
    with pytest.raises(TrackingError, match=r"me:\*\*\*@127.0.0.1"):
        require_reachable(f"mysql+pymysql://me:x@127.0.0.1:{port}/m", retry=AT_ONCE)


def test_locked_database_is_told(tmp_path: Path) -> None:
    """While another process writes and does not end, the error says that the database is locked."""
    path = tmp_path / "mlflow.db"
    require_reachable(f"sqlite:///{path}", retry=AT_ONCE)
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(TrackingError, match="database is locked"):
            require_reachable(f"sqlite:///{path}", retry=replace(AT_ONCE, timeout_s=0.03))


def test_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    """A file of another kind is never written over."""
    path = tmp_path / "mlflow.db"
    path.write_text("not a database, and long enough to be looked at" * 40, encoding="utf-8")
    with pytest.raises(TrackingError, match="not a database"):
        require_reachable(f"sqlite:///{path}", retry=AT_ONCE)
    assert path.read_text(encoding="utf-8").startswith("not a database")


def test_impossible_port_is_told() -> None:
    """An address that cannot be read is no traceback."""
    with pytest.raises(TrackingError, match="not an address"):
        require_reachable("postgresql://db:70000/m", retry=AT_ONCE)
