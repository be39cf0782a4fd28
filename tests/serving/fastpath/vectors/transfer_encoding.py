"""Transfer-Encoding: chunked, once, alone, and never beside a length that wins."""

from __future__ import annotations

from tests.serving.fastpath.vectors.vector import (
    BAD_REQUEST,
    BODY,
    NOT_IMPLEMENTED,
    ExpectedAnswer,
    Vector,
    chunked,
    length,
    post,
)

_SOURCE = "RFC 9112, 6.1"
_FRAMING = "RFC 9112, 6.3"
_TE = b"Transfer-Encoding: "

_RIGHT = (b"chunked", b"Chunked", b"CHUNKED", b"cHuNkEd", b" chunked", b"\tchunked", b"chunked ", b"chunked\t")
_EITHER = (b",chunked", b"chunked,", b", chunked", b"chunked ,")
"""A list with empty elements, which a recipient may read."""
_WRONG = (
    *(
        b"",
        b" ",
        b",",
        b"identity",
        b"gzip",
        b"deflate",
        b"compress",
        b"br",
        b"x-chunked",
        b"xchunked",
        b"chunkedx",
        b"chunk",
    ),
    *(
        b"chunked, chunked",
        b"chunked, gzip",
        b"gzip, chunked",
        b"chunked, identity",
        b"identity, chunked",
        b"chunked gzip",
    ),
    *(
        b"chunked;q=1",
        b'"chunked"',
        b"'chunked'",
        b"chunked;",
        b"chun ked",
        b"chunked\x00",
        b"\x00chunked",
        b"\x0bchunked",
    ),
    *(
        b"chunked\x0b",
        b"chunked\x0c",
        b"chunked\xa0",
        b"\xffchunked",
        b"chunked\r",
        b"\rchunked",
        b"none",
        b"null",
        b"trailers",
    ),
    *(b"\xd1\x81hunked", b"chunked\r\n gzip", b"gzip\r\n chunked", b'chunked; x="\r\n y"', b"@chunked", b"chunked=1"),
)
_WRONG_NAMES = (
    *(b"Transfer-Encoding : chunked", b"Transfer-Encoding\t: chunked", b"Transfer-Encoding\x00: chunked"),
    *(b"Transfer Encoding: chunked", b"Transfer-Encoding chunked", b":Transfer-Encoding: chunked"),
    *(b"\xefTransfer-Encoding: chunked", b"Transfer-Encoding\xa0: chunked", b"Transfer-Encoding\r: chunked"),
    *(b"Transfer-\nEncoding: chunked", b"\x0bTransfer-Encoding: chunked", b"X: y\rTransfer-Encoding: chunked"),
)
_OTHER_NAMES = (
    b"Transfer_Encoding: chunked",
    b"Transfer-Encodin: chunked",
    b"X-Transfer-Encoding: chunked",
    b"TE: chunked",
    b"Content-Encodings: chunked",
)
"""Other fields, which say nothing about the framing."""
_SAME = length(chunked())

