"""Versions of HTTP."""

from __future__ import annotations

from tests.serving.fastpath.vectors.vector import (
    HOST,
    JSON_TYPE,
    LIVEZ,
    OWN,
    ExpectedAnswer,
    Vector,
    chunked,
    head,
    length,
    post_request,
)

_SOURCE = "RFC 9112, 2.3"
_PERSISTENCE = "RFC 9112, 9.3"
_UNSUPPORTED = frozenset((400, 505))

_MALFORMED = (
    *(
        b"HTTP/1",
        b"HTTP/1.",
        b"HTTP/.1",
        b"HTTP/1.10",
        b"HTTP/11",
        b"HTTP/11.1",
        b"HTTP/01.1",
        b"HTTP/1.01",
        b"HTTP/1,1",
    ),
    *(b"http/1.1", b"Http/1.1", b"HTTPS/1.1", b"HTTP 1.1", b"HTTP/ 1.1", b"HTTP /1.1", b"HTTP/1.1.1", b"HTTP/1.1a"),
    *(
        b"HTTP/a.b",
        b"HTTP/-1.1",
        b"HTTP/+1.1",
        b"HTTP/1.-1",
        b"HTTP/1.1;",
        b"XTTP/1.1",
        b"ICY/1.1",
        b"RTSP/1.0",
        b"HTTP",
    ),
    *(b"HTTP\\1.1", b"HTTP/\xb9.1", b"HTTP/1\x00.1"),
)
_UNKNOWN = (b"HTTP/0.0", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/2.1", b"HTTP/3.0", b"HTTP/9.9")
_OLD = b"POST /predict HTTP/1.0"

VECTORS = (
    *(
        Vector(f"version {version!r}", _SOURCE, post_request(line=b"POST /predict " + version), refused=_UNSUPPORTED)
        for version in _MALFORMED
    ),
    *(
        Vector(f"version {version!r}", _SOURCE, post_request(line=b"POST /predict " + version), refused=_UNSUPPORTED)
        for version in _UNKNOWN
    ),
    Vector(
        "HTTP/2.0 is refused as such",
        "RFC 9110, 15.6.6",
        post_request(line=b"POST /predict HTTP/2.0"),
        refused=frozenset((505,)),
    ),
    Vector(
        "a later minor version",
        _SOURCE,
        post_request(line=b"POST /predict HTTP/1.2"),
        framed=(ExpectedAnswer(),),
        refused=_UNSUPPORTED,
        follows=None,
    ),
    Vector("the preface of HTTP/2", "RFC 9113, 3.4", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", refused=_UNSUPPORTED),
    Vector("HTTP/0.9", _SOURCE, b"GET /livez\r\n", refused=_UNSUPPORTED),
    Vector("HTTP/0.9 with a blank", _SOURCE, b"GET /livez \r\n\r\n", refused=_UNSUPPORTED),
    Vector("HTTP/1.0 closes", _PERSISTENCE, post_request(line=_OLD), framed=(ExpectedAnswer(),), follows=False),
    Vector(
        "HTTP/1.0 without Host",
        "RFC 9112, 3.2",
        post_request(line=_OLD, host=None),
        framed=(ExpectedAnswer(),),
        follows=False,
    ),
    Vector(
        "HTTP/1.0 with keep-alive",
        _PERSISTENCE,
        post_request(b"Connection: keep-alive", line=_OLD),
        framed=(ExpectedAnswer(),),
    ),
    Vector(
        "HTTP/1.0 with Keep-Alive",
        _PERSISTENCE,
        post_request(b"Connection: Keep-Alive", line=_OLD),
        framed=(ExpectedAnswer(),),
    ),
    Vector(
        "HTTP/1.0 with close",
        _PERSISTENCE,
        post_request(b"Connection: close", line=_OLD),
        framed=(ExpectedAnswer(),),
        follows=False,
    ),
    Vector(
        "HTTP/1.0 with keep-alive and close",
        _PERSISTENCE,
        post_request(b"Connection: keep-alive, close", line=_OLD),
        framed=(ExpectedAnswer(),),
        follows=False,
    ),
    Vector("a GET of HTTP/1.0", _PERSISTENCE, head(b"GET /livez HTTP/1.0", HOST, OWN), framed=(LIVEZ,), follows=False),
    Vector(
        "a GET of HTTP/1.0 with keep-alive",
        _PERSISTENCE,
        head(b"GET /livez HTTP/1.0", HOST, OWN, b"Connection: keep-alive"),
        framed=(LIVEZ,),
    ),
    Vector(
        "HTTP/1.0 with chunks",
        "RFC 9112, 6.1",
        head(_OLD, HOST, JSON_TYPE, OWN, b"Transfer-Encoding: chunked") + chunked(),
        framed=(ExpectedAnswer(),),
        refused=frozenset((400, 501)),
        follows=False,
    ),
    Vector(
        "HTTP/1.0 with chunks, a length and keep-alive",
        "RFC 9112, 6.1",
        head(_OLD, HOST, JSON_TYPE, OWN, b"Connection: keep-alive", length(chunked()), b"Transfer-Encoding: chunked")
        + chunked(),
        framed=(ExpectedAnswer(),),
        refused=frozenset((400, 501)),
        follows=False,
    ),
    Vector(
        "HTTP/1.0 with Expect",
        "RFC 9110, 10.1.1",
        post_request(b"Expect: 100-continue", line=_OLD),
        framed=(ExpectedAnswer(),),
        follows=False,
    ),
)
