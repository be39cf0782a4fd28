"""Does an exported graph answer what its pipeline answers, whatever the pipeline? And what does naive conversion answer?

Fits each member of the zoo, exports it exactly and naively, compares both with scikit-learn on rows of the test split and
on hostile ones, times them, and prints one table. Exits with 1 where a proof fails.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import sys
from pathlib import Path
from typing import Any

from benchmarks.machine import describe_machine
from benchmarks.process import BenchmarkError
from benchmarks.zoo import report, table
from benchmarks.zoo.data import ROWS
from benchmarks.zoo.pipelines import chosen, zoo
from benchmarks.zoo.results import Result
from benchmarks.zoo.run import run
from benchmarks.zoo.speed import measure_passes

PACKAGES = ("skl2onnx", "onnx", "scipy", "pandas", "xgboost", "lightgbm")
"""What matters beside the packages of every benchmark."""

ROWS_MIN = 100
"""Fewer rows are too few to fit anything on."""


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _machine() -> dict[str, Any]:
    machine = describe_machine()
    versions = dict(machine["versions"]) if isinstance(machine["versions"], dict) else {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {**machine, "versions": versions}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.zoo", description=__doc__)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="families, or parts of members' names")
    parser.add_argument("--data", type=Path, help="the California housing table, for two members more")
    parser.add_argument("--json", type=Path, help="where all figures are written")
    parser.add_argument("--docs", type=Path, help="where the document is written: docs/zoo.md")
    parser.add_argument("--jobs", type=int, default=1, help="how many members are proven at a time (default 1)")
    parser.add_argument("--rows", type=int, default=ROWS, help=f"rows of the made-up table (default {ROWS:,})")
    parser.add_argument("--list", action="store_true", help="list the members and do nothing")
    return parser


def _failed(results: list[Result]) -> bool:
    return any(result.broken or (result.exact and result.exact.failed) for result in results)


def main(arguments: list[str] | None = None) -> int:
    """Run the zoo; returns 0 where every proof held, else 1."""
    given = _parser().parse_args(arguments)
    try:
        if given.jobs < 1:
            raise BenchmarkError(f"--jobs: expected at least 1, got {given.jobs}")
        if given.rows < ROWS_MIN:
            raise BenchmarkError(f"--rows: expected at least {ROWS_MIN}, got {given.rows}")
        members = chosen(given.only, zoo())
        if given.list:
            print("\n".join(f"{member.family:<14}{key}" for key, member in members.items()))
            return 0
        results = run(list(members), given.data, given.jobs, _say, given.rows)
        passes = []
        if not given.only:
            _say("timing what the passes save")
            passes = measure_passes()
    except BenchmarkError as error:
        _say(f"error: {error}")
        return 1
    machine = _machine()
    if given.json is not None:
        report.write_json(given.json, results, passes, machine)
    if given.docs is not None:
        given.docs.write_text(report.document(results, passes, machine), encoding="utf-8")
    print(table.markdown(results))
    print(table.summary(results), end="")
    return 1 if _failed(results) else 0


if __name__ == "__main__":
    sys.exit(main())
