"""Versions of HTTP."""

from __future__ import annotations

from tests.serving.http1.vectors.vector import (
    HOST,
    JSON_TYPE,
    LIVEZ,
    OWN,
    Ask,
    Vector,
    chunked,
    head,
    length,
    sized,
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
        Vector(f"version {version!r}", _SOURCE, sized(line=b"POST /predict " + version), refused=_UNSUPPORTED)
        for version in _MALFORMED
    ),
    *(
        Vector(f"version {version!r}", _SOURCE, sized(line=b"POST /predict " + version), refused=_UNSUPPORTED)
        for version in _UNKNOWN
    ),
    Vector(
        "HTTP/2.0 is refused as such",
        "RFC 9110, 15.6.6",
        sized(line=b"POST /predict HTTP/2.0"),
        refused=frozenset((505,)),
    ),
    Vector(
        "a later minor version",
        _SOURCE,
        sized(line=b"POST /predict HTTP/1.2"),
        framed=(Ask(),),
        refused=_UNSUPPORTED,
        follows=None,
    ),
    Vector("the preface of HTTP/2", "RFC 9113, 3.4", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", refused=_UNSUPPORTED),
    Vector("HTTP/0.9", _SOURCE, b"GET /livez\r\n", refused=_UNSUPPORTED),
    Vector("HTTP/0.9 with a blank", _SOURCE, b"GET /livez \r\n\r\n", refused=_UNSUPPORTED),
    Vector("HTTP/1.0 closes", _PERSISTENCE, sized(line=_OLD), framed=(Ask(),), follows=False),
    Vector("HTTP/1.0 without Host", "RFC 9112, 3.2", sized(line=_OLD, host=None), framed=(Ask(),), follows=False),
    Vector("HTTP/1.0 with keep-alive", _PERSISTENCE, sized(b"Connection: keep-alive", line=_OLD), framed=(Ask(),)),
    Vector("HTTP/1.0 with Keep-Alive", _PERSISTENCE, sized(b"Connection: Keep-Alive", line=_OLD), framed=(Ask(),)),
    Vector("HTTP/1.0 with close", _PERSISTENCE, sized(b"Connection: close", line=_OLD), framed=(Ask(),), follows=False),
    Vector(
        "HTTP/1.0 with keep-alive and close",
        _PERSISTENCE,
        sized(b"Connection: keep-alive, close", line=_OLD),
        framed=(Ask(),),
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
        framed=(Ask(),),
        refused=frozenset((400, 501)),
        follows=False,
    ),
    Vector(
        "HTTP/1.0 with chunks, a length and keep-alive",
        "RFC 9112, 6.1",
        head(_OLD, HOST, JSON_TYPE, OWN, b"Connection: keep-alive", length(chunked()), b"Transfer-Encoding: chunked")
        + chunked(),
        framed=(Ask(),),
        refused=frozenset((400, 501)),
        follows=False,
    ),
    Vector(
        "HTTP/1.0 with Expect",
        "RFC 9110, 10.1.1",
        sized(b"Expect: 100-continue", line=_OLD),
        framed=(Ask(),),
        follows=False,
    ),
)
