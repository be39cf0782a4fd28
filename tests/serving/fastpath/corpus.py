"""Seeded requests for comparing two readers of HTTP/1.1: put together from right and wrong pieces, and mutated ones."""

from __future__ import annotations

import random
from collections.abc import Iterator

from benchmarks.siege.attackers.mutations import mutate_bytes
from benchmarks.siege.rows import body
from tests.serving.fastpath.vectors.vector import HIDDEN, MARKER

_LINES = (
    *(b"POST /predict HTTP/1.1",) * 60,
    *(
        b"POST /predict HTTP/1.0",
        b"POST  /predict HTTP/1.1",
        b"POST /predict HTTP/1.1 ",
        b"POST http://siege/predict HTTP/1.1",
    ),
    *(
        b"POST /predict HTTP/1.2",
        b"POST /predict HTTP/2.0",
        b"post /predict HTTP/1.1",
        b"GET /predict HTTP/1.1",
        b"POST /predict",
    ),
)
_HOSTS = (
    *((b"Host: siege",),) * 60,
    (),
    (b"Host: siege", b"Host: siege"),
    (b"Host: a b",),
    (b"Host:",),
    (b"Host : siege",),
)
_EXTRA = (
    *(
        b"X-Field: value",
        b"X-Field:",
        b"X-Field: a\r\n b",
        b"X-Field : value",
        b"X-Field",
        b": value",
        b"X-Field: \x80\xff",
    ),
    *(
        b"X-Field: a\x00b",
        b"X-Field: a\rb",
        b"X-Field: a\nb",
        b"Connection: keep-alive",
        b"Connection: close",
        b"X-F(: v",
    ),
    *(b"Connection: upgrade\r\nUpgrade: h2c", b"Expect: 100-continue", b"TE: trailers", b"Connection: Content-Length"),
    *(
        b"Content-Length: 0",
        b"Content-Length: 5",
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: identity",
        b"X: " + b"v" * 3_000,
    ),
)
_ENCODINGS = (
    *(b"chunked",) * 40,
    b"Chunked",
    b" chunked ",
    b"gzip, chunked",
    b"chunked, chunked",
    b"chunked;x",
    b"xchunked",
    b"\x0bchunked",
    b"",
)
_LENGTHS = (*(b"%d",) * 40, b"0%d", b"+%d", b" %d ", b"%d, %d", b"%d\x00", b"0x%x", b"%d ,")
_SIZES = (*(b"%x",) * 60, b"%X", b"0%x", b"%x;x=y", b"%x ", b" %x", b"0x%x", b"%x;x\n", b"+%x", b"%x\n", b"%x;")
_ENDS = (*(b"\r\n",) * 60, b"\n", b"\r", b"\r\r\n", b"")
_TAILS = (
    *(b"0\r\n\r\n",) * 40,
    b"0\r\nX: y\r\n\r\n",
    b"0\r\nContent-Length: 9\r\n\r\n",
    b"00\r\n\r\n",
    b"0\n\n",
    b"0\r\n",
    b"0\r\n\r",
    b"0 \r\n\r\n",
)
_BETWEEN = (*(b"",) * 40, b"\r\n", b"\r\n\r\n", b"\n", b"\r", b" ", b"\x00")


def corpus(seed: int, count: int) -> Iterator[bytes]:
    """Yield so many groups of one to three requests, each with a marker behind it."""
    rng = random.Random(seed)
    for index in range(count):
        group = [_request(rng, f"c{index}-{number}") for number in range(rng.randint(1, 3))]
        if rng.random() < 0.2:
            group = [mutate_bytes(data, rng) for data in group]
        yield b"".join(data + rng.choice(_BETWEEN) for data in group) + MARKER


def _request(rng: random.Random, request_id: str) -> bytes:
    content = HIDDEN if rng.random() < 0.15 else body(rng.randrange(1000))
    fields = [*rng.choice(_HOSTS), b"Content-Type: application/json", b"X-Request-Id: " + request_id.encode()]
    if rng.random() < 0.5:
        fields.append(b"Content-Length: " + _with_headers(rng.choice(_LENGTHS), len(content)))
    else:
        fields.append(b"Transfer-Encoding: " + rng.choice(_ENCODINGS))
        content = _chunks(rng, content)
    if rng.random() < 0.3:
        fields.insert(rng.randrange(len(fields) + 1), rng.choice(_EXTRA))
    end = rng.choice(_ENDS) if rng.random() < 0.2 else b"\r\n"
    return rng.choice(_LINES) + b"\r\n" + b"".join(field + end for field in fields) + b"\r\n" + content


def _chunks(rng: random.Random, content: bytes) -> bytes:
    data = bytearray()
    while content:
        size = rng.randint(1, len(content))
        piece, content = content[:size], content[size:]
        data += _with_headers(rng.choice(_SIZES), len(piece)) + b"\r\n" + piece + rng.choice(_ENDS)
    return bytes(data) + rng.choice(_TAILS)


def _with_headers(form: bytes, number: int) -> bytes:
    return form % ((number,) * form.count(b"%"))
