"""Plain requests: a prediction whose head has no header that changes anything but the answer.

A plain request needs neither a full parse nor ASGI's messages (``serving.prediction``). Clients often repeat
the same head with another request id, so heads are cached by their bytes. A new head, for example with a trace or a client's
address, is read by two regular expressions: one checks the whole head, the other finds the few headers that matter. Any other
head is parsed by ``serving.fastpath.request_head``, which has the whole grammar and names the error. Both frame a plain head
equally: a property test compares them.
"""

from __future__ import annotations

import re

from serving.client_address import FORWARDED_FOR_HEADER, FORWARDED_HEADER
from serving.fastpath.request_head import TOKEN, VALUE, valid_host
from serving.guards.guard import AUTHORIZATION_HEADER, KEY_HEADER
from serving.guards.hosts import AllowedHosts
from serving.prediction_headers import PredictionHeaders
from serving.request_ids import HEADER as REQUEST_ID_HEADER
from serving.routes.paths import MODELS_START, PREDICT_PATHS, PredictTarget, predict_target
from serving.tracing.traceparent import HEADER as TRACEPARENT_HEADER

STARTS = (*(f"POST {path} HTTP/1.1\r\n".encode() for path in PREDICT_PATHS), f"POST {MODELS_START}".encode())
"""The beginnings of plain requests."""
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
    rb"\r\n(host|connection|content-(?:length|type|encoding)|transfer-encoding|expect|origin|authorization|forwarded|x-(?:request-id|deadline-ms|api-key|forwarded-for))"
    rb":([^\r]*+)"
).findall
_SECRET = re.compile(rb"[\x21-\x7e]++").fullmatch
"""An API key of usual characters; any other is for the slow path."""
_FORWARDED_FOR_START = b"\r\n" + FORWARDED_FOR_HEADER + b":"
_FORWARDED_START = b"\r\n" + FORWARDED_HEADER + b":"
_KEY_START = b"\r\n" + KEY_HEADER + b":"
_KEY_LENGTH = len(_KEY_START)
_BEARER_START = b"\r\n" + AUTHORIZATION_HEADER + b": bearer "
"""The usual spelling, in lower case; any other is for the slow path."""
_BEARER_LENGTH = len(_BEARER_START)
_KEY_STARTS = (_KEY_START, b"\r\n" + AUTHORIZATION_HEADER + b":")
_TRACEPARENT_START = b"\r\n" + TRACEPARENT_HEADER + b":"
_DECIDES_MORE = frozenset((b"connection", b"expect", b"transfer-encoding"))
"""Headers on which the framing, or the end of the connection, depends."""


def key_line_of(data: bytes, position: int, secret: bytes) -> bytes | None:
    """Return the header line of an API key, with the line ends before and after it; None if the key stands in another header first.

    Args:
        data: has a plain request at ``position``.
        position: the index at which the request begins.
        secret: its API key.
    """
    value_start = data.index(secret, position)
    line_start = data.rindex(b"\r\n", position, value_start)
    line = data[line_start : data.index(b"\r\n", value_start) + 2]
    return line if line.lower().startswith((_KEY_START, _BEARER_START)) else None


class PlainRequestHead:
    """The parsed head of a plain request."""

    __slots__ = ("batch_only", "deadline_ms", "length", "path", "route")

    def __init__(self, path: str, target: PredictTarget, length: int, deadline_ms: float | None) -> None:
        self.path = path
        self.route = target.route
        """The path with placeholders, under which the request is counted."""
        self.deadline_ms = deadline_ms
        """The caller's deadline, if it has one."""
        self.length = length
        """The number of bytes of the body."""
        self.batch_only = target.batch_only


Forwarded = tuple[bytes, bytes]
"""A header of addresses: its name in lower case, and its value."""
PlainMatch = tuple[PlainRequestHead, bytes | None, int, bytes | None, Forwarded | None]
"""A head, the request id that the caller chose, the index of the body, the caller's API key, and the header of addresses."""


KNOWN_SECRET = b""
"""Stands for an API key that was accepted on the same connection before; no request can send it."""


