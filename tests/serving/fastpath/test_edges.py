"""The edges of a connection: addresses behind proxies, too many connections of an address, and too many slow ones."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from serving.application import Application
from serving.client_address import CLIENT_ADDRESS
from serving.fastpath.plain_request import HeadCache
from serving.http import Receive, Scope, Send
from serving.settings import ServingSettings
from tests.servers import wait_until
from tests.serving.fastpath.raw_client import BODY, RawClient, application_of, plain_request, serving

PROXY = "127.0.0.1"
CLIENT = "203.0.113.7"
UNUSUAL = "expect: 100\r\n"
"""A header that keeps a request off the fast path."""


@contextmanager
def _logging_server(folder: Path, **changes: Any) -> Iterator[tuple[str, Application, list[tuple[Any, ...]]]]:
    """Serve with an access log; yield the address, the application and the entries of the log."""
    application = application_of(folder, ServingSettings(slo_p99_ms=60_000, access_log=True, **changes))
    entries: list[tuple[Any, ...]] = []
    log = application.accounting.access_log
    assert log is not None
    log.write = lambda *entry: entries.append(entry)  # type: ignore[method-assign]
    with serving(application) as address:
        yield address, application, entries


def _clients(address: str, entries: list[tuple[Any, ...]], *headers: str) -> list[str]:
    """Return the clients that the log names for requests with these headers, sent over one connection."""
    entries.clear()
    with RawClient(address) as line:
        for lines in headers:
            line.send(plain_request(extra_headers=lines))
            line.names(1)
    return [entry[-1] for entry in entries]


HEADERS = (
    "",
    f"x-forwarded-for: {CLIENT}\r\n",
    f"X-Forwarded-For:{CLIENT}  \r\n",
    f"X-FORWARDED-FOR: 6.6.6.6, {CLIENT}\r\n",
    f"forwarded: for={CLIENT};proto=https\r\n",
    f"x-forwarded-for: {CLIENT}\r\nforwarded: for=6.6.6.6\r\n",
    f"x-forwarded-for: 6.6.6.6\r\nx-forwarded-for: {CLIENT}\r\n",
    "x-forwarded-for: nonsense\r\n",
    "x-forwarded-for:\r\n",
    f"x-forwarded-for: {'6.6.6.6, ' * 20}{CLIENT}\r\n",
)
EXPECTED = (PROXY, CLIENT, CLIENT, CLIENT, CLIENT, PROXY, CLIENT, PROXY, PROXY, CLIENT)


def test_both_paths_find_the_client_behind_a_trusted_proxy(tmp_path: Path) -> None:
    """A plain request and any other one have the same client, and a client is never that of the request before."""
    with _logging_server(tmp_path, trusted_proxies=(PROXY,)) as (address, _, entries):
        plain = _clients(address, entries, *HEADERS)
        other = _clients(address, entries, *(UNUSUAL + lines for lines in HEADERS))
    assert plain == other == list(EXPECTED)


@pytest.mark.parametrize("trusted", [(), ("10.0.0.0/8",)])
def test_a_header_of_an_untrusted_peer_changes_nothing(
    tmp_path: Path, trusted: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if uvicorn's own setting trusts everybody: ours is the only one that counts."""
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    with _logging_server(tmp_path, trusted_proxies=trusted) as (address, _, entries):
        plain = _clients(address, entries, *HEADERS)
        other = _clients(address, entries, *(UNUSUAL + lines for lines in HEADERS))
    assert plain == other == [PROXY] * len(HEADERS)


def test_the_scope_has_our_client_and_scheme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """uvicorn's layer for proxies is there, and is passed by: a local client cannot choose client or scheme."""
    monkeypatch.delenv("FORWARDED_ALLOW_IPS", raising=False)
    forged = f"x-forwarded-for: {CLIENT}\r\nx-forwarded-proto: https\r\n"
    for trusted, client, scheme in (((), PROXY, "http"), ((PROXY,), CLIENT, "https")):
        application = application_of(tmp_path / scheme, ServingSettings(slo_p99_ms=60_000, trusted_proxies=trusted))
        scopes: list[Scope] = []
        inner = application._cold

        async def cold(
            scope: Scope, receive: Receive, send: Send, inner: Any = inner, scopes: list[Scope] = scopes
        ) -> None:
            scopes.append(scope)
            await inner(scope, receive, send)

        monkeypatch.setattr(application, "_cold", cold)
        config = uvicorn.Config(application, log_config=None)
        config.load()
        assert isinstance(config.loaded_app, ProxyHeadersMiddleware)
        with serving(application) as address, RawClient(address) as line:
            line.send(f"GET /livez HTTP/1.1\r\nhost: x\r\n{forged}\r\n".encode())
            assert line.status() == 200
        (scope,) = scopes
        assert (scope["client"][0], scope["scheme"], scope[CLIENT_ADDRESS]) == (client, scheme, client)


