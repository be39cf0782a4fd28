"""API keys on a running server: both connections, reload, and secrets that appear nowhere."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from serving.application import Application
from serving.settings import ServingSettings
from tabento.keys.inline import inline_entry
from tabento.keys.key_file import change_keys, format_keys
from tabento.keys.record import utc_now
from tabento.keys.secret import new_secret
from tests.serving.fastpath.raw_client import RawClient, application_of, plain_request, serving
from tests.serving.guards.key_records import new_key
from tests.serving.guards.test_guard import equal_answer


class Server(NamedTuple):
    """A server with a key file."""

    address: str
    application: Application
    path: Path
    secret: str
    """The secret of a key with the scope ``predict``."""
    reader: str
    """The secret of a key with the scope ``read``."""

    def get(self, path: str, headers: str = "") -> bytes:
        """Return the answer to a GET request."""
        with RawClient(self.address) as client:
            client.send(f"GET {path} HTTP/1.1\r\nhost: x\r\n{headers}\r\n".encode())
            return client.answer()

    def check_file(self) -> None:
        """Let the server look at its key file now."""
        source = self.application.metrics.key_source
        assert source is not None
        source.check()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server whose key file has two keys."""
    secret, record = new_key("shop")
    reader, read_record = new_key("ops", scopes=["read"])
    path = tmp_path / "keys.json"
    path.write_bytes(format_keys((record, read_record)))
    settings = ServingSettings(slo_p99_ms=60_000, api_keys_file=path, auth_failures_per_minute=1_000)
    application = application_of(tmp_path, settings)
    with serving(application) as address:
        yield Server(address, application, path, secret, reader)


def test_both_connections_give_equal_answers(server: Server) -> None:
    """A valid key, each kind of invalid key, a key without the scope and two keys get the same bytes on both connections."""
    former_secret, former_record = new_key("former")
    change_keys(server.path, lambda records: (*records, replace(former_record, revoked=utc_now())))
    server.check_file()
    for headers, status in (
        (f"x-api-key: {server.secret}\r\n", 200),
        (f"Authorization: Bearer {server.secret}\r\n", 200),
        (f"x-api-key: {server.secret}\r\nauthorization: Bearer {server.secret}\r\n", 200),
        (f"authorization: Basic dTpw\r\nx-api-key: {server.secret}\r\n", 200),
        (f"x-api-key: {server.reader}\r\n", 403),
        (f"x-api-key: {server.secret}\r\nauthorization: Bearer {server.reader}\r\n", 400),
        (f"x-api-key: {server.secret}\r\nx-api-key: {server.reader}\r\n", 400),
        ("", 401),
        (f"x-api-key: {new_secret()}\r\n", 401),
        (f"x-api-key: {server.secret[:-1]}\r\n", 401),
        (f"x-api-key: {server.secret} {server.secret}\r\n", 401),
        (f"x-api-key: {former_secret}\r\n", 401),
        ("authorization: Bearer\r\n", 401),
        ("authorization: Basic dTpw\r\n", 401),
    ):
        assert int(equal_answer(server.address, headers).split(b" ")[1]) == status, headers


def test_no_invalid_key_tells_more_than_another(server: Server) -> None:
    """A missing, malformed, unknown, revoked and expired key get the same bytes."""
    secret, record = new_key("gone")
    change_keys(server.path, lambda records: (*records, replace(record, revoked=utc_now())))
    server.check_file()
    answers = {
        equal_answer(server.address, headers)
        for headers in ("", "x-api-key: a\r\n", f"x-api-key: {new_secret()}\r\n", f"x-api-key: {secret}\r\n")
    }
    assert len({json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["message"] for answer in answers}) == 1
    assert len({len(answer) for answer in answers}) == 1


def test_a_revocation_takes_effect(server: Server) -> None:
    """After the next look at the file the revoked key is refused, also on an open connection."""
    request = plain_request(extra_headers=f"x-api-key: {server.secret}\r\n")
    with RawClient(server.address) as client:
        client.send(request)
        assert client.status() == 200
        change_keys(server.path, lambda records: (replace(records[0], revoked=utc_now()), *records[1:]))
        server.check_file()
        client.send(request)
        assert client.status() == 401
        client.send(plain_request(extra_headers=f"x-api-key: {server.reader}\r\n"))
        assert client.status() == 403


