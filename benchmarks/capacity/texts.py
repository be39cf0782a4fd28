"""The answer of ``tabento capacity`` as text and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.capacity.availability import monthly_budget_s
from benchmarks.capacity.burst import BURST_S, BurstAnswer
from benchmarks.capacity.demand import MONTH_S
from benchmarks.capacity.plan import HOUR_S, ReplicaPlan

_WIDTH = 26


def plan_text(plan: ReplicaPlan, bursts: Sequence[BurstAnswer] = ()) -> str:
    """Return the answer as lines for a terminal, with the course of a burst that needs more replicas."""
    return "\n".join(
        [
            *_measured_lines(plan),
            "",
            *_replica_lines(plan),
            *map(_burst_line, bursts),
            "",
            *_cost_lines(plan),
            *_warnings(plan),
        ]
    )


def plan_json(plan: ReplicaPlan, bursts: Sequence[BurstAnswer] = ()) -> dict[str, Any]:
    """Return the answer for JSON: the inputs, and all computed figures."""
    mm1, md1 = plan.unbatched_per_s
    return {
        "demand": asdict(plan.demand),
        "measured": asdict(plan.figures),
        "reserves": asdict(plan.reserves),
        "losses": asdict(plan.losses),
        "prices": asdict(plan.prices),
        "held_per_core_per_s": round(plan.held_per_s, 1),
        "usable_per_replica_per_s": round(plan.usable_per_s, 1),
        "replicas": plan.replicas,
        "replicas_for": {
            "load": plan.for_load,
            "availability": plan.for_availability,
            "zone_loss": plan.for_zone_loss,
            "burst": plan.for_burst,
        },
        "decided_by": list(plan.reasons),
        "capacity_per_s": round(plan.capacity_per_s, 1),
        "load_after_losses": round(plan.load_after_losses, 4),
        "availability": plan.availability,
        "unavailable_s_a_month": round((1 - plan.availability) * MONTH_S, 3),
        "holds_burst": plan.holds_burst,
        "burst_answers": [asdict(answer) for answer in bursts],
        "memory_mib_each": plan.memory_mib,
        "predictions_a_month": round(plan.predictions_a_month),
        "cost_a_month": plan.cost_a_month,
        "core_hour_most": plan.core_hour_most,
        "unbatched_per_s": {"m_m_1": round(mm1, 1), "m_d_1": round(md1, 1)},
        "is_plausible": plan.is_plausible,
    }


def _measured_lines(plan: ReplicaPlan) -> list[str]:
    figures = plan.figures
    mm1, md1 = plan.unbatched_per_s
    alone, half, full = figures.points[0], figures.point_at(0.5), figures.points[-1]
    rows = "" if figures.rows_each == 1 else f" of {figures.rows_each} rows"
    limit = ", limited by the load generator: the service may hold more" if figures.limited_by == "generator" else ""
    return [
        f"{figures.model} on one core of {figures.machine_name}, measured {figures.measured_at}",
        _line(
            "rate held",
            f"{figures.rate_per_s:,.0f} requests{rows}/s at p{100 * figures.percentile:g} <= {1e3 * figures.latency_s:g} ms{limit}",
        ),
        _line(
            "processor time",
            f"{figures.alone_us:,.0f} µs for a request alone, {half.cpu_us:,.0f} at half of the rate, {figures.points[-1].cpu_us:,.0f} at the rate",
        ),
        *(
            [
                _line(
                    "the model in it",
                    f"{alone.row_us:,.1f} µs a row alone, {full.row_us:,.1f} in batches of {full.batch_rows:,.1f} rows at the rate",
                )
            ]
            if full.row_us
            else []
        ),
        _line(
            "without batches", f"{mm1:,.0f} (M/M/1) to {md1:,.0f} (M/D/1) requests/s with the time of a request alone"
        ),
        _line(
            f"at {100 * half.share:g}% of the rate",
            f"p50 {half.p50_ms:.2f} ms, p99 {half.p99_ms:.2f} ms, {100 * half.cpu_share:.0f}% of the core",
        ),
        _line(
            f"at {figures.overload.share:g} times the rate",
            f"{100 * figures.overload.share * figures.overload.good_share:.0f}% of the held rate is answered in time, the others are refused",
        ),
        _line("ready after", f"{figures.ready_s:.1f} s"),
        _line("memory", f"{figures.memory_mib:,.0f} MiB, all processes of the service"),
    ]


def _replica_lines(plan: ReplicaPlan) -> list[str]:
    demand, reserves, losses = plan.demand, plan.reserves, plan.losses
    cores = f"{reserves.cores:g} core{'' if reserves.cores == 1 else 's'}"
    lines = [
        f"For {_rate(demand.rate_per_s)} requests/s, {demand.slo}, {100 * demand.availability:g}% available:",
        _line(
            "at the service",
            f"{demand.service_slo}, as TABENTO_SLO_P99_MS={1e3 * demand.service_slo.latency_s:g};"
            f" {1e3 * demand.network_s:g} ms are for network and proxy",
        ),
        _line(
            "one replica",
            f"holds {plan.held_per_s * reserves.cores:,.0f}/s and carries {plan.usable_per_s:,.0f}/s with {cores} and {100 * reserves.headroom:g}% headroom",
        ),
        _line("for the load", _count(plan.for_load)),
        _line("lost and updating", f"{reserves.lost} + {reserves.updating}"),
        _line(
            "for the availability",
            f"{_count(plan.for_availability)}, if each is ready for {100 * losses.replica_availability:.4f}% of the time",
        ),
    ]
    if reserves.zones > 1:
        lines.append(_line("for the loss of a zone", f"{_count(plan.for_zone_loss)} over {reserves.zones} zones"))
    lines += [
        _line(
            "run",
            f"{_count(plan.replicas)} of {cores} and {plan.memory_mib} MiB, because of {' and '.join(plan.reasons)}",
        ),
        _line(
            "load of a replica",
            f"{100 * plan.load_after_losses:.1f}% of the held rate if {reserves.lost} lost and {reserves.updating} updating",
        ),
        _line(
            "expected availability",
            f"{_percent(plan.availability)}: {_seconds((1 - plan.availability) * MONTH_S)} a month of the allowed {_seconds(monthly_budget_s(demand.availability))},"
            f" and {demand.rate_per_s * MONTH_S * losses.failed_share:,.0f} of {demand.rate_per_s * MONTH_S:,.0f} requests fail at lost replicas",
        ),
    ]
    if demand.burst > 1:
        burst = demand.burst * demand.rate_per_s
        answer = "answered at once" if plan.holds_burst else f"needs {_count(plan.for_burst)}"
        lines.append(
            _line(f"burst of {demand.burst:g}x", f"{_rate(burst)}/s against {plan.capacity_per_s:,.0f}/s: {answer}")
        )
    return lines


def _cost_lines(plan: ReplicaPlan) -> list[str]:
    memory_gib = plan.replicas * plan.memory_mib / 1024
    hours = MONTH_S / HOUR_S
    lines = [
        _line(
            "a month",
            f"{plan.predictions_a_month:,.0f} predictions, {plan.replicas * plan.reserves.cores * hours:,.0f} core hours, {memory_gib * hours:,.0f} GiB hours",
        ),
    ]
    if plan.cost_a_month is not None:
        million = plan.cost_a_month / plan.predictions_a_month * 1e6
        lines.append(
            _line(
                "cost a month",
                f"{plan.cost_a_month:,.2f}, or {million:,.4g} a million predictions, at the given prices",
            )
        )
    else:
        lines.append(
            _line("cost a month", "give --price-per-core-hour (and --price-per-gib-hour), from your provider's list")
        )
    if plan.core_hour_most is not None:
        lines.append(
            _line(
                "within the budget",
                f"if a core costs at most {plan.core_hour_most:.4f} an hour (budget {plan.prices.budget_a_month:g} a month)",
            )
        )
    return lines


def _burst_line(answer: BurstAnswer) -> str:
    first = (
        "no replica helps" if answer.first_help_s is None else f"the first replica helps after {answer.first_help_s} s"
    )
    enough = "never enough" if answer.enough_s is None else f"enough after {answer.enough_s} s"
    share = f"{100 * answer.refused_share:.2f}% of {BURST_S // 60} min refused"
    return _line("", f"{answer.title}: {first}, {enough}, {share}, up to {_count(answer.replicas_most)}")


def _warnings(plan: ReplicaPlan) -> list[str]:
    lines = []
    if not plan.is_plausible:
        lines.append(
            f"warning: the held rate is only {100 * plan.figures.rate_per_s / plan.unbatched_per_s[1]:.0f}% of the rate that"
            " requests without batches would have. Another program used the core, or the load generator; measure again on a quiet machine."
        )
    if plan.reserves.cores < 1:
        lines.append(
            "warning: request the part of a core, but set no limit of processor time below one core. A container that has used"
            " its share waits for the rest of each period of 100 ms, which alone can break the latency limit."
        )
    if plan.replicas < 2:
        lines.append("warning: one replica cannot be lost or updated without an interruption.")
    return ["", *lines] if lines else []


def _line(name: str, text: str) -> str:
    return f"  {name:<{_WIDTH}}{text}"


def _count(replicas: int) -> str:
    return f"{replicas:,} replica{'' if replicas == 1 else 's'}"


def _rate(rate_per_s: float) -> str:
    return f"{rate_per_s:,.0f}" if rate_per_s >= 100 else f"{rate_per_s:.3g}"


def _percent(share: float) -> str:
    return "above 99.99999%" if share > 1 - 1e-7 else f"{100 * share:.5f}%"


def _seconds(seconds: float) -> str:
    if seconds < 0.1:
        return "less than 0.1 s"
    if seconds < 120:
        return f"{seconds:.2g} s"
    return f"{seconds / 60:,.1f} min" if seconds < 7_200 else f"{seconds / 3_600:,.1f} h"
