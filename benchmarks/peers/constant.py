"""The upper limit: an ASGI application that reads the body and answers a constant without further work.

The upper limit for a Python server on uvicorn, uvloop and httptools; the answer is as long as Tabento's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import uvicorn

from benchmarks.peers.command import HOST, parser

ANSWER = (
    b'{"prediction":123456.7890123456,"model":"constant","version":"abcdefghijklmnop",'
    b'"request_id":"0123456789abcdef-1000"}'
)

Message = MutableMapping[str, Any]


def build_app() -> Callable[..., Awaitable[None]]:
    """Return the application; it answers every path."""
    start = {
        "type": "http.response.start",
        "status": 200,
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(ANSWER))],
    }
    body = {"type": "http.response.body", "body": ANSWER}

    async def app(
        _scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        while (await receive()).get("more_body"):
            continue
        await send(start)
        await send(body)

    return app


def main() -> None:
    """Serve until the process is ended."""
    arguments = parser(__doc__).parse_args()
    uvicorn.run(
        build_app(),
        host=HOST,
        port=arguments.port,
        loop="uvloop",
        http="httptools",
        lifespan="off",
        access_log=False,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
