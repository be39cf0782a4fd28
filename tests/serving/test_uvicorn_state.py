"""What is read from uvicorn beyond ASGI, pinned."""

from __future__ import annotations

import asyncio
import re
import socket

import uvicorn

from serving.http import App, Message, Receive, Scope, Send, answer
from serving.uvicorn_state import CHECKED_UVICORN_VERSION, arrived, gone, server_lines, write_whole
from tests.servers import running, wait_until


def test_the_version_is_the_one_that_was_checked() -> None:
    """After an upgrade: read serving/uvicorn_state.py and serving/doorman.py again, then raise the constant."""
    assert uvicorn.__version__ == CHECKED_UVICORN_VERSION


def test_an_unknown_server_gets_the_careful_answers() -> None:
    """Where nothing is known the body is waited for with a timer, and the client is taken to be there."""

    async def receive() -> None:
        return None

    assert not arrived(receive)
    assert not gone(receive)


def test_uvicorn_tells_body_and_client() -> None:
    """A whole body is known to be there, half of one is not, and a closed connection is noticed without asking ASGI."""
    seen: dict[str, bool] = {}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        await asyncio.sleep(0)
        seen[scope["path"]] = arrived(receive)
        if scope["path"] == "/leaver":
            seen["there"] = not gone(receive)
            while not gone(receive):
                await asyncio.sleep(0)
            seen["left"] = True
            return
        await answer(send, 200, b"", ())

    def send(path: str, body: bytes) -> socket.socket:
        connection = socket.create_connection((host, int(port)), timeout=30)
        connection.sendall(f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n".encode() + body)
        return connection

    with running(app) as address:
        host, port = address.removeprefix("http://").split(":")
        for path, body in (("/whole", b"1234"), ("/half", b"12")):
            with send(path, body) as connection:
                assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        with send("/leaver", b"1234"):
            wait_until(lambda: "there" in seen, "the request to arrive")
        wait_until(lambda: "left" in seen, "the server to notice")
    assert seen == {"/whole": True, "/half": False, "/leaver": True, "there": True, "left": True}


def _answer_of(app: App, request: bytes) -> bytes:
    with running(app) as address:
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(request * 2)
            received = b""
            while received.count(b"done") < 2:
                received += connection.recv(65536)
    return received


def test_an_answer_in_one_piece_is_the_same_as_through_asgi() -> None:
    """Byte for byte, date included, and the connection goes on."""
    headers = ((b"content-type", b"text/plain"),)

    async def at_once(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            assert write_whole(
                receive, send, b"HTTP/1.1 200 OK\r\n", b"content-type: text/plain\r\ncontent-length: 4\r\n\r\ndone"
            )

    async def in_two(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await answer(send, 200, b"done", headers)

    request = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
    one, other = (re.sub(rb"date: [^\r]+", b"date: now", _answer_of(app, request)) for app in (at_once, in_two))
    assert one == other


def test_nothing_is_written_past_a_wrapper() -> None:
    """Where something wraps ``send``, or the connection is to close, the answer goes the long way."""
    written: list[bool] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return

        async def wrapped(message: Message) -> None:
            await send(message)

        written.append(write_whole(receive, wrapped, b"", b""))
        if scope["path"] == "/close":
            written.append(write_whole(receive, send, b"", b""))
        await answer(send, 200, b"done", ())

    _answer_of(app, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    with running(app) as address:
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(b"GET /close HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            while connection.recv(65536):
                continue
    assert written == [False] * 4


def test_the_servers_headers_are_put_together_once() -> None:
    """Of one list once; of another list again, also of another server's, and also where it says the same."""
    headers = [(b"date", b"now"), (b"server", b"uvicorn")]
    lines = server_lines(headers)
    assert lines == b"date: now\r\nserver: uvicorn\r\n"
    assert server_lines(headers) is lines
    assert server_lines([]) == b""
    again = server_lines(list(headers))
    assert again == lines
    assert server_lines([(b"date", b"later")]) == b"date: later\r\n"
    assert server_lines(headers) == lines


def test_uvicorn_makes_a_new_list_of_its_headers() -> None:
    """Pins why the list tells whether its lines are still right: uvicorn replaces it, and never changes it."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        return None

    config = uvicorn.Config(app, log_config=None)
    config.load()
    server = uvicorn.Server(config)
    before = server.server_state.default_headers
    asyncio.run(server.on_tick(0))
    after = server.server_state.default_headers
    assert after is not before
    said = list(after)
    asyncio.run(server.on_tick(10))
    assert (server.server_state.default_headers is not after, after) == (True, said)
