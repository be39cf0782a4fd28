"""Requests made up from the OpenAPI document, right ones and wrong ones."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

OPERATIONS = 8
"""How many operations the document has, all of which have to be tried."""


def schemathesis(server: str, folder: Path, max_examples: int) -> None:
    """Fail unless each answer of a server is one that its own document promises, and none is a 500.

    Args:
        server: its address.
        folder: where to run.
        max_examples: how many requests are made up for an operation and phase.
    """
    command = [
        *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{server}/docs.json"),
        *("--max-examples", str(max_examples), "--seed", "7", "--no-color", "--checks", "all"),
        *("--phases", "examples,coverage,fuzzing", "--generation-database", "none"),
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert re.search(rf"Tested: +{OPERATIONS}", done.stdout), done.stdout[-3000:]
