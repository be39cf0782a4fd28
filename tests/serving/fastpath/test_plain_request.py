"""Plain requests are recognised by their bytes, and nothing that the whole grammar would read otherwise is among them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.fastpath.error import ProtocolError
from serving.fastpath.plain_request import MAX_HEADS, MAX_PLAIN_HEAD_BYTES, STARTS, HeadCache, PlainRequestHead
from serving.fastpath.request_head import parse_head
from serving.routes.paths import PREDICT_PATHS
from tests.examples import examples

USUAL = b"host: x\r\ncontent-type: application/json\r\n"


def _head(lines: bytes = USUAL, length: bytes = b"content-length: 2\r\n", path: str = "/predict") -> bytes:
    return b"POST %b HTTP/1.1\r\n%b%b\r\n" % (path.encode(), lines, length)


def _heads(origin_matters: bool = True) -> HeadCache:
    return HeadCache(4 * 1024 * 1024, origin_matters)


def read_head(head: bytes) -> PlainRequestHead | None:
    """Return what a head says that was never seen before."""
    return _heads().read(head)


def _cached(heads: HeadCache) -> int:
    return len(heads._heads)


@pytest.mark.parametrize("path", PREDICT_PATHS)
def test_a_plain_head_is_read(path: str) -> None:
    """Path, length and where the body begins come out, the same the first time and when it is remembered."""
    heads = _heads()
    data = _head(path=path)
    assert data.startswith(STARTS)
    for _ in range(2):
        match = heads.find(data + b"{}")
        assert match is not None
        head, given_id, start, _, _ = match
        assert (head.path, head.batch_only) == (path, path == "/predict/batch")
        assert (head.length, head.deadline_ms, given_id, start) == (2, None, None, len(data))
    assert _cached(heads) == 1


def test_the_body_need_not_be_there() -> None:
    """Half a body, none, or more than the body changes nothing about the head."""
    heads = _heads()
    data = _head()
    match = [heads.find(data + body) for body in (b"", b"{", b"{}", b"{}" + data)]
    assert match == [match[0]] * 4
    assert match[0] is not None


PLACES = {
    "first": b"X-Request-Id: call-7\r\n" + USUAL + b"content-length: 2\r\n",
    "in between": b"host: x\r\nx-request-id:call-7\r\ncontent-type: application/json\r\ncontent-length: 2\r\n",
    "last": USUAL + b"content-length: 2\r\nX-REQUEST-ID: \tcall-7\r\n",
}


@pytest.mark.parametrize("place", PLACES)
def test_the_request_id_is_cut_out(place: str) -> None:
    """Wherever it stands and however its name is written, in the first reading and in the remembered one."""
    heads = _heads()
    data = _head(PLACES[place], b"")
    for _ in range(2):
        match = heads.find(data)
        assert match is not None
        assert (match[1], match[2], match[0].length) == (b"call-7", len(data), 2)


def test_heads_that_differ_in_their_id_are_one() -> None:
    """Each request has its own id, and the head is read once."""
    heads = _heads()
    match = [heads.find(_head(b"x-request-id: %d\r\n" % number + USUAL)) for number in range(5)]
    assert [part and part[1] for part in match] == [b"0", b"1", b"2", b"3", b"4"]
    assert len({id(part and part[0]) for part in match}) == _cached(heads) == 1


def test_an_id_that_is_none_is_still_handed_on() -> None:
    """Whether an id is safe is not judged here; an empty one is no fault of the head."""
    heads = _heads()
    for head_bytes in (b"", b"a b", b'"', b"\xff", b"x" * 500):
        match = heads.find(_head(b"x-request-id: %b\r\n" % head_bytes + USUAL))
        assert match is not None
        assert match[1] == head_bytes


def test_white_space_around_values_does_not_belong_to_them() -> None:
    """As RFC 9110, 5.5, has it: of the request id, of the length, and of what a body is encoded in."""
    match = _heads().find(_head(b"x-request-id: \ta \r\n" + USUAL, b"content-length:\t2 \t\r\n"))
    assert match is not None
    assert (match[1], match[0].length) == (b"a", 2)
    assert read_head(_head(b"content-encoding: identity \r\n")[:-2] + b"host: x\r\n") is not None


def test_few_heads_are_remembered() -> None:
    """A full cache is cleared; a head that was in it is parsed again, with the same result."""
    heads = _heads()
    for number in range(MAX_HEADS):
        assert heads.find(_head(b"host: x\r\na: %d\r\n" % number)) is not None
    assert _cached(heads) == MAX_HEADS
    match = heads.find(_head())
    assert match is not None
    assert match[0].length == 2
    assert _cached(heads) == 1
    for number in range(3 * MAX_HEADS):  # unusual heads are remembered too, and no more of them
        assert heads.find(_head(b"connection: close\r\na: %d\r\n" % number)) is None
    assert _cached(heads) <= MAX_HEADS


def test_a_long_head_is_unusual() -> None:
    """Up to the limit it is read, beyond it neither read nor remembered."""
    heads = _heads()
    short = _head(b"host: x\r\na: \r\n")
    fill = MAX_PLAIN_HEAD_BYTES - (len(short) - len(b"\r\n\r\n"))
    longest = _head(b"host: x\r\na: %b\r\n" % (b"x" * fill))
    assert longest.index(b"\r\n\r\n") == MAX_PLAIN_HEAD_BYTES
    assert heads.find(longest) is not None
    assert heads.find(longest.replace(b"a: x", b"a: xx")) is None
    assert _cached(heads) == 1


def test_half_a_head_is_unusual() -> None:
    """Cut anywhere, its rest has to be waited for; nothing of it is remembered."""
    heads = _heads()
    data = _head(b"x-request-id: a\r\n" + USUAL)
    assert [heads.find(data[:cut]) for cut in range(len(STARTS[0]), len(data))] == [None] * (len(data) - len(STARTS[0]))
    assert _cached(heads) == 0


def test_keeping_the_connection_is_usual() -> None:
    """What HTTP/1.1 does anyway may be said, in any letter case."""
    for value in (b"keep-alive", b"Keep-Alive"):
        assert read_head(_head(USUAL + b"Connection: %b\r\n" % value)[:-2]) is not None


def test_the_deadline_is_read() -> None:
    """Two deadlines are two heads, and each has its own."""
    heads = _heads()
    for value in (b"2.5", b"30", b"2.5"):
        match = heads.find(_head(b"host: x\r\nX-Deadline-Ms: %b\r\n" % value))
        assert match is not None
        assert match[0].deadline_ms == float(value)
    assert _cached(heads) == 2


LENGTH = b"content-length: 2\r\n"
UNUSUAL = {
    "no length": USUAL,
    "an empty length": b"content-length:\r\n",
    "a length of blanks": b"content-length:  \r\n",
    "a length with a plus": b"content-length: +2\r\n",
    "a length with a minus": b"content-length: -2\r\n",
    "a length of letters": b"content-length: two\r\n",
    "a length in hexadecimal": b"content-length: 0x2\r\n",
    "a length with an underscore": b"content-length: 0_2\r\n",
    "a length with a point": b"content-length: 2.0\r\n",
    "a length in other digits": "content-length: ٢\r\n".encode(),
    "a list of lengths": b"content-length: 2, 2\r\n",
    "an endless length": b"content-length: %b\r\n" % (b"9" * 16),
    "two lengths": LENGTH + LENGTH,
    "two lengths in two letter cases": LENGTH + b"Content-Length: 3\r\n",
    "two hosts": LENGTH + b"host: x\r\nHost: x\r\n",
    "two request ids": LENGTH + b"x-request-id: a\r\nx-request-id: b\r\n",
    "two equal request ids": b"x-request-id: a\r\n" + LENGTH + b"X-Request-ID: a\r\n",
    "a closing connection": LENGTH + b"connection: close\r\n",
    "an upgrading connection": LENGTH + b"connection: keep-alive, upgrade\r\n",
    "an empty connection": LENGTH + b"connection:\r\n",
    "an expectation": LENGTH + b"Expect: 100-continue\r\n",
    "chunks": LENGTH + b"Transfer-Encoding: chunked\r\n",
    "chunks without a length": b"transfer-encoding: chunked\r\n",
    "chunks by halves": LENGTH + b"transfer-encoding: identity\r\n",
    "an origin": LENGTH + b"origin: https://shop.example\r\n",
    "no colon": LENGTH + b"nothing\r\n",
    "no name": LENGTH + b": value\r\n",
    "a blank before the colon": b"content-length : 2\r\n",
    "a blank before the colon of an id": LENGTH + b"x-request-id : a\r\n",
    "a blank in front of the name": LENGTH + b" host: x\r\n",
    "a folded line": LENGTH + b"a: b\r\n c\r\n",
    "a folded line with a colon": LENGTH + b"a: b\r\n\tc: d\r\n",
    "a folded request id": LENGTH + b"x-request-id: a\r\n b\r\n",
    "a folded request id with a colon": LENGTH + b"x-request-id: a\r\n b: c\r\n",
    "a bracket in a name": LENGTH + b"a(b): c\r\n",
    "a letter that is none in a name": LENGTH + b"transfer-encod\xffing: chunked\r\n",
    "a NUL": LENGTH + b"a: b\0\r\n",
    "a NUL in a name": LENGTH + b"a\0: b\r\n",
    "a bell": LENGTH + b"a: b\x07\r\n",
    "a delete": LENGTH + b"a: b\x7f\r\n",
    "a line feed alone": LENGTH + b"a: b\ntransfer-encoding: chunked\r\n",
    "a return alone": LENGTH + b"a: b\rtransfer-encoding: chunked\r\n",
    "a return too many": LENGTH + b"a: b\r\r\n",
    "a line feed alone in a name": LENGTH + b"\na: b\r\n",
    "a line feed in a request id": LENGTH + b"x-request-id: a\ncontent-length: 9\r\n",
    "a return in a request id": LENGTH + b"x-request-id: a\rb\r\n",
    "a NUL in a request id": LENGTH + b"x-request-id: a\0\r\n",
    "another kind of body": LENGTH + b"content-type: text/plain\r\n",
    "another set of characters": LENGTH + b"content-type: application/json; charset=latin-1\r\n",
    "a packed body": LENGTH + b"content-encoding: gzip\r\n",
    "a deadline that is not a number": LENGTH + b"x-deadline-ms: soon\r\n",
    "a deadline that is over": LENGTH + b"x-deadline-ms: 0\r\n",
    "a good deadline after a bad one": LENGTH + b"x-deadline-ms: -1\r\nx-deadline-ms: 5\r\n",
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_what_is_unusual_is_not_plain(name: str) -> None:
    """In any place among the headers, and just the same when it comes again."""
    heads = _heads()
    for data in (_head(USUAL, UNUSUAL[name]), _head(UNUSUAL[name], USUAL), _head(UNUSUAL[name], b"")):
        assert [heads.find(data + b"{}"), heads.find(data + b"{}")] == [None, None]


@pytest.mark.parametrize(
    "line", [b"upgrade: h2c", b"te: trailers", b"trailer: x", b"proxy-connection: close", b"a: b "]
)
def test_what_changes_nothing_is_plain(line: bytes) -> None:
    """An upgrade that is not accepted, announced trailers and white space change neither framing nor connection."""
    assert read_head(_head(USUAL + line + b"\r\n")[:-2]) is not None


def test_an_origin_matters_only_with_cors() -> None:
    """Without CORS a browser's request is as plain as any other."""
    data = _head(USUAL + b"Origin: https://shop.example\r\n")
    assert _heads(origin_matters=True).find(data) is None
    assert _heads(origin_matters=False).find(data) is not None


