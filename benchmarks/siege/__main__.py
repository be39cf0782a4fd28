"""Besiege one real service with hostile clients of every kind, in addition to 24 good clients, and report whether it kept its limits.

Prints a table, and writes ``siege.json``, ``siege.md`` and ``siege.png`` to ``benchmarks/results/``. It ends with 1 if
the service missed a limit of docs/siege.md. All load goes to 127.0.0.1 and ends by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.machine import describe_machine
from benchmarks.process import ROOT, BenchmarkError, unwind_on_sigterm
from benchmarks.siege.attack import kinds_of
from benchmarks.siege.attackers.registry import KINDS, mixes
from benchmarks.siege.clients import CLIENTS
from benchmarks.siege.report import draw, markdown
from benchmarks.siege.rounds import STOPPERS, Round, run_rounds, stop_under_attack
from benchmarks.siege.service import BesiegedService, besieged
from benchmarks.siege.verdict import GROWTH_MIB_MOST, STOP_MARGIN_S, faults

RESULTS = ROOT / "benchmarks" / "results"
MINUTES = 30.0
MIXES = 8
SHORTEST_ROUND_S = 1.0
WARM_UP_S = 2.0
MEMORY_SETTLED_S = 60.0
"""The service gives memory back some time after a burst, see ``serving.operations.memory``; the siege waits up to this time."""
DRAIN_S, DRAIN_LIMIT_S = 1.0, 30.0
"""The service's defaults, which determine the time that it may take to end."""


def plan(names: list[str], seed: int) -> list[tuple[str, ...]]:
    """Return the rounds: each kind alone, then mixes, with a round without attackers first, in the middle and last."""
    attacks = [(name,) for name in names] + mixes(names, seed, MIXES)
    middle = len(attacks) // 2
    return [(), *attacks[:middle], (), *attacks[middle:], ()]


def baseline(rounds: list[Round]) -> dict[str, float | None]:
    """Return the medians over the rounds without attackers, in milliseconds."""
    quiet = [entry for entry in rounds if not entry.kinds]
    figures: dict[str, float | None] = {}
    for name in ("p50_ms", "p99_ms"):
        values = [value for entry in quiet if (value := getattr(entry, name)) is not None]
        figures[name] = statistics.median(values) if values else None
    return figures


async def besiege(service: BesiegedService, names: list[str], minutes: float, seed: int) -> dict[str, Any]:
    """Run all rounds and the stop; return the content of the JSON file."""
    groups = plan(names, seed)
    seconds = max(minutes * 60 / len(groups), SHORTEST_ROUND_S)
    _say(f"{len(groups)} rounds of {seconds:.1f} s at {service.address}")
    await run_rounds(service, [()], WARM_UP_S, seed, lambda _: None)
    before_mib = service.rss_mib()
    rounds = await run_rounds(service, groups, seconds, seed, lambda entry: _say(_line(entry)))
    growth_mib = await _settled_growth(service, before_mib)
    watchdog = service.metric("tabento_watchdog_total")
    stop = await stop_under_attack(service, DRAIN_S + DRAIN_LIMIT_S + STOP_MARGIN_S, seed, STOPPERS)
    requests = sum(entry.requests for entry in rounds)
    return {
        "question": (__doc__ or "").splitlines()[0],
        "command": f"python -m benchmarks.siege --minutes {minutes:g}",
        "machine": describe_machine(),
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "minutes": minutes,
        "seed": seed,
        "clients": CLIENTS,
        "baseline": baseline(rounds),
        "refused_share": sum(entry.refused for entry in rounds) / max(requests, 1),
        "growth_mib": round(growth_mib, 1),
        "watchdog": watchdog,
        "stop": asdict(stop),
        "rounds": [entry.to_json() for entry in rounds],
    }


async def _settled_growth(service: BesiegedService, before_mib: float) -> float:
    """Return the worker's growth in MiB as soon as it is within the limit, at the latest after ``MEMORY_SETTLED_S``."""
    end = time.perf_counter() + MEMORY_SETTLED_S
    while True:
        growth_mib = service.rss_mib() - before_mib
        if growth_mib <= GROWTH_MIB_MOST / 2 or time.perf_counter() > end:
            return growth_mib
        await asyncio.to_thread(service.metric, "tabento_connections")
        await asyncio.sleep(1.0)


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


def _line(entry: Round) -> str:
    p50, p99 = (f"{value:9.2f}" if value is not None else "        –" for value in (entry.p50_ms, entry.p99_ms))
    return (
        f"{entry.name[:60]:60} p50 {p50} ms, p99 {p99} ms; of {entry.requests:,}: {entry.refused} refused,"
        f" {entry.hung} hung, {entry.wrong} wrong, {entry.lost} lost; in flight {entry.in_flight:g};"
        f" {entry.rss_mib:.0f} MiB"
    )


def main() -> int:
    """Besiege, write and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.siege", description=__doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES, help=f"of all rounds together (default {MINUTES:g})")
    parser.add_argument("--kinds", type=kinds_of, default=list(KINDS.values()), help=f"of {', '.join(KINDS)}")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--json", type=Path, default=RESULTS / "siege.json", help="its table and picture are written to the same folder"
    )
    arguments = parser.parse_args()
    unwind_on_sigterm()
    cores = sorted(os.sched_getaffinity(0))
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            besieged(Path(folder), cores=frozenset(cores[:1]) if len(cores) > 1 else None) as service,
        ):
            if len(cores) > 1:
                os.sched_setaffinity(0, cores[1:])
            names = [kind.name for kind in arguments.kinds]
            results = asyncio.run(besiege(service, names, arguments.minutes, arguments.seed))
    except BenchmarkError as error:
        _say(f"error: {error}")
        return 1
    path: Path = arguments.json
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    path.with_suffix(".md").write_text(markdown(results), encoding="utf-8")
    draw(results, path.with_suffix(".png"))
    sys.stdout.write(path.with_suffix(".md").read_text(encoding="utf-8"))
    lines = faults(results)
    for line in lines:
        _say(f"fault: {line}")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
