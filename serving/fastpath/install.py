"""The installation of this service's protocol in uvicorn's server.

BentoML makes uvicorn's configuration itself and leaves the protocol to uvicorn's automatic choice, whose result is a name in
a module. That name is replaced by a function: it returns our protocol for a server whose application contains one of
ours, and uvicorn's own choice for every other server in the process. Checked against uvicorn 0.54.0; a test pins it.
"""

from __future__ import annotations

import asyncio
from typing import Any
from weakref import WeakKeyDictionary

import uvicorn.protocols.http.auto
from uvicorn.config import Config
from uvicorn.server import ServerState

from serving.application import Application
from serving.fastpath.connection_context import ConnectionContext, find_application
from serving.fastpath.protocol import FastPathProtocol

CHECKED_UVICORN_VERSION = "0.54.0"

_uvicorns_choice: Any = uvicorn.protocols.http.auto.AutoHTTPProtocol
_contexts: WeakKeyDictionary[ServerState, ConnectionContext] = WeakKeyDictionary()


def make_protocol(
    config: Config,
    server_state: ServerState,
    app_state: dict[str, Any],
    _loop: asyncio.AbstractEventLoop | None = None,
) -> asyncio.Protocol:
    """Return the protocol of a new connection; called by uvicorn's server with these names."""
    context = _contexts.get(server_state)
    if context is None:
        if not config.loaded:
            config.load()
        application = find_application(config.loaded_app, Application)
        if application is None:
            uvicorns_protocol: asyncio.Protocol = _uvicorns_choice(
                config=config, server_state=server_state, app_state=app_state, _loop=_loop
            )
            return uvicorns_protocol
        context = _contexts[server_state] = ConnectionContext(application, config, server_state, app_state)
    return FastPathProtocol(context, _loop or asyncio.get_running_loop())


def install() -> None:
    """Make the servers that uvicorn starts in this process from now on use ``FastPathProtocol`` for our applications."""
    uvicorn.protocols.http.auto.AutoHTTPProtocol = make_protocol  # type: ignore[assignment]