@pytest.mark.parametrize("host", [b"", b"host:\r\n", b"host: a b\r\n", b"host: a/b\r\n", b"host: a:b\r\n"])
def test_a_request_without_a_right_host_is_not_plain(host: bytes) -> None:
    """It is answered 400, which the whole grammar says."""
    assert read_head(_head(b"content-type: application/json\r\n" + host)[:-2]) is None


def test_a_body_over_the_limit_is_not_plain() -> None:
    """It is refused before it is there."""
    heads = HeadCache(100, origin_matters=False)
    assert heads.find(_head(length=b"content-length: 100\r\n")) is not None
    assert heads.find(_head(length=b"content-length: 101\r\n")) is None


def test_a_request_is_found_at_its_position() -> None:
    """Behind another request the same bytes say the same."""
    heads = _heads()
    data = _head() + b"{}" + _head(b"x-request-id: b\r\n" + USUAL)
    match = heads.find(data, len(_head()) + 2)
    assert match is not None
    assert (match[1], match[2]) == (b"b", len(data))


def test_a_good_id_does_not_make_a_bad_head_good() -> None:
    """A head that was found unusual stays so, whatever id comes with it, and a bad id spoils no good head."""
    heads = _heads()
    assert heads.find(_head(b"x-request-id: a\r\nconnection: close\r\n" + USUAL)) is None
    assert heads.find(_head(b"x-request-id: b\r\nconnection: close\r\n" + USUAL)) is None
    assert heads.find(_head(b"x-request-id: a\0\r\n" + USUAL)) is None
    assert heads.find(_head(b"x-request-id: a\r\n" + USUAL)) is not None