def test_heads_of_all_clients_are_one_head() -> None:
    """The client's address is cut out of a head, so that the cache does not fill with clients."""
    heads = HeadCache(1_000, False, has_proxies=True)
    for number in range(50):
        match = heads.find(plain_request(extra_headers=f"X-Forwarded-For: 10.0.0.{number}\r\n"))
        assert match is not None
        assert match[4] == (b"x-forwarded-for", b"10.0.0.%d" % number)
    assert len(heads._heads) == 1
    assert heads.find(plain_request(extra_headers="x-forwarded-for: a\r\nforwarded: for=b\r\n")) is None


@given(
    st.lists(
        st.sampled_from(("x-forwarded-for: a", "Forwarded: for=b", "x-forwarded-forx: c", "a: x-forwarded-for: d"))
    )
)
def test_a_head_without_its_address_is_framed_as_before(lines: list[str]) -> None:
    """What is plain with trusted proxies is plain without, with the same path and length."""
    data = plain_request(extra_headers="".join(f"{line}\r\n" for line in lines))
    match = HeadCache(1_000, False, has_proxies=True).find(data)
    usual = HeadCache(1_000, False).find(data)
    assert usual is not None
    addresses = [line for line in lines if line.lower().startswith(("x-forwarded-for:", "forwarded:"))]
    assert (match is None) == (len(addresses) > 1)
    if match is not None:
        assert (match[0].path, match[0].length, match[2]) == (usual[0].path, usual[0].length, usual[2])


@pytest.fixture
def counted_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count connections of this computer as those of any other."""
    monkeypatch.setattr("serving.fastpath.tcp_connection._counted_group", lambda address: address)


@pytest.mark.usefixtures("counted_loopback")
def test_an_address_has_a_number_of_connections(tmp_path: Path) -> None:
    """One more is refused with 503; other addresses, and the same one after an end, are served."""
    settings = ServingSettings(slo_p99_ms=60_000, max_connections_per_address=3)
    application = application_of(tmp_path, settings)
    with serving(application) as address, ExitStack() as stack:
        lines = [stack.enter_context(RawClient(address)) for _ in range(3)]
        for line in lines:
            line.send(plain_request())
            assert line.status() == 200
        with RawClient(address) as line:
            assert "too many connections of this address" in line.error(503)["error"]["message"]
        port = int(address.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=30, source_address=("127.0.0.5", 0)) as other:
            other.sendall(plain_request())
            assert other.recv(12) == b"HTTP/1.1 200"
        lines[0].socket.close()
        is_answered = False
        while not is_answered:
            with RawClient(address) as line:
                line.send(plain_request())
                is_answered = line.status() == 200
    assert application.metrics.protocol_errors["too_many_of_address"] >= 1


@pytest.mark.usefixtures("counted_loopback")
def test_a_trusted_proxy_has_no_such_number(tmp_path: Path) -> None:
    """All clients come over the connections of the proxy."""
    settings = ServingSettings(slo_p99_ms=60_000, max_connections_per_address=1, trusted_proxies=(PROXY,))
    with serving(application_of(tmp_path, settings)) as address, ExitStack() as stack:
        for _ in range(4):
            line = stack.enter_context(RawClient(address))
            line.send(plain_request())
            assert line.status() == 200


def test_slow_connections_are_bounded_in_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of five clients that dribble three are refused with 408 and two may continue; a good client is answered all the time."""
    monkeypatch.setattr("serving.fastpath.connection_table.SLOW_S", 0.0)
    settings = ServingSettings(slo_p99_ms=60_000, max_slow_connections=2, write_timeout_s=0.2)
    application = application_of(tmp_path, settings)
    request = plain_request()
    with serving(application) as address, ExitStack() as stack:
        good = stack.enter_context(RawClient(address))
        good.send(request)
        assert good.status() == 200
        cuts = (4, 20, len(request) - len(BODY), len(request) - 1, 1)
        slow = [stack.enter_context(RawClient(address)) for _ in cuts]
        for line, cut in zip(slow, cuts, strict=True):
            line.send(request[:cut])
        wait_until(lambda: application.metrics.protocol_errors.get("slow") == 3, "three refusals")
        good.send(request)
        assert good.status() == 200
        for line, cut in zip(slow, cuts, strict=True):
            line.send(request[cut:])
        assert sorted(line.status() for line in slow) == [200, 200, 408, 408, 408]


def test_silent_connections_are_bounded_in_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients that connect and send nothing count as slow, and end without an answer."""
    monkeypatch.setattr("serving.fastpath.connection_table.SLOW_S", 0.0)
    settings = ServingSettings(slo_p99_ms=60_000, max_slow_connections=1, write_timeout_s=0.2)
    application = application_of(tmp_path, settings)
    with serving(application) as address, ExitStack() as stack:
        silent = [stack.enter_context(RawClient(address)) for _ in range(4)]

        def ended_clients() -> list[RawClient]:
            return [line for line in silent if select.select([line.socket], [], [], 0)[0]]

        wait_until(lambda: len(ended_clients()) == 3, "three ends")
        ended_lines = ended_clients()
        assert [line.ends() for line in ended_lines] == [True] * 3
