"""Does a rolling update lose a request, and what does the loss of a replica cost? Three replicas, each a real service, run behind
HAProxy and then behind nginx, with the configurations of deploy/proxies.

    python -m benchmarks.rolling --updates 50

Clients keep their connections open and send known rows at the times of a Poisson process; every answer is checked. Writes
``rolling.json``, and the tables between the markers of docs/rolling.md. The exit code is 1 if an expectation was not met.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.document_table import write_between
from benchmarks.machine import describe_machine
from benchmarks.process import BenchmarkError, unwind_on_sigterm
from benchmarks.rolling.load import CONNECTIONS, Outcome
from benchmarks.rolling.losses import Losses, kill_replicas, pause_replicas
from benchmarks.rolling.proxies import PLACES, PROXIES
from benchmarks.rolling.replicas import COMMANDS, Replica, replica_places, start_all
from benchmarks.rolling.report import BEGIN, END, markdown, missed_expectations
from benchmarks.rolling.updates import MIN_READY_S, run_updates
from benchmarks.run import RESULTS
from benchmarks.siege.service import ensure_model

REPLICAS = 3
RATE_PER_S = 300.0
UPDATES, KILLS, PAUSES = 50, 20, 5
SLOW_MS = 1000.0
UNREPEATED_PART = 5
"""One in so many updates is done again with a proxy that repeats no prediction."""


def service_environment(home: Path) -> dict[str, str]:
    """Return the variables of a replica. Its latency limit is so high that it refuses no request for load: updates take processor time.

    Args:
        home: the folder of the model store.
    """
    return {"BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True", "TABENTO_SLO_P99_MS": "60000"}


def measure(name: str, folder: Path, tag: str, options: argparse.Namespace) -> dict[str, Any]:
    """Update, kill and pause the replicas behind a proxy.

    Args:
        name: the name of the proxy.
        folder: an empty folder for the files of proxy and replicas.
        tag: the bundle, in the model store of the folder above.
        options: the numbers of updates, kills and pauses, the rate and the seed.

    Raises:
        BenchmarkError: a process does not start or end.
    """
    results: dict[str, Any] = {}
    environment = service_environment(folder.parent / "home")
    with replica_places(folder, tag, PLACES, environment, options.way) as places:
        start_all(places[:REPLICAS])
        ports = [place.port for place in places]
        with ExitStack() as up:
            address = up.enter_context(PROXIES[name](folder, ports))
            time.sleep(MIN_READY_S)  # the proxy's first checks
            results["updates"] = _update(name, address, places, options.updates, options)
            losses = {"kills": kill_replicas(address, places, options.kills, options.rate, options.seed + 1000)}
            losses["pauses"] = pause_replicas(address, places, options.pauses, options.rate, options.seed + 2000)
        results.update({kind: describe_losses(name, kind, loss) for kind, loss in losses.items()})
        with PROXIES[name](folder, ports, repeats=False) as address:
            time.sleep(MIN_READY_S)
            n_updates = max(2, options.updates // UNREPEATED_PART)
            results["updates_unrepeated"] = _update(name, address, places, n_updates, options)
            loss = kill_replicas(address, places, options.kills, options.rate, options.seed + 3000)
        results["kills_unrepeated"] = describe_losses(name, "kills_unrepeated", loss)
        _check_logs(places)
    return results


def _update(
    name: str, address: str, places: Sequence[Replica], count: int, options: argparse.Namespace
) -> dict[str, Any]:
    """Do rolling updates, and return and print their outcome for JSON."""
    outcome, timings = run_updates(address, places, count, options.rate, options.seed, _say)
    result = {
        "in_place": (count + 1) // 2,
        "surge": count // 2,
        "replicas": len(timings.end_s),
        **timings.medians(),
        **describe(outcome),
    }
    _say(f"{name}, {count} updates: {result}")
    return result


def describe(outcome: Outcome) -> dict[str, Any]:
    """Return the requests of some windows for JSON."""
    return {
        "requests": outcome.requests,
        "failures": dict(outcome.reasons()),
        "p99_ms": outcome.quantile_ms(0.99),
        "longest_ms": outcome.quantile_ms(1.0),
        "slower_than_1_s": outcome.n_slower(SLOW_MS),
    }


def describe_losses(name: str, kind: str, losses: Losses) -> dict[str, Any]:
    """Return and print the losses of one kind."""
    result = {
        **describe(losses.outcome),
        "in_flight": losses.in_flight,
        "failed": losses.failed,
        "failed_later": losses.n_later,
    }
    _say(f"{name}, {kind}: {result}")
    return result


def _check_logs(places: Sequence[Replica]) -> None:
    """Check that no replica has logged an exception.

    Raises:
        BenchmarkError: one has.
    """
    for place in places:
        text = place.log.read_text(encoding="utf-8", errors="replace") if place.log.exists() else ""
        start = text.find("Traceback (most recent call last)")
        if start >= 0:
            raise BenchmarkError(f"the replica at port {place.port} has logged an exception:\n{text[start:][:2000]}")


def measure_all(options: argparse.Namespace) -> Mapping[str, Any]:
    """Measure behind each proxy, and return the results for JSON.

    Raises:
        BenchmarkError: a process does not start or end.
    """
    results: dict[str, Any] = {
        "machine": describe_machine(),
        "rate_per_s": options.rate,
        "connections": CONNECTIONS,
        "seed": options.seed,
        "way": options.way,
        "proxies": {},
    }
    with tempfile.TemporaryDirectory(prefix="rolling-") as name:
        home = Path(name) / "home"
        tag = ensure_model(home)
        for proxy in options.proxies:
            folder = Path(name) / proxy
            folder.mkdir()
            results["proxies"][proxy] = measure(proxy, folder, tag, options)
    return results


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Update, kill and pause, write and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rolling", description=__doc__)
    parser.add_argument("--proxies", nargs="+", default=list(PROXIES), choices=list(PROXIES))
    parser.add_argument("--updates", type=int, default=UPDATES, help=f"behind each proxy (default {UPDATES})")
    parser.add_argument(
        "--kills", type=int, default=KILLS, help=f"of a replica, twice for each proxy (default {KILLS})"
    )
    parser.add_argument("--pauses", type=int, default=PAUSES, help=f"of a replica (default {PAUSES})")
    parser.add_argument("--rate", type=float, default=RATE_PER_S, help=f"requests per second (default {RATE_PER_S:g})")
    parser.add_argument(
        "--way", choices=list(COMMANDS), default="image", help="how replicas start (default: as an image)"
    )
    parser.add_argument("--seed", type=int, default=18)
    parser.add_argument("--json", type=Path, default=RESULTS / "rolling.json")
    parser.add_argument(
        "--document",
        type=Path,
        help="put the tables between the markers of this document, if both proxies were measured",
    )
    options = parser.parse_args(arguments)
    if min(options.updates, options.kills, options.pauses) < 1:
        parser.error("expected at least one update, one kill and one pause")
    unwind_on_sigterm()
    try:
        results = measure_all(options)
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        text = markdown(results)
        if options.document is not None and options.proxies == list(PROXIES):
            write_between(options.document, BEGIN, END, text)
    except BenchmarkError as error:
        _say(f"error: {error}")
        return 1
    sys.stdout.write(text + "\n")
    missed = missed_expectations(results)
    for line in missed:
        _say(f"failed: {line}")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
