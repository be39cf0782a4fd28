"""Requests made up from the OpenAPI document, right ones and wrong ones."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

OPERATIONS = 9
"""How many operations the document has without the other protocols, all of which have to be tried."""
PROTOCOL_OPERATIONS = 12
"""How many operations the other protocols have."""
PROTOCOL_PATHS = "^/(v2|invocations|ping)"
PROTOCOL_CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
"""A schema cannot say that the length of data is the product of a shape, so valid requests by the schema may be refused."""


def schemathesis(server: str, folder: Path, max_examples: int) -> None:
    """Fail unless each answer of a server is one that its own document promises, and none is a 500.

    Args:
        server: its address.
        folder: where to run.
        max_examples: how many requests are made up for an operation and phase.
    """
    runs = (
        (OPERATIONS, ("--exclude-path-regex", PROTOCOL_PATHS, "--checks", "all")),
        (PROTOCOL_OPERATIONS, ("--include-path-regex", PROTOCOL_PATHS, "--checks", PROTOCOL_CHECKS)),
    )
    for n_operations, options in runs:
        command = [
            *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{server}/docs.json", *options),
            *("--max-examples", str(max_examples), "--seed", "7", "--no-color"),
            *("--phases", "examples,coverage,fuzzing", "--generation-database", "none"),
        ]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        assert re.search(rf"Tested: +{n_operations}", done.stdout), done.stdout[-3000:]
