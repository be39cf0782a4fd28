"""The known families of request smuggling: two readers, two lengths. No hidden request may ever be answered."""

from __future__ import annotations

from tests.serving.fastpath.vectors.vector import (
    BAD_REQUEST,
    BODY,
    HIDDEN,
    HOST,
    NO_JSON,
    NOT_IMPLEMENTED,
    OWN,
    ExpectedAnswer,
    Vector,
    chunked,
    head,
    length,
    post,
)

_SOURCE = "RFC 9112, 11.2"
_TE = b"Transfer-Encoding: chunked"
_CLOSES = b"0\r\n\r\n" + HIDDEN
"""A reader of chunks ends before the hidden request; a reader of the length does not."""
_OPEN = b"%x\r\n%b\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN)
"""A reader of chunks reads over the hidden request; a reader of a short length meets it."""

_OBFUSCATED = (
    *(b"Transfer-Encoding : chunked", b" Transfer-Encoding: chunked", b"X: X\nTransfer-Encoding: chunked"),
    *(b"Transfer-Encoding: xchunked", b"Transfer-Encoding: chunked, identity", b"Transfer-Encoding:\x0bchunked"),
    *(b"Transfer-Encoding\n: chunked", b"Transfer-Encoding: \xffchunked", b"Transfer-Encoding: chunked\r\n\tx"),
    *(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x", b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked"),
    *(
        b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: 'chunked'",
        b"tRANSFER-ENCODING: Chunked;x",
    ),
    *(
        b"Foo: bar\r\n\rTransfer-Encoding: chunked",
        b"Transfer-Encoding: chun\r\n ked",
        b"Content-Encoding: x\x00Transfer-Encoding: chunked",
    ),
)
_MALFORMED = frozenset((400, 501))

