"""Requests that end before they are whole: nothing is answered with 200, and the connection ends."""

from __future__ import annotations

from tests.serving.fastpath.vectors.vector import (
    BODY,
    HOST,
    OWN,
    ExpectedAnswer,
    Vector,
    chunked,
    length,
    post,
    post_request,
)

_SOURCE = "RFC 9112, 8"
_CLOSED = frozenset((400, 408))
_COMPLETE = post_request()
_HEAD = len(_COMPLETE) - len(BODY)
_CHUNKS = post(b"Transfer-Encoding: chunked", content=chunked())


def _cut(name: str, data: bytes, before: tuple[ExpectedAnswer, ...] = ()) -> Vector:
    return Vector(name, _SOURCE, data, refused=_CLOSED, before=before, silent=True, cut=True)


VECTORS = (
    _cut("one byte", b"P"),
    _cut("half a method", b"PO"),
    _cut("half a target", b"POST /pre"),
    _cut("half a version", b"POST /predict HTTP/1"),
    _cut("a request line without its LF", b"POST /predict HTTP/1.1\r"),
    _cut("a request line", b"POST /predict HTTP/1.1\r\n"),
    _cut("half a name", b"POST /predict HTTP/1.1\r\nHo"),
    _cut("half a value", b"POST /predict HTTP/1.1\r\nHost: si"),
    _cut("a head without its last LF", _COMPLETE[: _HEAD - 1]),
    _cut("a head without its empty line", _COMPLETE[: _HEAD - 2]),
    _cut("a head without a body", _COMPLETE[:_HEAD]),
    _cut("a body without its last byte", _COMPLETE[:-1]),
    _cut("a length that is one too large", post(b"Content-Length: %d" % (len(BODY) + 1))),
    _cut("half a chunk size", _CHUNKS[: _CHUNKS.index(b"\r\n\r\n") + 5]),
    _cut("half a chunk", _CHUNKS[:-20]),
    _cut("chunks without the last", post(b"Transfer-Encoding: chunked", content=chunked(tail=b""))),
    _cut("chunks without the last empty line", _CHUNKS[:-2]),
    _cut("chunks without the last LF", _CHUNKS[:-1]),
    _cut("half a trailer", post(b"Transfer-Encoding: chunked", content=chunked(tail=b"0\r\nX-Trai"))),
    _cut(
        "trailers without the empty line", post(b"Transfer-Encoding: chunked", content=chunked(tail=b"0\r\nX: y\r\n"))
    ),
    _cut("one request and half of another", _COMPLETE + _COMPLETE[:50], before=(ExpectedAnswer(),)),
    _cut(
        "three requests and half a body",
        _COMPLETE * 3 + _COMPLETE[:-3],
        before=(ExpectedAnswer(), ExpectedAnswer(), ExpectedAnswer()),
    ),
    _cut("Expect, and no body yet", post(b"Expect: 100-continue", length(), content=b"")),
    Vector("nothing", _SOURCE, b"", framed=(), follows=False, cut=True),
    Vector("an empty line", _SOURCE, b"\r\n", framed=(), refused=_CLOSED, follows=False, cut=True),
    Vector("one whole request", "RFC 9112, 9.6", _COMPLETE, framed=(ExpectedAnswer(),), follows=False, cut=True),
    Vector(
        "three whole requests",
        "RFC 9112, 9.6",
        _COMPLETE * 3,
        framed=(ExpectedAnswer(), ExpectedAnswer(), ExpectedAnswer()),
        follows=False,
        cut=True,
    ),
    Vector(
        "one whole request in chunks", "RFC 9112, 9.6", _CHUNKS, framed=(ExpectedAnswer(),), follows=False, cut=True
    ),
    Vector(
        "a GET and a POST",
        "RFC 9112, 9.6",
        b"\r\n".join((b"GET /livez HTTP/1.1", HOST, OWN, b"", b"")) + _CHUNKS,
        framed=(ExpectedAnswer(number=None), ExpectedAnswer()),
        follows=False,
        cut=True,
    ),
)
