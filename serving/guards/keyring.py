"""The API keys of a running service, found by the digests of their secrets.

``find`` is on the hot path: a length check, one SHA-256 (0.3 µs), one lookup in a dictionary, one comparison.

The time of a request tells a guesser nothing. The dictionary is searched by the SHA-256 digest of the guess, so its time
depends on that digest only, and a caller who can choose digests freely would have broken SHA-256. The stored digest is
compared in constant time in addition. The checksum of a secret is not verified before the search, which takes less time
than the checksum. Only the length is checked first, so that a header of several kilobytes is not hashed; the length of a
secret is public. ``docs/keys.md`` has the measured times of each kind of invalid key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import sha256
from hmac import compare_digest
from time import time
from typing import NamedTuple

from serving.guards.caller import Caller
from serving.guards.failed_attempts import KeyFault
from serving.guards.rate_limits import keep_counts
from tabento.keys.record import KeyRecord
from tabento.keys.secret import SECRET_LENGTH, is_well_formed, public_prefix

_NEVER = float("inf")


class _Entry(NamedTuple):
    digest: bytes
    expires_s: float
    """The end in seconds since 1970; 0 for a revoked key."""
    caller: Caller


class Keyring:
    """The keys that the service accepts.

    Args:
        make_caller: returns the caller of a record, with its limits.
    """

    def __init__(self, make_caller: Callable[[KeyRecord], Caller]) -> None:
        self._make_caller = make_caller
        self._entries: dict[bytes, _Entry] = {}
        self.version = 0
        """Changes with the keys."""
        self._callers: dict[str, tuple[tuple[object, ...], Caller]] = {}

    def __len__(self) -> int:
        """Return the number of secrets that are accepted now."""
        now = time()
        return sum(entry.expires_s > now for entry in self._entries.values())

    def find(self, secret: bytes) -> Caller | None:
        """Return the caller of a key; None if the key is unknown, revoked or expired."""
        if len(secret) != SECRET_LENGTH:
            return None
        digest = sha256(secret).digest()
        entry = self._entries.get(digest)
        if entry is None:
            return None
        stored_digest, expires_s, caller = entry
        return caller if compare_digest(stored_digest, digest) and time() < expires_s else None

    def fault(self, secret: bytes) -> KeyFault:
        """Return the reason why ``find`` returned None, for metrics and the log. No client receives it."""
        text = secret.decode("latin-1")
        if not is_well_formed(text):
            return KeyFault("malformed", "")
        entry = self._entries.get(sha256(secret).digest())
        if entry is None:
            return KeyFault("unknown", public_prefix(text))
        return KeyFault("expired" if entry.expires_s else "revoked", entry.caller.caller_id)

    def replace(self, records: Iterable[KeyRecord]) -> None:
        """Accept the keys of some records, and no others, from now on.

        A caller whose scopes and limits did not change stays the same object, so that its limiter continues to count. Another
        thread may call this: ``find`` sees the former keys or the new ones.
        """
        entries: dict[bytes, _Entry] = {}
        callers: dict[str, tuple[tuple[object, ...], Caller]] = {}
        for record in records:
            properties = (record.scopes, record.requests_per_minute, record.rows_per_minute)
            former = self._callers.get(record.id)
            if former is not None and former[0] == properties:
                caller = former[1]
            else:
                caller = self._make_caller(record)
                if former is not None:
                    keep_counts(former[1], caller)
            callers[record.id] = (properties, caller)
            expires_s = _NEVER if record.expires is None else record.expires.timestamp()
            if record.revoked is not None:
                expires_s = 0.0
            entries[record.digest] = _Entry(record.digest, expires_s, caller)
            for secret in record.former:
                entries[secret.digest] = _Entry(secret.digest, min(secret.expires.timestamp(), expires_s), caller)
        self._callers = callers
        self._entries = entries
        self.version += 1