VECTORS = (
    Vector(
        "CL.TE",
        _SOURCE,
        post(length(_CLOSES), _TE, content=_CLOSES),
        refused=BAD_REQUEST,
        framed=(ExpectedAnswer(number=None, statuses=frozenset((400, 411))),),
        follows=False,
    ),
    Vector(
        "CL.TE, the length last",
        _SOURCE,
        post(_TE, length(_CLOSES), content=_CLOSES),
        refused=BAD_REQUEST,
        framed=(ExpectedAnswer(number=None, statuses=frozenset((400, 411))),),
        follows=False,
    ),
    Vector(
        "TE.CL",
        _SOURCE,
        post(b"Content-Length: 4", _TE, content=_OPEN),
        refused=BAD_REQUEST,
        framed=(NO_JSON,),
        follows=False,
    ),
    Vector(
        "TE.CL, the length last",
        _SOURCE,
        post(_TE, b"Content-Length: 4", content=_OPEN),
        refused=BAD_REQUEST,
        framed=(NO_JSON,),
        follows=False,
    ),
    Vector(
        "TE.0",
        _SOURCE,
        post(_TE, b"Content-Length: 0", content=_OPEN),
        refused=BAD_REQUEST,
        framed=(NO_JSON,),
        follows=False,
    ),
    Vector("CL.0", _SOURCE, post(length(HIDDEN), content=HIDDEN), framed=(NO_JSON,)),
    Vector(
        "CL.0 with a GET",
        _SOURCE,
        head(b"GET /livez HTTP/1.1", HOST, OWN, length(HIDDEN)) + HIDDEN,
        framed=(ExpectedAnswer(number=None),),
        refused=BAD_REQUEST,
    ),
    Vector("CL.CL", _SOURCE, post(length(HIDDEN), b"Content-Length: 0", content=HIDDEN), refused=BAD_REQUEST),
    Vector("0.CL", _SOURCE, post(b"Content-Length: 0", length(HIDDEN), content=HIDDEN), refused=BAD_REQUEST),
    Vector("a chunk that holds a request", _SOURCE, post(_TE, content=_OPEN), framed=(NO_JSON,)),
    *(
        Vector(
            f"TE.TE {line!r}, ended early", _SOURCE, post(length(_CLOSES), line, content=_CLOSES), refused=_MALFORMED
        )
        for line in _OBFUSCATED
    ),
    *(
        Vector(
            f"TE.TE {line!r}, left open", _SOURCE, post(line, b"Content-Length: 4", content=_OPEN), refused=_MALFORMED
        )
        for line in _OBFUSCATED
    ),
    Vector(
        "a chunk extension that ends in a bare LF",
        _SOURCE,
        post(_TE, content=b"2;\nxx\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN)),
        framed=(NO_JSON,),
        refused=BAD_REQUEST,
    ),
    Vector(
        "a chunk size that overflows to the end",
        _SOURCE,
        post(_TE, content=b"10000000000000000\r\n\r\n" + HIDDEN),
        refused=frozenset((400, 413)),
    ),
    Vector("a chunk of -1", _SOURCE, post(_TE, content=b"-1\r\n" + HIDDEN), refused=BAD_REQUEST),
    Vector(
        "a chunk whose data end in other bytes",
        _SOURCE,
        post(_TE, content=b"5\r\nhelloXX0\r\n\r\n" + HIDDEN),
        refused=BAD_REQUEST,
    ),
    Vector(
        "a trailer section that is a request",
        _SOURCE,
        post(_TE, content=chunked(tail=b"0\r\n" + HIDDEN)),
        refused=BAD_REQUEST,
    ),
    Vector(
        "a trailer that frames again",
        _SOURCE,
        post(_TE, content=chunked(tail=b"0\r\nContent-Length: %d\r\n\r\n" % len(HIDDEN))),
        framed=(ExpectedAnswer(),),
        refused=BAD_REQUEST,
    ),
    Vector(
        "Expect with a hidden request",
        _SOURCE,
        post(b"Expect: 100-continue", length(HIDDEN), content=HIDDEN),
        framed=(NO_JSON,),
        refused=frozenset((400, 417)),
    ),
    Vector(
        "Connection that lists Content-Length",
        _SOURCE,
        post(b"Connection: Content-Length", length(HIDDEN), content=HIDDEN),
        framed=(NO_JSON,),
        refused=BAD_REQUEST,
    ),
    Vector(
        "Connection that lists Transfer-Encoding",
        _SOURCE,
        post(b"Connection: Transfer-Encoding", _TE, content=_OPEN),
        framed=(NO_JSON,),
        refused=BAD_REQUEST,
    ),
    Vector(
        "a fold that hides the length",
        _SOURCE,
        post(b"X: y\r\n Content-Length: 0", length(HIDDEN), content=HIDDEN),
        framed=(NO_JSON,),
        refused=BAD_REQUEST,
    ),
    Vector(
        "a CR that hides the length",
        _SOURCE,
        post(b"X: y\rContent-Length: 0", length(HIDDEN), content=HIDDEN),
        refused=BAD_REQUEST,
    ),
    Vector(
        "NUL behind the length",
        _SOURCE,
        post(b"Content-Length: 0\x00%d" % len(HIDDEN), content=HIDDEN),
        refused=BAD_REQUEST,
    ),
    Vector(
        "a length of 2**64",
        _SOURCE,
        post(b"Content-Length: 18446744073709551616", content=HIDDEN),
        refused=frozenset((400, 413)),
    ),
    Vector(
        "an obs-text digit in the length", _SOURCE, post(b"Content-Length: \xb20", content=HIDDEN), refused=BAD_REQUEST
    ),
    Vector(
        "a request between two others, each whole",
        _SOURCE,
        post(length(), content=BODY) + b"\r\n" + post(length(), content=BODY),
        framed=(ExpectedAnswer(), ExpectedAnswer()),
    ),
    Vector("identity and no body", _SOURCE, post(b"Transfer-Encoding: identity", content=b""), refused=NOT_IMPLEMENTED),
)
