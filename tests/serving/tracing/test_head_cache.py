"""Heads with a ``traceparent`` are cached without it, and framed as any other head."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from serving.fastpath.plain_request import HeadCache, TracedHeadCache
from tests.examples import examples

VALUE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
START = b"POST /predict HTTP/1.1\r\nhost: x\r\n"
END = b"content-length: 2\r\n\r\n{}"


def _heads() -> TracedHeadCache:
    return TracedHeadCache(1_000, origin_matters=False)


def test_the_header_is_cut_out_and_kept() -> None:
    """Requests that differ in it share one cached head; its index, id and length are the same as without it."""
    heads = _heads()
    for number in range(3):
        data = b"..%bTraceParent: %b%d\r\nx-request-id: a\r\n%b" % (START, VALUE, number, END)
        match = heads.find(data, 2)
        assert match is not None
        assert heads.traceparent == VALUE + b"%d" % number
        assert (match[0].length, match[1], data[match[2] :]) == (2, b"a", b"{}")
    assert len(heads._heads) == 1


def test_a_request_without_the_header_has_none() -> None:
    """The header of a request before it is forgotten."""
    heads = _heads()
    heads.find(START + b"traceparent: %b\r\n" % VALUE + END)
    assert heads.find(START + END) is not None
    assert heads.traceparent is None


def test_two_headers_are_not_kept() -> None:
    """The request is answered, and begins a new trace."""
    heads = _heads()
    assert heads.find(START + b"traceparent: a\r\ntraceparent: b\r\n" + END) is not None
    assert heads.traceparent is None


_LINES = [b"traceparent: %b" % VALUE, b"traceparent:", b"traceparent : x", b"traceparent: a\0", b"traceparent: \xff\t"]
_OTHER_LINES = [
    b"a: b",
    b"connection: close",
    b"content-length: 3",
    b"x-request-id: i",
    b" traceparent: folded",
    b"\n",
    b"",
]


@settings(max_examples=examples(300), deadline=None)
@given(st.lists(st.sampled_from(_LINES + _OTHER_LINES), max_size=5))
def test_plain_requests_stay_the_same(lines: list[bytes]) -> None:
    """A head is plain with tracing if and only if it is plain without, and has the same length, id and body."""
    data = START + b"".join(line + b"\r\n" for line in lines) + END
    plain, traced = HeadCache(1_000, origin_matters=False).find(data), _heads().find(data)
    assert (plain is None) == (traced is None)
    if plain is not None and traced is not None:
        assert (plain[0].length, *plain[1:]) == (traced[0].length, *traced[1:])
