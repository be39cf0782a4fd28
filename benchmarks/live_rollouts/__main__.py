"""Rollouts of faulty and equal challengers on a real service, with real requests; benchmarks.rollouts simulates many more of them.

    python -m benchmarks.live_rollouts --rollouts 3

For each kind of challenger and plan: the answers and seconds until it has no traffic. Then two workers, with a document that can be
written and with a read-only one (needs root): the time from the answer that passes a limit to the challenger's last answer.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.live_rollouts.reaction import measure_reaction
from benchmarks.live_rollouts.service import stored_versions, trial_service
from benchmarks.live_rollouts.trial import PLANS, describe, run_rollout
from benchmarks.live_rollouts.versions import KINDS
from benchmarks.machine import describe_machine
from benchmarks.process import BenchmarkError, unwind_on_sigterm
from benchmarks.run import RESULTS

RESULT = "live_rollouts.json"
AIM_S = 1.0
"""The seconds within which a challenger must lose its traffic in all workers."""


def measure(options: argparse.Namespace, results: dict[str, Any], home: Path) -> None:
    """Run all rollouts, and add their outcomes to the results.

    Raises:
        BenchmarkError: a service does not start, or does not follow its document.
    """
    rollouts, reactions = results["rollouts"], results["reactions"]
    with trial_service(home, options.workers) as service:
        service.wait_for_workers(options.workers)
        for kind in options.kinds:
            for plan in options.plans:
                for seed in range(options.rollouts):
                    outcome = run_rollout(service, kind, plan, seed, options.rate, options.seconds)
                    rollouts.append(describe(outcome))
                    sys.stderr.write(f"{kind}, {plan}, seed {seed}: {outcome}\n")
    for workers, is_read_only in options.services:
        with trial_service(home, workers, is_read_only=is_read_only) as service:
            for seed in range(options.rollouts):
                reaction = measure_reaction(service, workers, seed, options.rate, is_read_only=is_read_only)
                reactions.append({**asdict(reaction), "is_right": reaction.is_right})
                sys.stderr.write(f"{reaction}\n")


def markdown(results: Mapping[str, Any]) -> str:
    """Return the tables."""
    lines = [
        "| challenger | plan | rolled back | its answers until then | seconds | passed limits | wrong answers, other errors |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for rollout in results["rollouts"]:
        groups.setdefault((rollout["kind"], PLANS[rollout["plan"]]), []).append(rollout)
    for (kind, plan), group in groups.items():
        back = [rollout for rollout in group if rollout["rolled_back"]]
        checks = Counter(check for rollout in back for check in rollout["checks"])
        cells = [kind, plan, f"{len(back)} of {len(group)}"]
        cells += [_range([rollout["answers"] for rollout in back]), _range([rollout["seconds"] for rollout in back])]
        cells.append(", ".join(f"{name} {count}" for name, count in checks.most_common()) or "-")
        faults = [sum(rollout[name] for rollout in group) for name in ("wrong", "champion_errors")]
        lines.append(f"| {' | '.join([*cells, f'{faults[0]}, {faults[1]}'])} |")
    lines += [
        "",
        "| workers | document | rollbacks | seconds from the passed limit to the last answer, median (longest) | failed requests meanwhile, median |",
        "| --- | --- | --- | --- | --- |",
    ]
    services: dict[tuple[int, bool], list[Mapping[str, Any]]] = {}
    for reaction in results["reactions"]:
        services.setdefault((reaction["workers"], reaction["is_read_only"]), []).append(reaction)
    for (workers, is_read_only), group in services.items():
        seconds = [reaction["seconds"] for reaction in group]
        document = "read-only: an override" if is_read_only else "written"
        failed = statistics.median(reaction["errors_after"] for reaction in group)
        lines.append(
            f"| {workers} | {document} | {len(group)} | {statistics.median(seconds):.2f} ({max(seconds):.2f}) | {failed:g} |"
        )
    return "\n".join(lines) + "\n"


def _range(values: Sequence[float]) -> str:
    """Return the median with the smallest and the largest value."""
    if not values:
        return "-"
    return f"{statistics.median(values):,.0f} ({min(values):,.0f} to {max(values):,.0f})"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write and print; return 1 if an outcome is not as it must be."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live_rollouts", description=__doc__)
    parser.add_argument("--rollouts", type=int, default=3, help="the number of rollouts of each kind (default 3)")
    parser.add_argument("--rate", type=float, default=300.0, help="requests per second (default 300)")
    parser.add_argument("--workers", type=int, default=1, help="the workers of these rollouts (default 1)")
    parser.add_argument("--seconds", type=float, default=180.0, help="the longest rollout (default 180)")
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--plans", nargs="+", default=list(PLANS), choices=list(PLANS))
    parser.add_argument("--no-reactions", action="store_true", help="do not measure reactions of two workers")
    parser.add_argument("--folder", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    options.services = [] if options.no_reactions else [(1, False), (2, False), (2, True)]
    unwind_on_sigterm()
    results: dict[str, Any] = {
        "machine": describe_machine(),
        "rate_per_s": options.rate,
        "workers": options.workers,
        "rollouts": [],
        "reactions": [],
    }
    code = 0
    try:
        with stored_versions() as home:
            measure(options, results, home)
    except BenchmarkError as error:
        sys.stderr.write(f"error: {error}\n")
        code = 1
    path = options.folder / RESULT
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    path.with_suffix(".md").write_text(markdown(results), encoding="utf-8")
    sys.stdout.write(path.with_suffix(".md").read_text(encoding="utf-8"))
    late = [reaction for reaction in results["reactions"] if reaction["seconds"] > AIM_S]
    is_wrong = any(not item["is_right"] for item in [*results["rollouts"], *results["reactions"]])
    return int(bool(code or late or is_wrong))


if __name__ == "__main__":
    sys.exit(main())
