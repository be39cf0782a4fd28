"""The context that all connections of one server share: state, accounting, limits, cached heads, and the connection table."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from starlette.middleware.cors import CORSMiddleware
from uvicorn.config import Config
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.server import ServerState

from serving.errors import OverloadedError
from serving.fastpath.connection_table import ConnectionTable
from serving.fastpath.exchange import server_lines
from serving.fastpath.plain_request import HeadCache
from serving.fastpath.refusal import OverloadAnswer
from serving.http import JSON_HEADER, App, Scope, header_lines, status_line
from serving.prediction_headers import PredictionHeaders
from serving.request_ids import HEADER as REQUEST_ID_HEADER
from serving.routes.paths import PREDICT_PATHS

if TYPE_CHECKING:
    from serving.application import Application
    from serving.errors import ServingError
    from serving.fastpath.request_head import RequestHead

_TRANSPARENT = (ProxyHeadersMiddleware, CORSMiddleware)
"""Middleware that changes nothing about a plain request: the client's address is not used, and with CORS a request that has
an origin is not plain."""


class ConnectionContext:
    """The parts of a server that each of its connections needs.

    Args:
        application: the application that answers.
        config: uvicorn's configuration; its application has ``application`` inside.
        server_state: uvicorn's list of connections and tasks.
        app_state: the state that the application's start prepared for its requests (ASGI's ``state``).
    """

    def __init__(
        self, application: Application, config: Config, server_state: ServerState, app_state: dict[str, Any]
    ) -> None:
        settings = application.settings
        self.state = application.state
        self.accounting = application.accounting
        self.ids = application.ids
        self.app: App = config.loaded_app
        self.server_state = server_state
        self.table: ConnectionTable = application.table
        self.max_head_bytes = settings.max_head_bytes
        self.max_body_bytes = settings.max_body_bytes
        self.head_timeout_s = settings.head_timeout_s
        self.body_timeout_s = settings.body_timeout_s
        self.keep_alive_s = settings.keep_alive_s
        self.write_timeout_s = settings.write_timeout_s
        self.answer_timeout_s = settings.answer_timeout_s
        self._root_path = config.root_path
        self._app_state = app_state
        self._overload_answer = OverloadAnswer()
        is_transparent, has_cors = layers_before(application, self.app)
        self.heads = HeadCache(settings.max_body_bytes, origin_matters=has_cors)
        self.fast = settings.doorman and is_transparent and not config.root_path
        """Whether plain requests are answered on the fast path."""

    def scope(
        self,
        head: RequestHead,
        scheme: str,
        client: tuple[str, int] | None,
        server: tuple[str, int | None] | None,
    ) -> Scope:
        """Return the ASGI scope of a request."""
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": head.version,
            "server": server,
            "client": client,
            "scheme": scheme,
            "method": head.method,
            "root_path": self._root_path,
            "path": self._root_path + head.path,
            "raw_path": self._root_path.encode("ascii") + head.raw_path,
            "query_string": head.query,
            "headers": head.headers,
            "state": self._app_state.copy(),
        }

    def wants_body(self, head: RequestHead) -> bool:
        """Return whether a client should send the body: the request is not refused for anything in its head."""
        return (
            head.method == "POST"
            and head.path.rstrip("/").endswith(tuple(PREDICT_PATHS))  # with any prefix
            and bool(self.state.admitting)
            and head.length <= self.max_body_bytes
            and PredictionHeaders(head.headers).fault is None
        )

    def refuse(self, path: str, caller_id: bytes | None) -> bytes:
        """Return the whole answer to a plain request that was not admitted, and account for it."""
        request_id = self.ids.choose(caller_id)
        self.accounting.finish("POST", path, path, OverloadedError.status, perf_counter(), request_id)
        return self._overload_answer.render(request_id, self.server_state.default_headers)

    def error_answer(self, error: ServingError, caller_id: bytes | None) -> bytes:
        """Return the whole answer for an error outside ASGI, after which the connection ends.

        Args:
            error: the error.
            caller_id: the request id that the caller chose, unchecked.
        """
        request_id = self.ids.choose(caller_id)
        body = error.body(request_id.decode())
        headers = (JSON_HEADER, (REQUEST_ID_HEADER, request_id), *error.headers, (b"content-length", b"%d" % len(body)))
        lines = header_lines(headers)
        if b"\r\nconnection: close\r\n" not in b"\r\n" + lines:
            lines += b"connection: close\r\n"
        return b"%b%b%b\r\n%b" % (
            status_line(error.status),
            server_lines(self.server_state.default_headers),
            lines,
            body,
        )


def find_application(app: Any, kind: type[Application]) -> Application | None:
    """Return the application of a kind inside layers of middleware, each of which has the next as its attribute ``app``."""
    while app is not None and not isinstance(app, kind):
        app = getattr(app, "app", None)
    return app


def layers_before(application: Application, app: Any) -> tuple[bool, bool]:
    """Return whether every layer around an application changes nothing about plain requests, and whether one is CORS."""
    is_transparent, has_cors = True, False
    while app is not application:
        is_transparent = is_transparent and isinstance(app, _TRANSPARENT)
        has_cors = has_cors or isinstance(app, CORSMiddleware)
        app = app.app
    return is_transparent, has_cors
