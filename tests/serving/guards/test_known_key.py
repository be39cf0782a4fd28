"""A connection remembers the header line of its key, and each of its requests is still checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from serving.fastpath.connection_table import ConnectionTable
from serving.fastpath.plain_request import key_line_of
from serving.guards.guard import Guard
from serving.guards.keyring import Keyring
from serving.guards.known_key import KnownKey
from serving.settings import ServingSettings
from tabento.keys.record import KeyRecord
from tests.serving.fastpath.raw_client import BODY, RawClient, application_of, plain_request, serving
from tests.serving.guards.key_records import keyring_of, new_key
from tests.serving.guards.test_guard import Addresses


@pytest.fixture(scope="module")
def records() -> list[tuple[str, KeyRecord]]:
    """Two keys."""
    return [new_key("shop"), new_key("bank")]


@pytest.fixture(scope="module")
def keyring(records: list[tuple[str, KeyRecord]]) -> Keyring:
    """The keyring of the server."""
    return keyring_of(*(record for _, record in records))


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, keyring: Keyring) -> Iterator[str]:
    """The address of a server with these keys."""
    application = application_of(Path(tmp_path_factory.mktemp("known")), ServingSettings(slo_p99_ms=60_000))
    application.guard = Guard(keyring, Addresses())
    with serving(application) as address:
        yield address


@pytest.fixture
def status_of(address: str) -> Iterator[Callable[[str], int]]:
    """Send a request with some headers on one connection, and return the status of its answer."""
    with RawClient(address) as client:

        def send(headers: str) -> int:
            client.send(plain_request(BODY, headers))
            return client.status()

        yield send


def _header(secret: str) -> str:
    return f"x-api-key: {secret}\r\n"


def test_each_request_of_a_connection_needs_its_key(
    status_of: Callable[[str], int], records: list[tuple[str, KeyRecord]]
) -> None:
    """After a request with a key, one without it is refused, and one with another key or another header is accepted."""
    (first, _), (second, _) = records
    assert [status_of(_header(first)), status_of(_header(first))] == [200, 200]
    assert status_of("") == 401
    assert status_of(f"cookie: {first}\r\n") == 401
    assert status_of(_header(first[:-1] + "!")) == 401
    assert [
        status_of(_header(second)),
        status_of(f"Authorization: Bearer {first}\r\n"),
        status_of(_header(second)),
    ] == [200] * 3
    assert status_of(_header(first) + _header(second)) == 400
    assert status_of(_header(first) + f"x-request-id: a\r\ncookie: {first}\r\n") == 200


def test_a_revoked_key_is_refused_on_an_open_connection(
    status_of: Callable[[str], int], keyring: Keyring, records: list[tuple[str, KeyRecord]]
) -> None:
    """The connection forgets a key as soon as the keys change."""
    (first, record), (_, other) = records
    assert status_of(_header(first)) == 200
    keyring.replace([other])
    assert status_of(_header(first)) == 401
    keyring.replace([record, other])
    assert status_of(_header(first)) == 200


def test_a_known_key_ends_with_the_tick(keyring: Keyring, records: list[tuple[str, KeyRecord]]) -> None:
    """A key is looked up again after each tick of the connection table, so that its end takes effect."""
    caller = keyring.find(records[0][0].encode())
    assert caller is not None
    table = ConnectionTable(ServingSettings())
    known_key = KnownKey(b"", caller, keyring, table.now)
    assert known_key.is_current(table.now)
    assert not known_key.is_current(table.now + table.tick_s)


def test_only_the_header_of_a_key_is_remembered() -> None:
    """A key that stands in another header first is not remembered by that header."""
    assert key_line_of(plain_request(extra_headers="X-Api-Key:  k1\r\n"), 0, b"k1") == b"\r\nX-Api-Key:  k1\r\n"
    assert key_line_of(plain_request(extra_headers="cookie: k1\r\nx-api-key: k1\r\n"), 0, b"k1") is None
