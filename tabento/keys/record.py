"""The record of one API key: everything about the key except its secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Final, Literal, get_args

from tabento.keys.errors import KeysError
from tabento.keys.secret import DIGEST_BYTES

Scope = Literal["predict", "read", "feedback", "admin"]
"""``predict``: predictions. ``read``: the model's description, documents, metrics and reports. ``feedback``: true values, which
change the live quality. ``admin``: changes of the service.
No scope includes another one."""
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
MAX_TEXT = 200
"""The largest number of characters of an owner."""
LARGEST_RATE = 1_000_000_000
"""The largest rate of a key in a minute."""

is_key_id = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}").fullmatch
"""Checks an id: it appears in logs and in keys of Redis, so it has no blanks and no separators."""
_DIGEST = re.compile(r"[0-9a-f]{64}").fullmatch


@dataclass(frozen=True)
class FormerSecret:
    """A secret that a rotation replaced, and that is accepted until the overlap ends."""

    digest: bytes
    expires: datetime


@dataclass(frozen=True)
class KeyRecord:
    """One API key."""

    id: str
    """The name of the key in lists, logs and limits."""
    owner: str
    """The person or the program that uses the key."""
    scopes: frozenset[Scope]
    digest: bytes
    """The SHA-256 digest of the secret, of 32 bytes."""
    hint: str
    """The public prefix of the secret, see ``tabento.keys.secret.public_prefix``; empty if unknown."""
    created: datetime
    expires: datetime | None = None
    """The end of the key in UTC; None: the key does not expire."""
    requests_per_minute: int | None = None
    """The limit of the key; None: the limit that the service has for keys."""
    rows_per_minute: int | None = None
    revoked: datetime | None = None
    """The time of the revocation; None if the key was not revoked."""
    former: tuple[FormerSecret, ...] = ()
    """The former secrets that are still accepted after a rotation."""

    def state(self, now: datetime) -> Literal["valid", "expired", "revoked"]:
        """Return whether the key is accepted at a time."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= now else "valid"


def utc_now() -> datetime:
    """Return the time in UTC, in full seconds."""
    return datetime.now(UTC).replace(microsecond=0)


def time_text(time: datetime) -> str:
    """Return a time as ISO 8601 text in UTC, such as ``2026-03-01T12:00:00Z``."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def record_to_json(record: KeyRecord) -> dict[str, Any]:
    """Return a record as the object of the key file. Unset values are omitted."""
    content: dict[str, Any] = {
        "id": record.id,
        "owner": record.owner,
        "scopes": [scope for scope in SCOPES if scope in record.scopes],
        "sha256": record.digest.hex(),
        "hint": record.hint,
        "created": time_text(record.created),
    }
    for name in ("expires", "revoked"):
        if (time := getattr(record, name)) is not None:
            content[name] = time_text(time)
    for name in ("requests_per_minute", "rows_per_minute"):
        if (rate := getattr(record, name)) is not None:
            content[name] = rate
    if record.former:
        content["former"] = [
            {"sha256": former.digest.hex(), "expires": time_text(former.expires)} for former in record.former
        ]
    return content


def record_from_json(content: object, place: str) -> KeyRecord:
    """Read a record from an object of the key file.

    Args:
        content: the parsed JSON.
        place: the place of the object, for messages, such as ``keys.json, key 3``.

    Raises:
        KeysError: a value is missing, unknown or wrong. The message names the place and the expected value.
    """
    content = _mapping(content, place)
    known_keys = {"sha256", *(field.name for field in fields(KeyRecord) if field.name != "digest")}
    _refuse_unknown(content, known_keys, place)
    scopes = content.get("scopes")
    if not isinstance(scopes, list) or not scopes or not all(scope in SCOPES for scope in scopes):
        raise _wrong_value(place, "scopes", f"a list with one or more of {', '.join(SCOPES)}", scopes)
    former = content.get("former", [])
    if not isinstance(former, list):
        raise _wrong_value(place, "former", "a list", former)
    return KeyRecord(
        id=checked_id(content.get("id"), place),
        owner=checked_owner(content.get("owner"), place),
        scopes=frozenset(scopes),
        digest=_digest(content, place),
        hint=_text(content.get("hint", ""), "hint", place, minimum=0),
        created=_time(content, "created", place),
        expires=_optional_time(content, "expires", place),
        requests_per_minute=_rate(content, "requests_per_minute", place),
        rows_per_minute=_rate(content, "rows_per_minute", place),
        revoked=_optional_time(content, "revoked", place),
        former=tuple(_former(item, f"{place}, former secret {index}") for index, item in enumerate(former, 1)),
    )


def checked_id(value: object, place: str) -> str:
    """Return an id.

    Raises:
        KeysError: it is not one.
    """
    if not isinstance(value, str) or not is_key_id(value):
        raise _wrong_value(
            place, "id", "up to 64 small letters, digits, dots, dashes and underscores, a letter or digit first", value
        )
    return value


def checked_owner(value: object, place: str) -> str:
    """Return the name of an owner.

    Raises:
        KeysError: it is empty, too long or has control characters.
    """
    return _text(value, "owner", place, minimum=1)


def _text(value: object, name: str, place: str, minimum: int) -> str:
    if not isinstance(value, str) or not minimum <= len(value) <= MAX_TEXT or not value.isprintable():
        raise _wrong_value(place, name, f"printable text of {minimum} to {MAX_TEXT} characters", value)
    return value


def _former(content: object, place: str) -> FormerSecret:
    content = _mapping(content, place)
    _refuse_unknown(content, {"sha256", "expires"}, place)
    return FormerSecret(_digest(content, place), _time(content, "expires", place))


def _mapping(content: object, place: str) -> Mapping[str, Any]:
    if not isinstance(content, dict):
        raise KeysError(f"{place}: expected an object with keys and values, got {type(content).__name__}.")
    return content


def _refuse_unknown(content: Mapping[str, Any], known_keys: set[str], place: str) -> None:
    if unknown := sorted(set(content) - known_keys):
        raise KeysError(f"{place}: unknown {', '.join(unknown)}. Known are {', '.join(sorted(known_keys))}.")


def _digest(content: Mapping[str, Any], place: str) -> bytes:
    value = content.get("sha256")
    if not isinstance(value, str) or not _DIGEST(value):
        # A secret that was written here by mistake must not appear in a log.
        raise KeysError(f"{place}, sha256: expected {2 * DIGEST_BYTES} hexadecimal digits in small letters.")
    return bytes.fromhex(value)


def _time(content: Mapping[str, Any], name: str, place: str) -> datetime:
    value = content.get(name)
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise _wrong_value(place, name, "a time with its zone, such as 2026-03-01T12:00:00Z", value)
    return time.astimezone(UTC)


def _optional_time(content: Mapping[str, Any], name: str, place: str) -> datetime | None:
    return None if content.get(name) is None else _time(content, name, place)


def _rate(content: Mapping[str, Any], name: str, place: str) -> int | None:
    value = content.get(name)
    if value is not None and (type(value) is not int or not 1 <= value <= LARGEST_RATE):
        raise _wrong_value(place, name, f"a whole number from 1 to {LARGEST_RATE}", value)
    return value


def _wrong_value(place: str, name: str, expected: str, value: object) -> KeysError:
    got = "nothing" if value is None else repr(value)[:80]
    return KeysError(f"{place}, {name}: expected {expected}; got {got}.")
