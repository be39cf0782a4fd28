"""Does each peer work? ``python -m benchmarks.peers.smoke [NAME ...]``: starts it, asks it, ends it, prints a table.

Each is sent right requests, whose answers are compared with the expected digits, and a wrong one, which it must not
answer with success. It does not measure time.
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
from benchmarks.peers.launch import launch_peer
from benchmarks.peers.registry import PEERS, Peer, contract_of
from benchmarks.process import BenchmarkError

REQUESTS = 20
AT_ONCE = 8
"""The number of requests in parallel, so that servers with batching use it."""
TIMEOUT_S = 30


@dataclass(frozen=True)
class Outcome:
    """The outcome of one peer."""

    name: str
    version: str
    ready_s: float
    right: int
    """The number of valid requests that were answered with the expected digits."""
    sent: int
    batch: str
    """The result for a request of many rows, as text."""
    wrong_status: int | None
    """The status of the wrong request; None if the peer accepts every request."""
    answer: str
    """The first answer that was not expected, or else the first answer."""

    @property
    def passed(self) -> bool:
        """Whether every answer was as required."""
        return (
            self.right == self.sent
            and self.batch in ("right", "-")
            and (self.wrong_status is None or self.wrong_status >= 400)
        )


def post_json(address: str, path: str, body: bytes) -> tuple[int, bytes]:
    """Return status and body of the answer to a POST of JSON."""
    request = urllib.request.Request(address + path, body, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def invalidate(body: Body) -> Body:
    """Return a request with a word in place of its first number."""
    row = dict(body.rows[0])
    first = next(name for name, value in row.items() if isinstance(value, float))
    return Body([{**row, first: "high"}], body.predictions, body.pipeline)


def try_peer(peer: Peer, model: BenchModel) -> Outcome:
    """Start a peer, send requests to it and end it.

    Raises:
        BenchmarkError: it is not installed or does not get ready.
    """
    contract = contract_of(model)
    bodies = read_bodies(model.single)
    singles = bodies[:REQUESTS] + [body for body in bodies[REQUESTS:] if None in body.rows[0].values()][:AT_ONCE]
    version = installed_version(peer.name)
    with launch_peer(peer, model) as server:
        right, quoted = 0, b""
        with ThreadPoolExecutor(AT_ONCE) as threads:
            answers = list(threads.map(lambda body: post_json(server.address, *peer.request(body, contract)), singles))
        for body, (status, answer) in zip(singles, answers, strict=True):
            fits = status == 200 and answer.startswith(peer.expected(body))
            right += fits
            if not quoted or not fits:
                quoted = b"%d %b, expected %b" % (status, answer, peer.expected(body)) if not fits else answer
        batch = "-"
        if peer.batch_path is not None:
            (body,) = read_bodies(model.batch, 1)
            status, answer = post_json(server.address, *peer.request(body, contract))
            batch = "right" if status == 200 and answer.startswith(peer.expected(body)) else f"wrong, {status}"
        wrong_status = None
        if peer.answers_as != "constant":
            wrong_status, _ = post_json(server.address, *peer.request(invalidate(singles[0]), contract))
    return Outcome(
        peer.name, version, server.ready_s, right, len(singles), batch, wrong_status, quoted.decode(errors="replace")
    )


def main() -> int:
    """Try the named peers, or all, and print a table; return 1 if an answer was not as required."""
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
            f"{name:16} {outcome.version:10} {outcome.ready_s:7.1f} {outcome.right:3}/{outcome.sent:<3}"
            f" {outcome.batch:>7} {outcome.wrong_status or '-':>11}  {outcome.answer[:300]}\n"
        )
        sys.stdout.flush()
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
