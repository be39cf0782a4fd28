"""Limits for every server: the generator's own limit, and ONNX Runtime without a server.

Prints JSON; with ``--results`` also writes the JSON to that results file, under ``limits``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.bodies import BenchModel, load_model, read_bodies
from benchmarks.loadgen.build import ANSWERER, build_loadgen
from benchmarks.loadgen.requests import http_requests
from benchmarks.machine import describe_machine
from benchmarks.peers.registry import PEERS
from benchmarks.process import ROOT, BenchmarkError, on_cores, run_server
from benchmarks.scenarios import Target, capacity, warm_up
from tools.ports import free_port

SERVER_CORE, GENERATOR_CORE = 0, 1
START_PER_S = 40_000.0
BODIES = 64


@contextmanager
def answerer(core: int | None = SERVER_CORE) -> Iterator[str]:
    """Run the server in C that sends a constant answer, and yield its address.

    Raises:
        BenchmarkError: the server cannot be compiled, or this process may not use the core.
    """
    program = build_loadgen(source=ANSWERER)
    port = free_port()
    command = [str(program), str(port), "-1" if core is None else str(core)]
    cores = None if core is None else frozenset({core})
    with run_server(command, f"http://127.0.0.1:{port}", ready_path="/", cores=cores) as server:
        yield server.address


def generator_limit(model: BenchModel, slo_s: float, seconds: float) -> dict[str, Any]:
    """Return the rate that the generator itself holds against a server that costs almost nothing.

    Raises:
        BenchmarkError: there is no C compiler.
    """
    bodies = read_bodies(model.single, BODIES)
    encoded = [json.dumps(body.rows[0], separators=(",", ":")).encode() for body in bodies]
    with answerer() as address:
        target = Target(address, http_requests(encoded), slo_s, core=GENERATOR_CORE)
        warm_up(target)
        return capacity(target, START_PER_S, seconds, confirm_s=2 * seconds)


def runtime_limit(model: BenchModel, seconds: float = 1.5) -> dict[str, Any]:
    """Return rows per second of ONNX Runtime alone, by batch size, on the server's core.

    Raises:
        BenchmarkError: the measurement failed; the message has its output.
    """
    command = [str(PEERS["fastapi_ort"].python), "-m", "benchmarks.peers.ort_alone", "--seconds", str(seconds)]
    command += ["--model", str(model.model), "--contract", str(model.contract), "--bodies", str(model.single)]
    with on_cores(frozenset({SERVER_CORE})):
        process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if process.returncode:
        raise BenchmarkError(f"ONNX Runtime alone failed:\n{process.stderr}")
    result: dict[str, Any] = json.loads(process.stdout)
    return result


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.limits", description=__doc__)
    parser.add_argument("--model", default="california")
    parser.add_argument("--slo-ms", type=float, default=10.0)
    parser.add_argument("--seconds", type=float, default=2.0, help="the length of a run of the search (default 2)")
    parser.add_argument("--results", type=Path, help="a results file to keep the figures in")
    arguments = parser.parse_args()
    try:
        model = load_model(arguments.model)
        limits = {
            "machine": describe_machine(),
            "onnx_runtime": runtime_limit(model),
            "generator": generator_limit(model, arguments.slo_ms / 1000, arguments.seconds),
        }
    except BenchmarkError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    if arguments.results:
        results = json.loads(arguments.results.read_text(encoding="utf-8"))
        arguments.results.write_text(json.dumps({**results, "limits": limits}, indent=1) + "\n", encoding="utf-8")
    summary = {"onnx_runtime": limits["onnx_runtime"], "generator_per_s": limits["generator"]["qps"]}
    sys.stdout.write(json.dumps(summary, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
