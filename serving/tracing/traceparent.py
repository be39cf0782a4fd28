"""The header ``traceparent``: the trace that a caller continues (W3C Trace Context, level 1, section 3.2)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

HEADER = b"traceparent"
_FORM = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?").fullmatch
_INVALID_VERSION = b"ff"
_SAMPLED = 0x01


class Parent(NamedTuple):
    """The span of the caller."""

    trace_id: int
    span_id: int
    is_sampled: bool
    """Whether the caller records its span."""


def parse_traceparent(value: bytes | None) -> Parent | None:
    """Return the caller's span; None if the header is missing or not valid, as the specification asks."""
    match = None if value is None else _FORM(value)
    if match is None:
        return None
    version, trace_id, span_id, flags, rest = match.groups()
    # A later version may have more fields; version 00 has exactly four.
    if version == _INVALID_VERSION or (version == b"00" and rest is not None):
        return None
    parent = Parent(int(trace_id, 16), int(span_id, 16), bool(int(flags, 16) & _SAMPLED))
    return parent if parent.trace_id and parent.span_id else None


def traceparent_of(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """Return the value of the header; None if there is none, or more than one.

    Args:
        headers: names in lower case and values, as ASGI has them.
    """
    values = [value for name, value in headers if name == HEADER]
    return values[0] if len(values) == 1 else None