BODY = b'{"instances": []}\r\n\r\nPOST /predict HTTP/1.1\r\n'
_LINES = [
    *(b"host: x", b"Host:x", b"content-type: application/json", b"Accept: */*", b"user-agent: caf\xe9 \xff"),
    *(b"x-request-id: a", b"X-Request-ID:b-2", b"x-request-id:", b"x-request-id: \ta b \t", b"x-request-id: \xff"),
    *(b"Connection: Keep-Alive \t", b"connection: keep-alive", b"keep-alive: timeout=5", b"x-deadline-ms: 12.5"),
    *(b"a:", b"a: ", b"a:\t b\tc", b"!#$%&'*+.^_`|~0-Z: :", b"content-length-x: 3", b"xcontent-length: 3"),
    *(b"content-encoding: identity", b"forwarded: for=1.2.3.4", b"authorization: Bearer x", b"cookie: a=b; c"),
]
_LENGTHS = [b"content-length: %d", b"Content-Length:%d", b"CONTENT-LENGTH: \t00%d", b"content-length: %d \t"]
_HOSTILE = [
    *(b"content-length: 3", b"content-length: +3", b"content-length : 3", b"content-length: 3, 3", b"content-length:"),
    *(b"content-length: 1e1", b"content-length\t: 3", b"content_length: 3", b"content-length: 99999999999999999999"),
    *(b"transfer-encoding: chunked", b"Transfer-Encoding:\tchunked", b"transfer-encoding : chunked"),
    *(b"a: b\ntransfer-encoding: chunked", b"a: b\rtransfer-encoding: chunked", b"transfer-encoding: x\r\n chunked"),
    *(b"a: b\ncontent-length: 3", b"a\rcontent-length: 3", b" content-length: 3", b"\tfolded", b" folded: x", b": x"),
    *(b"x-request-id: c\n", b"x-request-id: d\0", b"x-request-id : e", b" x-request-id: f", b"x-request-id: g\rh: i"),
    *(b"a: \0", b"a\x01: b", b"a: \x7f", b"a b: c", b"", b"\n", b"\r", b"nothing", b"a: b\n\nc: d", b"a: b\n\r\n"),
    *(b"connection: close", b"connection: upgrade\r\nupgrade: h2c", b"upgrade: websocket", b"expect: 100-continue"),
]


