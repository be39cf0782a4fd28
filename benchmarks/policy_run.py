"""Which rule of dispatch holds the highest rate, live? Each in a server of its own, on the same model and rows.

Writes ``policies.json``, ``policies.png`` and ``policies.md`` to ``benchmarks/results/`` and prints the table.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.bodies import BenchModel, load_model
from benchmarks.loadgen.arrivals import mmpp
from benchmarks.loadgen.result import LoadResult
from benchmarks.machine import describe_machine
from benchmarks.peers.registry import PEERS
from benchmarks.peers.tabento_policy import POLICIES
from benchmarks.policy_report import draw, markdown
from benchmarks.process import BenchmarkError, free_port, started
from benchmarks.run import GENERATOR_CORE, RESULTS, SEARCH_TRIES, SERVER_CORE, SLO_MS, requests_of
from benchmarks.scenarios import Target, capacity, warm_up

START_PER_S = {"forest": 2_000.0}
SHAPES = ("poisson", "bursty")


class _Bursty(Target):
    """A target whose capacity is asked for with bursty arrivals."""

    def poisson(self, rate_per_s: float, seconds: float, seed: int) -> LoadResult:
        """Run bursty arrivals instead."""
        return self.load(mmpp(rate_per_s, seconds, seed), seed)


def measure(model: BenchModel, policy: str, shape: str, seconds: float) -> dict[str, Any]:
    """Return what one rule holds.

    Raises:
        BenchmarkError: the server does not start.
    """
    tabento = PEERS["tabento"]
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [str(tabento.python), "-m", "benchmarks.peers.tabento_policy"]
    command += ["--policy", policy, "--tag", model.tag, "--port", str(port)]
    kind = Target if shape == "poisson" else _Bursty
    with started(command, address, core=SERVER_CORE) as server:
        target = kind(
            server.address, requests_of(tabento, model), SLO_MS.get(model.name, 10.0) / 1000, core=GENERATOR_CORE
        )
        warm_up(target)
        found = capacity(
            target, START_PER_S.get(model.name, 8_000.0), seconds, confirm_s=2 * seconds, tries=SEARCH_TRIES
        )
    return {"model": model.name, "policy": policy, "shape": shape, **found}


def main() -> int:
    """Measure, write and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.policy_run", description=__doc__)
    parser.add_argument("--models", nargs="+", default=["forest", "california", "wide"])
    parser.add_argument("--policies", nargs="+", default=list(POLICIES), choices=sorted(POLICIES))
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), choices=SHAPES)
    parser.add_argument("--seconds", type=float, default=3.0, help="the length of a run of the search (default 3)")
    parser.add_argument("--folder", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    path = arguments.folder / "policies.json"
    kept = json.loads(path.read_text(encoding="utf-8"))["runs"] if path.exists() else []
    try:
        for name in arguments.models:
            for shape in arguments.shapes:
                for policy in arguments.policies:
                    sys.stderr.write(f"\n{name}, {shape}, {policy}\n")
                    run = measure(load_model(name), policy, shape, arguments.seconds)
                    asked = (name, policy, shape)
                    kept = [old for old in kept if (old["model"], old["policy"], old["shape"]) != asked] + [run]
                    results = {"machine": describe_machine(), "runs": kept}
                    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
                    path.with_suffix(".md").write_text(markdown(kept), encoding="utf-8")
                    draw(kept, path.with_suffix(".png"))
    except BenchmarkError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(markdown(kept))
    return 0


if __name__ == "__main__":
    sys.exit(main())
