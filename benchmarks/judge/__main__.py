"""Check exported graphs from outside: equal, equal except for knife edges, wrong, refused by name, not proven, or an error.

The exit code is 1 if a graph is wrong.
"""

from __future__ import annotations

import argparse
import sys
import time
from functools import partial
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from benchmarks.judge.catalogue.entries import entries, select_names
from benchmarks.judge.judge import SEED
from benchmarks.judge.judgement import Result
from benchmarks.judge.report import document, summary
from benchmarks.judge.run import run
from benchmarks.process import BenchmarkError

RESULTS = TypeAdapter(list[Result])


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _keep(path: Path, results: list[Result]) -> None:
    path.write_bytes(RESULTS.dump_json(results, indent=1))


def _read(path: Path) -> list[Result]:
    try:
        return RESULTS.validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise BenchmarkError(f"{path} contains no results of the judge: {str(error).splitlines()[0]}") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.judge", description=__doc__)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="groups, or parts of entries' names")
    parser.add_argument("--jobs", type=int, default=1, help="number of entries that are judged at a time (default 1)")
    parser.add_argument("--seed", type=int, default=SEED, help=f"the seed of the rows (default {SEED})")
    parser.add_argument("--json", type=Path, help="file for all results")
    parser.add_argument(
        "--docs", type=Path, help="file for the document: docs/judge.md; its picture is written to images/ next to it"
    )
    parser.add_argument("--from-json", type=Path, help="do not judge: write the document from these results")
    parser.add_argument(
        "--resume", action="store_true", help="keep the results in the file of --json and judge the other entries"
    )
    parser.add_argument("--without-proof", action="store_true", help="also judge graphs that the proof would stop")
    parser.add_argument("--list", action="store_true", help="list the entries and do nothing")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the judge. Returns 0 if no graph is wrong, 1 if a graph is wrong, 2 if no graph was judged."""
    options = _parser().parse_args(arguments)
    started_s = time.monotonic()
    try:
        if options.jobs < 1:
            raise BenchmarkError(f"--jobs: expected at least 1, got {options.jobs}")
        if options.resume and not options.json:
            raise BenchmarkError("--resume needs --json FILE, whose results are kept")
        names = select_names(options.only)
        if options.list:
            print("\n".join(names))
            return 0
        if options.from_json:
            results = [result for result in _read(options.from_json) if result.name in names]
        else:
            known_results = _read(options.json) if options.resume and options.json.exists() else []
            keep = partial(_keep, options.json) if options.json else None
            proof = not options.without_proof
            results = run(
                names, options.jobs, _say, seed=options.seed, proof=proof, known_results=known_results, keep=keep
            )
            _say(f"{time.monotonic() - started_s:.0f} s")
    except BenchmarkError as error:
        _say(f"error: {error}")
        return 2
    if options.json:
        _keep(options.json, results)
    if options.docs:
        options.docs.write_text(
            document(results, options.docs.parent / "images" / "judge.png", len(entries())), encoding="utf-8"
        )
    print(summary(results))
    return 1 if any(result.outcome == "LIE" for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