VECTORS = (
    *(
        Vector(
            f"Transfer-Encoding {value!r}",
            _SOURCE,
            post(b"Transfer-Encoding:" + value, content=chunked()),
            framed=(ExpectedAnswer(),),
        )
        for value in _RIGHT
    ),
    *(
        Vector(
            f"Transfer-Encoding {value!r}",
            _SOURCE,
            post(_TE + value, content=chunked()),
            framed=(ExpectedAnswer(),),
            refused=NOT_IMPLEMENTED,
        )
        for value in _EITHER
    ),
    *(
        Vector(f"Transfer-Encoding {value!r}", _SOURCE, post(_TE + value, content=chunked()), refused=NOT_IMPLEMENTED)
        for value in _WRONG
    ),
    *(
        Vector(
            f"Transfer-Encoding {value!r} behind a length",
            _FRAMING,
            post(_SAME, _TE + value, content=chunked()),
            refused=NOT_IMPLEMENTED,
        )
        for value in _WRONG
    ),
    *(
        Vector(
            f"Transfer-Encoding {value!r} before a length",
            _FRAMING,
            post(_TE + value, length()),
            refused=NOT_IMPLEMENTED,
        )
        for value in _WRONG
    ),
    *(Vector(f"field {line!r}", "RFC 9112, 5.1", post(length(), line), refused=BAD_REQUEST) for line in _WRONG_NAMES),
    *(Vector(f"field {line!r}", _SOURCE, post(length(), line), framed=(ExpectedAnswer(),)) for line in _OTHER_NAMES),
    Vector(
        "a folded Transfer-Encoding",
        "RFC 9112, 5.2",
        post(b"Transfer-Encoding:\r\n chunked", content=chunked()),
        framed=(ExpectedAnswer(),),
        refused=NOT_IMPLEMENTED,
    ),
    Vector(
        "Transfer-Encoding behind a bare LF",
        "RFC 9112, 2.2",
        post(b"X-Field: value\nTransfer-Encoding: chunked", content=chunked()),
        framed=(ExpectedAnswer(),),
        refused=NOT_IMPLEMENTED,
    ),
    Vector(
        "chunked twice", _SOURCE, post(_TE + b"chunked", _TE + b"chunked", content=chunked()), refused=NOT_IMPLEMENTED
    ),
    Vector(
        "chunked and identity",
        _SOURCE,
        post(_TE + b"chunked", _TE + b"identity", content=chunked()),
        refused=NOT_IMPLEMENTED,
    ),
    Vector(
        "identity and chunked",
        _SOURCE,
        post(_TE + b"identity", _TE + b"chunked", content=chunked()),
        refused=NOT_IMPLEMENTED,
    ),
    Vector(
        "gzip and chunked", _SOURCE, post(_TE + b"gzip", _TE + b"chunked", content=chunked()), refused=NOT_IMPLEMENTED
    ),
    Vector(
        "chunked and gzip", _SOURCE, post(_TE + b"chunked", _TE + b"gzip", content=chunked()), refused=NOT_IMPLEMENTED
    ),
    Vector(
        "chunked and nothing",
        _SOURCE,
        post(_TE + b"chunked", _TE, content=chunked()),
        framed=(ExpectedAnswer(),),
        refused=NOT_IMPLEMENTED,
    ),
    Vector(
        "chunked and cow, in different case",
        _SOURCE,
        post(_TE + b"chunked", b"transfer-encoding: cow", content=chunked()),
        refused=NOT_IMPLEMENTED,
    ),
    Vector(
        "a length that covers the chunks, first",
        _FRAMING,
        post(_SAME, _TE + b"chunked", content=chunked()),
        framed=(ExpectedAnswer(),),
        refused=BAD_REQUEST,
        follows=False,
    ),
    Vector(
        "a length that covers the chunks, last",
        _FRAMING,
        post(_TE + b"chunked", _SAME, content=chunked()),
        framed=(ExpectedAnswer(),),
        refused=BAD_REQUEST,
        follows=False,
    ),
    Vector(
        "a length of zero and chunks",
        _FRAMING,
        post(_TE + b"chunked", b"Content-Length: 0", content=chunked()),
        framed=(ExpectedAnswer(),),
        refused=BAD_REQUEST,
        follows=False,
    ),
    Vector(
        "a bad length and chunks",
        _FRAMING,
        post(_TE + b"chunked", b"Content-Length: x", content=chunked()),
        framed=(ExpectedAnswer(),),
        refused=BAD_REQUEST,
        follows=False,
    ),
    Vector(
        "two lengths and chunks",
        _FRAMING,
        post(_TE + b"chunked", length(), b"Content-Length: 1", content=chunked()),
        framed=(ExpectedAnswer(),),
        refused=BAD_REQUEST,
        follows=False,
    ),
    Vector(
        "a length, and a body that looks like chunks",
        _FRAMING,
        post(_SAME, content=chunked()),
        framed=(ExpectedAnswer(number=None, statuses=BAD_REQUEST),),
    ),
    Vector("chunked, and a body that is not", _FRAMING, post(_TE + b"chunked", content=BODY), refused=BAD_REQUEST),
)
