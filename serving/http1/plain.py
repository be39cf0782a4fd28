"""Plain requests: one prediction whose head says nothing on which more than the answer depends.

A plain request needs neither a full parse nor ASGI's messages (``serving.fastpath``). Clients often send the same head
again and again but for a request id, so heads are remembered by their bytes. A head that was not seen before, because it
carries a trace or a client's address for example, is read by two regular expressions: one checks all of it, the other picks
out the few headers that matter. What is not plain is for ``serving.http1.head`` to judge, which knows the whole grammar and
says what is wrong. A plain head is never framed otherwise than there: a property test compares them.
"""

from __future__ import annotations

import re

from serving.head import Head
from serving.http1.head import TOKEN, VALUE, valid_host
from serving.predict import PREDICT_PATHS
from serving.request_ids import HEADER as REQUEST_ID_HEADER

STARTS = tuple(f"POST {path} HTTP/1.1\r\n".encode() for path in PREDICT_PATHS)
"""How a plain request begins."""
MAX_PLAIN_HEAD_BYTES = 4_096
"""A longer head is not plain."""
MAX_HEADS = 1_024
"""How many heads are remembered; then all are forgotten, since most of them would not come again."""
_HEAD_END = b"\r\n\r\n"
_ID_START = b"\r\n" + REQUEST_ID_HEADER + b":"
_ID_LENGTH = len(_ID_START)
_WHOLE = re.compile(rb"POST ([^ ]++) HTTP/1\.1\r\n(?:" + TOKEN + rb"++:" + VALUE + rb"*+\r\n)*").fullmatch
_VALUE = re.compile(VALUE + rb"*+").fullmatch
_LENGTH = re.compile(rb"[0-9]{1,15}").fullmatch
_NOTED = re.compile(
    rb"\r\n(host|connection|content-(?:length|type|encoding)|transfer-encoding|expect|origin|x-(?:request-id|deadline-ms))"
    rb":([^\r]*+)"
).findall
_DECIDES_MORE = frozenset((b"connection", b"expect", b"transfer-encoding"))
"""Headers on which the connection's fate or the framing depends."""


class PlainHead:
    """What the head of a plain request says."""

    __slots__ = ("batch_only", "deadline_ms", "length", "path")

    def __init__(self, path: str, length: int, deadline_ms: float | None) -> None:
        self.path = path
        self.deadline_ms = deadline_ms
        """How long the caller waits, if it says so."""
        self.length = length
        """How many bytes the body has."""
        self.batch_only = PREDICT_PATHS[path]


class PlainHeads:
    """Recognises plain requests by their bytes.

    Args:
        max_body_bytes: a request with a longer body is not plain.
        origin_matters: whether a request with an ``Origin`` header is not plain, because CORS is on.
    """

    def __init__(self, max_body_bytes: int, origin_matters: bool) -> None:
        self._known: dict[bytes, PlainHead | None] = {}
        self._max_body_bytes = max_body_bytes
        self._decides_more = _DECIDES_MORE | {b"origin"} if origin_matters else _DECIDES_MORE

    def find(self, data: bytes, position: int = 0) -> tuple[PlainHead, bytes | None, int] | None:
        """Return the head, the caller's request id, and where the body begins; None if the request is not plain.

        Args:
            data: holds one of ``STARTS`` at ``position``. The body may be there in part, or not at all, or more than it.
            position: where the request begins.
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
            plain = self._known[head]
        except KeyError:
            plain = self._remember(head)
        return None if plain is None else (plain, request_id, end + 4)

    def _remember(self, head: bytes) -> PlainHead | None:
        if len(self._known) >= MAX_HEADS:
            self._known.clear()
        plain = self._known[head] = self.read(head)
        return plain

    def read(self, head: bytes) -> PlainHead | None:
        """Return what a head says; None if it is not plain.

        Args:
            head: request line and headers, each with its line end, without a request id.
        """
        whole = _WHOLE(head)
        if whole is None:
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
        fields = Head(headers.items())
        if fields.fault is not None or int(length) > self._max_body_bytes:
            return None
        return PlainHead(whole[1].decode(), int(length), fields.deadline_ms)
