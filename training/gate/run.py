"""The gate as a whole: every check of a trained model, one report.

A failed check does not end it: whoever mends the model wants to know everything at once. The report is written before
anybody asks for the verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import get_args

from training.gate.behaviour import check_behaviour
from training.gate.calibration import check_calibration
from training.gate.champion import check_champion
from training.gate.given import GateInput, RefitInput
from training.gate.limits import BATCH_ROWS, TEN_ROWS, latency_checks, metric_checks, parity_checks, size_check
from training.gate.limits import GROUP as LIMITS
from training.gate.methods import check_methods
from training.gate.pages import write_report
from training.gate.refits import REFITS
from training.gate.report import Check, GateReport, Verdict, shown
from training.gate.slices import check_slices
from training.latency import BatchLatency
from training.progress import Progress


def run_gate(given: GateInput, progress: Progress, refitted: Sequence[Sequence[Check]] | None = None) -> GateReport:
    """Make every check that the config asks for and write the report.

    A check that is switched off is listed as off. Nothing is fitted on the test part; what is fitted anew is fitted on
    parts of the training part.

    Args:
        given: the model with its data.
        progress: who is told.
        refitted: the checks of each of ``training.gate.refits.REFITS`` where they have been made already.

    Returns:
        The report; ``require`` raises where a check failed.

    Raises:
        TrainingError: a limit is set on a metric that was not measured.
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
    if refitted is None:
        refitted = [_refitting(title, look, given, progress) for title, look in REFITS]
    refits = [check for checks in refitted for check in checks]
    every = (*limits, *against, *calibrated, *sliced, *methods, *refits, *behaviour)
    report = GateReport(checks=every, champion=champion, slices=slices, calibration=calibration)
    if given.folder is not None:
        write_report(given.config, report, given.folder, given.latency)
    return report


def _limits(given: GateInput) -> list[Check]:
    """Return the checks of plain figures, and the times that have no limit."""
    gate, latency = given.config.gate, given.latency
    checks = [
        *metric_checks(gate, given.metrics, given.config.target.unit),
        *parity_checks(gate, given.parity),
        *latency_checks(gate, latency),
        size_check(gate, len(given.model)),
    ]
    for rows, name in ((1, "single_row"), (TEN_ROWS, "ten_rows"), (BATCH_ROWS, "batch")):
        batch = latency.batch(rows)
        if batch is not None:
            checks += _shown_times(batch, name)
    return checks


def _shown_times(batch: BatchLatency, name: str) -> list[Check]:
    """Return the mean and the quantiles of a batch size, each as a figure without a limit."""
    times = {"mean": batch.mean_us, "p50": batch.p50_us, "p95": batch.p95_us, "p99": batch.p99_us}
    rounds = (
        "" if batch.rounds is None else f", {batch.rounds - batch.discarded_rounds:,} of {batch.rounds:,} rounds kept"
    )
    detail = f"{batch.rows:,} {'row' if batch.rows == 1 else 'rows'}: {batch.runs:,} runs{rounds}"
    return [
        shown(f"{name}_{key}_us", value, group=LIMITS, unit="µs", detail=detail)
        for key, value in times.items()
        if value is not None
    ]


def _refitting(
    title: str, look: Callable[[RefitInput], list[Check]], given: GateInput, progress: Progress
) -> list[Check]:
    with progress.step(title) as step:
        checks = look(given)
        step.detail = _tally(checks)
    return checks


def _tally(checks: list[Check]) -> str:
    """Say how many checks ended how."""
    counts = {verdict: sum(check.verdict == verdict for check in checks) for verdict in get_args(Verdict)}
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
