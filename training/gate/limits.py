"""Plain limits: metrics, the proof of parity, latency and size against what the config allows.

An imported pipeline (``training.adoption``) is judged by these alone; a trained one by ``training.gate.run`` as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from training.config import Gate, Limit
from training.errors import TrainingError
from training.gate.report import Bound, Check, GateReport, judged, not_judged, switched_off
from training.latency import LatencyTable
from training.metric_names import unit_of
from training.metrics import HIGHER_IS_BETTER
from training.parity.report import Limits, ParityReport

GROUP = "Limits"
MIB = 1 << 20
BATCH_ROWS = 32
TEN_ROWS = 10


@dataclass(frozen=True)
class LimitedTime:
    """A time that the config can limit."""

    key: str
    """Of the limit in the config's ``gate``."""
    rows: int
    """In the batch."""
    figure: str
    """The field of ``BatchLatency``."""
    words: str


LIMITED_TIMES = (
    LimitedTime("single_row_p99_us_max", 1, "p99_us", "the time of one row"),
    LimitedTime("ten_rows_p95_us_max", TEN_ROWS, "p95_us", "the time of 10 rows"),
    LimitedTime("batch_p99_us_max", BATCH_ROWS, "p99_us", f"the time of {BATCH_ROWS} rows"),
)

_STRAYS = "the ONNX graph strays from the pipeline: look at the step that the proof of parity names"
_UNSTEADY = "scikit-learn's own answers hang on the batch here: take another step in front of the one that the proof names, or raise the limit"
_SLOW = "take a smaller estimator, or raise the limit"
_BUSY = "measure again when less is running: import again, or tabento train --config YAML --steps export,gate,register --force"


def parity_limits(gate: Gate) -> Limits:
    """Return the limits that a gate sets to the proof of parity."""
    return Limits(
        relative=gate.parity_relative_max,
        probability=gate.parity_probability_max,
        other_branches=gate.parity_other_branches_max,
        label_flips=gate.parity_label_flips_max,
        undecided_share=gate.parity_undecided_share_max,
        undecided_hostile_share=gate.parity_undecided_hostile_share_max,
        cancelled_share=gate.parity_cancelled_share_max,
        knife_edges=gate.parity_knife_edges_max,
    )


def check_gate(
    gate: Gate,
    metrics: Mapping[str, float],
    parity: ParityReport | float,
    latency: LatencyTable,
    model_bytes: int,
    *,
    target_unit: str | None = None,
) -> GateReport:
    """Compare a model with the plain limits of its config; a limit of null is left out.

    Args:
        gate: the limits.
        metrics: figures on the test split, by the keys of ``training.metrics``.
        parity: what the proof of parity found, or the worst relative difference between graph and pipeline alone.
        latency: what a batch costs, by its size.
        model_bytes: the ONNX file's size.
        target_unit: of a predicted number.

    Raises:
        TrainingError: a limit is set on a metric that was not measured.
        ValueError: a limit is set on a batch size that was not measured.
    """
    checks = (
        *metric_checks(gate, metrics, target_unit),
        *parity_checks(gate, parity),
        *latency_checks(gate, latency),
        size_check(gate, model_bytes),
    )
    return GateReport(checks=tuple(check for check in checks if check.verdict != "off"))


def metric_checks(gate: Gate, metrics: Mapping[str, float], target_unit: str | None = None) -> list[Check]:
    """Return a check for each end of each metric that the config limits; one that says it is off where it limits none.

    Raises:
        TrainingError: a limit is set on a metric that was not measured.
    """
    checks = []
    for metric, limit in gate.metrics.items():
        if metric not in metrics:
            raise TrainingError(
                f"gate.metrics.{metric} needs a metric that was not measured; there are {', '.join(sorted(metrics))}."
                " Remove the limit, or give what it is measured on."
            )
        unit = unit_of(metric, target_unit)
        for bound, end in _ends(limit):
            if end is not None:
                remedy = _metric_remedy(metric, bound)
                checks.append(judged(f"metrics.{metric}", metrics[metric], end, bound, unit=unit, remedy=remedy))
    return checks or [switched_off("metrics", group=GROUP, detail="the config limits no metric")]


def _ends(limit: Limit) -> tuple[tuple[Bound, float | None], tuple[Bound, float | None]]:
    return ("at most", limit.at_most), ("at least", limit.at_least)


