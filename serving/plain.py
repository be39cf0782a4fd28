"""Which requests are plain: one whole prediction, with a head that says nothing unusual.

uvicorn's parser calls back into Python for every header, which costs more than all else that happens to a request before its
body is read. Clients send the same head again and again, but for a request id: so a head is read once, strictly, and
remembered. What is unusual is not judged here: it goes to uvicorn's parser, which knows all of HTTP.
"""

from __future__ import annotations

import re

from serving.head import Head
from serving.predict import PREDICT_PATHS
from serving.request_ids import HEADER as REQUEST_ID_HEADER

STARTS = tuple(f"POST {path} HTTP/1.1\r\n".encode() for path in PREDICT_PATHS)
"""How a prediction begins."""
HEAD_BYTES_MOST = 4_096
"""A longer head is unusual."""
HEADS_MOST = 1_024
"""So many heads are remembered; then all are forgotten, since most of them would not come again."""
_HEAD_END = b"\r\n\r\n"
_ID_START = b"\r\n" + REQUEST_ID_HEADER + b":"
_ID_LENGTH = len(_ID_START)
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch  # RFC 9110, 5.6.2
# Without white space at its end, which llhttp leaves in the value.
_VALUE = re.compile(rb"(?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?").fullmatch
_LENGTH = re.compile(rb"[0-9]{1,15}").fullmatch
_UNUSUAL = frozenset(
    (b"connection", b"expect", b"origin", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade")
)
"""Headers on which more depends than the answer: the connection's fate, or what stands in front of the application."""


class PlainHead:
    """What the head of a plain request says."""

    __slots__ = ("batch_only", "deadline_ms", "length", "path")

    def __init__(self, path: str, length: int, deadline_ms: float | None) -> None:
        self.path = path
        self.deadline_ms = deadline_ms
        """How long the caller waits, where it says so."""
        self.length = length
        """How many bytes the body has."""
        self.batch_only = PREDICT_PATHS[path]


class PlainHeads:
    """Recognises plain requests by their bytes."""

    def __init__(self) -> None:
        self._known: dict[bytes, PlainHead | None] = {}

    def find(self, data: bytes) -> tuple[PlainHead, bytes | None, int] | None:
        """Return the head, the caller's request id, and where the body begins; None where that is for uvicorn to say.

        Args:
            data: begins with one of ``STARTS``. The body may be there in part, or not at all, or more than the body.
        """
        end = data.find(_HEAD_END)
        if not 0 < end <= HEAD_BYTES_MOST:
            return None
        head = data[: end + 2]
        given = None
        found = head.lower().find(_ID_START)
        if found >= 0:
            after = head.index(b"\r\n", found + 2)
            given = head[found + _ID_LENGTH : after].lstrip(b" \t")
            if not _VALUE(given):
                return None
            head = head[:found] + head[after:]
        try:
            plain = self._known[head]
        except KeyError:
            plain = self._remember(head)
        return None if plain is None else (plain, given, end + 4)

    def _remember(self, head: bytes) -> PlainHead | None:
        if len(self._known) >= HEADS_MOST:
            self._known.clear()
        plain = self._known[head] = read_head(head)
        return plain


def read_head(head: bytes) -> PlainHead | None:
    """Return what a head says; None where anything in it is unusual.

    Args:
        head: request line and headers, each with its line end, without a request id.
    """
    line, *fields = head.split(b"\r\n")[:-1]
    headers = []
    seen = set()
    for field in fields:
        name, colon, value = field.partition(b":")
        name, value = name.lower(), value.lstrip(b" \t")
        if not colon or not _NAME(name) or not _VALUE(value):
            return None
        if name == b"connection" and value.lower() == b"keep-alive":
            continue
        if name in _UNUSUAL or name == REQUEST_ID_HEADER or (name in seen and name in (b"content-length", b"host")):
            return None
        if name == b"content-length" and not _LENGTH(value):
            return None
        seen.add(name)
        headers.append((name, value))
    read = Head(headers)
    if read.fault is not None or read.length is None:
        return None
    return PlainHead(line.split(b" ")[1].decode(), read.length, read.deadline_ms)
