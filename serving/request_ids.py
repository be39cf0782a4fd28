"""Request ids: the caller's own if it is safe to repeat, else a new one."""

from __future__ import annotations

import itertools
import re
import secrets

HEADER = b"x-request-id"
_SAFE = re.compile(rb"[A-Za-z0-9._-]{1,128}").fullmatch


class RequestIds:
    """Ids that no other process makes: a random prefix, then a count."""

    def __init__(self) -> None:
        self._prefix = secrets.token_hex(8).encode()
        self._count = itertools.count()

    def choose(self, caller_id: bytes | None) -> bytes:
        """Return the caller's id, or a new one if the caller's is missing or not safe in a header, a log and JSON."""
        if caller_id is not None and _SAFE(caller_id):
            return caller_id
        return b"%b-%x" % (self._prefix, next(self._count))
