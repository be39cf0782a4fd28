"""The figures of docs/capacity.md: the load points of the measured service, and worked examples as the command answers them.

Each example is a command line, so that the document shows what a user gets. ``make capacity-day`` writes the tables between their markers.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.capacity.burst import BurstAnswer
from benchmarks.capacity.command import answer, command
from benchmarks.capacity.figures import ServiceFigures
from benchmarks.capacity.plan import ReplicaPlan

LOAD_BEGIN, LOAD_END = "<!-- capacity-load -->", "<!-- /capacity-load -->"
EXAMPLES_BEGIN, EXAMPLES_END = "<!-- capacity-examples -->", "<!-- /capacity-examples -->"


@dataclass(frozen=True)
class Example:
    """A question with the options that ask it."""

    question: str
    options: str


EXAMPLES = (
    Example("1,000 requests/s, p99 < 100 ms, 99.9%", "--rate 1000 --slo p99=100ms --availability 99.9"),
    Example("the same, three zones of which one is lost", "--rate 1000 --slo p99=100ms --availability 99.9 --zones 3"),
    Example("300 requests/s, p95 < 50 ms", "--rate 300 --slo p95=50ms"),
    Example("10 requests a minute that become 10,000", "--rate 10/min --burst 1000x"),
    Example("100 users, a second between answer and request", "--users 100 --think 1s"),
    Example(
        "1,000,000 predictions a month for 100, a quarter of a core each",
        "--rate 1e6/month --cores 0.25 --updating 0 --budget 100",
    ),
    Example("1,000 requests/s that become 100,000", "--rate 1000 --burst 100x"),
    Example("10,000 requests/s that become 300,000", "--rate 10000 --burst 30x"),
    Example("the same, and each additional replica needs a node", "--rate 10000 --burst 30x --node 60s"),
)


def answer_example(example: Example, figures_path: Path) -> tuple[ReplicaPlan, list[BurstAnswer]]:
    """Return the answer of the command to an example."""
    words = [*shlex.split(example.options), "--measured", str(figures_path)]
    with command.make_context("capacity", words) as context:
        values = dict(context.params)
    return answer(values.pop("model"), values)


def load_table(figures: ServiceFigures) -> str:
    """Return the table of the measured load points."""
    lines = [
        f"{figures.model} on one core of {figures.machine_name}, {figures.rows_each} row{'s' * (figures.rows_each > 1)} a request:"
        f" **{figures.rate_per_s:,.0f} requests/s** at p{100 * figures.percentile:g} ≤ {1e3 * figures.latency_s:g} ms, ready after"
        f" {figures.ready_s:.1f} s, {figures.memory_mib:,.0f} MiB. Measured {figures.measured_at[:10]}.",
        "",
        "| share of the rate | requests/s | core used | processor time a request | p50 | p99 | p99 in the queue | rows a batch | model, a row | answered in time |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {100 * point.share:g}% | {point.rate_per_s:,.0f} | {100 * point.cpu_share:.0f}% | {point.cpu_us:,.0f} µs | {point.p50_ms:.2f} ms |"
        f" {point.p99_ms:.2f} ms | {point.wait_p99_ms:.2f} ms | {point.batch_rows:.1f} | {point.row_us:.1f} µs | {100 * point.good_share:.1f}% |"
        for point in (*figures.points, figures.overload)
    ]
    return "\n".join(lines)


def examples_table(figures_path: Path, examples: Sequence[Example] = EXAMPLES) -> str:
    """Return the table of the worked examples, and below it the course of the bursts that need more replicas."""
    answers = [(example, *answer_example(example, figures_path)) for example in examples]
    lines = [
        "| question | options of `tabento capacity` | replicas | for load · availability · zone · burst | load after a loss | availability | core hours a month |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for example, plan, _ in answers:
        hours = plan.replicas * plan.reserves.cores * 730.5
        lines.append(
            f"| {example.question} | `{example.options}` | **{plan.replicas}** |"
            f" {plan.for_load} · {plan.for_availability} · {plan.for_zone_loss} · {plan.for_burst} |"
            f" {_share(plan.load_after_losses)} | {100 * min(plan.availability, 0.9999999):.5f}% | {hours:,.0f}{_budget(plan)} |"
        )
    lines += [
        "",
        "| burst | way to scale | first help | enough | refused in 15 min | most replicas |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for example, _, bursts in answers:
        lines += [
            f"| {example.question} | {burst.title} | {_seconds(burst.first_help_s)} | {_seconds(burst.enough_s)} |"
            f" {burst.refused:,} ({100 * burst.refused_share:.2f}%) | {burst.replicas_most} |"
            for burst in bursts
        ]
    return "\n".join(lines)


def _budget(plan: ReplicaPlan) -> str:
    if plan.core_hour_most is None:
        return ""
    return f"; within {plan.prices.budget_a_month:g} if a core costs at most {plan.core_hour_most:.3f} an hour"


def _share(share: float) -> str:
    return f"{100 * share:.1f}%" if share >= 0.001 else "below 0.1%"


def _seconds(seconds: int | None) -> str:
    return "never" if seconds is None else f"{seconds} s"
