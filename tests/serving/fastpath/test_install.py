"""What is relied on of uvicorn, pinned: the name that is replaced, the arguments of a protocol, and the server's headers."""

from __future__ import annotations

import asyncio
from typing import Any

import uvicorn
import uvicorn.protocols.http.auto
from starlette.middleware.cors import CORSMiddleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.server import ServerState

from serving.application import Application
from serving.fastpath.connection_context import ConnectionContext
from serving.fastpath.install import CHECKED_UVICORN_VERSION, install, make_protocol
from serving.fastpath.protocol import FastPathProtocol
from serving.http import App, Receive, Scope, Send
from serving.settings import ServingSettings


async def _inner(scope: Scope, receive: Receive, send: Send) -> None:
    return None


def _application(**changes: Any) -> Application:
    return Application(_inner, ServingSettings(**changes))


class _WrappingMiddleware:
    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


def test_the_version_is_the_one_that_was_checked() -> None:
    """After an upgrade: read serving/fastpath/install.py and connection_context.py again, then raise the constant."""
    assert uvicorn.__version__ == CHECKED_UVICORN_VERSION


def test_uvicorn_asks_for_protocols_by_the_name_that_is_replaced() -> None:
    """BentoML leaves the protocol to uvicorn's automatic choice."""
    install()
    config = uvicorn.Config(_application(), log_config=None)
    config.load()
    assert config.http_protocol_class is make_protocol
    assert uvicorn.protocols.http.auto.AutoHTTPProtocol is make_protocol


def test_our_application_gets_our_connection_and_others_theirs() -> None:
    """However many layers stand around it; connections of one server share one context."""
    loop = asyncio.new_event_loop()
    try:
        for app, is_ours in (
            (_application(), True),
            (_WrappingMiddleware(_WrappingMiddleware(_application())), True),
            (_inner, False),
        ):
            config = uvicorn.Config(app, log_config=None)
            config.load()
            state = ServerState()
            new_protocols = [
                make_protocol(config=config, server_state=state, app_state={}, _loop=loop) for _ in range(2)
            ]
            assert [isinstance(new_protocol, FastPathProtocol) for new_protocol in new_protocols] == [is_ours, is_ours]
            if is_ours:
                first, second = new_protocols
                assert first._context is second._context  # type: ignore[attr-defined]
    finally:
        loop.close()


def test_what_stands_in_front_decides_about_the_fast_path() -> None:
    """Known layers change nothing about a plain request; an unknown one, a root path or the setting keep requests off it."""
    cases: list[tuple[list[Any], dict[str, Any], dict[str, Any], bool, bool]] = [
        ([], {}, {}, True, False),
        ([_WrappingMiddleware], {}, {}, False, False),
        ([], {"root_path": "/x"}, {}, False, False),
        ([], {}, {"doorman": False}, False, False),
        ([lambda app: CORSMiddleware(app, allow_origins=["https://shop.example"])], {}, {}, True, True),
        (
            [_WrappingMiddleware, lambda app: CORSMiddleware(app, allow_origins=["https://a.example"])],
            {},
            {},
            False,
            True,
        ),
    ]
    for layers, options, changes, fast, cors in cases:
        application = _application(**changes)
        app: App = application
        for layer in layers:
            app = layer(app)
        config = uvicorn.Config(app, log_config=None, **options)
        config.load()
        assert isinstance(config.loaded_app, ProxyHeadersMiddleware)
        site = ConnectionContext(application, config, ServerState(), {})
        assert (site.fast, site.heads._decides_more.issuperset({b"origin"})) == (fast, cors)


def test_uvicorn_makes_a_new_list_of_its_headers() -> None:
    """Pins why the list's identity tells whether its lines are still right: uvicorn replaces it, and never changes it."""
    config = uvicorn.Config(_inner, log_config=None)
    config.load()
    server = uvicorn.Server(config)
    before = server.server_state.default_headers
    asyncio.run(server.on_tick(0))
    after = server.server_state.default_headers
    assert after is not before
    content = list(after)
    asyncio.run(server.on_tick(10))
    assert (server.server_state.default_headers is not after, after) == (True, content)
