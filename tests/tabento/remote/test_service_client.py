"""The client of a service: answers, refusals, waits, and what it never does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tabento.remote.errors import RemoteUnavailableError
from tabento.remote.service_client import ServiceClient, ServiceRefusedError

Reply = tuple[int, bytes, dict[str, str]]


@contextmanager
def replying(*replies: Reply) -> Iterator[tuple[str, list[tuple[str, str, bytes, str | None]]]]:
    """Serve replies one after another, the last one for all further requests; yield the address and the requests."""
    requests: list[tuple[str, str, bytes, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        def _reply(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            requests.append((self.command, self.path, body, self.headers.get("x-api-key")))
            status, content, headers = replies[min(len(requests), len(replies)) - 1]
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _reply  # noqa: N815 - the names of the standard library

        def log_message(self, *_: object) -> None:
            """Write no log."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", requests
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_request_has_its_query_its_body_and_the_key() -> None:
    """GET leaves out empty parameters, POST sends JSON, and both have the key."""
    with replying((200, b'{"a": 1}', {})) as (address, requests):
        client = ServiceClient(f"{address}/", "secret")
        assert client.get("/x", {"model": "a b", "limit": None}) == {"a": 1}
        assert client.post("/y", [1]) == {"a": 1}
    assert requests == [("GET", "/x?model=a+b", b"", "secret"), ("POST", "/y", b"[1]", "secret")]


def test_a_refusal_has_the_message_of_the_envelope() -> None:
    """The error has the service's message, its details and the status; a refusal for good is not repeated."""
    envelope = b'{"error": {"message": "No.", "details": [{"field": "a", "expected": "1", "got": "2"}]}}'
    with (
        replying((409, envelope, {})) as (address, requests),
        pytest.raises(ServiceRefusedError, match=r"No\. a: expected 1, got 2") as refusal,
    ):
        ServiceClient(address).post("/x", {})
    assert refusal.value.status == 409
    assert len(requests) == 1


@pytest.mark.parametrize(("status", "remedy"), [(401, "a key of this service"), (403, "a key with this scope")])
def test_a_refused_key_has_a_remedy(status: int, remedy: str) -> None:
    """The message names the variable that the commands read the key from."""
    envelope = b'{"error": {"message": "No.", "details": []}}'
    with (
        replying((status, envelope, {})) as (address, _),
        pytest.raises(ServiceRefusedError, match=rf"No\. Set TABENTO_API_KEY to {remedy}"),
    ):
        ServiceClient(address).get("/x")


def test_a_refusal_for_a_while_is_repeated_after_the_named_time() -> None:
    """503 and 429 are repeated after Retry-After, and end with the refusal if it stays."""
    waits: list[float] = []
    with replying((503, b"", {"retry-after": "3"}), (429, b"", {}), (200, b"[]", {})) as (address, requests):
        assert ServiceClient(address, sleep=waits.append).get("/x") == []
    assert (len(requests), waits) == (3, [3.0, 1.0])
    with replying((503, b"down", {"retry-after": "999"})) as (address, requests):
        waits.clear()
        with pytest.raises(ServiceRefusedError, match="status 503: down"):
            ServiceClient(address, sleep=waits.append).get("/x")
    assert (len(requests), waits) == (4, [10.0] * 3)


def test_an_answer_that_is_not_json_is_named() -> None:
    """Another server at the address answers something else."""
    with replying((200, b"<html>", {})) as (address, _), pytest.raises(RemoteUnavailableError, match="not JSON"):
        ServiceClient(address).get("/x")


def test_a_redirect_is_not_followed() -> None:
    """The key never reaches another address."""
    with (
        replying((200, b"{}", {})) as (other_address, other_requests),
        replying((302, b"", {"location": f"{other_address}/x"})) as (address, _),
        pytest.raises(ServiceRefusedError, match="status 302"),
    ):
        ServiceClient(address, "secret").get("/x")
    assert other_requests == []


def test_an_address_without_a_service_is_named() -> None:
    """A connection that is refused is an error with the address; a change is not repeated."""
    with pytest.raises(RemoteUnavailableError, match=r"http://127\.0\.0\.1:9 cannot be reached"):
        ServiceClient("http://127.0.0.1:9").post("/x", {})
    with pytest.raises(ValueError, match="expected an address"):
        ServiceClient("file:///etc/passwd")
