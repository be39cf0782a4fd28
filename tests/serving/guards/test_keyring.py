"""The keyring finds valid keys, and knows why another key is not valid."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.guards import keyring as keyring_module
from serving.guards.failed_attempts import KeyFault
from tabento.keys.changes import rotate_key
from tabento.keys.record import utc_now
from tabento.keys.secret import digest_of, new_secret, public_prefix
from tests.serving.guards.key_records import keyring_of, new_key


def test_a_valid_key_has_its_caller() -> None:
    """The caller has the id, the scopes and the limits of the record."""
    secret, record = new_key(scopes=["predict", "read"], requests_per_minute=5, rows_per_minute=6)
    caller = keyring_of(new_key("other")[1], record).find(secret.encode())
    assert caller is not None
    assert (caller.caller_id, set(caller.scopes)) == ("shop-1", {"predict", "read"})
    assert (caller.requests_per_minute, caller.rows_per_minute) == (5, 6)


def test_each_kind_of_invalid_key_is_known_to_the_log() -> None:
    """An unknown, a revoked, an expired and a malformed key are not found; the log gets the reason and no secret."""
    now = utc_now()
    revoked_secret, revoked = new_key("a")
    expired_secret, expired = new_key("b", now=now - timedelta(days=2), lifetime=timedelta(days=1))
    keyring = keyring_of(replace(revoked, revoked=now), expired)
    unknown = new_secret()
    malformed = unknown[:-1] + ("0" if unknown[-1] != "0" else "1")
    for secret, fault in (
        (revoked_secret, KeyFault("revoked", "a-1")),
        (expired_secret, KeyFault("expired", "b-1")),
        (unknown, KeyFault("unknown", public_prefix(unknown))),
        (malformed, KeyFault("malformed", "")),
        ("", KeyFault("malformed", "")),
        ("x" * 10_000, KeyFault("malformed", "")),
    ):
        assert keyring.find(secret.encode()) is None
        assert keyring.fault(secret.encode()) == fault
    assert len(keyring) == 0


@given(st.binary(max_size=80))
def test_any_bytes_can_be_a_guess(guess: bytes) -> None:
    """No header value raises an error."""
    keyring = keyring_of(new_key()[1])
    assert keyring.find(guess) is None
    assert keyring.fault(guess) == KeyFault("malformed", "")


def test_the_digest_is_not_a_key() -> None:
    """A stolen key file does not open the service."""
    _, record = new_key()
    keyring = keyring_of(record)
    for stolen in (record.digest, record.digest.hex().encode(), digest_of(new_secret())):
        assert keyring.find(stolen) is None


def test_the_end_is_checked_at_each_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that was valid is refused from its end on, without a reload."""
    secret, record = new_key(lifetime=timedelta(hours=1))
    keyring = keyring_of(record)
    assert record.expires is not None
    end_s = record.expires.timestamp()
    for time_s, is_valid in ((end_s - 1, True), (end_s, False), (end_s + 1, False)):
        monkeypatch.setattr(keyring_module, "time", lambda time_s=time_s: time_s)
        assert (keyring.find(secret.encode()) is not None) == is_valid
        assert len(keyring) == is_valid


def test_both_secrets_of_a_rotation_are_one_caller() -> None:
    """During the overlap both secrets share one caller, and so one limit; a revocation ends both."""
    first, record = new_key()
    second = new_secret()
    (rotated,) = rotate_key((record,), record.id, second, utc_now(), "f", overlap=timedelta(hours=1))
    keyring = keyring_of(rotated)
    assert keyring.find(first.encode()) is keyring.find(second.encode()) is not None
    keyring.replace([replace(rotated, revoked=utc_now())])
    assert keyring.find(first.encode()) is keyring.find(second.encode()) is None


def test_an_unchanged_caller_keeps_its_limiter_state() -> None:
    """A reload keeps the callers whose scopes and limits did not change, and replaces the others."""
    first_secret, first = new_key("a", requests_per_minute=5)
    second_secret, second = new_key("b", requests_per_minute=5)
    keyring = keyring_of(first, second)
    callers = [keyring.find(secret.encode()) for secret in (first_secret, second_secret)]
    keyring.replace([replace(first, owner="c"), replace(second, requests_per_minute=6)])
    assert keyring.find(first_secret.encode()) is callers[0]
    changed = keyring.find(second_secret.encode())
    assert changed is not None
    assert changed is not callers[1]
    assert changed.requests_per_minute == 6
    keyring.replace([])
    assert keyring.find(first_secret.encode()) is None
