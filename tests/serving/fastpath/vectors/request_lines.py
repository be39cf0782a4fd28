"""Request lines: blanks, line ends, methods, and what may stand before them."""

from __future__ import annotations

from tests.serving.fastpath.vectors.vector import (
    BAD_REQUEST,
    HOST,
    LIVEZ,
    NOT_IMPLEMENTED,
    OWN,
    ExpectedAnswer,
    Vector,
    head,
    post_request,
)

_LINE = "RFC 9112, 3"
_START = "RFC 9112, 2.2"
_METHOD = "RFC 9110, 9.1"

_BAD_LINES = {
    "two blanks before the target": b"POST  /predict HTTP/1.1",
    "two blanks before the version": b"POST /predict  HTTP/1.1",
    "a tab before the target": b"POST\t/predict HTTP/1.1",
    "a tab before the version": b"POST /predict\tHTTP/1.1",
    "a vertical tab before the version": b"POST /predict\x0bHTTP/1.1",
    "a form feed before the version": b"POST /predict\x0cHTTP/1.1",
    "a no-break space before the version": b"POST /predict\xa0HTTP/1.1",
    "a blank behind the version": b"POST /predict HTTP/1.1 ",
    "a tab behind the version": b"POST /predict HTTP/1.1\t",
    "a word behind the version": b"POST /predict HTTP/1.1 HTTP/1.1",
    "a blank before the method": b" POST /predict HTTP/1.1",
    "a tab before the method": b"\tPOST /predict HTTP/1.1",
    "a NUL before the method": b"\x00POST /predict HTTP/1.1",
    "a NUL in the method": b"PO\x00ST /predict HTTP/1.1",
    "a NUL behind the version": b"POST /predict HTTP/1.1\x00",
    "a bare CR behind the method": b"POST\r/predict HTTP/1.1",
    "a bare CR behind the target": b"POST /predict\rHTTP/1.1",
    "a bare CR behind the version": b"POST /predict HTTP/1.1\rX: y",
    "two CRs at the end": b"POST /predict HTTP/1.1\r",
    "no method": b" /predict HTTP/1.1",
    "no target": b"POST HTTP/1.1",
    "no blank at all": b"POST/predictHTTP/1.1",
    "one word": b"POST",
    "only a version": b"HTTP/1.1",
    "an answer's status line": b"HTTP/1.1 200 OK",
    "a colon in it": b"POST: /predict HTTP/1.1",
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "a byte order mark before it": b"\xef\xbb\xbfPOST /predict HTTP/1.1",
}
_BAD_METHODS = (b"PO ST", b"P@ST", b"P(ST", b"POST,", b"P/ST", b'PO"ST', b"P\xd6ST", b"PO\x7fST", b"POST;", b"{POST}")
_OTHER_METHODS = (
    b"post",
    b"Post",
    b"GET",
    b"PUT",
    b"DELETE",
    b"PATCH",
    b"TRACE",
    b"PROPFIND",
    b"M-SEARCH",
    b"X!#$%&'*+.^_`|~1",
)

VECTORS = (
    *(
        Vector(f"request line with {name}", _LINE, post_request(line=line), refused=BAD_REQUEST)
        for name, line in _BAD_LINES.items()
    ),
    *(
        Vector(
            f"method {method!r}", _METHOD, post_request(line=method + b" /predict HTTP/1.1"), refused=NOT_IMPLEMENTED
        )
        for method in _BAD_METHODS
    ),
    *(
        Vector(
            f"method {method!r} with a body",
            _METHOD,
            post_request(line=method + b" /predict HTTP/1.1"),
            framed=(ExpectedAnswer(number=None, statuses=frozenset((405, 501))),),
            refused=NOT_IMPLEMENTED,
            follows=None,
        )
        for method in _OTHER_METHODS
    ),
    Vector(
        "a method of 300 letters",
        _METHOD,
        post_request(line=b"M" * 300 + b" /predict HTTP/1.1"),
        framed=(ExpectedAnswer(number=None, statuses=frozenset((405, 501))),),
        refused=frozenset((400, 405, 414, 431, 501)),
        follows=None,
    ),
    Vector("a plain GET", _LINE, head(b"GET /livez HTTP/1.1", HOST, OWN), framed=(LIVEZ,)),
    Vector("a plain POST", _LINE, post_request(), framed=(ExpectedAnswer(),)),
    Vector("one empty line before a request", _START, b"\r\n" + post_request(), framed=(ExpectedAnswer(),)),
    Vector(
        "three empty lines before a request",
        _START,
        b"\r\n" * 3 + post_request(),
        framed=(ExpectedAnswer(),),
        refused=BAD_REQUEST,
    ),
    Vector(
        "a bare LF before a request", _START, b"\n" + post_request(), framed=(ExpectedAnswer(),), refused=BAD_REQUEST
    ),
    Vector("a bare CR before a request", _START, b"\r" + post_request(), refused=BAD_REQUEST),
    Vector("an empty line with a blank before a request", _START, b" \r\n" + post_request(), refused=BAD_REQUEST),
    Vector(
        "an empty line between two requests",
        _START,
        post_request() + b"\r\n" + post_request(),
        framed=(ExpectedAnswer(), ExpectedAnswer()),
    ),
    Vector(
        "a bare LF behind the request line",
        _START,
        post_request(line=b"POST /predict HTTP/1.1\nX: y"),
        framed=(ExpectedAnswer(),),
        refused=BAD_REQUEST,
    ),
    Vector(
        "a head of bare LFs",
        _START,
        head(b"GET /livez HTTP/1.1", HOST, OWN, end=b"\n"),
        framed=(LIVEZ,),
        refused=BAD_REQUEST,
    ),
    Vector("a head of bare CRs", _START, head(b"GET /livez HTTP/1.1", HOST, OWN, end=b"\r"), refused=BAD_REQUEST),
    Vector("a head of LF CR", _START, head(b"GET /livez HTTP/1.1", HOST, OWN, end=b"\n\r"), refused=BAD_REQUEST),
    Vector("a head of CR CR LF", _START, head(b"GET /livez HTTP/1.1", HOST, OWN, end=b"\r\r\n"), refused=BAD_REQUEST),
    Vector(
        "a head that ends with CRLF LF",
        _START,
        b"\r\n".join((b"GET /livez HTTP/1.1", HOST, OWN)) + b"\r\n\n",
        framed=(LIVEZ,),
        refused=BAD_REQUEST,
    ),
    Vector(
        "a head that ends with LF CRLF",
        _START,
        b"\r\n".join((b"GET /livez HTTP/1.1", HOST, OWN)) + b"\n\r\n",
        framed=(LIVEZ,),
        refused=BAD_REQUEST,
    ),
    Vector("binary garbage", _LINE, bytes(range(256)) + b"\r\n\r\n", refused=BAD_REQUEST),
    Vector("a line of JSON", _LINE, b'{"instances": []}\r\n\r\n', refused=BAD_REQUEST),
)
