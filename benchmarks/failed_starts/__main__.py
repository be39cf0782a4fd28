"""What does a service say when it cannot start? Each fault is done to ``bentoml serve`` and to the entry point of an image.

Writes ``failed_starts.json``, and the table between the markers of docs/failed-starts.md. The exit code is 1 if an expectation was not
met. As root the service loses the rights that would hide missing rights of files.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.document_table import write_between
from benchmarks.failed_starts.faults import FAULTS
from benchmarks.failed_starts.starts import SERVERS, make_home, run_start
from benchmarks.failed_starts.table import BEGIN, END, markdown
from benchmarks.machine import describe_machine
from benchmarks.process import BenchmarkError, unwind_on_sigterm
from benchmarks.run import RESULTS


def main(arguments: Sequence[str] | None = None) -> int:
    """Do the faults, write and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.failed_starts", description=__doc__)
    parser.add_argument("--faults", nargs="+", default=list(FAULTS), choices=list(FAULTS))
    parser.add_argument("--servers", nargs="+", default=list(SERVERS), choices=list(SERVERS))
    parser.add_argument("--json", type=Path, default=RESULTS / "failed_starts.json")
    parser.add_argument(
        "--document", type=Path, help="put the table of all faults between the markers of this document"
    )
    options = parser.parse_args(arguments)
    unwind_on_sigterm()
    results: dict[str, Any] = {"machine": describe_machine(), "faults": {}}
    options.json.parent.mkdir(parents=True, exist_ok=True)
    failed = False
    try:
        with tempfile.TemporaryDirectory() as folder:
            home = make_home(Path(folder))
            for name in options.faults:
                starts = []
                for server in options.servers:
                    start = run_start(FAULTS[name], server, home)
                    starts.append(asdict(start))
                    failed = failed or bool(start.failed)
                    sys.stderr.write(f"{name}, {server}: {'; '.join(start.failed) or start.outcome}\n")
                results["faults"][name] = {"title": FAULTS[name].title, "starts": starts}
                options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        text = markdown(results)
        if options.document is not None and options.faults == list(FAULTS) and options.servers == list(SERVERS):
            write_between(options.document, BEGIN, END, text)
    except BenchmarkError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(text + "\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
