"""Request ids: the caller's own where it is safe to repeat, else a new one."""

from __future__ import annotations

import itertools
import re
import secrets

HEADER = b"x-request-id"
_SAFE = re.compile(rb"[A-Za-z0-9._-]{1,128}").fullmatch


class RequestIds:
    """Makes ids that no other process makes: random once, then counted."""

    def __init__(self) -> None:
        self._prefix = secrets.token_hex(8).encode()
        self._count = itertools.count()

    def of(self, given: bytes | None) -> bytes:
        """Return the caller's id, or a new one where it gave none that is safe in a header, a log and JSON."""
        if given is not None and _SAFE(given):
            return given
        return b"%b-%x" % (self._prefix, next(self._count))
