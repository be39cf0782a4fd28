"""Connection and Expect: what ends a connection and what does not."""

from __future__ import annotations

from tests.serving.http1.vectors.vector import BAD_REQUEST, Ask, Vector, chunked, length, post, sized

_SOURCE = "RFC 9110, 7.6.1"
_EXPECT = "RFC 9110, 10.1.1"

_GOES_ON = (
    b"keep-alive",
    b"Keep-Alive",
    b"X-Field",
    b"x, y, z",
    b"",
    b",",
    b"TE",
    b"closed",
    b"not-close",
    b"keep-alive, X-Field",
)
_CLOSES = (
    b"close",
    b"Close",
    b"CLOSE",
    b" close ",
    b"close,",
    b", close",
    b"X-Field, close",
    b"close, X-Field",
    b"keep-alive, close",
    b"close, keep-alive",
    b"keep-alive,close",
)
_FRAMING = (b"Content-Length", b"Host", b"Content-Type", b"X-Request-Id", b"content-length, keep-alive")
"""Names that a sender may not list: what they say must not be lost."""
_UNKNOWN_EXPECTATIONS = (b"x", b"200-ok", b"100-continue, x", b"", b"100-continu", b"100-continue;q=1")

VECTORS = (
    *(Vector(f"Connection {value!r}", _SOURCE, sized(b"Connection: " + value), framed=(Ask(),)) for value in _GOES_ON),
    *(
        Vector(f"Connection {value!r}", _SOURCE, sized(b"Connection: " + value), framed=(Ask(),), follows=False)
        for value in _CLOSES
    ),
    *(
        Vector(f"Connection {value!r}", _SOURCE, sized(b"Connection: " + value), framed=(Ask(),), refused=BAD_REQUEST)
        for value in _FRAMING
    ),
    Vector(
        "Connection close in a second line",
        _SOURCE,
        sized(b"Connection: keep-alive", b"Connection: close"),
        framed=(Ask(),),
        follows=False,
    ),
    Vector(
        "Connection close in a first line",
        _SOURCE,
        sized(b"Connection: close", b"Connection: keep-alive"),
        framed=(Ask(),),
        follows=False,
    ),
    Vector(
        "Connection with a quoted close",
        _SOURCE,
        sized(b'Connection: "close"'),
        framed=(Ask(),),
        refused=BAD_REQUEST,
        follows=None,
    ),
    Vector(
        "Keep-Alive with parameters",
        _SOURCE,
        sized(b"Connection: keep-alive", b"Keep-Alive: timeout=5, max=100"),
        framed=(Ask(),),
    ),
    Vector("Proxy-Connection", _SOURCE, sized(b"Proxy-Connection: close"), framed=(Ask(),), follows=None),
    Vector("TE", "RFC 9110, 10.1.4", sized(b"Connection: TE", b"TE: trailers, gzip;q=0.5"), framed=(Ask(),)),
    Vector(
        "a Trailer field without trailers",
        "RFC 9110, 6.6.2",
        post(b"Trailer: X-Trailer", b"Transfer-Encoding: chunked", content=chunked()),
        framed=(Ask(),),
    ),
    Vector("Expect with a length", _EXPECT, sized(b"Expect: 100-continue"), framed=(Ask(),)),
    Vector("Expect in capitals", _EXPECT, sized(b"EXPECT: 100-CONTINUE"), framed=(Ask(),)),
    Vector(
        "Expect with chunks",
        _EXPECT,
        post(b"Expect: 100-continue", b"Transfer-Encoding: chunked", content=chunked()),
        framed=(Ask(),),
    ),
    Vector(
        "Expect without a body",
        _EXPECT,
        post(b"Expect: 100-continue", length(b""), content=b""),
        framed=(Ask(number=None, statuses=frozenset((400, 411))),),
    ),
    *(
        Vector(
            f"Expect {value!r}",
            _EXPECT,
            sized(b"Expect: " + value),
            framed=(Ask(statuses=frozenset((200, 417))),),
            refused=frozenset((400, 417)),
            follows=None,
        )
        for value in _UNKNOWN_EXPECTATIONS
    ),
)
