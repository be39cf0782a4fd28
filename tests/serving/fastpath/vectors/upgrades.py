"""Upgrade: an offer that is not taken up changes nothing about the request."""

from __future__ import annotations

from tests.serving.fastpath.vectors.vector import (
    HIDDEN,
    HOST,
    LIVEZ,
    NO_JSON,
    OWN,
    ExpectedAnswer,
    Vector,
    chunked,
    head,
    length,
    post,
    post_request,
)

_SOURCE = "RFC 9110, 7.8"
_TOKENS = (
    b"websocket",
    b"WebSocket",
    b"h2c",
    b"h2",
    b"HTTP/2.0",
    b"TLS/1.2",
    b"IRC/6.9",
    b"websocket, h2c",
    b"foo/1, bar",
    b"",
)
_KEYS = (b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
_JAVA = (
    b"Connection: Upgrade, HTTP2-Settings",
    b"Upgrade: h2c",
    b"HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
)
_CHUNKED = b"Transfer-Encoding: chunked"

VECTORS = (
    *(
        Vector(
            f"Upgrade {token!r} with a length",
            _SOURCE,
            post_request(b"Connection: upgrade", b"Upgrade: " + token),
            framed=(ExpectedAnswer(),),
        )
        for token in _TOKENS
    ),
    *(
        Vector(
            f"Upgrade {token!r} with chunks",
            _SOURCE,
            post(b"Connection: Upgrade", b"Upgrade: " + token, _CHUNKED, content=chunked()),
            framed=(ExpectedAnswer(),),
        )
        for token in _TOKENS
    ),
    *(
        Vector(
            f"Upgrade {token!r} with a body that is a request",
            _SOURCE,
            post(b"Connection: Upgrade", b"Upgrade: " + token, *_KEYS, length(HIDDEN), content=HIDDEN),
            framed=(NO_JSON,),
        )
        for token in _TOKENS
    ),
    *(
        Vector(
            f"Upgrade {token!r} with a chunk that is a request",
            _SOURCE,
            post(b"Connection: Upgrade", b"Upgrade: " + token, *_KEYS, _CHUNKED, content=chunked(HIDDEN)),
            framed=(NO_JSON,),
        )
        for token in _TOKENS
    ),
    *(
        Vector(
            f"Upgrade {token!r} of a GET",
            _SOURCE,
            head(b"GET /livez HTTP/1.1", HOST, OWN, b"Connection: Upgrade", b"Upgrade: " + token, *_KEYS),
            framed=(LIVEZ,),
        )
        for token in _TOKENS
    ),
    Vector("what Java's client offers", "RFC 7540, 3.2", post_request(*_JAVA), framed=(ExpectedAnswer(),)),
    Vector(
        "what Java's client offers, with chunks",
        "RFC 7540, 3.2",
        post(*_JAVA, _CHUNKED, content=chunked()),
        framed=(ExpectedAnswer(),),
    ),
    Vector(
        "what Java's client offers, with a large body",
        "RFC 7540, 3.2",
        post(*_JAVA, length(HIDDEN * 60), content=HIDDEN * 60),
        framed=(NO_JSON,),
    ),
    Vector("Upgrade without Connection", _SOURCE, post_request(b"Upgrade: websocket"), framed=(ExpectedAnswer(),)),
    Vector(
        "Connection: upgrade without Upgrade", _SOURCE, post_request(b"Connection: upgrade"), framed=(ExpectedAnswer(),)
    ),
    Vector(
        "Upgrade with Connection: close",
        _SOURCE,
        post_request(b"Connection: upgrade, close", b"Upgrade: h2c"),
        framed=(ExpectedAnswer(),),
        follows=False,
    ),
    Vector(
        "Upgrade of HTTP/1.0",
        _SOURCE,
        post_request(b"Connection: upgrade", b"Upgrade: h2c", line=b"POST /predict HTTP/1.0"),
        framed=(ExpectedAnswer(),),
        follows=False,
    ),
    Vector(
        "Upgrade with Expect",
        _SOURCE,
        post_request(b"Connection: upgrade", b"Upgrade: h2c", b"Expect: 100-continue"),
        framed=(ExpectedAnswer(),),
    ),
)
