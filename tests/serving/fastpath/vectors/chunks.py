"""Chunks: sizes, extensions, line ends, trailers."""

from __future__ import annotations

from tests.serving.fastpath.vectors.vector import (
    BAD_REQUEST,
    BODY,
    EMPTY_BODY,
    HIDDEN,
    ExpectedAnswer,
    Vector,
    chunked,
    post,
)

_SOURCE = "RFC 9112, 7.1"
_EXTENSIONS = "RFC 9112, 7.1.1"
_TRAILERS = "RFC 9112, 7.1.2"
_CHUNKED = b"Transfer-Encoding: chunked"
_N = b"%x" % len(BODY)
_END = b"0\r\n\r\n"
_TOO_LARGE = frozenset((400, 413))


def _chunk_of(size: bytes) -> bytes:
    """Return a request whose only chunk begins with a size line."""
    return post(_CHUNKED, content=size + b"\r\n" + BODY + b"\r\n" + _END)


def _trailed(*lines: bytes) -> bytes:
    """Return a request with trailers."""
    return post(_CHUNKED, content=chunked(tail=b"\r\n".join((b"0", *lines, b"", b""))))


_RIGHT_SIZES = (_N, b"0" + _N, b"000" + _N)
_RIGHT_EXTENSIONS = (b";x", b";x=y", b';x="y"', b'; x = "a b"', b";a=1;b=2", b" ;x", b';x="a\\"b"', b";" + b"x" * 100)
_EITHER_SIZES = (
    b"0" * 30 + _N,
    _N + b" ",
    _N + b"\t",
    _N + b"   ",
    _N + b";",
    _N + b";;",
    _N + b";=",
    _N + b";x=",
    _N + b'; x="y',
    _N + b";x y",
    _N + b";\x80",
    _N + b";x" * 2_000,
    _N + b";x=\x01",
)
_BAD_SIZES = (
    *(
        b"",
        b" ",
        b" " + _N,
        b"\t" + _N,
        b"0x" + _N,
        b"0X" + _N,
        b"+" + _N,
        b"-" + _N,
        b"-1",
        _N + b"h",
        b"g",
        _N + b".0",
        _N + b"_0",
    ),
    *(
        _N + b"\x00",
        b"\x00" + _N,
        _N + b"\x0b",
        _N + b"\xa0",
        _N + b"," + _N,
        _N + b" " + _N,
        _N + b" x",
        _N + b"\r",
        b"\r" + _N,
    ),
    *(
        b'"' + _N + b'"',
        "１".encode(),
        b"\xb2",
        _N + b":",
        _N + b"=x",
        _N + b";x\x00",
        _N + b";\rx",
        b"{",
        b"0x",
        _N + b'; x="\r\n"',
    ),
)
_LARGE_SIZES = (
    *(
        b"f" * 8,
        b"f" * 15,
        b"f" * 17,
        b"f" * 100,
        b"7fffffffffffffff",
        b"8000000000000000",
        b"%x" % (2**32 + len(BODY)),
    ),
    *(b"1%016x" % len(BODY), b"%x" % (2**64 - 1), b"100000000" + b"0" * 300, b"400001"),
)
_DATA = {
    "one byte a chunk": (b"".join(b"1\r\n%c\r\n" % byte for byte in BODY) + _END, (ExpectedAnswer(),)),
    "two chunks": (
        b"5\r\n" + BODY[:5] + b"\r\n%x\r\n" % len(BODY[5:]) + BODY[5:] + b"\r\n" + _END,
        (ExpectedAnswer(),),
    ),
    "a last chunk of many zeros": (chunked(tail=b"0000\r\n\r\n"), (ExpectedAnswer(),)),
    "a last chunk with an extension": (chunked(tail=b"0;x=y\r\n\r\n"), (ExpectedAnswer(),)),
    "only the last chunk": (_END, (EMPTY_BODY,)),
}
_BAD_DATA = {
    "no line end behind the data": b"%b\r\n%b%b" % (_N, BODY, _END),
    "a bare LF behind the data": b"%b\r\n%b\n%b" % (_N, BODY, _END),
    "a bare CR behind the data": b"%b\r\n%b\r%b" % (_N, BODY, _END),
    "two bytes of other data behind the data": b"%b\r\n%bxx%b" % (_N, BODY, _END),
    "LF CR behind the data": b"%b\r\n%b\n\r%b" % (_N, BODY, _END),
    "data that are one byte too long": b"%x\r\n%b\r\n%b" % (len(BODY) - 1, BODY, _END),
    "data that are one byte too short": b"%x\r\n%b\r\n%b" % (len(BODY) + 1, BODY, _END),
    "a last chunk without its size": chunked(tail=b"\r\n\r\n"),
    "a bare CR behind the size": b"%b\r%b\r\n%b" % (_N, BODY, _END),
    "an empty line before the size": b"\r\n" + chunked(),
    "a request instead of a chunk": HIDDEN,
}
_RIGHT_TRAILERS = (b"X-Trailer: value", b"X-Trailer:", b"Digest: sha-256=x", b"X-Trailer: " + b"v" * 2_000)
_IGNORED_TRAILERS = (
    *(
        b"Content-Length: 1",
        b"Transfer-Encoding: gzip",
        b"Host: other",
        b"X-Request-Id: hidden",
        b"Content-Type: text/plain",
    ),
    *(
        b"Connection: close",
        b"Content-Encoding: gzip",
        b"Expect: x",
        b"X-Deadline-Ms: 0",
        b"Upgrade: h2c",
        b"Trailer: x",
    ),
)
"""Fields that must not be taken from trailers; they may be refused."""
_BAD_TRAILERS = (
    *(
        b"X-Trailer",
        b"X-Trailer : value",
        b": value",
        b"X-\x00: value",
        b"X-Trailer: a\x00b",
        b"X-Trailer: a\rb",
        b"X Trailer: a",
    ),
    *(b"GET / HTTP/1.1", b"X(: y"),
)

