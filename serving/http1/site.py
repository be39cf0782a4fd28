"""What all connections of one server share: the application, its limits, the plain heads, and the table of connections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.middleware.cors import CORSMiddleware
from uvicorn.config import Config
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.server import ServerState

from serving.http import JSON_HEADER, App, Scope, header_lines, status_line
from serving.http1.exchange import server_lines
from serving.http1.plain import PlainHeads
from serving.http1.table import ConnectionTable
from serving.request_ids import HEADER as REQUEST_ID_HEADER

if TYPE_CHECKING:
    from serving.application import Application
    from serving.errors import ServingError
    from serving.http1.head import RequestHead

_CHANGES_NOTHING = (ProxyHeadersMiddleware, CORSMiddleware)
"""Middleware that changes nothing about a plain request: the client's address is not looked at, and with CORS a request
that has an origin is not plain."""


class Site:
    """One server's part of a connection.

    Args:
        application: what answers in the end.
        config: uvicorn's configuration; its application has ``application`` inside.
        server_state: what uvicorn knows of its connections and tasks.
        app_state: what the application's start left for its requests (ASGI's ``state``).
    """

    def __init__(
        self, application: Application, config: Config, server_state: ServerState, app_state: dict[str, Any]
    ) -> None:
        settings = application.settings
        self.application = application
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
        known, cors = layers_before(application, self.app)
        self.heads = PlainHeads(settings.max_body_bytes, origin_matters=cors)
        self.fast = settings.doorman and known and not config.root_path
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

    def error_answer(self, error: ServingError, caller_id: bytes | None) -> bytes:
        """Return the whole answer that tells a client of an error outside ASGI, after which the connection ends.

        Args:
            error: what happened.
            caller_id: the request id that the caller chose, unchecked.
        """
        request_id = self.application.ids.of(caller_id)
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
    """Return the application of a kind that layers of middleware hold, each as its attribute ``app``."""
    while app is not None and not isinstance(app, kind):
        app = getattr(app, "app", None)
    return app


def layers_before(application: Application, app: Any) -> tuple[bool, bool]:
    """Tell whether every layer in front of an application is known to change nothing, and whether CORS is among them."""
    known, cors = True, False
    while app is not application:
        known = known and isinstance(app, _CHANGES_NOTHING)
        cors = cors or isinstance(app, CORSMiddleware)
        app = app.app
    return known, cors
