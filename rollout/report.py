"""The report on a trial as JSON: both arms, the compared rows, the worst rows, the verdict, and the fixed-size comparison beside it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rollout.trial import Totals, Trial
from tabento.ab_test.arms import ArmCounts
from tabento.ab_test.fixed import compare_counts
from tabento.ab_test.pairs import DIFFERENCE_BOUNDS, PairCounts

QUANTILES = (0.5, 0.95, 0.99)


def status_of(trial: Trial) -> dict[str, Any]:
    """Return the state of a trial: share, counts and verdict."""
    plan, totals, verdict = trial.plan, trial.totals, trial.verdict
    return {
        "champion": trial.champion.bundle.tag,
        "challenger": trial.challenger.bundle.tag,
        "mode": plan.mode,
        "share": 0.0 if trial.withdrawn is not None else plan.share,
        "step": plan.step,
        "steps": [step.model_dump() for step in plan.steps] if plan.mode == "canary" else [],
        "step_since": plan.step_since,
        "elapsed_s": round(trial.elapsed_s, 1),
        "sticky": plan.sticky.model_dump(),
        "decision": None if verdict is None else verdict.decision,
        "reasons": [] if verdict is None else list(verdict.reasons),
        "rolled_back": None if trial.withdrawn is None else trial.withdrawn.reason,
        "requests": None
        if totals is None
        else {"champion": totals.champion.requests, "challenger": totals.challenger.requests},
    }


def report_of(trial: Trial) -> dict[str, Any]:
    """Return the report on the present step of a trial, over all workers of this replica."""
    totals = trial.totals or Totals(ArmCounts(), ArmCounts(), PairCounts())
    report = status_of(trial)
    names = trial.bin_names
    tags = (report["champion"], report["challenger"])
    fixed = compare_counts(totals.champion, totals.challenger, tags)
    report |= {
        "arms": {
            "champion": _arm(totals.champion, names, totals.refused[0]),
            "challenger": _arm(totals.challenger, names, totals.refused[1]),
        },
        "latency_is_estimated": trial.plan.mode == "shadow",
        "limits": trial.plan.limits.model_dump(),
        "verdict": None if trial.verdict is None else trial.verdict.to_json(),
        "fixed_comparison": None if fixed is None else asdict(fixed),
        "shadow": None,
    }
    if trial.plan.mode == "shadow":
        report["shadow"] = {"cost_ratio": trial.cost_ratio, **_shadow(totals)}
    return report


def _arm(counts: ArmCounts, bin_names: dict[str, list[str]], n_refused: int) -> dict[str, Any]:
    return {
        "requests": counts.requests,
        "errors": counts.errors,
        "error_rate": counts.error_rate,
        "refused": n_refused,
        "rows": counts.rows,
        "mean_ms": _milliseconds(counts.mean_s),
        **{f"p{round(100 * level)}_ms": _milliseconds(counts.quantile_s(level)) for level in QUANTILES},
        "answers": {
            column: dict(zip(bin_names[column], bins, strict=True))
            for column, bins in counts.answers.items()
            if column in bin_names
        },
        "losses": {"count": counts.losses.count, "mean": counts.losses.mean},
    }


def _shadow(totals: Totals) -> dict[str, Any]:
    pairs = totals.pairs
    return {
        "compared_rows": pairs.compared,
        "differing_rows": pairs.differing,
        "differing_share": pairs.differing_share,
        "label_flips": pairs.flips,
        "failed_rows": totals.failed_rows,
        "dropped_rows": totals.dropped_rows,
        "mean_difference": pairs.mean_difference,
        **{f"p{round(100 * level)}_difference": pairs.quantile(level) for level in QUANTILES},
        "differences": [
            {"up_to": bound, "rows": count}
            for bound, count in zip((*DIFFERENCE_BOUNDS, None), pairs.differences, strict=True)
            if count
        ],
        "worst_rows": [{**row._asdict(), "difference": min(row.difference, 1e308)} for row in totals.worst],
    }


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else 1000 * seconds
