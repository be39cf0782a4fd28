"""Chunks are put together however they are cut, and only within limits."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.fastpath.chunked import FREE_CHUNKS, MIN_MEAN_CHUNK_BYTES, BodyLimitError, ChunkedBody
from serving.fastpath.error import ProtocolError
from tests.examples import examples


def _chunks(*parts: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + end


def _body() -> ChunkedBody:
    return ChunkedBody(max_body_bytes=1_000_000, max_line_bytes=1_000)


@settings(max_examples=examples(200), deadline=None)
@given(
    st.lists(st.binary(min_size=1, max_size=40), max_size=5),
    st.sampled_from([b"", b"X: y\r\n", b"x-request-id: a\r\ncontent-type: b\r\n"]),
    st.lists(st.integers(0, 400), max_size=6),
)
def test_any_cut_gives_the_same_body(parts: list[bytes], trailers: bytes, cuts: list[int]) -> None:
    """In pieces as in one, with trailers or without, and what follows is given back untouched."""
    data = _chunks(*parts, end=b"0\r\n" + trailers + b"\r\n")
    points = sorted({0, len(data), *(cut % len(data) for cut in cuts)})
    body = _body()
    pieces = [data[start:end] for start, end in pairwise(points)]
    rests = [body.feed(piece) for piece in pieces[:-1]]
    assert rests == [None] * len(rests)
    assert body.feed(pieces[-1] + b"GET / HTTP/1.1\r\n") == b"GET / HTTP/1.1\r\n"
    assert body.body == b"".join(parts)


@pytest.mark.parametrize("line", [b"5;a=b", b"5 ;a", b"5 ", b"05", b"0000000005", b'5;a="b;c"'])
def test_sizes_may_have_extensions_and_zeros(line: bytes) -> None:
    """They are read and thrown away."""
    body = _body()
    assert body.feed(line + b"\r\nhello\r\n0\r\n\r\n") == b""
    assert body.body == b"hello"


@pytest.mark.parametrize(
    "data",
    [
        *(
            b"g\r\n",
            b"-5\r\n",
            b"+5\r\n",
            b"0x5\r\n",
            b"5_0\r\n",
            b"\r\n",
            b" 5\r\n",
            b"5\n",
            b"5\rx\r\n",
            b"5;\x00\r\n",
        ),
        *(b"fffffffffffff\r\n", b"5\r\nhelloX", b"5\r\nhello\rX", b"5\r\nhello\n0\r\n\r\n", b"5 5\r\n", b"5,5\r\n"),
    ],
)
def test_what_is_no_chunk_is_refused(data: bytes) -> None:
    """Sizes that are not plain hexadecimal, and ends that are not CR LF, are 400."""
    with pytest.raises(ProtocolError) as raised:
        _body().feed(data)
    assert (raised.value.reason, raised.value.error.status) == ("chunk", 400)


@pytest.mark.parametrize("line", [b"nothing\r\n", b": x\r\n", b"a : b\r\n", b" a: b\r\n", b"a: \x00\r\n"])
def test_what_is_no_trailer_is_refused(line: bytes) -> None:
    """Trailers are checked though they are thrown away."""
    with pytest.raises(ProtocolError) as raised:
        _body().feed(b"0\r\n" + line + b"\r\n")
    assert raised.value.reason == "trailer"


@pytest.mark.parametrize(
    "data",
    [
        b"0\r\n" + b"a: b\r\n" * 300,
        b"0\r\na: " + b"x" * 2_000,
        b"5;" + b"x" * 2_000,
        b"5;" + b"x" * 500 + b"\r\nhello\r\n",
    ],
)
def test_trailers_and_extensions_are_bounded(data: bytes) -> None:
    """In one line or in many, whole or still arriving."""
    with pytest.raises(ProtocolError, match="have more than 1000 bytes"):
        _body().feed(data * 3)


def test_the_body_is_bounded_by_what_is_announced() -> None:
    """A chunk that would exceed the limit is refused before its data comes."""
    body = ChunkedBody(max_body_bytes=10, max_line_bytes=100)
    assert body.feed(b"6\r\nabcdef\r\n") is None
    with pytest.raises(BodyLimitError):
        body.feed(b"5\r\n")


def test_many_small_chunks_are_refused() -> None:
    """A chunk costs more than its bytes, so that many chunks must have a minimum size; the number of larger ones has no limit."""
    body = _body()
    with pytest.raises(ProtocolError, match="chunks of 1 bytes on average"):
        body.feed(_chunks(*[b"x"] * (FREE_CHUNKS + 100)))
    body = _body()
    assert body.feed(_chunks(*[b"x" * 2 * MIN_MEAN_CHUNK_BYTES] * (FREE_CHUNKS + 100))) == b""
