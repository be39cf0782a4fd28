"""Request smuggling through a real nginx and a real HAProxy: after each attack, the next client gets its own answer.

The shapes are the known ones: both framings at once, framings that one of two parsers may not see, requests hidden in bodies
and trailers, and upgrades.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from benchmarks.attacks.volley import exchange
from benchmarks.process import BenchmarkError
from benchmarks.siege.attackers.upgrades import smuggling_request
from benchmarks.siege.rows import prediction
from benchmarks.siege.wire import Wire, WireError, prediction_request
from tests.real_parts.proxies import WEBSOCKETS, haproxy, nginx
from tests.real_parts.tools import PACKAGES

SMUGGLED_ID = "smuggled"
Shape = Callable[[bytes, random.Random], bytes]


def _both_framings(name: str) -> Shape:
    """Return a shape with a length and a transfer coding, in the spelling of ``name``."""

    def write(hidden: bytes, _rng: random.Random) -> bytes:
        content = b"0\r\n\r\n" + hidden
        return _head(f"Content-Length: {len(content)}", name) + content

    return write


def _two_lengths(hidden: bytes, rng: random.Random) -> bytes:
    lengths = [f"Content-Length: {len(hidden)}", "Content-Length: 0"]
    rng.shuffle(lengths)
    return _head(*lengths) + hidden


def _length_spelling(spelling: str) -> Shape:
    def write(hidden: bytes, _rng: random.Random) -> bytes:
        return _head(f"Content-Length{spelling.format(len(hidden))}") + hidden

    return write


def _chunk_size(size: str) -> Shape:
    def write(hidden: bytes, _rng: random.Random) -> bytes:
        return _head("Transfer-Encoding: chunked") + size.encode("latin-1") + b"\r\n\r\n" + hidden

    return write


def _in_trailer(hidden: bytes, _rng: random.Random) -> bytes:
    return _head("Transfer-Encoding: chunked") + b"2\r\n{}\r\n0\r\nX-A: b\r\n\r\n" + hidden


def _bare_line_end(hidden: bytes, rng: random.Random) -> bytes:
    end = rng.choice((b"\n", b"\r", b"\n\r"))
    return _head("X-A: b").removesuffix(b"\r\n\r\n") + end + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden


def _get_with_body(hidden: bytes, _rng: random.Random) -> bytes:
    return b"GET /livez HTTP/1.1\r\nHost: siege\r\nContent-Length: %d\r\n\r\n" % len(hidden) + hidden


def _expect(hidden: bytes, _rng: random.Random) -> bytes:
    return _head("Expect: 100-continue", f"Content-Length: {len(hidden)}") + hidden


def _upgrade(_hidden: bytes, rng: random.Random) -> bytes:
    return smuggling_request(rng, "attack")


def _head(*lines: str) -> bytes:
    fixed = ("POST /predict HTTP/1.1", "Host: siege", "Content-Type: application/json")
    return "\r\n".join((*fixed, *lines, "", "")).encode("latin-1")


SHAPES: Mapping[str, Shape] = MappingProxyType(
    {
        "length and coding": _both_framings("Transfer-Encoding: chunked"),
        "coding with a blank before the colon": _both_framings("Transfer-Encoding : chunked"),
        "coding with a tab": _both_framings("Transfer-Encoding:\tchunked"),
        "coding with another letter": _both_framings("Transfer-Encoding: xchunked"),
        "coding twice": _both_framings("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked"),
        "coding in a list": _both_framings("Transfer-Encoding: gzip, chunked"),
        "coding in a folded line": _both_framings("Transfer-Encoding:\r\n chunked"),
        "coding after a vertical tab": _both_framings("Transfer-Encoding: \x0bchunked"),
        "coding in quotes": _both_framings('Transfer-Encoding: "chunked"'),
        "two lengths": _two_lengths,
        "length with a sign": _length_spelling(": +{}"),
        "length with a blank": _length_spelling(" : {}"),
        "length in a list": _length_spelling(": {0}, {0}"),
        "length with a fraction": _length_spelling(": {}.0"),
        "length in hexadecimal": _length_spelling(": 0x{:x}"),
        "chunk size with an extension": _chunk_size("0;a=\nb"),
        "chunk size of zeros": _chunk_size("0" * 20),
        "chunk size with a sign": _chunk_size("-0"),
        "chunk size that overflows": _chunk_size("10000000000000000"),
        "after a trailer": _in_trailer,
        "bare line end": _bare_line_end,
        "GET with a body": _get_with_body,
        "expectation": _expect,
        "upgrade": _upgrade,
    }
)


@dataclass
class Smuggling:
    """The results behind one proxy."""

    proxy: str
    attacks: int = 0
    wrong_next: int = 0
    """Clients after an attack that did not get the answer to their own request."""
    answered_shapes: Counter[str] = field(default_factory=Counter)
    """The number of attacks of each shape after which the hidden request was answered to the attacker. It is then a
    request of its own for proxy and service alike, as pipelining is."""
    wrong_shapes: Counter[str] = field(default_factory=Counter)

    def to_json(self) -> dict[str, Any]:
        """Return the results as JSON."""
        return {
            "proxy": self.proxy,
            "attacks": self.attacks,
            "wrong_next": self.wrong_next,
            "wrong_shapes": dict(self.wrong_shapes),
            "answered_shapes": dict(self.answered_shapes),
        }


def require_proxies() -> None:
    """Raise an error if nginx or HAProxy is not installed.

    Raises:
        BenchmarkError: names the packages.
    """
    folders = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
    missing = [name for name in ("nginx", "haproxy") if shutil.which(name, path=folders) is None]
    if missing:
        packages = " ".join(PACKAGES[name] for name in missing)
        raise BenchmarkError(f"{' and '.join(missing)} not found. On Debian: apt-get install {packages}")


def smuggle(backend: int, folder: Path, rounds: int, seed: int) -> list[Smuggling]:
    """Send every shape through both proxies, some rounds, and after each a good client's request.

    Args:
        backend: the service's port.
        folder: an empty one, for the files of the proxies.
        rounds: how often each shape is sent.
        seed: of the shapes.
    """
    proxies: dict[str, Callable[[Path], AbstractContextManager[int]]] = {
        "nginx": lambda own: nginx(own, backend, pool=1),
        "nginx with WebSockets": lambda own: nginx(own, backend, upgrade=WEBSOCKETS, pool=1),
        "HAProxy": lambda own: haproxy(own, backend),
    }
    results = []
    for name, run_proxy in proxies.items():
        own = folder / name.replace(" ", "-").lower()
        own.mkdir()
        with run_proxy(own) as port:
            results.append(asyncio.run(_attack(name, port, rounds, seed)))
    return results


async def _attack(proxy: str, port: int, rounds: int, seed: int) -> Smuggling:
    rng = random.Random(seed)
    result = Smuggling(proxy)
    for number in range(rounds):
        for name, write in SHAPES.items():
            hidden = prediction_request(7_777_777, SMUGGLED_ID)
            received = await exchange(port, write(hidden, rng)) or b""
            if SMUGGLED_ID.encode() in received:
                result.answered_shapes[name] += 1
            result.attacks += 1
            if not await _is_answered(port, number, f"next-{number}"):
                result.wrong_next += 1
                result.wrong_shapes[name] += 1
    return result


async def _is_answered(port: int, number: int, request_id: str) -> bool:
    """Return whether the next client gets the answer to its own request."""
    try:
        with await Wire.open(port) as wire:
            await wire.send(prediction_request(number, request_id))
            return (await wire.answer()).matches(request_id, prediction(number))
    except (WireError, OSError):
        return False
