"""Connection and Expect: the headers that end a connection, and those that keep it open."""

from __future__ import annotations

from tests.serving.fastpath.vectors.vector import (
    BAD_REQUEST,
    ExpectedAnswer,
    Vector,
    chunked,
    length,
    post,
    post_request,
)

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
    *(
        Vector(f"Connection {value!r}", _SOURCE, post_request(b"Connection: " + value), framed=(ExpectedAnswer(),))
        for value in _GOES_ON
    ),
    *(
        Vector(
            f"Connection {value!r}",
            _SOURCE,
            post_request(b"Connection: " + value),
            framed=(ExpectedAnswer(),),
            follows=False,
        )
        for value in _CLOSES
    ),
    *(
        Vector(
            f"Connection {value!r}",
            _SOURCE,
            post_request(b"Connection: " + value),
            framed=(ExpectedAnswer(),),
            refused=BAD_REQUEST,
        )
        for value in _FRAMING
    ),
    Vector(
        "Connection close in a second line",
        _SOURCE,
        post_request(b"Connection: keep-alive", b"Connection: close"),
        framed=(ExpectedAnswer(),),
        follows=False,
    ),
    Vector(
        "Connection close in a first line",
        _SOURCE,
        post_request(b"Connection: close", b"Connection: keep-alive"),
        framed=(ExpectedAnswer(),),
        follows=False,
    ),
    Vector(
        "Connection with a quoted close",
        _SOURCE,
        post_request(b'Connection: "close"'),
        framed=(ExpectedAnswer(),),
        refused=BAD_REQUEST,
        follows=None,
    ),
    Vector(
        "Keep-Alive with parameters",
        _SOURCE,
        post_request(b"Connection: keep-alive", b"Keep-Alive: timeout=5, max=100"),
        framed=(ExpectedAnswer(),),
    ),
    Vector(
        "Proxy-Connection", _SOURCE, post_request(b"Proxy-Connection: close"), framed=(ExpectedAnswer(),), follows=None
    ),
    Vector(
        "TE",
        "RFC 9110, 10.1.4",
        post_request(b"Connection: TE", b"TE: trailers, gzip;q=0.5"),
        framed=(ExpectedAnswer(),),
    ),
    Vector(
        "a Trailer field without trailers",
        "RFC 9110, 6.6.2",
        post(b"Trailer: X-Trailer", b"Transfer-Encoding: chunked", content=chunked()),
        framed=(ExpectedAnswer(),),
    ),
    Vector("Expect with a length", _EXPECT, post_request(b"Expect: 100-continue"), framed=(ExpectedAnswer(),)),
    Vector("Expect in capitals", _EXPECT, post_request(b"EXPECT: 100-CONTINUE"), framed=(ExpectedAnswer(),)),
    Vector(
        "Expect with chunks",
        _EXPECT,
        post(b"Expect: 100-continue", b"Transfer-Encoding: chunked", content=chunked()),
        framed=(ExpectedAnswer(),),
    ),
    Vector(
        "Expect without a body",
        _EXPECT,
        post(b"Expect: 100-continue", length(b""), content=b""),
        framed=(ExpectedAnswer(number=None, statuses=frozenset((400, 411))),),
    ),
    *(
        Vector(
            f"Expect {value!r}",
            _EXPECT,
            post_request(b"Expect: " + value),
            framed=(ExpectedAnswer(statuses=frozenset((200, 417))),),
            refused=frozenset((400, 417)),
            follows=None,
        )
        for value in _UNKNOWN_EXPECTATIONS
    ),
)
