"""The siege's connection reads answers strictly, and closes in each of the ways."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from benchmarks.siege.attackers.kind import CLOSED, OUTCOME_ANSWERED, OUTCOME_REFUSED, SWALLOWED, WRONG, outcome, pour
from benchmarks.siege.wire import Answer, ClosedError, Wire, WireError, request

T = TypeVar("T")
_PREDICTION = b'HTTP/1.1 200 OK\r\nX-Request-Id: a\r\nContent-Length: 38\r\n\r\n{"prediction": 4.5, "request_id": "a"}'


def talk(answer_bytes: bytes, conversation: Callable[[Wire], Awaitable[T]]) -> tuple[T, bytes, str]:
    """Return a client's result of some bytes and the end of the stream, the bytes that it sent, and the way that it closed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        async def client() -> T:
            with await Wire.open(listener.getsockname()[1]) as wire:
                return await conversation(wire)

        async def read_both() -> tuple[T, bytes, str]:
            task = asyncio.create_task(client())
            connection, _ = await asyncio.to_thread(listener.accept)
            with connection:
                connection.sendall(answer_bytes)
                connection.shutdown(socket.SHUT_WR)
                result = await task
                received = b""
                try:
                    while data := connection.recv(65_536):
                        received += data
                except ConnectionResetError:
                    return result, received, "reset"
                return result, received, "end"

        return asyncio.run(read_both())


async def _answer(wire: Wire) -> Answer:
    return await wire.answer()


def test_an_answer_is_read_behind_interim_ones() -> None:
    """Status, headers and body of a final answer are given; an interim answer is not."""
    answer, *_ = talk(b"HTTP/1.1 100 Continue\r\n\r\n" + _PREDICTION, _answer)
    assert (answer.status, answer.request_id) == (200, "a")
    assert answer.matches("a", 4.5)
    assert not answer.matches("a", 4.25)
    assert not answer.matches("b", 4.5)


def test_what_is_no_answer_is_an_error() -> None:
    """A cut answer, another version and an unknown length are not accepted as an answer."""
    with pytest.raises(ClosedError, match="0 bytes"):
        talk(b"", _answer)
    with pytest.raises(ClosedError):
        talk(_PREDICTION[:-1], _answer)
    with pytest.raises(WireError, match="status line"):
        talk(b"HTTP/1.0 200 OK\r\n\r\n", _answer)
    with pytest.raises(WireError, match="Transfer-Encoding"):
        talk(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", _answer)


@pytest.mark.parametrize(
    ("answer_bytes", "word"),
    [
        (_PREDICTION, OUTCOME_ANSWERED),
        (_PREDICTION.replace(b"4.5", b"4.0"), WRONG),
        (_PREDICTION.replace(b": a", b": b"), WRONG),
        (b"HTTP/1.1 503 Service Unavailable\r\nX-Request-Id: a\r\nContent-Length: 0\r\n\r\n", OUTCOME_REFUSED),
        (b"HTTP/1.1 422 Unprocessable Entity\r\nX-Request-Id: a\r\nContent-Length: 0\r\n\r\n", "422"),
        (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "400"),
        (b"", CLOSED),
    ],
)
def test_what_an_attacker_met_has_a_word(answer_bytes: bytes, word: str) -> None:
    """An answer with another's id or another's number is wrong; an end without an answer is not."""

    async def attacker(wire: Wire) -> str:
        return await outcome(wire, "a", 4.5)

    assert talk(answer_bytes, attacker)[0] == word


def test_pouring_ends_with_the_answer_or_the_pieces() -> None:
    """A server that refuses in the middle is heard; one that takes everything has swallowed it."""

    async def endless(wire: Wire) -> str:
        return await pour(wire, iter(lambda: b"x" * 1_000, None))

    assert talk(b"HTTP/1.1 431 Too Large\r\nContent-Length: 0\r\n\r\n", endless)[0] == "431"

    async def swallowed() -> str:
        with (
            socket.create_server(("127.0.0.1", 0)) as listener,
            await Wire.open(listener.getsockname()[1]) as wire,
        ):
            return await pour(wire, [b"some", b"pieces"])

    assert asyncio.run(swallowed()) == SWALLOWED


def test_a_reset_is_no_orderly_end() -> None:
    """The server sees a reset if the client resets, and the end of the stream if the client closes."""

    async def resets(wire: Wire) -> None:
        await wire.send(b"hello")
        await wire.answer()
        wire.reset()

    async def closes(wire: Wire) -> None:
        await wire.send(b"hello")
        await wire.answer()

    assert talk(_PREDICTION, closes)[1:] == (b"hello", "end")
    assert talk(_PREDICTION, resets)[2] == "reset"


def test_a_request_is_framed_by_length_or_in_chunks() -> None:
    """The pieces of a chunked body have the requested length, and end with the last chunk."""
    assert request(b"12345", request_id="a").endswith(b"X-Request-Id: a\r\nContent-Length: 5\r\n\r\n12345")
    chunked = request(b"12345", "X-More: b", chunks=2)
    assert chunked.endswith(b"Transfer-Encoding: chunked\r\n\r\n2\r\n12\r\n2\r\n34\r\n1\r\n5\r\n0\r\n\r\n")
    assert b"\r\nX-More: b\r\n" in chunked
