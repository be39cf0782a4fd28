"""Requests that end before they are whole: nothing is answered with 200, and the connection ends."""

from __future__ import annotations

from tests.serving.http1.vectors.vector import BODY, HOST, OWN, Ask, Vector, chunked, length, post, sized

_SOURCE = "RFC 9112, 8"
_REFUSED = frozenset((400, 408))
_WHOLE = sized()
_HEAD = len(_WHOLE) - len(BODY)
_CHUNKS = post(b"Transfer-Encoding: chunked", content=chunked())


def _cut(name: str, data: bytes, before: tuple[Ask, ...] = ()) -> Vector:
    return Vector(name, _SOURCE, data, refused=_REFUSED, before=before, silent=True, cut=True)


VECTORS = (
    _cut("one byte", b"P"),
    _cut("half a method", b"PO"),
    _cut("half a target", b"POST /pre"),
    _cut("half a version", b"POST /predict HTTP/1"),
    _cut("a request line without its LF", b"POST /predict HTTP/1.1\r"),
    _cut("a request line", b"POST /predict HTTP/1.1\r\n"),
    _cut("half a name", b"POST /predict HTTP/1.1\r\nHo"),
    _cut("half a value", b"POST /predict HTTP/1.1\r\nHost: si"),
    _cut("a head without its last LF", _WHOLE[: _HEAD - 1]),
    _cut("a head without its empty line", _WHOLE[: _HEAD - 2]),
    _cut("a head without a body", _WHOLE[:_HEAD]),
    _cut("a body without its last byte", _WHOLE[:-1]),
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
    _cut("one request and half of another", _WHOLE + _WHOLE[:50], before=(Ask(),)),
    _cut("three requests and half a body", _WHOLE * 3 + _WHOLE[:-3], before=(Ask(), Ask(), Ask())),
    _cut("Expect, and no body yet", post(b"Expect: 100-continue", length(), content=b"")),
    Vector("nothing", _SOURCE, b"", framed=(), follows=False, cut=True),
    Vector("an empty line", _SOURCE, b"\r\n", framed=(), refused=_REFUSED, follows=False, cut=True),
    Vector("one whole request", "RFC 9112, 9.6", _WHOLE, framed=(Ask(),), follows=False, cut=True),
    Vector("three whole requests", "RFC 9112, 9.6", _WHOLE * 3, framed=(Ask(), Ask(), Ask()), follows=False, cut=True),
    Vector("one whole request in chunks", "RFC 9112, 9.6", _CHUNKS, framed=(Ask(),), follows=False, cut=True),
    Vector(
        "a GET and a POST",
        "RFC 9112, 9.6",
        b"\r\n".join((b"GET /livez HTTP/1.1", HOST, OWN, b"", b"")) + _CHUNKS,
        framed=(Ask(number=None), Ask()),
        follows=False,
        cut=True,
    ),
)
