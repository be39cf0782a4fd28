"""Failures are counted by reason, limited by address, and logged without secrets."""

from __future__ import annotations

import pytest

from serving.errors import RateLimitedError, UnauthorizedError
from serving.guards import failed_attempts
from serving.guards.failed_attempts import MAX_ADDRESSES, MAX_LINES, FailedAttempts, KeyFault, address_block

UNKNOWN = KeyFault("unknown", "tabento_abcd…")
MALFORMED = KeyFault("malformed", "")


class Clock:
    """A clock that moves when the test says so."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    """A clock at 100 s."""
    return Clock()


@pytest.fixture
def counts() -> dict[str, int]:
    """The metric."""
    return {}


@pytest.fixture
def attempts(counts: dict[str, int], clock: Clock) -> FailedAttempts:
    """A table that allows three invalid keys a minute."""
    return FailedAttempts(counts, 3, clock)


def test_each_reason_begins_at_zero(attempts: FailedAttempts, counts: dict[str, int]) -> None:
    """All series exist before the first failure, because Prometheus does not see the increase of a new series."""
    assert counts == dict.fromkeys(("missing", "malformed", "unknown", "revoked", "expired", "scope", "locked"), 0)


def test_every_fault_has_the_same_error(attempts: FailedAttempts, counts: dict[str, int]) -> None:
    """A missing, malformed, unknown, revoked and expired key get equal errors; only the metric tells them apart."""
    faults = (None, MALFORMED, UNKNOWN, KeyFault("revoked", "a"), KeyFault("expired", "b"))
    errors = [attempts.refuse(f"10.0.0.{index}", fault) for index, fault in enumerate(faults)]
    assert {(type(error), error.body("x"), error.headers) for error in errors} == {
        (UnauthorizedError, errors[0].body("x"), errors[0].headers)
    }
    counted = dict.fromkeys(("missing", "malformed", "unknown", "revoked", "expired"), 1)
    assert counts == {**counted, "scope": 0, "locked": 0}


def test_an_address_over_its_limit_waits(attempts: FailedAttempts, clock: Clock, counts: dict[str, int]) -> None:
    """The fourth invalid key gets 429 with the time to wait; after a minute the address begins again."""
    for _ in range(3):
        assert attempts.refuse("10.0.0.1", UNKNOWN).status == 401
    clock.now_s += 20.5
    error = attempts.refuse("10.0.0.1", UNKNOWN)
    assert isinstance(error, RateLimitedError)
    assert (error.limit, error.remaining, error.retry_after_s) == (3, 0, 40)
    assert (b"retry-after", b"40") in error.headers
    assert attempts.refuse("10.0.0.2", UNKNOWN).status == 401
    clock.now_s += 40
    assert attempts.refuse("10.0.0.1", UNKNOWN).status == 401
    assert {reason: count for reason, count in counts.items() if count} == {"unknown": 5, "locked": 1}


def test_a_missing_key_is_no_guess(attempts: FailedAttempts) -> None:
    """Requests without a key get 401 at any rate, also from an address over its limit."""
    for _ in range(10):
        assert attempts.refuse("10.0.0.1", None).status == 401
    for _ in range(4):
        attempts.refuse("10.0.0.1", UNKNOWN)
    assert attempts.refuse("10.0.0.1", UNKNOWN).status == 429
    assert attempts.refuse("10.0.0.1", None).status == 401


def test_the_table_is_bounded(attempts: FailedAttempts) -> None:
    """The oldest of many addresses is forgotten."""
    for number in range(MAX_ADDRESSES + 10):
        attempts.refuse(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", UNKNOWN)
    assert len(attempts._addresses) == MAX_ADDRESSES
    assert "10.0.0.9" not in attempts._addresses
    assert "10.0.0.10" in attempts._addresses


def test_an_address_is_logged_once_a_minute(
    attempts: FailedAttempts, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """One line for the first invalid key of an address in a minute, and one for its first request without a key."""
    for _ in range(2):
        caplog.clear()
        for _ in range(5):
            attempts.refuse("10.0.0.1", None)
            attempts.refuse("10.0.0.1", UNKNOWN)
        assert [record.getMessage().partition(";")[0] for record in caplog.records] == [
            "refused a request of 10.0.0.1: no API key",
            "refused a request of 10.0.0.1: unknown API key tabento_abcd…",
        ]
        clock.now_s += failed_attempts.WINDOW_S


def test_many_addresses_do_not_fill_the_log(
    attempts: FailedAttempts, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """The number of lines in a minute is bounded for all addresses together."""
    for number in range(1_000):
        attempts.refuse(f"10.1.{number >> 8}.{number & 255}", MALFORMED)
    assert len(caplog.records) == MAX_LINES + 1
    assert "are not logged in this minute" in caplog.records[-1].getMessage()
    clock.now_s += failed_attempts.WINDOW_S
    attempts.refuse("10.9.9.9", MALFORMED)
    assert len(caplog.records) == MAX_LINES + 2


@pytest.mark.parametrize(
    ("address", "block"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("unix", "'unix'"),
        ("a\nforged line", "'a\\nforged line'"),
    ],
)
def test_addresses_are_counted_in_blocks(address: str, block: str) -> None:
    """An IPv6 client cannot evade the limit by its own 2^64 addresses, and no address breaks a log line."""
    assert address_block(address) == block
