"""BentoML's own pages are answered by BentoML, and their errors by the service."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from serving.http import Message, Receive, Scope, Send
from serving.operations.accounting import RequestAccounting
from serving.operations.metrics import Metrics
from serving.request_ids import RequestIds
from serving.routes.bentoml_pages import BentomlPages


def _pages(status: int, *, raises: bool = False) -> tuple[BentomlPages, Metrics]:
    """Return pages whose inner application sends a status, and raises an error at its beginning or after the status."""

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        if raises and not status:
            raise RuntimeError("secret of the code")
        headers = [
            (b"content-type", b"text/plain"),
            (b"x-ranged", b"%d" % dict(scope["headers"]).__contains__(b"range")),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        if raises:
            raise RuntimeError("secret of the code")
        await send({"type": "http.response.body", "body": b"inner"})

    metrics = Metrics()
    return BentomlPages(inner, RequestAccounting(metrics, None), RequestIds()), metrics


def _request(pages: BentomlPages, method: str = "GET", path: str = "/schema.json", **headers: str) -> httpx.Response:
    """Return the answer of some pages to one request."""

    async def send_request() -> httpx.Response:
        transport = httpx.ASGITransport(pages)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            return await client.request(method, path, headers=headers)

    return asyncio.run(send_request())


def test_an_answer_passes_through() -> None:
    """A success has BentoML's own bytes, is counted by its route, and is never a part of a file."""
    pages, metrics = _pages(200)
    answer = _request(pages, path="/static_content/a.css", range="bytes=0-1")
    assert (answer.status_code, answer.text, answer.headers["x-ranged"]) == (200, "inner", "0")
    assert metrics.answered == {("/static_content/", 200): 1}


@pytest.mark.parametrize(
    ("status", "method", "expected", "code"),
    [(404, "GET", 404, "not_found"), (405, "GET", 404, "not_found"), (200, "POST", 405, "method_not_allowed")],
)
def test_an_error_is_replaced(status: int, method: str, expected: int, code: str) -> None:
    """An error of BentoML, and a method that its pages do not have, get the envelope and the request's id."""
    pages, metrics = _pages(status)
    answer = _request(pages, method, **{"x-request-id": "mine"})
    content: dict[str, Any] = json.loads(answer.content)
    assert (answer.status_code, content["error"]["code"], content["request_id"]) == (expected, code, "mine")
    assert answer.headers["x-request-id"] == "mine"
    assert metrics.answered == {("/schema.json", expected): 1}


def test_an_exception_is_an_internal_error() -> None:
    """An exception before the answer gets the envelope, without its text."""
    answer = _request(_pages(0, raises=True)[0])
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal"
    assert "secret" not in answer.text


def test_an_exception_after_the_status_ends_the_answer() -> None:
    """The status cannot be taken back: the exception reaches the server, which closes the connection."""
    pages, _ = _pages(200, raises=True)
    sent: list[Message] = []

    async def call() -> None:
        async def receive() -> Message:
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": "/schema.json", "headers": []}
        await pages(scope, receive, send)

    with pytest.raises(RuntimeError):
        asyncio.run(call())
    assert [message["type"] for message in sent] == ["http.response.start"]
