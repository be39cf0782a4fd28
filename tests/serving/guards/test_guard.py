"""A guard refuses callers without a key, permission or rate, on both connections with the same answer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from serving.errors import RateLimitedError
from serving.fastpath.protocol import FastPathProtocol
from serving.guards.caller import Caller
from serving.guards.failed_attempts import KeyFault
from serving.guards.guard import Guard
from serving.guards.rate_limiter import RateDecision
from serving.settings import ServingSettings
from tests.bundles import TREE
from tests.serving.fastpath.raw_client import BODY, RawClient, application_of, plain_request, serving

LINES = b'ratelimit: "requests";r=1;t=60\r\n'


class TwoRows:
    """A rate limiter that allows each caller two rows."""

    def __init__(self) -> None:
        self.checked: list[tuple[str, int]] = []

    def refusal(self, caller: Caller) -> RateLimitedError | None:
        """Return the refusal of a caller that has used its rows."""
        return self._error() if sum(rows for name, rows in self.checked if name == caller.caller_id) > 2 else None

    def check(self, caller: Caller, rows: int, on_decision: Callable[[RateDecision], object]) -> RateDecision | None:
        """Count rows."""
        self.checked.append((caller.caller_id, rows))
        return RateDecision(self._error() if rows > 2 else None, LINES)

    def _error(self) -> RateLimitedError:
        return RateLimitedError("At most 2 rows.", 2, 0, 7)


class Keys:
    """Three keys."""

    version = 0

    def __init__(self, limiter: TwoRows) -> None:
        self._callers = {
            b"good": Caller("key-1", frozenset(("predict", "read"))),
            b"reader": Caller("key-2", frozenset(("read",))),
            b"limited": Caller("key-3", frozenset(("predict",)), rows_per_minute=2, limiter=limiter),
        }

    def find(self, secret: bytes) -> Caller | None:
        """Return the caller of a key."""
        return self._callers.get(secret)

    def fault(self, secret: bytes) -> KeyFault:
        """Return the reason why a key is not valid."""
        return KeyFault("malformed", "")


class Addresses:
    """Addresses without limits."""

    def find(self, address: str) -> Caller:
        """Return a caller of an address."""
        return Caller(address, frozenset(("predict", "read")))


@pytest.fixture(scope="module")
def limiter() -> TwoRows:
    """The limiter of the server."""
    return TwoRows()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, limiter: TwoRows) -> Iterator[str]:
    """The address of a server with a guard."""
    application = application_of(Path(tmp_path_factory.mktemp("guard")), ServingSettings(slo_p99_ms=60_000))
    application.guard = Guard(Keys(limiter), Addresses())
    with serving(application) as address:
        yield address


def _without_date(answer: bytes) -> bytes:
    return re.sub(rb"\r\ndate: [^\r]*", b"", answer)


def equal_answer(address: str, headers: str, body: bytes = BODY) -> bytes:
    """Send a request plainly, and so that it takes the way through ASGI; return the answer, which must be the same."""
    with RawClient(address) as plain, RawClient(address) as other:
        plain.send(plain_request(body, headers, name="call"))
        other.send(plain_request(body, headers + "connection: Keep-Alive, te\r\n", name="call"))
        first, second = plain.answer(), other.answer()
    assert _without_date(first) == _without_date(second)
    return first


def test_a_valid_key_is_answered(address: str) -> None:
    """Both headers of a key are accepted, in any case."""
    for header in ("x-api-key: good", "X-API-Key:good ", "Authorization: Bearer good", "authorization: bearer  good"):
        assert equal_answer(address, f"{header}\r\n").startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("headers", ["", "x-api-key: wrong\r\n", "authorization: Basic good\r\n", "x-api-key: \r\n"])
def test_a_request_without_a_valid_key_is_refused(address: str, headers: str) -> None:
    """The answer is the same for a missing, an unknown and an empty key."""
    answer = equal_answer(address, headers)
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"\r\nwww-authenticate: Bearer\r\n" in answer
    assert b"good" not in answer


def test_two_keys_are_refused(address: str) -> None:
    """A request with two different keys is malformed."""
    assert equal_answer(address, "x-api-key: good\r\nauthorization: Bearer reader\r\n").startswith(b"HTTP/1.1 400 ")


def test_a_key_without_permission_is_refused(address: str) -> None:
    """A valid key without the scope gets 403."""
    assert equal_answer(address, "x-api-key: reader\r\n").startswith(b"HTTP/1.1 403 ")


def test_the_rate_is_checked_with_the_rows(address: str, limiter: TwoRows) -> None:
    """The limiter sees the number of rows, its lines are in the answer, and a refusal has the numbers."""
    limiter.checked.clear()
    allowed = equal_answer(address, "x-api-key: limited\r\n")
    assert allowed.startswith(b"HTTP/1.1 200 ")
    assert LINES in allowed
    assert limiter.checked == [("key-3", 1)] * 2
    refusal_answer = equal_answer(address, "x-api-key: limited\r\n", json.dumps({"instances": [TREE] * 3}).encode())
    assert refusal_answer.startswith(b"HTTP/1.1 429 ")
    assert b"\r\nretry-after: 7\r\n" in refusal_answer
    error = json.loads(refusal_answer.partition(b"\r\n\r\n")[2])["error"]
    assert (error["limit"], error["remaining"], error["retry_after_seconds"]) == (2, 0, 7)
    limiter.checked.clear()


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [(b"{}", "", b"422"), (b"{", "", b"400"), (BODY, "x-deadline-ms: soon\r\n", b"400")],
)
def test_a_faulty_request_is_counted(address: str, limiter: TwoRows, body: bytes, headers: str, status: bytes) -> None:
    """A request with wrong values, a broken body or a wrong header uses the caller's rate too."""
    limiter.checked.clear()
    assert equal_answer(address, f"x-api-key: limited\r\n{headers}", body).startswith(b"HTTP/1.1 %b " % status)
    assert limiter.checked == [("key-3", 0)] * 2


def test_the_body_of_an_unknown_caller_is_not_read(address: str) -> None:
    """A head without a valid key is answered before its body arrives, and the connection ends."""
    for extra in ("", "connection: keep-alive, te\r\n"):
        request = plain_request(BODY, extra)
        with RawClient(address) as client:
            client.send(request[: -len(BODY)])
            client.error(401)


def test_health_needs_no_key(address: str) -> None:
    """Probes are open, descriptions need a key."""
    for path, status in (("/livez", 200), ("/health", 200), ("/model", 401), ("/nothing", 401)):
        with RawClient(address) as client:
            client.send(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
            assert client.status() == status


def test_plain_requests_with_keys_take_the_fast_path(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request with a key does not go through ASGI."""

    def refuse(*_: object) -> None:
        raise AssertionError("a plain request went through ASGI")

    monkeypatch.setattr(FastPathProtocol, "_answer_by_asgi", refuse)
    for key in ("good", "wrong", "reader"):
        with RawClient(address) as client:
            client.send(plain_request(BODY, f"x-api-key: {key}\r\n"))
            client.answer()
