"""The gate as a whole: every check of a trained model, one report.

A failed check does not end it: whoever mends the model wants to know everything at once. The report is written before
anybody asks for the verdict.
"""

from __future__ import annotations

from collections.abc import Callable

from training.gate.behaviour import check_behaviour
from training.gate.calibration import check_calibration
from training.gate.champion import check_champion
from training.gate.given import GateInput
from training.gate.leakage import check_leakage
from training.gate.limits import BATCH_ROWS, cost_checks, metric_checks, parity_checks
from training.gate.limits import GROUP as LIMITS
from training.gate.methods import check_methods
from training.gate.pages import write_report
from training.gate.report import Check, GateReport, shown
from training.gate.seeds import check_seeds
from training.gate.slices import check_slices
from training.progress import Progress


def run_gate(given: GateInput, progress: Progress) -> GateReport:
    """Make every check that the config asks for and write the report.

    A check that is switched off is listed as off. Nothing is fitted on the test part; what is fitted anew is fitted on
    parts of the training part.

    Args:
        given: the model with its data.
        progress: who is told.

    Returns:
        The report; ``require`` raises where a check failed.

    Raises:
        KeyError: a limit is set on a metric that was not measured.
        FitError, FoldError: a refit for leakage or seeds cannot be made.
    """
    with progress.step("Check limits, methods and behaviour") as step:
        limits = _limits(given)
        methods = check_methods(given)
        behaviour = check_behaviour(given)
        step.detail = _tally([*limits, *methods, *behaviour])
    with progress.step("Compare with the champion") as step:
        against, champion = check_champion(given)
        step.detail = champion.tag if champion else against[-1].verdict
    with progress.step("Check calibration and slices") as step:
        calibrated, calibration = check_calibration(given)
        sliced, slices = check_slices(given)
        step.detail = f"{len(slices)} slices"
    refitted = [
        *_refitting("Probe for leakage", check_leakage, given, progress),
        *_refitting("Fit with other seeds", check_seeds, given, progress),
    ]
    checks = (*limits, *against, *calibrated, *sliced, *methods, *refitted, *behaviour)
    report = GateReport(checks=checks, champion=champion, slices=slices, calibration=calibration)
    if given.folder is not None:
        write_report(given.config, report, given.folder, given.latency)
    return report


def _limits(given: GateInput) -> list[Check]:
    """Return the checks of plain figures, and the quantiles of latency that have no limit."""
    gate, latency = given.config.gate, given.latency
    measured = {batch.rows: batch for batch in latency.batches}
    batch = measured.get(BATCH_ROWS)
    checks = [
        *metric_checks(gate, given.metrics, given.config.target.unit),
        *parity_checks(gate, given.parity),
        *cost_checks(gate, latency.single_row_p99_us, batch.p99_us if batch else None, len(given.model)),
    ]
    for rows, name in ((1, "single_row"), (BATCH_ROWS, "batch")):
        if rows in measured:
            item = measured[rows]
            told = [
                f"{rows:,} {'row' if rows == 1 else 'rows'}, best of {latency.rounds} rounds: median {item.p50_us:,.1f} µs"
            ]
            told += [f"95% {item.p95_us:,.1f} µs"] if item.p95_us is not None else []
            told += [f"99% {item.p99_us:,.1f} µs", f"{item.runs:,} runs"]
            checks.append(shown(f"{name}_p50_us", item.p50_us, group=LIMITS, unit="µs", detail=", ".join(told)))
    return checks


def _refitting(
    title: str, look: Callable[[GateInput], list[Check]], given: GateInput, progress: Progress
) -> list[Check]:
    with progress.step(title) as step:
        checks = look(given)
        step.detail = _tally(checks)
    return checks


def _tally(checks: list[Check]) -> str:
    """Say how many checks ended how."""
    counts = {
        verdict: sum(check.verdict == verdict for check in checks) for verdict in ("passed", "failed", "shown", "off")
    }
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
