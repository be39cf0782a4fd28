"""Security headers: on every answer of both connections, once, and not a word about versions."""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from serving.application import Application
from serving.http import Receive, Scope, Send
from serving.security_headers import SECURITY_HEADERS, TLS_HEADER, security_headers
from serving.settings import ServingSettings
from tests.bundles import TREE
from tests.serving.fastpath.raw_client import RawClient, application_of, plain_request, respond, serving

EXPECTED = {name.decode(): value.decode() for name, value in SECURITY_HEADERS}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server with the default settings."""
    settings = ServingSettings(slo_p99_ms=60_000, allowed_hosts=("x", "127.0.0.1"))
    with serving(application_of(tmp_path_factory.mktemp("served"), settings)) as address:
        yield address


def _headers(answer: bytes) -> list[tuple[str, str]]:
    lines = answer.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    return [(name, value) for name, _, value in (line.partition(": ") for line in lines)]


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (plain_request(), 200),
        (plain_request(extra_headers="accept: */*\r\nexpect: 100\r\n"), 200),  # not plain
        (plain_request(b"{}"), 422),
        (plain_request(b"{"), 400),
        (plain_request(extra_headers="content-encoding: gzip\r\n"), 415),
        (plain_request().replace(b"host: x", b"host: evil.example"), 421),
        (b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n", 200),
        (b"HEAD /livez HTTP/1.1\r\nhost: x\r\n\r\n", 200),
        (b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n", 200),
        (b"GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n", 404),
        (b"PUT /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n", 405),
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip, chunked\r\n\r\n", 501),
    ],
)
def test_every_answer_has_every_header_once(address: str, request_bytes: bytes, status: int) -> None:
    """Answers, refusals and bytes that are not HTTP, on the fast path, through ASGI and before both; no server is named."""
    with RawClient(address) as line:
        line.send(request_bytes)
        answer = line.answer(0 if request_bytes.startswith(b"HEAD") else None)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    headers = _headers(answer)
    names = [name for name, _ in headers]
    assert len(names) == len(set(names))
    assert {name: value for name, value in headers if name in EXPECTED} == EXPECTED
    assert TLS_HEADER[0].decode() not in names
    assert not re.search(rb"uvicorn|bentoml|starlette|python|tabento/", answer.partition(b"\r\n\r\n")[0], re.IGNORECASE)


def test_the_page_of_the_document_has_a_policy_of_its_own(address: str) -> None:
    """It allows the files of this host and exactly the script of the page, in place of the policy of other answers."""
    answer = httpx.get(f"{address}/docs")
    policies = answer.headers.get_list("content-security-policy")
    script = re.search(r"<script>(.*?)</script>", answer.text, re.DOTALL)
    assert script is not None
    digest = b64encode(sha256(script[1].encode()).digest()).decode()
    assert len(policies) == 1
    assert "default-src 'none'" in policies[0]
    assert f"script-src 'self' 'sha256-{digest}'" in policies[0]
    assert "unsafe-eval" not in policies[0]
    assert answer.headers.get_list("x-content-type-options") == ["nosniff"]


def test_another_server_sends_them_too() -> None:
    """Through plain ASGI the application adds them itself; over TLS with the one for TLS."""

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send, 200, b"", ((b"Cache-Control", b"max-age=60"),))

    application = Application(inner, ServingSettings())

    async def request() -> list[httpx.Response]:
        answers = []
        for base in ("http://x", "https://x"):
            async with httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url=base) as client:
                answers += [await client.get("/livez"), await client.get("/schema.json")]
        return answers

    for index, answer in enumerate(asyncio.run(request())):
        is_tls, is_inner = divmod(index, 2)
        expected: dict[str, Any] = EXPECTED | ({"cache-control": "max-age=60"} if is_inner else {})
        for name, value in expected.items():
            assert answer.headers.get_list(name) == [value]
        assert (TLS_HEADER[0].decode() in answer.headers) == bool(is_tls)


def test_they_can_be_switched_off(tmp_path: Path) -> None:
    """Behind a proxy that adds its own: no answer has one of them."""
    assert security_headers(enabled=False, is_tls=True) == ()
    application = application_of(tmp_path, ServingSettings(slo_p99_ms=60_000, security_headers=False))
    with serving(application) as address:
        for answer in (httpx.get(f"{address}/livez"), httpx.post(f"{address}/predict", json=TREE)):
            assert EXPECTED.keys().isdisjoint(answer.headers)


@pytest.mark.parametrize("path", ["/predict", "/model", "/docs"])
def test_a_foreign_host_name_is_misdirected(address: str, path: str) -> None:
    """With ``allowed_hosts`` a forged name gets 421, and an allowed one is answered; probes need no name."""
    with httpx.Client(base_url=address) as client:
        for name, status in (("evil.example", 421), ("127.0.0.1:80", 200), ("X", 200)):
            method = "POST" if path == "/predict" else "GET"
            answer = client.request(method, path, json=TREE, headers={"host": name})
            assert answer.status_code == status
            if status == 421:
                assert answer.json()["error"]["code"] == "misdirected"
                assert "evil" not in answer.text
        assert client.get("/livez", headers={"host": "10.0.0.1"}).status_code == 200
