"""The changes of keys: create, revoke and rotate. Each returns new records; the key file is written elsewhere."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from tabento.keys.errors import KeysError
from tabento.keys.key_file import Records
from tabento.keys.record import (
    LARGEST_RATE,
    FormerSecret,
    KeyRecord,
    Scope,
    checked_id,
    checked_owner,
    is_key_id,
    time_text,
)
from tabento.keys.secret import digest_of, public_prefix

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800, "y": 31_536_000}
_DURATION = re.compile(r"([0-9]{1,9})([smhdwy])").fullmatch
LONGEST_DURATION = timedelta(days=36_500)


def parse_duration(text: str) -> timedelta:
    """Read a duration such as ``90d``: a number and s, m, h, d, w or y (365 days).

    Raises:
        KeysError: it is not a duration, is zero, or is longer than a hundred years.
    """
    match = _DURATION(text)
    duration = timedelta(seconds=int(match[1]) * _UNITS[match[2]]) if match else timedelta()
    if not timedelta() < duration <= LONGEST_DURATION:
        raise KeysError(f"expected a duration such as 90d, 24h or 1y, up to 100y; got {text!r}.")
    return duration


def find_key(records: Records, key_id: str, place: str) -> KeyRecord:
    """Return the record with an id.

    Raises:
        KeysError: no record has it; the message names the closest id.
    """
    for record in records:
        if record.id == key_id:
            return record
    ids = [record.id for record in records]
    closest = difflib.get_close_matches(key_id, ids, n=1, cutoff=0.0)
    hint = f"Did you mean {closest[0]}?" if closest else "It has no keys."
    raise KeysError(f"{place} has no key {key_id!r}. {hint} `tabento keys list` shows all keys.")


def create_key(
    records: Iterable[KeyRecord],
    secret: str,
    *,
    owner: str,
    scopes: Collection[Scope],
    now: datetime,
    key_id: str | None = None,
    lifetime: timedelta | None = None,
    requests_per_minute: int | None = None,
    rows_per_minute: int | None = None,
) -> KeyRecord:
    """Return the record of a new key.

    Args:
        records: the present records.
        secret: the secret of the new key.
        owner: the person or program that will use the key.
        scopes: one or more scopes.
        now: the time of the creation.
        key_id: the id; None: the owner's name and the first free number.
        lifetime: the time until the key expires; None: it does not.
        requests_per_minute: the limit of the key; None: the service's default for keys.
        rows_per_minute: the limit of the key; None: the service's default for keys.

    Raises:
        KeysError: the id is taken, or a value is wrong.
    """
    ids = {record.id for record in records}
    owner = checked_owner(owner, "the new key")
    if key_id is None:
        key_id = _free_id(owner, ids)
    elif checked_id(key_id, "the new key") in ids:
        raise KeysError(
            f"the id {key_id!r} is taken. Choose another id, or rotate that key: `tabento keys rotate {key_id}`."
        )
    if not scopes:
        raise KeysError("the new key: expected one or more scopes; got none.")
    for name, rate in (("requests_per_minute", requests_per_minute), ("rows_per_minute", rows_per_minute)):
        if rate is not None and not 1 <= rate <= LARGEST_RATE:
            raise KeysError(f"the new key, {name}: expected a whole number from 1 to {LARGEST_RATE}; got {rate}.")
    return KeyRecord(
        id=key_id,
        owner=owner,
        scopes=frozenset(scopes),
        digest=digest_of(secret),
        hint=public_prefix(secret),
        created=now,
        expires=None if lifetime is None else now + lifetime,
        requests_per_minute=requests_per_minute,
        rows_per_minute=rows_per_minute,
    )


def revoke_key(records: Records, key_id: str, now: datetime, place: str) -> Records:
    """Return the records with one key revoked, including its former secrets. A revoked key stays in the list.

    Raises:
        KeysError: no record has the id, or the key is revoked already.
    """
    record = find_key(records, key_id, place)
    if record.revoked is not None:
        raise KeysError(f"the key {key_id!r} was revoked at {time_text(record.revoked)} already; nothing was changed.")
    return _replace_record(records, replace(record, revoked=now, former=()))


def rotate_key(
    records: Records,
    key_id: str,
    secret: str,
    now: datetime,
    place: str,
    overlap: timedelta | None = None,
    lifetime: timedelta | None = None,
) -> Records:
    """Return the records with a new secret for one key.

    Args:
        records: the present records.
        key_id: the id of the key.
        secret: the new secret.
        now: the time of the rotation.
        place: the name of the key file, for messages.
        overlap: the time for which the present secret is accepted as well; None: it is refused from now on.
        lifetime: the time until the key expires; None: the present end of the key stays.

    Raises:
        KeysError: no record has the id, or the key is revoked, or it has expired and ``lifetime`` is None.
    """
    record = find_key(records, key_id, place)
    state = record.state(now)
    if state == "revoked":
        raise KeysError(
            f"the key {key_id!r} is revoked. Create a new key: `tabento keys create --owner {record.owner!r}`."
        )
    expires = record.expires if lifetime is None else now + lifetime
    if expires is not None and expires <= now:
        raise KeysError(f"the key {key_id!r} expired at {time_text(expires)}. Give it a new end, as in --expires 90d.")
    former: tuple[FormerSecret, ...] = ()
    if overlap is not None and state == "valid":
        end = now + overlap if record.expires is None else min(now + overlap, record.expires)
        earlier = (replace(former_secret, expires=min(former_secret.expires, end)) for former_secret in record.former)
        former = (
            FormerSecret(record.digest, end),
            *(former_secret for former_secret in earlier if former_secret.expires > now),
        )
    return _replace_record(
        records,
        replace(record, digest=digest_of(secret), hint=public_prefix(secret), expires=expires, former=former),
    )


def _replace_record(records: Records, record: KeyRecord) -> Records:
    return tuple(record if present.id == record.id else present for present in records)


def _free_id(owner: str, ids: set[str]) -> str:
    """Return the first of ``owner-1``, ``owner-2``, … that no key has."""
    stem = re.sub(r"[^a-z0-9]+", "-", owner.lower()).strip("-")[:40].strip("-") or "key"
    number = 1
    while (key_id := f"{stem}-{number}") in ids:
        number += 1
    assert is_key_id(key_id)
    return key_id
