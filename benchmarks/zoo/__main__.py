"""Does an exported graph give the answers of its pipeline, for many pipelines? And the naive conversion?

The command fits each member of the zoo, exports it exactly and naively, compares both graphs with scikit-learn on rows of
the test split and on hostile rows, times them, and prints one table. The exit code is 1 if a proof fails.
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
from benchmarks.zoo.pipelines import select_members, zoo
from benchmarks.zoo.results import Result
from benchmarks.zoo.run import run
from benchmarks.zoo.speed import measure_passes

PACKAGES = ("skl2onnx", "onnx", "scipy", "pandas", "xgboost", "lightgbm")
"""The packages whose versions are listed in addition to those of every benchmark."""

ROWS_MIN = 100
"""The minimum number of rows; fewer are too few for a fit."""


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
    parser.add_argument("--data", type=Path, help="the California housing table, for two further members")
    parser.add_argument("--json", type=Path, help="file for all results")
    parser.add_argument("--docs", type=Path, help="file for the document: docs/zoo.md")
    parser.add_argument("--jobs", type=int, default=1, help="number of members that are proven at a time (default 1)")
    parser.add_argument("--rows", type=int, default=ROWS, help=f"rows of the synthetic table (default {ROWS:,})")
    parser.add_argument("--list", action="store_true", help="list the members and do nothing")
    return parser


def _any_failed(results: list[Result]) -> bool:
    return any(result.broken or (result.exact and result.exact.failed) for result in results)


def main(arguments: list[str] | None = None) -> int:
    """Run the zoo. Returns 0 if every proof holds, else 1."""
    options = _parser().parse_args(arguments)
    try:
        if options.jobs < 1:
            raise BenchmarkError(f"--jobs: expected at least 1, got {options.jobs}")
        if options.rows < ROWS_MIN:
            raise BenchmarkError(f"--rows: expected at least {ROWS_MIN}, got {options.rows}")
        members = select_members(options.only, zoo())
        if options.list:
            print("\n".join(f"{member.family:<14}{key}" for key, member in members.items()))
            return 0
        results = run(list(members), options.data, options.jobs, _say, options.rows)
        passes = []
        if not options.only:
            _say("timing the graphs with and without the passes")
            passes = measure_passes()
    except BenchmarkError as error:
        _say(f"error: {error}")
        return 1
    machine = _machine()
    if options.json is not None:
        report.write_json(options.json, results, passes, machine)
    if options.docs is not None:
        options.docs.write_text(report.document(results, passes, machine), encoding="utf-8")
    print(table.markdown(results))
    print(table.summary(results), end="")
    return 1 if _any_failed(results) else 0


if __name__ == "__main__":
    sys.exit(main())
