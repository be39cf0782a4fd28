"""Addresses and errors of outside dependencies as messages show them: without users, passwords and queries."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_CREDENTIALS = re.compile(r"://[^/\s@]*@")
_QUERY = re.compile(r"(://[^\s?'\"]*)\?[^\s'\"]*")
_TEXT_LIMIT = 300


def public_address(url: str) -> str:
    """Return an address without user, password, query and fragment."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an invalid address"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")


def describe_error(error: BaseException) -> str:
    """Return an error's class and message in one line, without the users, passwords and queries of addresses."""
    text = " ".join(_QUERY.sub(r"\1", _CREDENTIALS.sub("://", str(error))).split())
    return f"{type(error).__name__}: {text[:_TEXT_LIMIT]}" if text else type(error).__name__
