"""Measure the protocols in turns on one service; writes ``protocols.json`` and ``protocols.md``.

The service runs on one core and the client on another. Each round measures every protocol once, with one row and with many, in
an order that rotates, so that a slow moment of the machine does not concern one protocol only.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.machine import describe_machine
from benchmarks.process import ROOT, BenchmarkError, get, serve_bento, unwind_on_sigterm
from benchmarks.protocols.client import ClientResult
from benchmarks.protocols.measure import Endpoints, markdown, run_client, summarize
from benchmarks.protocols.payloads import PROTOCOLS, payload
from tabento.bundle.contract import Contract
from tools.ports import free_port

RESULTS = ROOT / "benchmarks" / "results"
SERVER_CORE, CLIENT_CORE = 0, 1
ROWS = (1, 100)


def measure(
    model: str, protocols: Sequence[str], rows: Sequence[int], rounds: int, seconds: float, in_flight: int
) -> dict[str, Any]:
    """Return the results of all protocols.

    Args:
        model: the bundle to serve.
        protocols: some of ``PROTOCOLS``.
        rows: the numbers of rows of a request.
        rounds: the number of runs of each protocol.
        seconds: the length of a run.
        in_flight: the number of requests in flight.

    Raises:
        BenchmarkError: the service or a client failed.
    """
    grpc_port = free_port()
    environment = {
        "TABENTO_MODEL": model,
        "TABENTO_GRPC_PORT": str(grpc_port),
        "TABENTO_SLO_P99_MS": "60000",  # the client decides how many requests wait: none is to be refused
        "TABENTO_DRAIN_S": "0",
    }
    has_cores = {SERVER_CORE, CLIENT_CORE} <= os.sched_getaffinity(0)
    cores = frozenset({SERVER_CORE}) if has_cores else None
    runs: dict[tuple[int, str], list[tuple[ClientResult, float]]] = {}
    with serve_bento(sys.executable, "service:Tabento", environment=environment, cores=cores) as server:
        description = json.loads(get(f"{server.address}/model") or b"{}")
        contract = Contract.model_validate(description["contract"])
        address = urlsplit(server.address)
        endpoints = Endpoints(address.hostname or "127.0.0.1", address.port or 80, grpc_port, server.pid)
        examples = description["examples"]
        cases = [(count, protocol) for count in rows for protocol in protocols]
        for index in range(rounds):
            start = index % len(cases)
            for count, protocol in cases[start:] + cases[:start]:
                payloads = [
                    payload(protocol, [examples[(first + row) % len(examples)] for row in range(count)], contract)
                    for first in range(len(examples))
                ]
                core = CLIENT_CORE if has_cores else None
                result = run_client(endpoints, protocol, payloads, in_flight, seconds, core)
                runs.setdefault((count, protocol), []).append(result)
                sys.stderr.write(f"{count} rows, {protocol}: {result[0].answers / result[0].seconds:,.0f} a second\n")
    return {
        "title": "The cost of a protocol",
        "model": description["name"],
        "machine": describe_machine(),
        "in_flight": in_flight,
        "rounds": rounds,
        "seconds": seconds,
        "measurements": [{"rows": count, "protocol": name, **summarize(runs[count, name])} for count, name in cases],
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.protocols", description=__doc__)
    parser.add_argument("--model", default="california", help="the bundle to serve: name or name:version")
    parser.add_argument("--protocols", nargs="+", choices=PROTOCOLS, default=list(PROTOCOLS))
    parser.add_argument("--rows", nargs="+", type=int, default=list(ROWS), help="rows of a request")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="the length of one run")
    parser.add_argument("--in-flight", type=int, default=16, help="the number of requests in flight")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder of protocols.json and protocols.md")
    options = parser.parse_args(arguments)
    unwind_on_sigterm()
    try:
        results = measure(
            options.model, options.protocols, options.rows, options.rounds, options.seconds, options.in_flight
        )
    except BenchmarkError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    options.results.mkdir(parents=True, exist_ok=True)
    (options.results / "protocols.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    (options.results / "protocols.md").write_text(markdown(results), encoding="utf-8")
    sys.stdout.write(markdown(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
