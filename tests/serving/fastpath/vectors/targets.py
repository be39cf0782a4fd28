"""Request targets: the four forms, and what is none."""

from __future__ import annotations

from tests.serving.fastpath.vectors.vector import BAD_REQUEST, HOST, OWN, ExpectedAnswer, Vector, head, post_request

_SOURCE = "RFC 9112, 3.2"
_OTHER_PAGE = ExpectedAnswer(number=None, statuses=frozenset((404, 405)))
_EITHER = (ExpectedAnswer(statuses=frozenset((200, 404))),)
"""The path is the service's to read; the framing is not."""

_RIGHT = (
    b"/predict",
    b"/predict?x=1",
    b"/predict?",
    b"/predict?a=%20&b=/?",
    b"http://siege/predict",
    b"http://siege:80/predict",
)
_READ_EITHER_WAY = (
    *(b"/predict/", b"//predict", b"/./predict", b"/x/../predict", b"/%70redict", b"/predict%00", b"/predict%2f"),
    *(b"/predict;x=y", b"/PREDICT", b"/predict%0d%0aX:%20y", b"/predict%", b"/predict%zz"),
)
_EITHER_REFUSED = (
    *(
        b"http://other/predict",
        b"HTTP://SIEGE/predict",
        b"https://siege/predict",
        b"http://siege",
        b"http://[::1]/predict",
    ),
    *(b"http://name:pass@siege/predict", b"http:///predict", b"http://siege:x/predict", b"ftp://siege/predict"),
    *(
        b"/predict#part",
        b'/predict"',
        b"/predict<>",
        b"/predict\\",
        b"/predict^",
        b"/predict`",
        b"/predict{}",
        b"/predict|",
    ),
    *(b"/pr\xc3\xa9dict", b"/predict\x80"),
)
_BAD = (
    *(
        b"predict",
        b"?x",
        b"#",
        b"siege:80",
        b"siege",
        b"*",
        b"/pre dict",
        b"/predict\x00",
        b"/predict\x01",
        b"/predict\x7f",
    ),
    *(b"/pre\tdict", b"\\predict", b"./predict", b"://siege/predict", b"/predict\x0b", b"/predict\x1b[0m"),
)

VECTORS = (
    *(
        Vector(f"target {form!r}", _SOURCE, post_request(line=b"POST %b HTTP/1.1" % form), framed=(ExpectedAnswer(),))
        for form in _RIGHT
    ),
    *(
        Vector(
            f"target {form!r}",
            _SOURCE,
            post_request(line=b"POST %b HTTP/1.1" % form),
            framed=_EITHER,
            refused=BAD_REQUEST,
        )
        for form in _READ_EITHER_WAY
    ),
    *(
        Vector(
            f"target {form!r}",
            _SOURCE,
            post_request(line=b"POST %b HTTP/1.1" % form),
            framed=(ExpectedAnswer(statuses=frozenset((200, 404, 405, 421))),),
            refused=BAD_REQUEST,
        )
        for form in _EITHER_REFUSED
    ),
    *(
        Vector(
            f"target {form!r}",
            _SOURCE,
            post_request(line=b"POST %b HTTP/1.1" % form),
            framed=(_OTHER_PAGE,) if form.isalpha() or form == b"*" else None,
            refused=frozenset((400, 404, 505)),
        )
        for form in _BAD
    ),
    Vector(
        "the asterisk with OPTIONS",
        "RFC 9112, 3.2.4",
        head(b"OPTIONS * HTTP/1.1", HOST, OWN),
        framed=(ExpectedAnswer(number=None, statuses=frozenset((200, 204, 404, 405, 501))),),
        refused=frozenset((400, 501)),
        follows=None,
    ),
    Vector(
        "an authority with CONNECT",
        "RFC 9112, 3.2.3",
        head(b"CONNECT siege:80 HTTP/1.1", HOST, OWN),
        framed=(ExpectedAnswer(number=None, statuses=frozenset((400, 404, 405, 501))),),
        refused=frozenset((400, 404, 405, 501)),
        follows=None,
    ),
    Vector(
        "a path with CONNECT",
        "RFC 9112, 3.2.3",
        head(b"CONNECT /predict HTTP/1.1", HOST, OWN),
        framed=(ExpectedAnswer(number=None, statuses=frozenset((400, 404, 405, 501))),),
        refused=frozenset((400, 404, 405, 501)),
        follows=None,
    ),
    Vector(
        "a path of 1,000 bytes", _SOURCE, head(b"GET /" + b"p" * 999 + b" HTTP/1.1", HOST, OWN), framed=(_OTHER_PAGE,)
    ),
    Vector(
        "a query of 7,000 bytes",
        _SOURCE,
        post_request(line=b"POST /predict?" + b"q" * 7_000 + b" HTTP/1.1"),
        framed=(ExpectedAnswer(),),
    ),
    Vector(
        "a path of 40,000 bytes",
        "RFC 9110, 15.5.15",
        head(b"GET /" + b"p" * 40_000 + b" HTTP/1.1", HOST, OWN),
        refused=frozenset((414, 431)),
    ),
)
