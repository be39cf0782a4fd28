"""A small server with the part of MLflow's REST interface that the cascade uses, and with faults that a real one cannot be asked for."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.rollout.cascade.object_folders import TAG, manifest_sha256


class MlflowDouble:
    """A registry of one bundle.

    Args:
        folder: the folder of the bundle's files.
        tag: the bundle's tag.
    """

    def __init__(self, folder: Path, tag: str = TAG) -> None:
        self.folder = folder
        self.tag = tag
        self.checksum: str | None = manifest_sha256(folder)
        self.url = ""
        self.requests: list[str] = []
        """The requests: ``search``, ``list``, or the file of an artifact."""
        self.authorization: str | None = None
        """The header of the last request."""
        self.cuts: set[str] = set()
        """The files whose next answer ends in the middle."""
        self.statuses: list[int] = []
        """The statuses of the next answers, instead of the answers."""

    @contextmanager
    def running(self) -> Iterator[MlflowDouble]:
        """Run the server."""
        double = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                double.authorization = self.headers["Authorization"]
                status, content = double.answer(self.path)
                self.send_response(status)
                self.end_headers()  # without a length: the client cannot see that an answer ends too early
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Log nothing."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="mlflow-double")
            thread.start()
            self.url = f"http://127.0.0.1:{server.server_port}"
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()

    def answer(self, target: str) -> tuple[int, bytes]:
        """Return the status and the content of the answer to a request."""
        parts = urlsplit(target)
        parameters = {key: values[0] for key, values in parse_qs(parts.query).items()}
        routes = {
            "/api/2.0/mlflow/model-versions/search": ("search", self._search),
            "/api/2.0/mlflow/artifacts/list": ("list", self._list),
            "/get-artifact": (parameters.get("path", "").removeprefix("models/v1/bundle/"), self._artifact),
        }
        if parts.path not in routes:
            return 404, b"no such path"
        name, call = routes[parts.path]
        self.requests.append(name)
        return (self.statuses.pop(0), b"a fault") if self.statuses else (200, call(parameters))

    def _search(self, parameters: dict[str, str]) -> bytes:
        name = self.tag.partition(":")[0]
        if parameters["filter"] != f"name = '{name}' AND tags.`bundle` = '{self.tag}'":
            return b"{}"
        tags = {"bundle": self.tag, "artifact_path": "models/v1", "manifest_sha256": self.checksum}
        pairs = [{"key": key, "value": value} for key, value in tags.items() if value is not None]
        return json.dumps({"model_versions": [{"run_id": "r1", "tags": pairs}]}).encode()

    def _list(self, parameters: dict[str, str]) -> bytes:
        files = [
            {"path": f"models/v1/bundle/{path.name}", "is_dir": False, "file_size": path.stat().st_size}
            for path in self.folder.iterdir()
        ]
        return json.dumps({"root_uri": "x", "files": files}).encode()

    def _artifact(self, parameters: dict[str, str]) -> bytes:
        file = parameters["path"].removeprefix("models/v1/bundle/")
        content = (self.folder / file).read_bytes()
        if file in self.cuts:
            self.cuts.remove(file)
            return content[: len(content) // 2]
        return content