class HeadCache:
    """Recognises plain requests by their bytes.

    Args:
        max_body_bytes: a request with a longer body is not plain.
        origin_matters: whether a request with an ``Origin`` header is not plain, because CORS is on.
        has_guard: whether requests have an API key. It is cut out of a head, as the request id is: heads of all callers are
            then equal, and no key is kept.
        has_proxies: whether trusted proxies name the client's address. This header is cut out as well.
        hosts: the host names of the service; None if every name is allowed.
    """

    def __init__(
        self,
        max_body_bytes: int,
        origin_matters: bool,
        has_guard: bool = False,
        has_proxies: bool = False,
        hosts: AllowedHosts | None = None,
    ) -> None:
        self._heads: dict[bytes, PlainRequestHead | None] = {}
        self._max_body_bytes = max_body_bytes
        self._has_guard = has_guard
        self._has_proxies = has_proxies
        self._hosts = hosts
        # A second key, or a second header of addresses, is not cut out, and is for the slow path.
        self._decides_more = (
            _DECIDES_MORE
            | (frozenset((b"origin",)) if origin_matters else frozenset())
            | (frozenset((KEY_HEADER, AUTHORIZATION_HEADER)) if has_guard else frozenset())
            | (frozenset((FORWARDED_FOR_HEADER, FORWARDED_HEADER)) if has_proxies else frozenset())
        )

    def find(self, data: bytes, position: int = 0, known_line: bytes | None = None) -> PlainMatch | None:
        """Return the head with the values that are cut out of it; None if the request is not plain.

        Args:
            data: has one of ``STARTS`` at ``position``. The body, or a part of it, may still be missing; other bytes may follow it.
            position: the index at which the request begins.
            known_line: the header line of an API key that was accepted on this connection, with both line ends. If the head
                has it, ``KNOWN_SECRET`` is returned as the key.
        """
        end = data.find(_HEAD_END, position, position + MAX_PLAIN_HEAD_BYTES + 4)
        if end < 0:
            return None
        head = data[position : end + 2]
        secret = None
        if known_line is not None and (key_start := head.find(known_line)) >= 0:
            head = head[:key_start] + head[key_start + len(known_line) - 2 :]
            secret = KNOWN_SECRET
        lower_head = head.lower()
        if self._has_guard and secret is None:
            key_start, value_start = lower_head.find(_KEY_START), _KEY_LENGTH
            if key_start < 0:
                key_start, value_start = lower_head.find(_BEARER_START), _BEARER_LENGTH
            if key_start >= 0:
                key_end = head.index(b"\r\n", key_start + 2)
                value = head[key_start + value_start : key_end].strip(b" \t")
                if _SECRET(value):
                    secret = value
                    head = head[:key_start] + head[key_end:]
                    # The request id is searched in this one.
                    lower_head = lower_head[:key_start] + lower_head[key_end:]
        forwarded = None
        if self._has_proxies:
            name, start = FORWARDED_FOR_HEADER, lower_head.find(_FORWARDED_FOR_START)
            if start < 0:
                name, start = FORWARDED_HEADER, lower_head.find(_FORWARDED_START)
            if start >= 0:
                stop = head.index(b"\r\n", start + 2)
                forwarded = name, head[start + len(name) + 3 : stop].strip(b" \t")
                if not _VALUE(forwarded[1]):
                    return None
                head = head[:start] + head[stop:]
                lower_head = lower_head[:start] + lower_head[stop:]
        request_id = None
        id_start = lower_head.find(_ID_START)
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
        return None if plain is None else (plain, request_id, end + 4, secret, forwarded)

    traceparent: bytes | None = None
    """The header of this name of the request that was found last; only ``TracedHeadCache`` reads it."""

    def _remember(self, head: bytes) -> PlainRequestHead | None:
        plain = self.read(head)
        if plain is None and self._has_guard and any(start in head.lower() for start in _KEY_STARTS):
            return None  # a second or unusual key was not cut out, and no key is kept
        if len(self._heads) >= MAX_HEADS:
            self._heads.clear()
        self._heads[head] = plain
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
            elif name in (FORWARDED_FOR_HEADER, FORWARDED_HEADER):
                continue
            elif name in headers or name == REQUEST_ID_HEADER:
                return None
            else:
                headers[name] = value
        length, host = headers.get(b"content-length", b""), headers.get(b"host", b"")
        if not _LENGTH(length) or not valid_host(host) or (self._hosts is not None and not self._hosts.allow(host)):
            return None
        fields = PredictionHeaders(headers.items())
        if fields.fault is not None or int(length) > self._max_body_bytes:
            return None
        path = match[1].decode("latin-1")
        target = predict_target(path)
        return None if target is None else PlainRequestHead(path, target, int(length), fields.deadline_ms)


class TracedHeadCache(HeadCache):
    """Recognises plain requests, and cuts ``traceparent`` out of their heads: its value differs in each request.

    It is used only if tracing is on.
    """

    def find(self, data: bytes, position: int = 0, known_line: bytes | None = None) -> PlainMatch | None:
        """Return the head with the values that are cut out of it, see ``HeadCache.find``; keep the ``traceparent``.

        Of two such headers none is valid, and neither is kept.
        """
        self.traceparent = None
        end = data.find(_HEAD_END, position, position + MAX_PLAIN_HEAD_BYTES + 4)
        if end < 0:
            return None
        head = data[position : end + 4]
        start = head.lower().find(_TRACEPARENT_START)
        if start < 0:
            return super().find(data, position, known_line)
        stop = head.index(b"\r\n", start + 2)
        value = head[start + len(_TRACEPARENT_START) : stop].strip(b" \t")
        match = super().find(head[:start] + head[stop:], 0, known_line) if _VALUE(value) else None
        if match is None:
            return None
        if _TRACEPARENT_START not in head[stop:].lower():
            self.traceparent = value
        plain, request_id, _, secret, forwarded = match
        return plain, request_id, end + 4, secret, forwarded
