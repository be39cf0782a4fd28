"""Requests made up from the OpenAPI document, right ones and wrong ones."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

OPERATIONS = 14
"""How many operations the document has without the other protocols, all of which have to be tried."""
PROTOCOL_OPERATIONS = 12
"""How many operations the other protocols have."""
PROTOCOL_PATHS = "^/(v2|invocations|ping)"
PROTOCOL_CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
"""A schema cannot say that the length of data is the product of a shape, so valid requests by the schema may be refused."""
MODEL_LISTING_OPERATIONS = 3
"""How many operations list and describe models."""
MONITORING_OPERATIONS = 4
"""How many operations the monitor process answers."""
MONITORING_PATHS = "^/(drift|quality|alerts|feedback)$"
MONITORING_CHECKS = f"{PROTOCOL_CHECKS},negative_data_rejection,unsupported_method,allow_header_conformance"
"""A schema cannot say that a window has no start, so valid requests by the schema may be refused."""


def schemathesis(server: str, folder: Path, max_examples: int) -> None:
    """Fail unless each answer of a server is one that its own document promises, and none is a 500.

    Args:
        server: its address.
        folder: where to run.
        max_examples: how many requests are made up for an operation and phase.
    """
    _run(server, folder, max_examples, OPERATIONS, ("--exclude-path-regex", PROTOCOL_PATHS, "--checks", "all"))
    options = ("--include-path-regex", PROTOCOL_PATHS, "--checks", PROTOCOL_CHECKS)
    _run(server, folder, max_examples, PROTOCOL_OPERATIONS, options)


def fuzz_monitoring(server: str, folder: Path, max_examples: int) -> None:
    """Fail unless the routes of a service with a monitor answer as its document promises, and never with a 500.

    Args:
        server: its address.
        folder: where to run.
        max_examples: how many requests are made up for an operation and phase.
    """
    statuses = "[400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429]"  # 413: too many truths
    (folder / "schemathesis.toml").write_text(f"[checks.negative_data_rejection]\nexpected-statuses = {statuses}\n")
    options = ("--include-path-regex", MONITORING_PATHS, "--checks", MONITORING_CHECKS)
    _run(server, folder, max_examples, MONITORING_OPERATIONS, options)


def fuzz_models(server: str, folder: Path, max_examples: int, n_models: int) -> None:
    """Fail unless the routes of named models answer as the document of the service promises, and never with a 500.

    Args:
        server: its address.
        folder: where to run.
        max_examples: how many requests are made up for an operation and phase.
        n_models: the number of models.
    """
    options = ("--include-path-regex", "^/models", "--checks", "all")
    _run(server, folder, max_examples, MODEL_LISTING_OPERATIONS + 2 * n_models, options)


def _run(server: str, folder: Path, max_examples: int, n_operations: int, options: tuple[str, ...]) -> None:
    command = [
        *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{server}/docs.json", *options),
        *("--max-examples", str(max_examples), "--seed", "7", "--no-color"),
        *("--phases", "examples,coverage,fuzzing", "--generation-database", "none"),
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert re.search(rf"Tested: +{n_operations}", done.stdout), done.stdout[-3000:]
