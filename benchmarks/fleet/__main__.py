"""How do 1,000 small models in one worker compare with one model?

Makes the models once (``benchmarks.fleet.bundles``), and measures start, memory, cold answers, the rate within the p99 limit of 10 ms
under Zipf traffic against a service of one model, and a memory that holds a part of the models only. Writes ``fleet.json`` and
``fleet.md`` to ``benchmarks/results/``, and prints the tables. ``--quick`` tries everything for a few seconds; its figures mean nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.fleet.bundles import ensure_fleet
from benchmarks.fleet.measure import measure_cold_under_load, measure_memory, measure_rates, measure_small_budget
from benchmarks.fleet.report import markdown
from benchmarks.fleet.traffic import EXPONENT, read_rows
from benchmarks.machine import describe_machine
from benchmarks.process import ROOT, BenchmarkError, unwind_on_sigterm
from benchmarks.run import RESULTS

FOLDER = ROOT / "runs" / "fleet"
COLD_RATES_PER_S = (200.0, 2_000.0)
BUDGET_SHARE = 0.2
BUDGET_RATE_PER_S = 500.0


def measure(folder: Path, count: int, rounds: int, seconds: float, only: list[str]) -> dict[str, Any]:
    """Return all figures.

    Raises:
        BenchmarkError: the fleet cannot be made, a service does not start, or an answer is wrong.
    """
    ensure_fleet(folder, count)
    rows = [read_rows(folder, number) for number in range(count)]
    results: dict[str, Any] = {
        "question": (__doc__ or "").splitlines()[0],
        "machine": describe_machine(),
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "models": count,
        "zipf_exponent": EXPONENT,
    }
    if "memory" in only:
        results["memory"] = _say("memory", measure_memory(folder, rows))
    if "cold" in only:
        results["cold"] = [
            _say("cold", measure_cold_under_load(folder, rows, rate, 10 * seconds)) for rate in COLD_RATES_PER_S
        ]
    if "budget" in only:
        results["budget"] = _say(
            "budget", measure_small_budget(folder, rows, BUDGET_SHARE, BUDGET_RATE_PER_S, 10 * seconds)
        )
    if "rates" in only:
        results["rates"] = _say("rates", measure_rates(folder, rows, rounds, seconds))
    return results


def _say(part: str, figures: dict[str, Any]) -> dict[str, Any]:
    sys.stderr.write(f"{part}: {json.dumps(figures)[:2_000]}\n")
    return figures


PARTS = ["memory", "cold", "budget", "rates"]


def main() -> int:
    """Measure, write and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=__doc__)
    parser.add_argument("--models", type=int, default=1_000, help="the number of models (default 1,000)")
    parser.add_argument("--rounds", type=int, default=40, help="the number of runs of each service (default 40)")
    parser.add_argument("--seconds", type=float, default=1.5, help="the length of a run (default 1.5)")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="the parts to measure (default all)")
    parser.add_argument("--store", type=Path, default=FOLDER, help="the folder of the fleet's model store")
    parser.add_argument("--folder", type=Path, default=RESULTS, help="the folder of the results")
    parser.add_argument("--quick", action="store_true", help="try everything for a few seconds")
    arguments = parser.parse_args()
    unwind_on_sigterm()
    rounds, seconds = (3, 0.5) if arguments.quick else (arguments.rounds, arguments.seconds)
    try:
        results = measure(arguments.store.absolute(), arguments.models, rounds, seconds, arguments.only)
    except BenchmarkError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    text = markdown(results)
    sys.stdout.write(text)
    if not arguments.quick and arguments.only == PARTS:
        arguments.folder.mkdir(parents=True, exist_ok=True)
        path = arguments.folder / "fleet.json"
        path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        path.with_suffix(".md").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
