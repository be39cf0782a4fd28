"""Content-Length: digits, once."""

from __future__ import annotations

from tests.serving.fastpath.vectors.vector import (
    BAD_REQUEST,
    BODY,
    EMPTY_BODY,
    HIDDEN,
    HOST,
    LIVEZ,
    NO_JSON,
    NUMBER,
    OTHER,
    OWN,
    ExpectedAnswer,
    Vector,
    head,
    length,
    post,
    post_request,
    request_of,
)

_SOURCE = "RFC 9110, 8.6"
_FRAMING = "RFC 9112, 6.3"
_N = b"%d" % len(BODY)
_TOO_LARGE = frozenset((400, 413))

_RIGHT = (_N, b" " + _N, b"\t" + _N, _N + b" ", _N + b"\t ")
_EITHER = (b"0" + _N, b"0" * 20 + _N, _N + b", " + _N, _N + b"," + _N)
_BAD = (
    *(
        b"",
        b" ",
        b"+" + _N,
        b"-" + _N,
        b"-0",
        b"-1",
        b"0x%x" % len(BODY),
        b"%x" % 0xABC,
        _N + b".0",
        _N + b"e0",
        b"1e2",
    ),
    *(
        b"1_0",
        _N + b" " + _N,
        _N + b", 1",
        b"1, " + _N,
        _N + b",",
        b"," + _N,
        b",",
        _N + b";",
        _N + b";q=1",
        b'"%b"' % _N,
    ),
    *(
        b"'%b'" % _N,
        _N + b"\x00",
        b"\x00" + _N,
        _N + b"\x0b",
        b"\x0c" + _N,
        _N + b"\xa0",
        _N + b"a",
        b"a" + _N,
        b"nan",
        b"inf",
    ),
    *("١٢".encode(), "１２".encode(), b"\xb9", b"chunked", b"(1)", _N + b"\r", b"\r" + _N),
)
_LARGE = (
    *(b"%d" % (2**width + len(BODY)) for width in (31, 32, 63, 64, 128)),
    *(b"9" * 15, b"9" * 20, b"9" * 100, b"9" * 5_000, b"4194305"),
)

