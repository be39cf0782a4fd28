"""What a server does with bytes: a plain socket that sends them and reads all answers until the server closes."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

HANG_S = 20.0
"""A server that neither answers nor closes for so many seconds hangs: nothing that is sent here leaves it waiting."""
_READ_BYTES = 65_536


@dataclass(frozen=True)
class ServerReaction:
    """One answer."""

    status: int
    request_id: str | None
    prediction: float | None
    """The number in it, if it is a prediction."""
    closes: bool
    """Whether it says that the connection ends."""


@dataclass(frozen=True)
class Exchange:
    """What came back."""

    answers: tuple[ServerReaction, ...]
    """In order, without interim answers."""
    rest: bytes
    """Bytes behind the last whole answer."""
    hangs: bool
    """Whether the server neither answered nor closed within ``HANG_S``."""


def exchange(port: int, *pieces: bytes, half_close: bool = False, hang_s: float = HANG_S) -> Exchange:
    """Send pieces on a connection of their own, and read until the server closes it.

    Args:
        port: of 127.0.0.1.
        pieces: sent one after the other.
        half_close: whether the client's half of the connection ends behind them.
        hang_s: how long the server may be silent, in seconds.
    """
    received = bytearray()
    hangs = False
    with socket.create_connection(("127.0.0.1", port), timeout=hang_s) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for piece in pieces:
                connection.sendall(piece)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        except TimeoutError:
            hangs = True
        except OSError:
            pass  # it closed before it had read everything; what it said is still there to be read
        try:
            while not hangs and (data := connection.recv(_READ_BYTES)):
                received += data
        except TimeoutError:
            hangs = True
        except OSError:
            pass
    answers, rest = read_answers(bytes(received))
    return Exchange(tuple(answers), rest, hangs)


def read_answers(data: bytes) -> tuple[list[ServerReaction], bytes]:
    """Return the whole answers at the start of some bytes, and what is behind them.

    Raises:
        ValueError: the bytes are not HTTP/1.1 answers with a length or chunks.
    """
    answers: list[ServerReaction] = []
    while (end := data.find(b"\r\n\r\n")) >= 0:
        lines = data[:end].decode("latin-1").split("\r\n")
        version, status, *_ = lines[0].split(" ")
        if version not in ("HTTP/1.1", "HTTP/1.0") or len(status) != 3:
            raise ValueError(f"not a status line: {lines[0][:80]!r}")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        if 100 <= int(status) < 200:
            data = data[end + 4 :]
            continue
        content, rest = _content(headers, data[end + 4 :])
        if content is None:
            break
        answers.append(_reaction(int(status), headers, content))
        data = rest
    return answers, data


def _content(headers: dict[str, str], data: bytes) -> tuple[bytes | None, bytes]:
    """Return an answer's body and what is behind it; no body if it is not whole."""
    if headers.get("transfer-encoding") != "chunked":
        length = int(headers.get("content-length", "0"))
        return (data[:length], data[length:]) if len(data) >= length else (None, data)
    content, place = b"", 0
    while (end := data.find(b"\r\n", place)) >= 0:
        size = int(data[place:end], 16)
        content += data[end + 2 : end + 2 + size]
        place = end + 4 + size
        if size == 0:
            return content, data[place:]
    return None, data


def _reaction(status: int, headers: dict[str, str], content: bytes) -> ServerReaction:
    try:
        decoded = json.loads(content)
    except ValueError:
        decoded = None
    number = decoded.get("prediction") if isinstance(decoded, dict) else None
    request_id = headers.get("x-request-id")
    return ServerReaction(status, request_id, number, headers.get("connection", "").lower() == "close")


def halves(data: bytes, places: Sequence[int]) -> list[bytes]:
    """Return bytes cut at some places."""
    bounds = [0, *sorted(places), len(data)]
    return [data[start:end] for start, end in pairwise(bounds) if start < end]
