"""Try random compositions of steps and estimators: each is proven, refused by the export, or refused by the import.

The exit code is 1 if a composition raises another error, hangs or crashes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pydantic import TypeAdapter

from benchmarks.fuzz_export.attempt import PROOF_ROWS, attempt
from benchmarks.fuzz_export.outcome import Result
from benchmarks.fuzz_export.report import document, summary
from benchmarks.fuzz_export.run import run

RESULTS = TypeAdapter(list[Result])


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz_export", description=__doc__)
    parser.add_argument("--count", type=int, default=5000, help="number of compositions (default 5000)")
    parser.add_argument("--first", type=int, default=0, help="the number of the first one (default 0)")
    parser.add_argument("--seed", type=int, default=1, help="the seed of all compositions (default 1)")
    parser.add_argument("--jobs", type=int, default=1, help="number of compositions at a time (default 1)")
    parser.add_argument(
        "--only",
        type=int,
        nargs="+",
        metavar="NUMBER",
        help="try these numbers in this process and print their details",
    )
    parser.add_argument("--proof-rows", type=int, default=PROOF_ROWS, help="with --only: rows of the proof")
    parser.add_argument("--json", type=Path, help="file for all results")
    parser.add_argument("--docs", type=Path, help="file for the document: docs/fuzz.md")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Try compositions. Returns 0 if each is proven or refused, 1 if a composition has an error of another kind, 2 for wrong arguments."""
    options = _parser().parse_args(arguments)
    if options.jobs < 1 or options.count < 1:
        _say(f"error: --jobs and --count: expected at least 1, got {options.jobs} and {options.count}")
        return 2

    def keep(results: list[Result]) -> None:
        if options.json:
            options.json.write_bytes(RESULTS.dump_json(results, indent=1))
        if options.docs:
            options.docs.write_text(document(results, options.seed), encoding="utf-8")

    if options.only:
        results = []
        for number in options.only:
            result = attempt(options.seed, number, options.proof_rows)
            results.append(result)
            print(f"seed {options.seed}, number {number}\n{result.pipeline}\n{result.outcome}: {result.words}")
            print(f"step: {result.step or '-'}, {result.seconds} s of the processor\n{result.trace}")
    else:
        results = run(range(options.first, options.first + options.count), options.seed, options.jobs, _say, keep)
    keep(results)
    print(summary(results))
    return 1 if any(result.outcome == "RAW" for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
