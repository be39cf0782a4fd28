"""Changes of keys: create, revoke, rotate and their refusals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tabento.keys.changes import create_key, find_key, parse_duration, revoke_key, rotate_key
from tabento.keys.errors import KeysError
from tabento.keys.record import KeyRecord
from tabento.keys.secret import digest_of, new_secret

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def make_key(records: tuple[KeyRecord, ...] = (), **options: Any) -> KeyRecord:
    """Return a new key of the owner ``shop``."""
    return create_key(records, new_secret(), **{"owner": "shop", "scopes": ["predict"], "now": NOW, **options})


@pytest.mark.parametrize(
    ("text", "duration"),
    [("90d", timedelta(90)), ("24h", timedelta(1)), ("1y", timedelta(365)), ("2w", timedelta(14)), ("30s", HOUR / 120)],
)
def test_a_duration_is_read(text: str, duration: timedelta) -> None:
    """A duration is a number and a unit."""
    assert parse_duration(text) == duration


@pytest.mark.parametrize("text", ["90", "d", "0d", "-1d", "1.5h", "90 d", "101y", "9999999999d", ""])
def test_a_wrong_duration_is_refused(text: str) -> None:
    """A duration without a unit, zero and a duration above a hundred years are errors with an example."""
    with pytest.raises(KeysError, match="such as 90d, 24h or 1y"):
        parse_duration(text)


def test_ids_count_the_keys_of_an_owner() -> None:
    """The default id is the owner and the first free number, in characters that logs and Redis allow."""
    first = make_key()
    assert (first.id, make_key((first,)).id) == ("shop-1", "shop-2")
    assert make_key(owner="Ünïon Ltd. & Co").id == "n-on-ltd-co-1"
    assert make_key(owner="东京").id == "key-1"


def test_a_new_key_has_its_options() -> None:
    """The record has scopes, limits and an end, and the digest in place of the secret."""
    secret = new_secret()
    record = create_key(
        (),
        secret,
        owner="shop",
        scopes=["read", "predict"],
        now=NOW,
        lifetime=HOUR,
        requests_per_minute=5,
        rows_per_minute=6,
    )
    assert (record.digest, record.expires, record.scopes) == (
        digest_of(secret),
        NOW + HOUR,
        frozenset(("read", "predict")),
    )
    assert (record.requests_per_minute, record.rows_per_minute) == (5, 6)
    assert secret not in repr(record)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"key_id": "shop-1"}, "the id 'shop-1' is taken.*rotate"),
        ({"key_id": "Shop"}, "id: expected up to 64"),
        ({"owner": " \n"}, "owner: expected printable"),
        ({"scopes": []}, "one or more scopes"),
        ({"rows_per_minute": 0}, "rows_per_minute: expected a whole number from 1 to 1000000000; got 0"),
    ],
)
def test_a_wrong_key_is_refused(options: dict[str, Any], message: str) -> None:
    """The message names the wrong option."""
    with pytest.raises(KeysError, match=message):
        make_key((make_key(),), **options)


def test_an_unknown_id_names_the_closest() -> None:
    """A mistyped id is an error that suggests the right one."""
    records = (make_key(), make_key(owner="prometheus"))
    with pytest.raises(KeysError, match=r"keys.json has no key 'promteus-1'. Did you mean prometheus-1\?"):
        find_key(records, "promteus-1", "keys.json")
    with pytest.raises(KeysError, match="It has no keys"):
        find_key((), "a", "keys.json")


def test_a_revoked_key_stays_in_the_list() -> None:
    """The record of a revoked key has the time, no former secrets, and cannot be revoked or rotated again."""
    records = rotate_key((make_key(),), "shop-1", new_secret(), NOW, "f", overlap=HOUR)
    (record,) = revoke_key(records, "shop-1", NOW, "f")
    assert (record.revoked, record.former) == (NOW, ())
    with pytest.raises(KeysError, match="was revoked at 2026-03-01T12:00:00Z already"):
        revoke_key((record,), "shop-1", NOW, "f")
    with pytest.raises(KeysError, match=r"is revoked\. Create a new key"):
        rotate_key((record,), "shop-1", new_secret(), NOW, "f")


def test_a_rotation_replaces_the_secret() -> None:
    """Without an overlap only the new secret is accepted."""
    secret = new_secret()
    (record,) = rotate_key((make_key(),), "shop-1", secret, NOW, "f")
    assert (record.digest, record.former) == (digest_of(secret), ())


def test_a_rotation_with_an_overlap_keeps_the_former_secret_for_a_time() -> None:
    """Two rotations keep both former secrets until their ends; a former end is never moved later."""
    first = make_key()
    records = rotate_key((first,), "shop-1", new_secret(), NOW, "f", overlap=HOUR)
    second = records[0]
    (third,) = rotate_key(records, "shop-1", new_secret(), NOW, "f", overlap=2 * HOUR)
    assert [(former.digest, former.expires) for former in third.former] == [
        (second.digest, NOW + 2 * HOUR),
        (first.digest, NOW + HOUR),
    ]
    (fourth,) = rotate_key((third,), "shop-1", new_secret(), NOW + HOUR, "f", overlap=HOUR / 2)
    assert [former.digest for former in fourth.former] == [third.digest, second.digest]
    assert [former.expires for former in fourth.former] == [NOW + 1.5 * HOUR] * 2


def test_an_overlap_ends_with_the_key() -> None:
    """The former secret does not outlive the end that the key had."""
    (record,) = rotate_key((make_key(lifetime=HOUR),), "shop-1", new_secret(), NOW, "f", 5 * HOUR, lifetime=9 * HOUR)
    assert (record.former[0].expires, record.expires) == (NOW + HOUR, NOW + 9 * HOUR)


def test_an_expired_key_needs_a_new_end() -> None:
    """A rotation of an expired key without a new end is an error; with one, the former secret stays expired."""
    records = (make_key(lifetime=HOUR),)
    with pytest.raises(KeysError, match=r"expired at 2026-03-01T13:00:00Z\. Give it a new end"):
        rotate_key(records, "shop-1", new_secret(), NOW + HOUR, "f")
    (record,) = rotate_key(records, "shop-1", new_secret(), NOW + HOUR, "f", overlap=HOUR, lifetime=HOUR)
    assert (record.expires, record.former) == (NOW + 2 * HOUR, ())
