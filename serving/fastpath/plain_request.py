"""Plain requests: a prediction whose head has no header that changes anything but the answer.

A plain request needs neither a full parse nor ASGI's messages (``serving.prediction``). Clients often repeat
the same head with another request id, so heads are cached by their bytes. A new head, for example with a trace or a client's
address, is read by two regular expressions: one checks the whole head, the other finds the few headers that matter. Any other
head is parsed by ``serving.fastpath.request_head``, which has the whole grammar and names the error. Both frame a plain head
equally: a property test compares them.
"""

from __future__ import annotations

import re

from serving.fastpath.request_head import TOKEN, VALUE, valid_host
from serving.prediction_headers import PredictionHeaders
from serving.request_ids import HEADER as REQUEST_ID_HEADER
from serving.routes.paths import PREDICT_PATHS

STARTS = tuple(f"POST {path} HTTP/1.1\r\n".encode() for path in PREDICT_PATHS)
"""The first lines of plain requests."""
MAX_PLAIN_HEAD_BYTES = 4_096
"""A longer head is not plain."""
MAX_HEADS = 1_024
"""The largest number of cached heads; then the cache is cleared, since most of its heads would not be repeated."""
_HEAD_END = b"\r\n\r\n"
_ID_START = b"\r\n" + REQUEST_ID_HEADER + b":"
_ID_LENGTH = len(_ID_START)
_HEAD = re.compile(rb"POST ([^ ]++) HTTP/1\.1\r\n(?:" + TOKEN + rb"++:" + VALUE + rb"*+\r\n)*").fullmatch
_VALUE = re.compile(VALUE + rb"*+").fullmatch
_LENGTH = re.compile(rb"[0-9]{1,15}").fullmatch
_NOTED = re.compile(
    rb"\r\n(host|connection|content-(?:length|type|encoding)|transfer-encoding|expect|origin|x-(?:request-id|deadline-ms))"
    rb":([^\r]*+)"
).findall
_DECIDES_MORE = frozenset((b"connection", b"expect", b"transfer-encoding"))
"""Headers on which the framing, or the end of the connection, depends."""


class PlainRequestHead:
    """The parsed head of a plain request."""

    __slots__ = ("batch_only", "deadline_ms", "length", "path")

    def __init__(self, path: str, length: int, deadline_ms: float | None) -> None:
        self.path = path
        self.deadline_ms = deadline_ms
        """The caller's deadline, if it has one."""
        self.length = length
        """The number of bytes of the body."""
        self.batch_only = PREDICT_PATHS[path]


class HeadCache:
    """Recognises plain requests by their bytes.

    Args:
        max_body_bytes: a request with a longer body is not plain.
        origin_matters: whether a request with an ``Origin`` header is not plain, because CORS is on.
    """

    def __init__(self, max_body_bytes: int, origin_matters: bool) -> None:
        self._heads: dict[bytes, PlainRequestHead | None] = {}
        self._max_body_bytes = max_body_bytes
        self._decides_more = _DECIDES_MORE | {b"origin"} if origin_matters else _DECIDES_MORE

    def find(self, data: bytes, position: int = 0) -> tuple[PlainRequestHead, bytes | None, int] | None:
        """Return the head, the caller's request id, and the index of the body; None if the request is not plain.

        Args:
            data: has one of ``STARTS`` at ``position``. The body, or a part of it, may still be missing; other bytes may follow it.
            position: the index at which the request begins.
        """
        end = data.find(_HEAD_END, position, position + MAX_PLAIN_HEAD_BYTES + 4)
        if end < 0:
            return None
        head = data[position : end + 2]
        request_id = None
        id_start = head.lower().find(_ID_START)
        if id_start >= 0:
            id_end = head.index(b"\r\n", id_start + 2)
            request_id = head[id_start + _ID_LENGTH : id_end].strip(b" \t")
            if not _VALUE(request_id):
                return None
            head = head[:id_start] + head[id_end:]
        try:
            plain = self._heads[head]
        except KeyError:
            plain = self._remember(head)
        return None if plain is None else (plain, request_id, end + 4)

    def _remember(self, head: bytes) -> PlainRequestHead | None:
        if len(self._heads) >= MAX_HEADS:
            self._heads.clear()
        plain = self._heads[head] = self.read(head)
        return plain

    def read(self, head: bytes) -> PlainRequestHead | None:
        """Parse a head; return None if it is not plain.

        Args:
            head: request line and headers, each with its line end, without a request id.
        """
        match = _HEAD(head)
        if match is None:
            return None
        headers: dict[bytes, bytes] = {}
        for name, value in _NOTED(head.lower()):
            value = value.strip(b" \t")
            if name in self._decides_more:
                if name != b"connection" or value != b"keep-alive":
                    return None
            elif name in headers or name == REQUEST_ID_HEADER:
                return None
            else:
                headers[name] = value
        length = headers.get(b"content-length", b"")
        if not _LENGTH(length) or not valid_host(headers.get(b"host", b"")):
            return None
        fields = PredictionHeaders(headers.items())
        if fields.fault is not None or int(length) > self._max_body_bytes:
            return None
        return PlainRequestHead(match[1].decode(), int(length), fields.deadline_ms)
