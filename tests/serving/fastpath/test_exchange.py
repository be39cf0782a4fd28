"""Answers through ASGI are framed right, and the application sees one whole body."""

from __future__ import annotations

import re
from typing import Any

import pytest

from serving.fastpath.exchange import Exchange, ServerLines, exchange_of
from serving.fastpath.install import install
from serving.fastpath.protocol import FastPathProtocol
from serving.http import Message, Receive, Scope, Send
from serving.settings import ServingSettings
from tests.servers import running, wait_until
from tests.serving.fastpath.raw_client import RawClient, application_of, respond

GET = b"GET /page HTTP/1.1\r\nhost: x\r\n\r\n"


class WrappingMiddleware:
    """Something around an application that answers ``/page`` itself.

    Args:
        app: the application.
        page: what answers.
    """

    def __init__(self, app: Any, page: Any) -> None:
        self.app = app
        self.page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or hand on."""
        await (self.page if scope.get("path") == "/page" else self.app)(scope, receive, send)


@pytest.fixture
def call(tmp_path: Any) -> Any:
    """Return a function that sends requests to an ASGI application, and returns all that comes back until the end."""
    install()

    def call_application(page: Any, *requests: bytes) -> bytes:
        received = b""
        application = application_of(tmp_path, ServingSettings(slo_p99_ms=60_000))
        with running(WrappingMiddleware(application, page)) as address, RawClient(address) as line:
            line.send(b"".join(requests))
            line.socket.shutdown(1)
            while chunk := line.socket.recv(65536):
                received += chunk
        return re.sub(rb"date: [^\r]+", b"date: now", received)

    return call_application


def test_an_answer_in_one_piece_is_the_same_as_through_asgi(call: Any) -> None:
    """Byte for byte, and the connection goes on."""

    async def at_once(scope: Scope, receive: Receive, send: Send) -> None:
        exchange = exchange_of(receive, send)
        assert exchange is not None
        if not exchange.reply(b"HTTP/1.1 200 OK\r\n", b"content-type: text/plain\r\ncontent-length: 4\r\n\r\ndone"):
            await in_two(scope, receive, send)

    async def in_two(scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send, 200, b"done", ((b"content-type", b"text/plain"),))

    # When the client's end is seen, and so which answer is the last, is not the same in both runs.
    exchange_lines, other = (call(page, GET * 3).replace(b"connection: close\r\n", b"") for page in (at_once, in_two))
    assert exchange_lines == other
    assert exchange_lines.count(b"HTTP/1.1 200 OK\r\n") == 3


def test_a_body_of_unknown_length_goes_in_chunks(call: Any) -> None:
    """To HTTP/1.1; to HTTP/1.0 it ends with the connection."""

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for part in (b"one", b"", b"three"):
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body"})

    received = call(page, GET * 2)
    assert received.count(b"\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n5\r\nthree\r\n0\r\n\r\n") == 2
    received = call(page, GET.replace(b"1.1", b"1.0"))
    assert b"chunked" not in received
    assert received.endswith(b"connection: close\r\n\r\nonethree")


def test_a_body_in_one_message_gets_its_length(call: Any) -> None:
    """An application need not say it."""

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"four"})

    assert b"\r\ncontent-length: 4\r\n" in call(page, GET)


@pytest.mark.parametrize(("method", "status"), [(b"HEAD", 200), (b"GET", 204), (b"GET", 304)])
def test_answers_without_a_body_have_none(call: Any, method: bytes, status: int) -> None:
    """To HEAD, and with the statuses that have none (RFC 9110, 6.4.1): the next answer begins right behind the headers."""

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"four" if method == b"HEAD" else b""})

    received = call(page, GET.replace(b"GET", method) * 2)
    assert received.count(b"HTTP/1.1 %d " % status) == 2
    assert b"four" not in received
    assert b"chunked" not in received


def test_the_body_comes_in_one_message_then_the_end(call: Any) -> None:
    """An application that asks again is told of the end once it has answered."""
    seen: list[Message] = []

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(await receive())
        await respond(send, 200, b"done", ())
        seen.append(await receive())

    call(page, b"PUT /page HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n")
    assert seen == [{"type": "http.request", "body": b"abcd", "more_body": False}, {"type": "http.disconnect"}]


def test_an_application_that_waits_is_told_that_the_client_left(tmp_path: Any) -> None:
    """By ``http.disconnect``, as soon as the connection breaks."""
    seen: list[Message] = []

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(await receive())
        seen.append(await receive())

    application = application_of(tmp_path, ServingSettings())
    install()
    with running(WrappingMiddleware(application, page)) as address, RawClient(address) as line:
        line.send(GET)
        wait_until(lambda: len(seen) == 1, "the request")
        line.reset()
        wait_until(lambda: len(seen) == 2, "the end")
    assert seen[1] == {"type": "http.disconnect"}


@pytest.mark.parametrize(
    "header", [(b"a b", b"c"), (b"", b"c"), (b"a", b"b\r\nset-cookie: c"), (b"a", b"b\0"), (b"a\n", b"b")]
)
def test_a_header_that_breaks_out_is_never_written(call: Any, header: tuple[bytes, bytes]) -> None:
    """The application's mistake is 500."""

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send, 200, b"", (header,))

    received = call(page, GET)
    assert received.startswith(b"HTTP/1.1 500 ")
    assert b"set-cookie" not in received


@pytest.mark.parametrize("body", [b"too long", b"s"])
def test_a_body_of_another_length_than_announced_breaks_the_connection(call: Any, body: bytes) -> None:
    """The client must not take it for whole; a second answer never comes."""

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"fo", "more_body": True})
        await send({"type": "http.response.body", "body": body})

    try:
        received = call(page, GET * 2)
    except ConnectionResetError:
        return
    assert received.count(b"HTTP/1.1 ") == 1


def test_nothing_is_written_past_a_wrapper(call: Any) -> None:
    """If something wraps ``send``, it wants to see the answer."""
    match: list[Exchange | None] = []

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        async def wrapped(message: Message) -> None:
            await send(message)

        match.append(exchange_of(receive, wrapped))
        match.append(exchange_of(receive, send))
        await respond(wrapped, 200, b"", ())

    call(page, GET)
    assert match[0] is None
    assert isinstance(match[1], Exchange)


def test_the_servers_headers_are_joined_once() -> None:
    """Of one list once; of another list again, also if it says the same; further headers follow, and the name of the server is left out."""
    headers = [(b"date", b"now"), (b"server", b"x")]
    server_lines = ServerLines(((b"a", b"1"), (b"b", b"2")))
    joined = server_lines(headers)
    assert joined == b"date: now\r\na: 1\r\nb: 2\r\n"
    assert server_lines(headers) is joined
    assert server_lines([]) == b"a: 1\r\nb: 2\r\n"
    assert server_lines(list(headers)) == joined


def test_a_further_header_gives_way_to_the_application_s_own() -> None:
    """No answer has a header twice."""
    headers = [(b"date", b"now")]
    server_lines = ServerLines(((b"a", b"1"), (b"b", b"2")))
    assert server_lines.join_without(headers, (b"b", b"c")) == b"date: now\r\na: 1\r\n"
    assert server_lines.join_without(headers, (b"c",)) is server_lines(headers)


def test_a_connection_can_be_written_to() -> None:
    """A connection has the methods that an exchange calls."""
    for name in ("server_lines", "must_close", "write", "drained", "complete_answer", "abort"):
        assert callable(getattr(FastPathProtocol, name))