VECTORS = (
    *(
        Vector(f"right chunk size {size!r}", _SOURCE, _chunk_of(size), framed=(ExpectedAnswer(),))
        for size in _RIGHT_SIZES
    ),
    *(
        Vector(f"chunk extension {text[:24]!r}", _EXTENSIONS, _chunk_of(_N + text), framed=(ExpectedAnswer(),))
        for text in _RIGHT_EXTENSIONS
    ),
    *(
        Vector(
            f"unusual chunk size {size[:40]!r} of {len(size)} bytes",
            _EXTENSIONS,
            _chunk_of(size),
            framed=(ExpectedAnswer(),),
            refused=_TOO_LARGE,
        )
        for size in _EITHER_SIZES
    ),
    *(Vector(f"chunk size {size!r}", _SOURCE, _chunk_of(size), refused=BAD_REQUEST) for size in _BAD_SIZES),
    *(
        Vector(f"chunk size {size[:24]!r} of {len(size)} digits", _SOURCE, _chunk_of(size), refused=_TOO_LARGE)
        for size in _LARGE_SIZES
    ),
    *(
        Vector(f"chunks with {name}", _SOURCE, post(_CHUNKED, content=data), framed=asks)
        for name, (data, asks) in _DATA.items()
    ),
    *(
        Vector(f"chunks with {name}", _SOURCE, post(_CHUNKED, content=data), refused=BAD_REQUEST)
        for name, data in _BAD_DATA.items()
    ),
    *(
        Vector(f"trailer {line[:30]!r}", _TRAILERS, _trailed(line), framed=(ExpectedAnswer(),))
        for line in _RIGHT_TRAILERS
    ),
    *(
        Vector(f"trailer {line!r}", "RFC 9110, 6.5.1", _trailed(line), framed=(ExpectedAnswer(),), refused=BAD_REQUEST)
        for line in _IGNORED_TRAILERS
    ),
    *(Vector(f"trailer {line!r}", _TRAILERS, _trailed(line), refused=BAD_REQUEST) for line in _BAD_TRAILERS),
    Vector(
        "a bare LF behind the size",
        "RFC 9112, 2.2",
        post(_CHUNKED, content=b"%b\n%b\r\n%b" % (_N, BODY, _END)),
        framed=(ExpectedAnswer(),),
        refused=BAD_REQUEST,
    ),
    Vector(
        "a bare LF behind an extension",
        "RFC 9112, 2.2",
        post(_CHUNKED, content=b"%b;x\n%b\r\n%b" % (_N, BODY, _END)),
        framed=(ExpectedAnswer(),),
        refused=BAD_REQUEST,
    ),
    Vector(
        "bare LFs behind the last chunk",
        "RFC 9112, 2.2",
        post(_CHUNKED, content=chunked(tail=b"0\n\n")),
        framed=(ExpectedAnswer(),),
        refused=BAD_REQUEST,
    ),
    Vector(
        "ten trailers",
        _TRAILERS,
        _trailed(*(b"X-Trailer-%d: v" % index for index in range(10))),
        framed=(ExpectedAnswer(),),
    ),
    Vector(
        "a folded trailer",
        "RFC 9112, 5.2",
        _trailed(b"X-Trailer: a\r\n b"),
        framed=(ExpectedAnswer(),),
        refused=BAD_REQUEST,
    ),
    Vector(
        "trailers beyond the limit",
        "RFC 9110, 6.5.1",
        _trailed(*(b"X-Trailer-%d: v" % index for index in range(5_000))),
        refused=frozenset((400, 413, 431)),
    ),
    Vector(
        "an extension beyond the limit",
        _EXTENSIONS,
        _chunk_of(_N + b";" + b"x" * 100_000),
        refused=frozenset((400, 413, 431)),
    ),
)
