"""Rollouts: answers and seconds until each kind of faulty challenger is rolled back, and false rollbacks of equal ones.

    python -m benchmarks.rollouts --rollouts 100 --picture

Each rollout has its own seed, and is judged each second with the default limits. Few clients send much, and 3% of all seconds are slow. A canary has four steps; in a shadow, the share of differing rows is limited to 5%.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path

from benchmarks.machine import describe_machine
from benchmarks.rollouts.simulate import SHARES, Outcome, Plan, simulate
from benchmarks.rollouts.traffic import Fault
from rollout.document import Limits

FAULTS = (
    Fault("6% errors", error_rate=0.06),
    Fault("twice as slow", slowness=2.0),
    Fault("one category +30%", category_factor=1.3),
    Fault("losses +50%", error_factor=1.5),
    Fault("6% errors, later", error_rate=0.06, starts_s=250.0),
    Fault("equal"),
)
RESULTS = Path("benchmarks/results/rollouts.json")
PICTURE = Path("docs/images/rollouts.png")


def main(arguments: Sequence[str] | None = None) -> None:
    """Simulate, print the table, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rollouts", type=int, default=100, help="the number of rollouts of each kind")
    parser.add_argument("--rate", type=float, default=200.0, help="requests a second")
    parser.add_argument("--hold", type=int, default=300, help="the seconds of each step")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", help="only faults whose name contains this")
    parser.add_argument("--picture", action="store_true", help=f"write {PICTURE}")
    options = parser.parse_args(arguments)
    plans = (
        Plan("canary from 1%, by client", SHARES, options.hold, options.rate),
        Plan("canary from 10%, by request", SHARES[1:], options.hold, options.rate, is_sticky=False),
        Plan("shadow", (), options.hold, options.rate),
    )
    faults = [fault for fault in FAULTS if options.only is None or options.only in fault.name]
    outcomes: dict[tuple[str, str], list[Outcome]] = {}
    print(
        f"| challenger | plan | rolled back | answers until then, median (95%) | seconds, median (95%) | tests |\n{'| --- ' * 6}|"
    )
    with ProcessPoolExecutor(options.processes) as pool:
        for fault in faults:
            for plan in plans:
                limits = Limits(differing_share=0.05) if plan.is_shadow else Limits()
                results = list(pool.map(partial(simulate, plan, fault, limits), range(options.rollouts)))
                outcomes[fault.name, plan.name] = results
                print(table_row(fault.name, plan.name, results), flush=True)
    RESULTS.write_text(
        json.dumps(
            {
                "machine": describe_machine(),
                "rate": options.rate,
                "hold_s": options.hold,
                "limits": Limits().model_dump(),
                "outcomes": [
                    {"challenger": fault, "plan": plan, "rollouts": [asdict(result) for result in results]}
                    for (fault, plan), results in outcomes.items()
                ],
            },
            indent=1,
        )
        + "\n",
        encoding="utf-8",
    )
    if options.picture:
        draw(outcomes)


def table_row(fault: str, plan: str, results: Sequence[Outcome]) -> str:
    """Return a row of the table."""
    back = [result for result in results if result.rolled_back]
    tests = Counter(name for result in back for name in result.tests)
    cells = [fault, plan, f"{len(back)} of {len(results)}"]
    for values in ([result.answers for result in back], [result.seconds for result in back]):
        if values:
            tail = sorted(values)[min(int(0.95 * len(values)), len(values) - 1)]
            cells.append(f"{statistics.median(values):,.0f} ({tail:,})")
        else:
            cells.append("-")
    cells.append(", ".join(f"{name} {count}" for name, count in tests.most_common()) or "-")
    return f"| {' | '.join(cells)} |"


def draw(outcomes: dict[tuple[str, str], list[Outcome]]) -> None:
    """Draw the answers of the challenger until its rollback."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.add_subplot()
    faults = list(dict.fromkeys(fault for fault, _ in outcomes))
    plans = list(dict.fromkeys(plan for _, plan in outcomes))
    for row, fault in enumerate(faults):
        for index, plan in enumerate(plans):
            values = [result.answers for result in outcomes[fault, plan] if result.rolled_back]
            height = row + 0.25 * (index - 1)
            axes.scatter(
                values, [height] * len(values), s=12, alpha=0.5, color=f"C{index}", label=plan if not row else None
            )
            if not values:
                axes.text(
                    1,
                    height,
                    f" {plan}: none rolled back",
                    va="center",
                    fontsize=7,
                    color=f"C{index}",
                    transform=axes.get_yaxis_transform(),
                    ha="right",
                )
    axes.set_yticks(range(len(faults)), faults)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("answers of the challenger until it is rolled back; each point is one rollout")
    axes.grid(axis="x", alpha=0.3)
    axes.legend(fontsize=8)
    figure.savefig(PICTURE, dpi=110)


if __name__ == "__main__":
    main()