@st.composite
def _requests(draw: st.DrawFn) -> bytes:
    lines = draw(st.lists(st.sampled_from(_LINES), max_size=5))
    length = draw(st.sampled_from(_LENGTHS)) % len(BODY)
    for line in [length, *draw(st.lists(st.sampled_from([*_HOSTILE, length]), max_size=1 + draw(st.booleans())))]:
        lines.insert(draw(st.integers(0, len(lines))), line)
    head = bytearray(b"\r\n".join(lines))
    if draw(st.integers(0, 3)) == 0:  # one byte is another
        head[draw(st.integers(0, len(head) - 1))] = draw(st.sampled_from(b" \t\r\n\0:,;-aZ09\x7f\x80\xff"))
    return draw(st.sampled_from(STARTS)) + bytes(head) + b"\r\n\r\n"


@settings(max_examples=examples(1500), deadline=None)
@given(_requests())
def test_what_is_plain_is_framed_as_the_whole_grammar_frames_it(head: bytes) -> None:
    """Whatever is taken for plain, the whole grammar takes for a request of the same path, length and id that keeps the
    connection."""
    heads = _heads()
    first, second = heads.find(head + BODY), heads.find(head + BODY)
    assert first == second
    if first is None:
        return
    plain, caller_id, start, _, _ = first
    request = parse_head(head[: start - 2])  # an empty line among the headers ends the head
    assert (request.method, request.path, request.query) == ("POST", plain.path, b"")
    assert (request.length, request.chunked) == (plain.length, False)
    assert request.keep_alive
    assert not request.expects_continue
    ids = [value for name, value in request.headers if name == b"x-request-id"]
    assert ids == ([] if caller_id is None else [caller_id])
    deadlines = [float(value) for name, value in request.headers if name == b"x-deadline-ms"]
    assert deadlines == ([] if plain.deadline_ms is None else [plain.deadline_ms])


@settings(max_examples=examples(1500), deadline=None)
@given(_requests())
def test_what_the_whole_grammar_refuses_is_not_plain(head: bytes) -> None:
    """A head that is a protocol error is never answered on the fast path."""
    try:
        parse_head(head[: head.index(b"\r\n\r\n") + 2])
    except ProtocolError:
        assert _heads().find(head + BODY) is None


def test_the_property_test_meets_both_kinds() -> None:
    """Harmless lines together make a plain request, and every hostile one spoils it."""
    length = _LENGTHS[0] % len(BODY)
    # Of a kind a request has one: the last.
    names: dict[bytes, bytes] = {line.partition(b":")[0].lower(): line for line in _LINES}
    start = STARTS[0]
    request_bytes = b"\r\n".join([*names.values(), length])
    match = _heads().find(start + request_bytes + b"\r\n\r\n")
    assert match is not None
    assert match[0].length == len(BODY)
    harmless = {b"content_length: 3", b"upgrade: websocket"}
    for line in {*_HOSTILE} - harmless:
        data = start + b"host: x\r\n" + line + b"\r\n" + length + b"\r\n\r\n"
        assert _heads().find(data) is None, line
