"""The gate as a whole: every check of a trained model, one report.

A failed check does not end the gate, so that the user sees all failures in one run. The report is written before the result
is evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import get_args

from tabento.packaging.latency import BatchLatency
from training.gate.behaviour import check_behaviour
from training.gate.calibration import check_calibration
from training.gate.champion import check_champion
from training.gate.coverage import check_coverage
from training.gate.gate_input import GateInput, RefitInput
from training.gate.limits import BATCH_ROWS, TEN_ROWS, latency_checks, metric_checks, parity_checks, size_check
from training.gate.limits import GROUP as LIMITS
from training.gate.methods import check_methods
from training.gate.refits import REFITS
from training.gate.report import Check, GateReport, Verdict, unlimited_check
from training.gate.slices import check_slices
from training.progress import Progress


def run_gate(
    gate_input: GateInput, progress: Progress, refitted: Sequence[Sequence[Check]] | None = None
) -> GateReport:
    """Make every check that the config asks for and return the report.

    A disabled check is listed as off. Nothing is fitted on the test part. The refits use parts of the training part.

    Args:
        given: the model with its data.
        progress: the output of the run.
        refitted: the checks of each of ``training.gate.refits.REFITS`` if another process has made them already.

    Returns:
        The report; its method ``require`` raises an error if a check failed.

    Raises:
        TabentoError: a limit is set on a metric that was not measured.
        FitError, FoldError: a refit for leakage or seeds cannot be made.
    """
    with progress.step("Check limits, methods and behaviour") as step:
        limits = _limits(gate_input)
        methods = check_methods(gate_input)
        behaviour = check_behaviour(gate_input)
        step.detail = _tally([*limits, *methods, *behaviour])
    with progress.step("Compare with the champion") as step:
        against, champion = check_champion(gate_input)
        step.detail = champion.tag if champion else against[-1].verdict
    with progress.step("Check calibration and slices") as step:
        calibrated, calibration = check_calibration(gate_input)
        sliced, slices = check_slices(gate_input)
        step.detail = f"{len(slices)} slices"
    covered, coverage = check_coverage(gate_input)
    if refitted is None:
        refitted = [_run_refit(title, look, gate_input, progress) for title, look in REFITS]
    refits = [check for checks in refitted for check in checks]
    every = (*limits, *against, *calibrated, *sliced, *covered, *methods, *refits, *behaviour)
    return GateReport(checks=every, champion=champion, slices=slices, coverage=coverage, calibration=calibration)


def _limits(gate_input: GateInput) -> list[Check]:
    """Return the checks of plain metrics, and the times without a limit."""
    gate, latency = gate_input.config.gate, gate_input.latency
    checks = [
        *metric_checks(gate, gate_input.metrics, gate_input.config.target.unit),
        *parity_checks(gate, gate_input.parity),
        *latency_checks(gate, latency),
        size_check(gate, len(gate_input.model)),
    ]
    for rows, name in ((1, "single_row"), (TEN_ROWS, "ten_rows"), (BATCH_ROWS, "batch")):
        batch = latency.batch(rows)
        if batch is not None:
            checks += _unlimited_time_checks(batch, name)
    return checks


def _unlimited_time_checks(batch: BatchLatency, name: str) -> list[Check]:
    """Return the mean and the quantiles of a batch size, each as a check without a limit."""
    times = {"mean": batch.mean_us, "p50": batch.p50_us, "p95": batch.p95_us, "p99": batch.p99_us}
    rounds = (
        "" if batch.rounds is None else f", {batch.rounds - batch.discarded_rounds:,} of {batch.rounds:,} rounds kept"
    )
    detail = f"{batch.rows:,} {'row' if batch.rows == 1 else 'rows'}: {batch.runs:,} runs{rounds}"
    return [
        unlimited_check(f"{name}_{key}_us", value, group=LIMITS, unit="µs", detail=detail)
        for key, value in times.items()
        if value is not None
    ]


def _run_refit(
    title: str, look: Callable[[RefitInput], list[Check]], gate_input: GateInput, progress: Progress
) -> list[Check]:
    with progress.step(title) as step:
        checks = look(gate_input)
        step.detail = _tally(checks)
    return checks


def _tally(checks: list[Check]) -> str:
    """Return the number of checks by their result, as text."""
    counts = {verdict: sum(check.verdict == verdict for check in checks) for verdict in get_args(Verdict)}
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