VECTORS = (
    *(
        Vector(f"Content-Length {value!r}", _SOURCE, post(b"Content-Length:" + value), framed=(ExpectedAnswer(),))
        for value in _RIGHT
    ),
    *(
        Vector(
            f"Content-Length {value!r}",
            _SOURCE,
            post(b"Content-Length: " + value),
            framed=(ExpectedAnswer(),),
            refused=BAD_REQUEST,
        )
        for value in _EITHER
    ),
    *(
        Vector(f"Content-Length {value!r}", _SOURCE, post(b"Content-Length: " + value), refused=BAD_REQUEST)
        for value in _BAD
    ),
    *(
        Vector(
            f"Content-Length {value[:24]!r} of {len(value)} digits",
            _SOURCE,
            post(b"Content-Length: " + value),
            refused=_TOO_LARGE,
        )
        for value in _LARGE
    ),
    Vector("two equal lengths", _FRAMING, post_request(length()), framed=(ExpectedAnswer(),), refused=BAD_REQUEST),
    Vector("two lengths, the right one first", _FRAMING, post_request(b"Content-Length: 1"), refused=BAD_REQUEST),
    Vector("two lengths, the right one last", _FRAMING, post(b"Content-Length: 1", length()), refused=BAD_REQUEST),
    Vector("two lengths, one zero", _FRAMING, post(b"Content-Length: 0", length()), refused=BAD_REQUEST),
    Vector("two lengths, one empty", _FRAMING, post(b"Content-Length:", length()), refused=BAD_REQUEST),
    Vector("two lengths, in different case", _FRAMING, post(b"content-length: 1", length()), refused=BAD_REQUEST),
    Vector(
        "two lengths, equal in number only",
        _FRAMING,
        post(b"Content-Length: 0" + _N, length()),
        framed=(ExpectedAnswer(),),
        refused=BAD_REQUEST,
    ),
    Vector("three lengths", _FRAMING, post(length(), length(), b"Content-Length: 1"), refused=BAD_REQUEST),
    Vector(
        "two lengths that hide a request",
        _FRAMING,
        post(length(), b"Content-Length: %d" % len(BODY + HIDDEN), content=BODY + HIDDEN),
        refused=BAD_REQUEST,
    ),
    Vector(
        "a length with a blank before the colon", "RFC 9112, 5.1", post(b"Content-Length : " + _N), refused=BAD_REQUEST
    ),
    Vector(
        "a folded length",
        "RFC 9112, 5.2",
        post(b"Content-Length:\r\n " + _N),
        framed=(ExpectedAnswer(),),
        refused=BAD_REQUEST,
    ),
    Vector("a length that is folded apart", "RFC 9112, 5.2", post(b"Content-Length: 1\r\n 0"), refused=BAD_REQUEST),
    Vector("a name with an underscore", _SOURCE, post_request(b"Content_Length: 1"), framed=(ExpectedAnswer(),)),
    Vector("CONTENT-LENGTH in capitals", _SOURCE, post(b"CONTENT-LENGTH: " + _N), framed=(ExpectedAnswer(),)),
    Vector("a length of zero", _FRAMING, post_request(content=b""), framed=(EMPTY_BODY,)),
    Vector("no length and no body", _FRAMING, post(content=b""), framed=(EMPTY_BODY,), refused=frozenset((411,))),
    Vector(
        "a length of zero and a body",
        _FRAMING,
        post(b"Content-Length: 0"),
        framed=(EMPTY_BODY,),
        refused=BAD_REQUEST,
        before=(EMPTY_BODY,),
        follows=False,
    ),
    Vector(
        "no length and a body",
        _FRAMING,
        post(),
        framed=(EMPTY_BODY,),
        refused=BAD_REQUEST,
        before=(EMPTY_BODY,),
        follows=False,
    ),
    Vector(
        "a length one too small",
        _FRAMING,
        post(b"Content-Length: %d" % (len(BODY) - 1)),
        refused=BAD_REQUEST,
        before=(NO_JSON,),
    ),
    Vector(
        "a GET with a body",
        "RFC 9110, 9.3.1",
        head(b"GET /livez HTTP/1.1", HOST, OWN, b"Content-Length: 5") + b"hello",
        framed=(LIVEZ,),
        refused=BAD_REQUEST,
    ),
    Vector(
        "a GET whose body is a request",
        "RFC 9110, 9.3.1",
        head(b"GET /livez HTTP/1.1", HOST, OWN, length(HIDDEN)) + HIDDEN,
        framed=(LIVEZ,),
        refused=BAD_REQUEST,
    ),
    Vector(
        "a body for a page that is not there",
        _FRAMING,
        head(b"POST /nothing HTTP/1.1", HOST, OWN, length(HIDDEN)) + HIDDEN,
        framed=(ExpectedAnswer(number=None, statuses=frozenset((404,))),),
        refused=frozenset((404,)),
    ),
    Vector(
        "a request within a JSON string",
        _FRAMING,
        post_request(content=b'{"text": "' + HIDDEN.replace(b'"', b"'") + b'"}'),
        framed=(ExpectedAnswer(number=None, statuses=frozenset((400, 422))),),
    ),
    Vector(
        "two requests in one segment",
        "RFC 9112, 9.3.2",
        post_request() + request_of(OTHER, "second"),
        framed=(ExpectedAnswer(), ExpectedAnswer(OTHER, "second")),
    ),
    Vector(
        "ten requests in one segment",
        "RFC 9112, 9.3.2",
        b"".join(request_of(NUMBER + index, f"number-{index}") for index in range(10)),
        framed=tuple(ExpectedAnswer(NUMBER + index, f"number-{index}") for index in range(10)),
    ),
    Vector(
        "a request and garbage in one segment",
        "RFC 9112, 9.3.2",
        post_request() + b"\x00\x01\x02 garbage\r\n\r\n",
        refused=BAD_REQUEST,
        before=(ExpectedAnswer(),),
    ),
    Vector(
        "two requests and a bad one in one segment",
        "RFC 9112, 9.3.2",
        post_request() + request_of(OTHER, "second") + post_request(b"Bad Field: x"),
        refused=BAD_REQUEST,
        before=(ExpectedAnswer(), ExpectedAnswer(OTHER, "second")),
    ),
)