def test_a_wrong_key_file_degrades_health_and_keeps_the_keys(server: Server) -> None:
    """Health reports the wrong file without its path, a gauge shows it, and the former keys are answered."""
    server.path.write_text("{")
    server.check_file()
    health = server.get("/health")
    assert health.startswith(b"HTTP/1.1 200 ")
    content = json.loads(health.partition(b"\r\n\r\n")[2])
    assert (content["status"], content["components"]["keys"]["status"]) == ("degraded", "degraded")
    assert str(server.path).encode() not in health
    metrics = server.get("/metrics", f"x-api-key: {server.reader}\r\n")
    assert b"tabento_key_file_failed 1.0" in metrics
    assert equal_answer(server.address, f"x-api-key: {server.secret}\r\n").startswith(b"HTTP/1.1 200 ")
    server.path.write_bytes(format_keys(()))
    server.check_file()
    assert json.loads(server.get("/health").partition(b"\r\n\r\n")[2])["status"] == "healthy"


def test_an_address_over_its_limit_is_told_to_wait(tmp_path: Path) -> None:
    """Invalid keys above the limit get 429 on both connections; a valid key from the same address is answered."""
    secret, record = new_key()
    settings = ServingSettings(slo_p99_ms=60_000, api_keys=inline_entry(record), auth_failures_per_minute=2)
    with serving(application_of(tmp_path, settings)) as address:
        for status in (401, 429, 429):
            answer = equal_answer(address, f"x-api-key: {new_secret()}\r\n")
            assert int(answer.split(b" ")[1]) == status
        assert b"\r\nretry-after: " in answer
        assert equal_answer(address, f"x-api-key: {secret}\r\n").startswith(b"HTTP/1.1 200 ")
        assert equal_answer(address, "").startswith(b"HTTP/1.1 401 ")


def test_scopes_hold_on_all_routes(server: Server) -> None:
    """A key for reading gets descriptions, documents and metrics; a key for predictions does not; probes need no key."""
    reader, predictor = f"x-api-key: {server.reader}\r\n", f"x-api-key: {server.secret}\r\n"
    for path in ("/model", "/metrics", "/docs", "/docs.json", "/"):
        for headers, status in ((reader, 200), (predictor, 403), ("", 401)):
            assert int(server.get(path, headers).split(b" ")[1]) == status, path
    for path in ("/livez", "/readyz", "/health", "/healthz/"):
        assert server.get(path).startswith(b"HTTP/1.1 200 "), path
    for headers, status in ((reader, 403), ("", 401)):
        assert int(server.get("/admin/keys", headers).split(b" ")[1]) == status


def test_admin_paths_are_closed_without_keys(tmp_path: Path) -> None:
    """A service without keys never lets anyone change it."""
    with serving(application_of(tmp_path, ServingSettings())) as address, RawClient(address) as client:
        client.send(b"POST /admin/x HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n")
        assert client.status() == 403


def test_secrets_appear_nowhere(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """Answers, logs, metrics, health and the representation of settings contain no secret, valid or not."""
    caplog.set_level(logging.DEBUG)
    unknown = new_secret()
    texts = [
        equal_answer(server.address, f"x-api-key: {secret}\r\n") for secret in (server.secret, server.reader, unknown)
    ]
    texts += [equal_answer(server.address, f"x-api-key: {server.secret}\r\nauthorization: Bearer {unknown}\r\n")]
    texts += [server.get(path, f"x-api-key: {server.reader}\r\n") for path in ("/metrics", "/health", "/model")]
    inline = ServingSettings(api_keys=f"a={server.secret}")
    texts += [repr(value).encode() for value in (inline, inline.model_dump(), inline.model_dump_json(), vars(inline))]
    texts += [caplog.text.encode(), repr(server.application.settings).encode()]
    text = b"\n".join(texts)
    assert b"unknown API key " + unknown[:12].encode() in text
    for secret in (server.secret, server.reader, unknown):
        assert secret[12:].encode() not in text
