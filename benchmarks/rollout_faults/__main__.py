"""What do faults cost a service while its versions change? Each fault is done to a real service that answers known rows.

Every answer is checked: its number, and that its version was live. Writes ``rollout_faults.json``, and the table between the markers of
docs/rollout-faults.md. The exit code is 1 if an expectation was not met. The full disk needs root, which can mount a small file system.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.document_table import write_between
from benchmarks.machine import describe_machine
from benchmarks.process import BenchmarkError, unwind_on_sigterm
from benchmarks.rollout_faults.faults import FAULTS, run_fault
from benchmarks.rollout_faults.table import BEGIN, END, markdown
from benchmarks.run import RESULTS


def main(arguments: Sequence[str] | None = None) -> int:
    """Do the faults, write and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rollout_faults", description=__doc__)
    parser.add_argument("--faults", nargs="+", default=list(FAULTS), choices=list(FAULTS))
    parser.add_argument("--json", type=Path, default=RESULTS / "rollout_faults.json")
    parser.add_argument(
        "--document", type=Path, help="put the table of all faults between the markers of this document"
    )
    options = parser.parse_args(arguments)
    unwind_on_sigterm()
    results: dict[str, Any] = {"machine": describe_machine(), "faults": []}
    options.json.parent.mkdir(parents=True, exist_ok=True)
    try:
        for name in options.faults:
            sys.stderr.write(f"{name}: ")
            sys.stderr.flush()
            result = run_fault(name)
            sys.stderr.write(f"{'; '.join(result['failed']) or 'all expectations are met'}\n")
            results["faults"].append(result)
            options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        text = markdown(results)
        if options.document is not None and options.faults == list(FAULTS):  # not with a part of the faults
            write_between(options.document, BEGIN, END, text)
    except BenchmarkError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(text + "\n")
    return int(any(result["failed"] for result in results["faults"]))


if __name__ == "__main__":
    sys.exit(main())
