"""``python -m benchmarks.first_steps``: commands, edits and seconds from a table to its first prediction."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.first_steps.steps import FirstSteps, take_first_steps
from benchmarks.first_steps.tables import TABLES
from benchmarks.machine import describe_machine
from benchmarks.process import unwind_on_sigterm

BEGIN, END = "<!-- first_steps: begin -->", "<!-- first_steps: end -->"
"""The marks around the table in a document."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Take the first steps with each table, print a table of them, and write it into a document if ``--document`` is given."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.first_steps", description=__doc__)
    parser.add_argument(
        "tables", nargs="*", metavar="TABLE", help=f"which of {', '.join(TABLES)}; all if none is named"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as JSON")
    parser.add_argument("--document", type=Path, metavar="FILE", help=f"put them between {BEGIN} and {END}")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.tables) - set(TABLES))
    if unknown:
        parser.error(f"expected some of {', '.join(TABLES)}, got {', '.join(unknown)}")
    unwind_on_sigterm()
    results = []
    for name in options.tables or TABLES:
        print(f"{name} ...", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            results.append(take_first_steps(TABLES[name], Path(folder)))
    machine = describe_machine()
    text = markdown(results, f"{machine['cpu']}, {machine['cores']} cores, Python {machine['python']}")
    print(text)
    if options.json:
        content = {"machine": machine, "tables": [asdict(steps) | {"seconds": steps.seconds} for steps in results]}
        options.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    if options.document:
        options.document.write_text(replace_table(options.document.read_text(encoding="utf-8"), text), encoding="utf-8")


def markdown(results: Sequence[FirstSteps], machine: str) -> str:
    """Return the figures as a table."""
    lines = [
        f"Measured on {machine}, from the command to the answer, with the packages installed.",
        "",
        "| table | command | edits | not sure of | init | train | serve | together | first answer |",
        "| --- | --- | --: | --: | --: | --: | --: | --: | --- |",
    ]
    for steps in results:
        seconds = " | ".join(f"{value:.1f} s" for value in (steps.init_s, steps.train_s, steps.serve_s, steps.seconds))
        size = f"{steps.table}, {steps.rows:,} × {steps.columns}"
        lines.append(
            f"| {size} | `{steps.command}` | {steps.edits} | {steps.doubts} | {seconds} | `{json.dumps(steps.answer)}` |"
        )
    return "\n".join(lines)


def replace_table(document: str, text: str) -> str:
    """Return a document with the figures between their marks.

    Raises:
        ValueError: a mark is missing.
    """
    before, begin, remainder = document.partition(BEGIN)
    _, end, after = remainder.partition(END)
    if not begin or not end:
        raise ValueError(f"expected {BEGIN} and {END} in the document, got none: put them where the figures belong")
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


if __name__ == "__main__":
    main()
