"""The units of a split: each request belongs to one, and all requests of a unit get the same arm.

A unit is a value: a request's id, a caller, a header's value, or the value of a field of the first row. Its position between 0 and 1
decides: below the challenger's share, the challenger answers. If the share grows, units move to the challenger, and none moves back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from hashlib import blake2b

HASH_BYTES = 8
POSITIONS = 1 << (8 * HASH_BYTES)
"""The number of positions: a unit's position is an integer from 0 to below this number."""
PERSON_BYTES = 16
"""The length of the salt of BLAKE2b (RFC 7693 names it the personalization)."""


def salt_of(tag: str) -> bytes:
    """Return the salt of a challenger: each one starts with other units, so no user is always the first to get a new version."""
    return blake2b(tag.encode(), digest_size=PERSON_BYTES).digest()


def position(unit: bytes, salt: bytes) -> int:
    """Return the position of a unit, the same in every process: BLAKE2b of 8 bytes, read as an integer (RFC 7693)."""
    return int.from_bytes(blake2b(unit, digest_size=HASH_BYTES, person=salt).digest(), "big")


def limit_of(share: float) -> int:
    """Return the position below which a unit belongs to the challenger.

    Args:
        share: the challenger's share of the units, from 0 to 1.
    """
    return POSITIONS if share >= 1.0 else int(share * POSITIONS)


def header_in_head(name: str) -> Callable[[bytes], bytes | None]:
    """Return a function that finds a header's first value in the raw head of a request; it returns None if the header is missing.

    Args:
        name: the header's name; letter case does not matter.
    """
    pattern = re.compile(rb"\r\n" + re.escape(name.encode("ascii")) + rb":[\t ]*+([^\r\n]*)", re.IGNORECASE).search

    def find(head: bytes) -> bytes | None:
        match = pattern(head)
        return (match[1].rstrip(b"\t ") or None) if match else None

    return find


def header_in_pairs(name: str) -> Callable[[Iterable[tuple[bytes, bytes]]], bytes | None]:
    """Return a function that finds a header's first value among pairs of name and value, as ASGI and gRPC have them."""
    lower_name = name.lower().encode("ascii")

    def find(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
        for key, value in headers:
            if key.lower() == lower_name:
                return value.strip(b"\t ") or None
        return None

    return find
