"""Heads are read by the grammar of RFC 9110 and 9112; any other head is refused with a reason."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.fastpath.error import REASONS, ProtocolError
from serving.fastpath.request_head import (
    MAX_TARGET_BYTES,
    RequestHead,
    check_line_ends,
    check_target_length,
    parse_head,
    valid_host,
)
from tests.examples import examples


def _head(*lines: bytes, line: bytes = b"POST /predict HTTP/1.1", host: bytes = b"host: x") -> bytes:
    return b"".join(part + b"\r\n" for part in (line, *([host] if host else []), *lines))


def _fault(head: bytes) -> tuple[str, int]:
    """Return reason and status of the error that a head is refused with."""
    with pytest.raises(ProtocolError) as raised:
        parse_head(head)
    assert raised.value.reason in REASONS
    assert raised.value.error.message
    return raised.value.reason, raised.value.error.status


def test_a_usual_head_is_read() -> None:
    """Method, path, query, headers in lower case and in order, and the framing come out."""
    request = parse_head(_head(b"Content-Length: \t12 ", b"X-A:b", line=b"PUT /a%20b?c=%20 HTTP/1.1"))
    assert (request.method, request.path, request.raw_path, request.query) == ("PUT", "/a b", b"/a%20b", b"c=%20")
    assert request.headers == [(b"host", b"x"), (b"content-length", b"12"), (b"x-a", b"b")]
    assert (request.version, request.length, request.chunked) == ("1.1", 12, False)
    assert (request.keep_alive, request.expects_continue) == (True, False)


@pytest.mark.parametrize(
    ("line", "reason", "status"),
    [
        (b"POST  /predict HTTP/1.1", "request_line", 400),
        (b"POST /predict  HTTP/1.1", "request_line", 400),
        (b"POST /predict HTTP/1.1 ", "request_line", 400),
        (b" POST /predict HTTP/1.1", "request_line", 400),
        (b"POST\t/predict HTTP/1.1", "request_line", 400),
        (b"POST /pre dict HTTP/1.1", "request_line", 400),
        (b"GET /predict", "request_line", 400),
        (b"POST /predict http/1.1", "request_line", 400),
        (b"POST /predict HTTP/1.10", "request_line", 400),
        (b"POST /predict HTTP/11", "request_line", 400),
        (b"POST /pre\xe9 HTTP/1.1", "request_line", 400),
        (b"POST /pre#x HTTP/1.1", "request_line", 400),
        (b"POST predict HTTP/1.1", "request_line", 400),
        (b"CONNECT x:443 HTTP/1.1", "request_line", 400),
        (b"POST * HTTP/1.1", "request_line", 400),
        (b"P(ST /predict HTTP/1.1", "request_line", 400),
        (b"POST ftp://x/ HTTP/1.1", "request_line", 400),
        (b"POST http://a@b/ HTTP/1.1", "request_line", 400),
        (b"POST /predict HTTP/2.0", "version", 505),
        (b"PRI * HTTP/2.0", "version", 505),
        (b"POST /predict HTTP/0.9", "version", 505),
        (b"POST /" + b"a" * MAX_TARGET_BYTES + b" HTTP/1.1", "target_too_long", 414),
    ],
)
def test_a_wrong_request_line_is_refused(line: bytes, reason: str, status: int) -> None:
    """Each with the status that RFC 9110 gives it."""
    assert _fault(_head(line=line)) == (reason, status)


@pytest.mark.parametrize(
    ("line", "path"),
    [
        (b"POST http://shop.example:80/predict HTTP/1.1", "/predict"),
        (b"POST HTTP://shop.example HTTP/1.1", "/"),
        (b"GET http://shop.example?a=b HTTP/1.1", "/"),
        (b"OPTIONS * HTTP/1.1", "*"),
        (b"POST //predict HTTP/1.1", "//predict"),
    ],
)
def test_every_form_of_a_target_is_read(line: bytes, path: str) -> None:
    """Absolute and asterisk form too (RFC 9112, 3.2)."""
    assert parse_head(_head(line=line)).path == path


def test_an_absolute_target_replaces_the_host() -> None:
    """RFC 9112, 3.2.2: the application sees one host, that of the target."""
    request = parse_head(_head(line=b"GET http://shop.example/a HTTP/1.1"))
    assert (b"host", b"shop.example") in request.headers


def test_a_later_minor_version_is_read_as_one_one() -> None:
    """RFC 9110, 2.5."""
    assert parse_head(_head(line=b"GET / HTTP/1.2")).version == "1.1"


@pytest.mark.parametrize(
    "line",
    [
        *(
            b"nothing",
            b": value",
            b"a : b",
            b"a\t: b",
            b" a: b",
            b"\ta: b",
            b"a: b\0",
            b"a\0: b",
            b"a: \x07",
            b"a: \x7f",
        ),
        *(b"a(b): c", b"a: b\rc: d", b"a: b\r", b"na\xefve: x", b"", b"a: b\nc: d", b"a: b\r\n c", b"a: b\r\n\tc: d"),
    ],
)
def test_a_line_that_is_no_header_is_refused(line: bytes) -> None:
    """Folded lines, blanks before the colon, control characters and lines without a name are all 400."""
    assert _fault(_head(line)) == ("header", 400)
    assert _fault(_head(line, b"z: z")) == ("header", 400)


def test_the_wrong_header_is_in_the_message() -> None:
    """So that whoever sent it finds it; a long one is cut."""
    with pytest.raises(ProtocolError, match="got 'a : b'"):
        parse_head(_head(b"a : b"))
    with pytest.raises(ProtocolError, match=r"got ' x{59}'…"):
        parse_head(_head(b" " + b"x" * 500))


@pytest.mark.parametrize(
    ("host", "lines"),
    [
        (b"", ()),
        (b"host:", ()),
        (b"host: a b", ()),
        (b"host: a/b", ()),
        (b"host: a@b", ()),
        (b"host: a:b", ()),
        (b"host: a:123456", ()),
        (b"host: a,b", (b"host: x",)),
        (b"host: [::1", ()),
        (b"host: \xe9", ()),
        (b"host: x", (b"Host: x",)),
        (b"host: x", (b"host: y",)),
    ],
)
def test_a_host_that_is_missing_doubled_or_malformed_is_refused(host: bytes, lines: tuple[bytes, ...]) -> None:
    """RFC 9112, 3.2: 400 in each case."""
    assert _fault(_head(*lines, host=host)) == ("host", 400)


@pytest.mark.parametrize(
    "host", [b"x", b"shop.example:3000", b"127.0.0.1:80", b"[::1]:3000", b"a_b-c.d", b"x:", b"%41"]
)
def test_a_right_host_is_taken(host: bytes) -> None:
    """Names, addresses of both kinds, with and without a port."""
    assert valid_host(host)
    parse_head(_head(host=b"host: " + host))


def test_http_1_0_needs_no_host() -> None:
    """But two are refused there as well."""
    parse_head(_head(line=b"GET / HTTP/1.0", host=b""))
    assert _fault(_head(b"host: x", line=b"GET / HTTP/1.0")) == ("host", 400)


@pytest.mark.parametrize(
    "lines",
    [
        *((b"content-length: " + value,) for value in (b"", b"+2", b"-2", b"0x2", b"2.0", b"2, 2", b"2 2", b"1_0")),
        (b"content-length: " + b"9" * 19,),
        (b"content-length: \xd9\xa2",),
        (b"content-length: 2", b"content-length: 2"),
        (b"content-length: 2", b"Content-Length: 3"),
    ],
)
def test_a_wrong_length_is_refused(lines: tuple[bytes, ...]) -> None:
    """One Content-Length of digits, or none."""
    assert _fault(_head(*lines)) == ("content_length", 400)


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ((b"transfer-encoding: gzip, chunked",), 501),
        ((b"transfer-encoding: gzip", b"transfer-encoding: chunked"), 501),
        ((b"transfer-encoding: gzip",), 400),
        ((b"transfer-encoding: identity",), 400),
        ((b"transfer-encoding: chunked, chunked",), 400),
        ((b"transfer-encoding: chunked", b"transfer-encoding: chunked"), 400),
        ((b"transfer-encoding: chunked, identity",), 400),
        ((b"transfer-encoding:",), 400),
        ((b"transfer-encoding: chunked,",), 400),
        ((b"transfer-encoding: xchunked",), 400),
        ((b"transfer-encoding: \x0bchunked",), 400),
        ((b"transfer-encoding: chunked", b"content-length: 2"), 400),
        ((b"content-length: 2", b"Transfer-Encoding: Chunked"), 400),
    ],
)
def test_a_transfer_coding_other_than_chunked_is_refused(lines: tuple[bytes, ...], status: int) -> None:
    """And chunked beside a length, whichever comes first (RFC 9112, 6.1 and 6.3)."""
    reason, got = _fault(_head(*lines))
    assert (reason in ("transfer_encoding", "header"), got) == (True, status)


def test_chunks_are_taken() -> None:
    """In any letter case; not from HTTP/1.0, which has none."""
    request = parse_head(_head(b"Transfer-Encoding: \tCHUNKED "))
    assert (request.chunked, request.length) == (True, 0)
    assert _fault(_head(b"transfer-encoding: chunked", line=b"POST / HTTP/1.0")) == ("transfer_encoding", 400)


@pytest.mark.parametrize(
    ("version", "lines", "keeps"),
    [
        (b"1.1", (), True),
        (b"1.1", (b"connection: close",), False),
        (b"1.1", (b"connection: Upgrade, Close",), False),
        (b"1.1", (b"connection: keep-alive", b"connection: close"), False),
        (b"1.1", (b"connection: upgrade", b"upgrade: h2c"), True),
        (b"1.1", (b"connection:",), True),
        (b"1.0", (), False),
        (b"1.0", (b"connection: Keep-Alive",), True),
        (b"1.0", (b"connection: keep-alive, close",), False),
    ],
)
def test_who_keeps_the_connection(version: bytes, lines: tuple[bytes, ...], keeps: bool) -> None:
    """RFC 9112, 9.3; an upgrade changes nothing."""
    assert parse_head(_head(*lines, line=b"POST / HTTP/" + version)).keep_alive is keeps


@pytest.mark.parametrize(
    ("version", "value", "expects"),
    [
        (b"1.1", b"100-continue", True),
        (b"1.1", b"100-Continue", True),
        (b"1.1", b"x", False),
        (b"1.0", b"100-continue", False),
    ],
)
def test_who_waits_for_a_hundred(version: bytes, value: bytes, expects: bool) -> None:
    """RFC 9110, 10.1.1: an expectation from HTTP/1.0 is ignored."""
    assert parse_head(_head(b"expect: " + value, line=b"POST / HTTP/" + version)).expects_continue is expects


def test_an_unfinished_head_is_refused_as_soon_as_it_cannot_be_right() -> None:
    """A line feed alone, or a target without end, is not waited for; a carriage return alone may get its line feed."""
    for data in (b"GET / HTTP/1.1\n", b"GET / HTTP/1.1\r\na: b\n\n"):
        with pytest.raises(ProtocolError):
            check_line_ends(data)
    check_line_ends(b"GET / HTTP/1.1\r\na: b\r")
    with pytest.raises(ProtocolError) as raised:
        check_target_length(b"GET /" + b"a" * 9_000)
    assert raised.value.error.status == 414
    check_target_length(b"GET /" + b"a" * 100)


def _summary(request: RequestHead) -> tuple[object, ...]:
    return request.method, request.target, request.length, request.chunked, request.keep_alive


@settings(max_examples=examples(500), deadline=None)
@given(st.binary(max_size=60), st.sampled_from([b"a: ", b"content-length: ", b"transfer-encoding: ", b"host: ", b""]))
def test_any_bytes_are_read_or_refused(data: bytes, name: bytes) -> None:
    """``ProtocolError`` is the only exception, and a head that is accepted has only headers that HTTP allows."""
    try:
        request = parse_head(_head(name + data))
    except ProtocolError:
        return
    assert not any(byte in value for _, value in request.headers for byte in (b"\r", b"\n", b"\0"))
    assert _summary(request) == _summary(parse_head(_head(name + data)))
