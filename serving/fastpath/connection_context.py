"""The context that all connections of one server share: state, accounting, limits, cached heads, and the connection table."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from starlette.middleware.cors import CORSMiddleware
from uvicorn.config import Config
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.server import ServerState

from serving.client_address import CLIENT_ADDRESS, normal_address
from serving.errors import MalformedError, OverloadedError
from serving.fastpath.connection_table import ConnectionTable
from serving.fastpath.exchange import ServerLines
from serving.fastpath.plain_request import Forwarded, HeadCache, TracedHeadCache
from serving.fastpath.refusal import OverloadAnswer
from serving.guards.guard import read_secret
from serving.http import JSON_HEADER, App, Scope, header_lines, status_line
from serving.prediction_headers import PredictionHeaders
from serving.protocols.error_forms import infer_error_body
from serving.protocols.paths import is_infer_path, is_prediction_path
from serving.request_ids import HEADER as REQUEST_ID_HEADER
from serving.routes.paths import PREDICT_PATHS
from serving.security_headers import security_headers

if TYPE_CHECKING:
    from serving.application import Application
    from serving.errors import ServingError
    from serving.fastpath.request_head import RequestHead


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
        self.app = without_proxy_headers(config.loaded_app)
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
        headers = security_headers(enabled=settings.security_headers, is_tls=config.is_ssl)
        self.server_lines = ServerLines(headers)
        """Joins the headers that the server adds to every answer."""
        is_transparent, has_cors = layers_before(application, self.app)
        self.guard = application.guard
        self.addresses = application.addresses
        self.tracer = application.tracer
        heads_type = HeadCache if self.tracer is None else TracedHeadCache
        self.heads = heads_type(
            settings.max_body_bytes, has_cors, self.guard is not None, self.addresses.has_proxies, application.hosts
        )
        self.fast = settings.doorman and is_transparent and not config.root_path
        """Whether plain requests are answered on the fast path."""

    def scope(
        self,
        head: RequestHead,
        scheme: str,
        client: tuple[str, int] | None,
        server: tuple[str, int | None] | None,
    ) -> Scope:
        """Return the ASGI scope of a request.

        Args:
            head: the request's head.
            scheme: the scheme of the connection.
            client: the other end of the connection.
            server: this end of the connection.
        """
        peer = None if client is None else client[0]
        address = self.addresses.resolve(peer, head.headers)
        if self.addresses.has_proxies:
            scheme = self.addresses.resolve_scheme(peer, head.headers, scheme)
            if client is not None and self.addresses.trusts(client[0]):
                client = (address, client[1] if address == normal_address(client[0]) else 0)
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
            CLIENT_ADDRESS: address,
            "state": self._app_state.copy(),
        }

    def client_of(self, peer: str, forwarded: Forwarded | None) -> str:
        """Return the client's address of a plain request.

        Args:
            peer: the address of the other end of the connection, which is a trusted proxy.
            forwarded: the header of addresses, if the request has one.
        """
        return peer if forwarded is None else self.addresses.resolve_value(peer, *forwarded)

    def wants_body(self, head: RequestHead) -> bool:
        """Return whether a client should send the body: the request is not refused for anything in its head."""
        return (
            head.method == "POST"
            and bool(self.state.admitting)
            and head.length <= self.max_body_bytes
            and (
                is_prediction_path(head.path)
                # with any prefix
                or (
                    head.path.rstrip("/").endswith(tuple(PREDICT_PATHS))
                    and PredictionHeaders(head.headers).fault is None
                )
            )
            and self.admits(head)
        )

    def admits(self, head: RequestHead) -> bool:
        """Return whether the body of a request should be read: its caller may be answered, as far as the head tells."""
        if self.guard is None:
            return True
        try:
            return self.guard.admits(read_secret(head.headers))
        except MalformedError:
            return False

    def refuse(self, path: str, caller_id: bytes | None, client: str) -> bytes:
        """Return the whole answer to a plain request that was not admitted, and account for it."""
        request_id = self.ids.choose(caller_id)
        self.accounting.finish("POST", path, path, OverloadedError.status, perf_counter(), request_id, client)
        return self._overload_answer.render(request_id, self.server_lines(self.server_state.default_headers))

    def error_answer(self, error: ServingError, caller_id: bytes | None, path: str = "") -> bytes:
        """Return the whole answer for an error outside ASGI, after which the connection ends.

        Args:
            error: the error.
            caller_id: the request id that the caller chose, unchecked.
            path: the path of the request, if it is known.
        """
        request_id = self.ids.choose(caller_id)
        body = infer_error_body(error) if is_infer_path(path) else error.body(request_id.decode())
        headers = (JSON_HEADER, (REQUEST_ID_HEADER, request_id), *error.headers, (b"content-length", b"%d" % len(body)))
        lines = header_lines(headers)
        if b"\r\nconnection: close\r\n" not in b"\r\n" + lines:
            lines += b"connection: close\r\n"
        return b"%b%b%b\r\n%b" % (
            status_line(error.status),
            self.server_lines(self.server_state.default_headers),
            lines,
            body,
        )


def find_application(app: Any, kind: type[Application]) -> Application | None:
    """Return the application of a kind inside layers of middleware, each of which has the next as its attribute ``app``."""
    while app is not None and not isinstance(app, kind):
        app = getattr(app, "app", None)
    return app


def without_proxy_headers(app: Any) -> App:
    """Return an application without uvicorn's layer for proxies around it.

    By default this layer trusts every client of the same computer, and it replaces the client in the scope.
    """
    while isinstance(app, ProxyHeadersMiddleware):
        app = app.app
    inner: App = app
    return inner


def layers_before(application: Application, app: Any) -> tuple[bool, bool]:
    """Return whether every layer around an application changes nothing about plain requests, and whether one is CORS."""
    is_transparent, has_cors = True, False
    while app is not application:
        # With CORS, a request that has an origin is not plain.
        is_transparent = is_transparent and isinstance(app, (ProxyHeadersMiddleware, CORSMiddleware))
        has_cors = has_cors or isinstance(app, CORSMiddleware)
        app = app.app
    return is_transparent, has_cors
