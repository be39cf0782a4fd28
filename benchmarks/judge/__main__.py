"""Judge exported graphs from outside: equal, equal but for knife edges, wrong, refused by name, not proven, or an error.

Exits with 1 if any graph is wrong.
"""

from __future__ import annotations

import argparse
import sys
import time
from functools import partial
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from benchmarks.judge.catalogue.entries import chosen, entries
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
        raise BenchmarkError(f"{path} holds no results of the judge: {str(error).splitlines()[0]}") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.judge", description=__doc__)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="groups, or parts of entries' names")
    parser.add_argument("--jobs", type=int, default=1, help="how many entries are judged at a time (default 1)")
    parser.add_argument("--seed", type=int, default=SEED, help=f"the seed of the rows (default {SEED})")
    parser.add_argument("--json", type=Path, help="where all figures are written")
    parser.add_argument("--docs", type=Path, help="where the document is written: docs/judge.md; its picture beside it")
    parser.add_argument("--from-json", type=Path, help="judge nothing: make the document of these figures")
    parser.add_argument(
        "--resume", action="store_true", help="keep the results in the file of --json, judge the others"
    )
    parser.add_argument("--without-proof", action="store_true", help="judge graphs that the proof would stop as well")
    parser.add_argument("--list", action="store_true", help="list the entries and do nothing")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Judge; returns 0 if no graph is wrong, 1 if one is, 2 if nothing was judged."""
    given = _parser().parse_args(arguments)
    began = time.monotonic()
    try:
        if given.jobs < 1:
            raise BenchmarkError(f"--jobs: expected at least 1, got {given.jobs}")
        if given.resume and not given.json:
            raise BenchmarkError("--resume goes with --json FILE, whose results are kept")
        names = chosen(given.only)
        if given.list:
            print("\n".join(names))
            return 0
        if given.from_json:
            results = [result for result in _read(given.from_json) if result.name in names]
        else:
            known = _read(given.json) if given.resume and given.json.exists() else []
            keep = partial(_keep, given.json) if given.json else None
            proof = not given.without_proof
            results = run(names, given.jobs, _say, seed=given.seed, proof=proof, known=known, keep=keep)
            _say(f"{time.monotonic() - began:.0f} s")
    except BenchmarkError as error:
        _say(f"error: {error}")
        return 2
    if given.json:
        _keep(given.json, results)
    if given.docs:
        given.docs.write_text(
            document(results, given.docs.parent / "images" / "judge.png", len(entries())), encoding="utf-8"
        )
    print(summary(results))
    return 1 if any(result.outcome == "LIE" for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
