"""Does each peer work? ``python -m benchmarks.peers.smoke [NAME ...]``: starts it, asks it, ends it, prints a table.

Each is sent right requests, whose answers are compared with the expected digits, and a wrong one, which it must not
answer with success. Nothing is measured.
"""

from __future__ import annotations

import argparse
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from benchmarks.bodies import BenchModel, Body, load_model, read_bodies
from benchmarks.peers.install import installed_version
from benchmarks.peers.launch import launched
from benchmarks.peers.registry import PEERS, Peer, contract_of
from benchmarks.process import BenchmarkError

REQUESTS = 20
AT_ONCE = 8
"""How many are asked at the same time, so that servers that batch do so."""
TIMEOUT_S = 30


@dataclass(frozen=True)
class Outcome:
    """What one peer did."""

    name: str
    version: str
    ready_s: float
    right: int
    """How many of the right requests were answered with the expected digits."""
    asked: int
    batch: str
    """The same for a request of many rows, in words."""
    wrong_status: int | None
    """The status of the wrong request; None where every request is right."""
    answer: str
    """The first answer that was not expected, or else the first answer."""

    @property
    def passed(self) -> bool:
        """Whether all was as it has to be."""
        return (
            self.right == self.asked
            and self.batch in ("right", "-")
            and (self.wrong_status is None or self.wrong_status >= 400)
        )


def ask(address: str, path: str, body: bytes) -> tuple[int, bytes]:
    """Return status and body of the answer to a POST of JSON."""
    request = urllib.request.Request(address + path, body, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def spoilt(body: Body) -> Body:
    """Return a request with a word where its first number stands."""
    row = dict(body.rows[0])
    first = next(name for name, value in row.items() if isinstance(value, float))
    return Body([{**row, first: "high"}], body.predictions, body.pipeline)


def try_peer(peer: Peer, model: BenchModel) -> Outcome:
    """Start a peer, ask it and end it.

    Raises:
        BenchmarkError: it is not installed or does not get ready.
    """
    contract = contract_of(model)
    bodies = read_bodies(model.single)
    singles = bodies[:REQUESTS] + [body for body in bodies[REQUESTS:] if None in body.rows[0].values()][:AT_ONCE]
    version = installed_version(peer.name)
    with launched(peer, model) as server:
        right, shown = 0, b""
        with ThreadPoolExecutor(AT_ONCE) as threads:
            answers = list(threads.map(lambda body: ask(server.address, *peer.request(body, contract)), singles))
        for body, (status, answer) in zip(singles, answers, strict=True):
            fits = status == 200 and answer.startswith(peer.expected(body))
            right += fits
            if not shown or not fits:
                shown = b"%d %b, expected %b" % (status, answer, peer.expected(body)) if not fits else answer
        batch = "-"
        if peer.batch_path is not None:
            (body,) = read_bodies(model.batch, 1)
            status, answer = ask(server.address, *peer.request(body, contract))
            batch = "right" if status == 200 and answer.startswith(peer.expected(body)) else f"wrong, {status}"
        wrong_status = None
        if peer.answers_as != "constant":
            wrong_status, _ = ask(server.address, *peer.request(spoilt(singles[0]), contract))
    return Outcome(
        peer.name, version, server.ready_s, right, len(singles), batch, wrong_status, shown.decode(errors="replace")
    )


def main() -> int:
    """Try what was named, or all, and print a table; 1 where something was not as it has to be."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.smoke", description=(__doc__ or "").split(":")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PEERS)} (default: all)")
    parser.add_argument("--model", default="california", help="which model of benchmarks.models (default california)")
    arguments = parser.parse_args()
    failed = False
    sys.stdout.write(
        f"{'peer':16} {'version':10} {'ready s':>7} {'right':>7} {'batch':>7} {'bad request':>11}  answer\n"
    )
    for name in arguments.names or PEERS:
        try:
            if name not in PEERS:
                raise BenchmarkError(f"there is no peer {name}; there are {', '.join(PEERS)}")
            outcome = try_peer(PEERS[name], load_model(arguments.model))
        except BenchmarkError as error:
            sys.stdout.write(f"{name:16} {error}\n")
            failed = True
            continue
        failed |= not outcome.passed
        sys.stdout.write(
            f"{name:16} {outcome.version:10} {outcome.ready_s:7.1f} {outcome.right:3}/{outcome.asked:<3}"
            f" {outcome.batch:>7} {outcome.wrong_status or '-':>11}  {outcome.answer[:300]}\n"
        )
        sys.stdout.flush()
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
