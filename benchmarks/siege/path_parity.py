"""Do the fast path and the ASGI path give the same answers, byte for byte? Mutated requests, whole and in pieces, to both.

Two services of the same bundle run in parallel, one with the fast path and one without (``doorman: false``). Each request
is sent four times: to both services, in one piece and cut at random places. All four answers must be the same except
for the date, the version in the service's own model store, and request ids that the service generated.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import socket
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.process import unwind_on_sigterm
from benchmarks.siege.attackers.mutations import mutate_bytes, valid_request
from benchmarks.siege.service import besieged

REQUESTS = 30_000
MAX_PRINTED = 10
"""The number of differences that are printed."""
SILENT_S = 30.0
"""The seconds after which a service that neither answers nor closes is recorded as unanswered."""
PROGRESS_EVERY = 1_000
_MADE_ID = re.compile(rb"[0-9a-f]{16}-[0-9a-f]+")
_DATE = re.compile(rb"\r\ndate: [^\r]*")
_VERSION = re.compile(rb'"version":"[a-z0-9]{16}"')
_LENGTH = re.compile(rb"\r\ncontent-length: \d+")
_CLOSE = b"\r\nconnection: close"
_UNANSWERED = b"(no answer)"


@dataclass
class Comparison:
    """The result of a comparison."""

    requests: int = 0
    predictions: int = 0
    """The number of requests with a prediction in their answer."""
    differences: list[dict[str, Any]] = field(default_factory=list)


def compare(ports: Sequence[int], count: int, seed: int, progress: Any = None) -> Comparison:
    """Send mutated requests to several services, and compare the answers.

    Args:
        ports: the ports of the services on 127.0.0.1.
        count: the number of requests.
        seed: of the requests.
        progress: called at intervals with the comparison so far.
    """
    rng = random.Random(seed)
    comparison = Comparison()
    for number in range(count):
        data = _request(rng)
        cuts = sorted(rng.sample(range(1, len(data)), min(3, len(data) - 1))) if len(data) > 1 else []
        pieces = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
        answers = [normalise(_exchange(port, parts)) for port in ports for parts in ([data], pieces)]
        comparison.requests += 1
        comparison.predictions += b'"prediction' in answers[0]
        if len(set(answers)) > 1 or _UNANSWERED in answers:
            texts = [answer.decode("latin-1") for answer in answers]
            comparison.differences.append({"number": number, "sent": data.decode("latin-1"), "answers": texts})
        if progress is not None and comparison.requests % PROGRESS_EVERY == 0:
            progress(comparison)
    return comparison


def _request(rng: random.Random) -> bytes:
    """Return a request with mistakes; one in four has no mistake, and one in four is followed by another request."""
    data = valid_request(rng)
    if rng.random() < 0.75:
        data = mutate_bytes(data, rng)
    if rng.random() < 0.25:
        data += valid_request(rng)
    return data or b"\0"


def _exchange(port: int, pieces: Sequence[bytes]) -> bytes:
    """Send pieces, end the sending side, and return all bytes until the service closes."""
    received = bytearray()
    with socket.create_connection(("127.0.0.1", port), timeout=SILENT_S) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for piece in pieces:
                connection.sendall(piece)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the service closed before it had read everything; its answer can still be read
        try:
            while data := connection.recv(65_536):
                received += data
        except TimeoutError:
            return _UNANSWERED
        except OSError:
            pass
    return bytes(received)


def normalise(answers: bytes) -> bytes:
    """Return answers without the parts that differ between two services: dates, generated ids and, with these, lengths; the
    version, because each service has its own model store.

    The moment at which a service notices the end of the client's data also differs, and with it the answer that announces
    the end of the connection.
    """
    answers = _VERSION.sub(b'"version":"same"', answers)
    answers, n_made = _MADE_ID.subn(b"made", _DATE.sub(b"", answers).replace(_CLOSE, b""))
    return _LENGTH.sub(b"", answers) if n_made else answers


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison, and return 1 if anything differs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.siege.path_parity", description=__doc__)
    parser.add_argument("--requests", type=int, default=REQUESTS, help="how many requests (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the requests (%(default)s)")
    parser.add_argument("--json", type=Path, help="where the result is written as JSON")
    options = parser.parse_args(arguments)
    unwind_on_sigterm()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as up:
        ports = []
        for fastpath in ("true", "false"):
            service = besieged(
                Path(folder) / fastpath, environment={"TABENTO_DOORMAN": fastpath, "TABENTO_SLO_P99_MS": "60000"}
            )
            ports.append(up.enter_context(service).port)
        comparison = compare(
            ports,
            options.requests,
            options.seed,
            lambda so_far: print(
                f"{so_far.requests} of {options.requests} requests, {len(so_far.differences)} differ", flush=True
            ),
        )
    result = {
        "requests": comparison.requests,
        "seed": options.seed,
        "with_prediction": comparison.predictions,
        "differences": comparison.differences[:MAX_PRINTED],
    }
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=2), encoding="utf-8")
    for difference in comparison.differences[:MAX_PRINTED]:
        print(json.dumps(difference, indent=2))
    print(
        f"{comparison.requests} requests, each whole and in pieces, on the fast path and through ASGI:"
        f" {len(comparison.differences)} differ; {comparison.predictions} had a prediction."
    )
    return 1 if comparison.differences else 0


if __name__ == "__main__":
    sys.exit(main())
