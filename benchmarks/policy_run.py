"""Which rule of dispatch holds the highest rate, live? Each in a server of its own, on the same model and rows.

All five run at the same time and are measured in turns, see ``benchmarks.staircase``: the rules differ less than a shared
machine does from one minute to the next.

Writes ``policies.json``, ``policies.png`` and ``policies.md`` to ``benchmarks/results/`` and prints the table.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.bodies import BenchModel, load_model
from benchmarks.loadgen.result import LoadResult
from benchmarks.loadgen.schedule import mmpp
from benchmarks.machine import describe_machine
from benchmarks.peers.registry import PEERS
from benchmarks.peers.tabento_policy import POLICIES
from benchmarks.policy_report import SHIPPED, draw, markdown
from benchmarks.process import BenchmarkError, run_server, unwind_on_sigterm
from benchmarks.run import GENERATOR_CORE, RESULTS, SERVER_CORE, SLO_MS, requests_of
from benchmarks.scenarios import Target, warm_up
from benchmarks.staircase import climb, ratio
from tools.ports import free_port

START_PER_S = {"forest": 2_000.0}
SHAPES = ("poisson", "bursty")


class _Bursty(Target):
    """A target whose capacity is measured with bursty arrivals."""

    def poisson(self, rate_per_s: float, seconds: float, seed: int) -> LoadResult:
        """Run bursty arrivals instead."""
        return self.load(mmpp(rate_per_s, seconds, seed), seed)


def measure(
    model: BenchModel, policies: Sequence[str], shape: str, rounds: int, seconds: float
) -> list[dict[str, Any]]:
    """Return the rate that each rule holds.

    Raises:
        BenchmarkError: a server does not start.
    """
    tabento = PEERS["tabento"]
    slo_s = SLO_MS.get(model.name, 10.0) / 1000
    kind = Target if shape == "poisson" else _Bursty
    with ExitStack() as up:
        questions = {}
        for policy in policies:
            port = free_port()
            command = [str(tabento.python), "-m", "benchmarks.peers.tabento_policy"]
            command += ["--policy", policy, "--tag", model.tag, "--port", str(port)]
            server = up.enter_context(run_server(command, f"http://127.0.0.1:{port}", cores=frozenset({SERVER_CORE})))
            target = kind(server.address, requests_of(tabento, model), slo_s, core=GENERATOR_CORE)
            warm_up(target)
            questions[policy] = target.poisson, slo_s, START_PER_S.get(model.name, 8_000.0)
        stairs = climb(questions, rounds, seconds)
    shares = {policy: ratio(stair, stairs[SHIPPED]) if SHIPPED in stairs else None for policy, stair in stairs.items()}
    return [
        {"model": model.name, "policy": policy, "shape": shape, "share": shares[policy], **stair.to_json()}
        for policy, stair in stairs.items()
    ]


def main() -> int:
    """Measure, write and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.policy_run", description=__doc__)
    parser.add_argument("--models", nargs="+", default=["forest", "california", "wide"])
    parser.add_argument("--policies", nargs="+", default=list(POLICIES), choices=sorted(POLICIES))
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), choices=SHAPES)
    parser.add_argument("--rounds", type=int, default=40, help="how often each rule is asked (default 40)")
    parser.add_argument("--seconds", type=float, default=1.5, help="how long each time (default 1.5)")
    parser.add_argument("--folder", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    unwind_on_sigterm()
    path = arguments.folder / "policies.json"
    all_runs = json.loads(path.read_text(encoding="utf-8"))["runs"] if path.exists() else []
    try:
        for name in arguments.models:
            for shape in arguments.shapes:
                sys.stderr.write(f"\n{name}, {shape}\n")
                runs = measure(load_model(name), arguments.policies, shape, arguments.rounds, arguments.seconds)
                replaced = {(name, policy, shape) for policy in arguments.policies}
                all_runs = [
                    run for run in all_runs if (run["model"], run["policy"], run["shape"]) not in replaced
                ] + runs
                results = {"machine": describe_machine(), "runs": all_runs}
                path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
                path.with_suffix(".md").write_text(markdown(all_runs), encoding="utf-8")
                draw(all_runs, path.with_suffix(".png"))
    except BenchmarkError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(markdown(all_runs))
    return 0


if __name__ == "__main__":
    sys.exit(main())