def _metric_remedy(metric: str, bound: Bound) -> str:
    """Say what to do if a metric misses one end of its limit; it can also be too good to be true."""
    change = "raise the limit" if bound == "at most" else "lower the limit"
    if (bound == "at least") != (metric in HIGHER_IS_BETTER):
        return f"look for a feature that gives the answer away, or {change}"
    if metric == "mape":
        return f"try `estimator.target: log`, improve features or estimator, or {change}"
    return f"look at the report of the data, improve features or estimator, or {change}"


def parity_checks(gate: Gate, parity: ParityReport | float) -> list[Check]:
    """Return the checks of the proof: what was not compared has none."""
    if not isinstance(parity, ParityReport):
        return [judged("parity_relative_max", parity, gate.parity_relative_max, remedy=_STRAYS)]
    # The proof widens its limits where an operator computes in float32.
    found: list[tuple[str, float | None, float | None, str]] = [
        ("parity_relative_max", parity.worst_relative, parity.limits.relative, "")
    ]
    if parity.ensembles:
        found.append(("parity_other_branches_max", parity.other_branches, gate.parity_other_branches_max, "rows"))
    if parity.classification:
        found.append(("parity_label_flips_max", parity.label_flips, gate.parity_label_flips_max, "rows"))
    if parity.worst_probability is not None:
        found.append(("parity_probability_max", parity.worst_probability, parity.limits.probability, ""))
    checks = [_limited(name, value, limit, unit, _STRAYS) for name, value, limit, unit in found]
    test, hostile = parity.undecided_shares()
    apart: list[tuple[str, float, float | None, str]] = []
    if parity.undecided:
        apart += [
            ("parity_undecided_share_max", test, gate.parity_undecided_share_max, ""),
            ("parity_undecided_hostile_share_max", hostile, gate.parity_undecided_hostile_share_max, ""),
        ]
    if parity.cancelled:
        apart.append(("parity_cancelled_share_max", parity.test_cancelled_share(), gate.parity_cancelled_share_max, ""))
    if parity.knife_edges:
        apart.append(("parity_knife_edges_max", parity.test_knife_edges(), gate.parity_knife_edges_max, "rows"))
    return checks + [_limited(name, value, limit, unit, _UNSTEADY) for name, value, limit, unit in apart]


def latency_checks(gate: Gate, latency: LatencyTable) -> list[Check]:
    """Return the checks of times.

    Only the model may fail: a time above its limit that a disturbed machine can explain is not judged.

    Raises:
        ValueError: a limit is set on a batch size that was not measured.
    """
    checks = []
    for limited in LIMITED_TIMES:
        limit = getattr(gate, limited.key)
        batch = latency.batch(limited.rows)
        value = None if batch is None else getattr(batch, limited.figure)
        if limit is None:
            checks.append(switched_off(limited.key, group=GROUP))
            continue
        if value is None:
            raise ValueError(f"gate.{limited.key}: {limited.words} was not measured; set the limit to null")
        detail = latency.disturbance.in_words() if latency.disturbance else ""
        if latency.judge(value, limit) == "undecided":
            checks.append(
                not_judged(
                    limited.key,
                    value,
                    limit,
                    unit="µs",
                    detail=f"the machine was too busy to tell whether the model is this slow: {detail}",
                    remedy=_BUSY,
                )
            )
        else:
            checks.append(judged(limited.key, value, limit, unit="µs", detail=detail, remedy=_SLOW))
    return checks


def is_latency_undecided(gate: Gate, latency: LatencyTable) -> bool:
    """Say whether a limit of the gate cannot be judged because the machine was disturbed; errors: ``latency_checks``."""
    return any(check.verdict == "not judged" for check in latency_checks(gate, latency))


def size_check(gate: Gate, model_bytes: int) -> Check:
    """Return the check of the ONNX file's size."""
    remedy = "take fewer or shallower trees, or raise the limit"
    return _limited("model_mib_max", model_bytes / MIB, gate.model_mib_max, "MiB", remedy)


def _limited(name: str, value: float | None, limit: float | None, unit: str, remedy: str) -> Check:
    """Return the check of a value, or that its limit is switched off."""
    if limit is None or value is None:
        return switched_off(name, group=GROUP)
    return judged(name, value, limit, unit=unit, remedy=remedy)
