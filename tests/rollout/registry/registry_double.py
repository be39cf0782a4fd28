"""A small server with the part of MLflow's REST interface that the aliases need, on a free port."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

MISSING = {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "not found"}


@dataclass
class RegistryDouble:
    """The registered models, and the questions that were asked."""

    aliases: dict[str, dict[str, int]] = field(default_factory=dict)
    """The numbers of versions by alias, by model."""
    bundles: dict[tuple[str, int], str | None] = field(default_factory=dict)
    """The tag ``bundle`` by model and number; None: the version has no such tag."""
    shows_latest: bool = False
    """Whether a model has its newest version with tags."""
    sends_etags: bool = False
    failure: tuple[int, bytes] | None = None
    """Answered to every question in place of the models."""
    created: int = 1
    """The time of the creation of all models."""
    page: int = 2
    """The number of models of a page."""
    questions: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    def register(self, name: str, number: int, *aliases: str) -> None:
        """Register the bundle ``name:v<number>``, and move aliases to it."""
        self.bundles[name, number] = f"{name}:v{number}"
        self.aliases.setdefault(name, {})
        for alias in aliases:
            self.aliases[name][alias] = number

    def answer(self, path: str, parameters: dict[str, str]) -> tuple[int, bytes]:
        """Return the status and the content of an answer."""
        if self.failure is not None:
            return self.failure
        name = parameters.get("name", "")
        content: dict[str, Any] = MISSING
        if path == "registered-models/search":
            names = sorted(self.aliases)
            first = int(parameters.get("page_token", "0"))
            content = {"registered_models": [self._model(name) for name in names[first : first + self.page]]}
            if first + self.page < len(names):
                content["next_page_token"] = str(first + self.page)
        elif path == "registered-models/get" and name in self.aliases:
            content = {"registered_model": self._model(name)}
        elif path == "model-versions/get" and (name, int(parameters["version"])) in self.bundles:
            content = {"model_version": self._version(name, int(parameters["version"]))}
        elif path == "model-versions/search":  # the cascade looks for checksums, which these versions do not have
            content = {}
        return 404 if content is MISSING else 200, json.dumps(content).encode()

    def _model(self, name: str) -> dict[str, Any]:
        aliases = [{"alias": alias, "version": str(number)} for alias, number in self.aliases[name].items()]
        model: dict[str, Any] = {"name": name, "creation_timestamp": self.created, "last_updated_timestamp": 2}
        if aliases:
            model["aliases"] = aliases
        if self.shows_latest:
            newest = max(number for owner, number in self.bundles if owner == name)
            model["latest_versions"] = [self._version(name, newest)]
        return model

    def _version(self, name: str, number: int) -> dict[str, Any]:
        bundle = self.bundles[name, number]
        tags = [{"key": "rmse", "value": "1.5"}, *([] if bundle is None else [{"key": "bundle", "value": bundle}])]
        return {"name": name, "version": str(number), "creation_timestamp": 1, "status": "READY", "tags": tags}


@contextmanager
def running_registry(double: RegistryDouble | None = None, port: int = 0) -> Iterator[RegistryDouble]:
    """Serve a registry on a port of the loopback address; by default on a free one."""
    registry = double or RegistryDouble()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # a whole answer at once

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            path = parts.path.removeprefix("/api/2.0/mlflow/")
            registry.questions.append(f"{path}?{parts.query}")
            registry.headers.append({key.lower(): value for key, value in self.headers.items()})
            status, content = registry.answer(path, dict(parse_qsl(parts.query)))
            etag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
            if registry.sends_etags and status == 200 and self.headers.get("if-none-match") == etag:
                status, content = 304, b""
            registry.statuses.append(status)
            self.send_response(status)
            if registry.sends_etags and status in (200, 304):
                self.send_header("etag", etag)
            if status == 302:
                self.send_header("location", "http://127.0.0.1:1/elsewhere")
            if status != 304:
                self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Write no log."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    registry.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
