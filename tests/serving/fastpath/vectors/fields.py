"""Field lines: names, colons, values, folding, line ends, sizes."""

from __future__ import annotations

from tests.serving.fastpath.vectors.vector import BAD_REQUEST, ExpectedAnswer, Vector, post_request

_NAME = "RFC 9110, 5.1"
_COLON = "RFC 9112, 5.1"
_VALUE = "RFC 9110, 5.5"
_FOLDING = "RFC 9112, 5.2"
_LINES = "RFC 9112, 2.2"
_SIZE = "RFC 6585, 5"
_TOO_LARGE = frozenset((400, 431))
_BEYOND_BYTES = 40_000
"""More than ``max_head_bytes``."""

_RIGHT = {
    "no value": b"X-Field:",
    "blanks as a value": b"X-Field:   ",
    "no blank behind the colon": b"X-Field:value",
    "a tab behind the colon": b"X-Field:\tvalue",
    "blanks around the value": b"X-Field: \t value \t ",
    "a tab in the value": b"X-Field: a\tb",
    "a colon in the value": b"X-Field: a:b: c",
    "bytes above 0x7f in the value": b"X-Field: \x80\xc3\xa9\xff",
    "every visible character in the value": b"X-Field: " + bytes(range(0x21, 0x7F)),
    "every token character in the name": b"X!#$%&'*+-.^_`|~09azAZ: value",
    "a name of 200 bytes": b"X" * 200 + b": value",
    "a value of 8,000 bytes": b"X-Field: " + b"v" * 8_000,
    "a request's line as its value": b"X-Field: GET / HTTP/1.1",
}
_BAD = {
    "a blank before the colon": b"X-Field : value",
    "a tab before the colon": b"X-Field\t: value",
    "no name": b": value",
    "a blank as its name": b" : value",
    "no colon": b"X-Field",
    "no colon and a value": b"X-Field value",
    "NUL in the value": b"X-Field: a\x00b",
    "NUL at the value's end": b"X-Field: a\x00",
    "NUL in the name": b"X-\x00Field: value",
    "a bare CR in the value": b"X-Field: a\rb",
    "a bare CR at the value's start": b"X-Field:\rvalue",
    "two CRs at the end": b"X-Field: value\r",
    "a bare CR in the name": b"X-\rField: value",
    "a bare CR that hides a field": b"X-Field: a\rTransfer-Encoding: chunked",
    "a bare LF in the name": b"X-\nField: value",
}
_DELIMITERS = b'()<>@,;:\\"/[]?={} \t'
_CONTROLS = b"\x01\x08\x0b\x0c\x0e\x1b\x1f\x7f\x80\xa0\xff"

VECTORS = (
    *(
        Vector(f"a field with {name}", _VALUE, post_request(line), framed=(ExpectedAnswer(),))
        for name, line in _RIGHT.items()
    ),
    *(Vector(f"a field with {name}", _COLON, post_request(line), refused=BAD_REQUEST) for name, line in _BAD.items()),
    *(
        Vector(
            f"a name with {bytes((byte,))!r}",
            _NAME,
            post_request(b"X%bField: value" % bytes((byte,))),
            refused=BAD_REQUEST,
        )
        for byte in _DELIMITERS
        if byte != ord(":")
    ),
    *(
        Vector(
            f"a name with {bytes((byte,))!r}",
            _NAME,
            post_request(b"X%bField: value" % bytes((byte,))),
            refused=BAD_REQUEST,
        )
        for byte in _CONTROLS
    ),
    *(
        Vector(
            f"a value with {bytes((byte,))!r}",
            _VALUE,
            post_request(b"X-Field: a%bb" % bytes((byte,))),
            framed=(ExpectedAnswer(),),
            refused=BAD_REQUEST,
        )
        for byte in b"\x01\x08\x0b\x0c\x1b\x1f\x7f"
    ),
    Vector(
        "a folded field", _FOLDING, post_request(b"X-Field: a\r\n b"), framed=(ExpectedAnswer(),), refused=BAD_REQUEST
    ),
    Vector(
        "a field folded by a tab",
        _FOLDING,
        post_request(b"X-Field: a\r\n\tb"),
        framed=(ExpectedAnswer(),),
        refused=BAD_REQUEST,
    ),
    Vector(
        "a field folded twice",
        _FOLDING,
        post_request(b"X-Field: a\r\n b\r\n c"),
        framed=(ExpectedAnswer(),),
        refused=BAD_REQUEST,
    ),
    Vector(
        "a field folded by a blank line",
        _FOLDING,
        post_request(b"X-Field: a\r\n \r\n b"),
        framed=(ExpectedAnswer(),),
        refused=BAD_REQUEST,
    ),
    Vector(
        "a fold that hides Transfer-Encoding",
        _FOLDING,
        post_request(b"X-Field: a\r\n Transfer-Encoding: chunked"),
        framed=(ExpectedAnswer(),),
        refused=BAD_REQUEST,
    ),
    Vector(
        "white space before the first field",
        _LINES,
        post_request(line=b"POST /predict HTTP/1.1\r\n X-Field: value"),
        framed=(ExpectedAnswer(),),
        refused=BAD_REQUEST,
    ),
    Vector(
        "white space before the first field, a tab",
        _LINES,
        post_request(line=b"POST /predict HTTP/1.1\r\n\tTransfer-Encoding: chunked"),
        framed=(ExpectedAnswer(),),
        refused=BAD_REQUEST,
    ),
    Vector(
        "a bare LF behind a field",
        _LINES,
        post_request(b"X-Field: value\nX-Other: value"),
        framed=(ExpectedAnswer(),),
        refused=BAD_REQUEST,
    ),
    Vector("a field that occurs twice", _VALUE, post_request(b"X-Field: a", b"X-Field: b"), framed=(ExpectedAnswer(),)),
    Vector(
        "a hundred fields",
        _VALUE,
        post_request(*(b"X-Field-%d: v" % number for number in range(100))),
        framed=(ExpectedAnswer(),),
    ),
    Vector(
        "ten thousand fields",
        _SIZE,
        post_request(*(b"X-Field-%d: v" % number for number in range(10_000))),
        refused=_TOO_LARGE,
    ),
    Vector("a value beyond the limit", _SIZE, post_request(b"X-Field: " + b"v" * _BEYOND_BYTES), refused=_TOO_LARGE),
    Vector("a name beyond the limit", _SIZE, post_request(b"X" * _BEYOND_BYTES + b": v"), refused=_TOO_LARGE),
    Vector(
        "blanks beyond the limit", _SIZE, post_request(b"X-Field:" + b" " * _BEYOND_BYTES + b"v"), refused=_TOO_LARGE
    ),
)
