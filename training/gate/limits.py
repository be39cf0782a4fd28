"""Plain limits: metrics, the proof of parity, latency and size against the limits of the config.

An imported pipeline (``tabento.adopt``) passes these checks only. A trained pipeline also passes the other checks of
``training.gate.run``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tabento.errors import TabentoError
from tabento.packaging.latency import LatencyTable
from tabento.parity.report import Limits, ParityReport
from training.config import Gate, Limit
from training.config.metric_names import unit_of
from training.gate.report import Bound, Check, GateReport, disabled_check, limit_check, undecided_check
from training.model.metrics import HIGHER_IS_BETTER

GROUP = "Limits"
MIB = 1 << 20
BATCH_ROWS = 32
TEN_ROWS = 10


@dataclass(frozen=True)
class LimitedTime:
    """A time that the config can limit."""

    key: str
    """The key of the limit in the config's ``gate``."""
    rows: int
    """The number of rows in the batch."""
    figure: str
    """The field of ``BatchLatency``."""
    words: str


LIMITED_TIMES = (
    LimitedTime("single_row_p99_us_max", 1, "p99_us", "the time of one row"),
    LimitedTime("ten_rows_p95_us_max", TEN_ROWS, "p95_us", "the time of 10 rows"),
    LimitedTime("batch_p99_us_max", BATCH_ROWS, "p99_us", f"the time of {BATCH_ROWS} rows"),
)

_STRAYS = "the ONNX graph differs from the pipeline: look at the step that the proof of parity names"
_UNSTEADY = "scikit-learn's own answers depend on the batch here: use another step before the step that the proof names, or raise the limit"
_SLOW = "use a smaller estimator, or raise the limit"
_BUSY = "measure again when the computer is less busy: import again, or tabento train --config YAML --steps export,gate,register --force"


def parity_limits(gate: Gate) -> Limits:
    """Return the limits of a gate for the proof of parity."""
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
    """Compare a model with the plain limits of its config. A limit of null is omitted.

    Args:
        gate: the limits.
        metrics: metrics on the test part, by the keys of ``training.model.metrics``.
        parity: the report of the proof of parity, or only the worst relative difference between graph and pipeline.
        latency: the time of a batch, by its size.
        model_bytes: the ONNX file's size.
        target_unit: the unit of a predicted number.

    Raises:
        TabentoError: a limit is set on a metric that was not measured.
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
    """Return a check for each end of each limited metric, or a disabled check if the config limits no metric.

    Raises:
        TabentoError: a limit is set on a metric that was not measured.
    """
    checks = []
    for metric, limit in gate.metrics.items():
        if metric not in metrics:
            raise TabentoError(
                f"gate.metrics.{metric} needs a metric that was not measured; there are {', '.join(sorted(metrics))}."
                " Remove the limit, or give the data on which it is measured."
            )
        unit = unit_of(metric, target_unit)
        for bound, end in _ends(limit):
            if end is not None:
                remedy = _metric_remedy(metric, bound)
                checks.append(limit_check(f"metrics.{metric}", metrics[metric], end, bound, unit=unit, remedy=remedy))
    return checks or [disabled_check("metrics", group=GROUP, detail="the config limits no metric")]


def _ends(limit: Limit) -> tuple[tuple[Bound, float | None], tuple[Bound, float | None]]:
    return ("at most", limit.at_most), ("at least", limit.at_least)


def _metric_remedy(metric: str, bound: Bound) -> str:
    """Return the remedy for a metric that misses one end of its limit. A metric can also be suspiciously good."""
    change = "raise the limit" if bound == "at most" else "lower the limit"
    if (bound == "at least") != (metric in HIGHER_IS_BETTER):
        return f"look for a feature that contains the answer, or {change}"
    if metric == "mape":
        return f"set `estimator.target: log`, improve features or estimator, or {change}"
    return f"look at the report of the data, improve features or estimator, or {change}"


def parity_checks(gate: Gate, parity: ParityReport | float) -> list[Check]:
    """Return the checks of the proof. Parts that were not compared have no check."""
    if not isinstance(parity, ParityReport):
        return [limit_check("parity_relative_max", parity, gate.parity_relative_max, remedy=_STRAYS)]
    # The proof uses wider limits if an operator computes in float32.
    measured: list[tuple[str, float | None, float | None, str]] = [
        ("parity_relative_max", parity.worst_relative, parity.limits.relative, "")
    ]
    if parity.ensembles:
        measured.append(("parity_other_branches_max", parity.other_branches, gate.parity_other_branches_max, "rows"))
    if parity.classification:
        measured.append(("parity_label_flips_max", parity.label_flips, gate.parity_label_flips_max, "rows"))
    if parity.worst_probability is not None:
        measured.append(("parity_probability_max", parity.worst_probability, parity.limits.probability, ""))
    checks = [_optional_limit_check(name, value, limit, unit, _STRAYS) for name, value, limit, unit in measured]
    test, hostile = parity.undecided_shares()
    separate_shares: list[tuple[str, float, float | None, str]] = []
    if parity.undecided:
        separate_shares += [
            ("parity_undecided_share_max", test, gate.parity_undecided_share_max, ""),
            ("parity_undecided_hostile_share_max", hostile, gate.parity_undecided_hostile_share_max, ""),
        ]
    if parity.cancelled:
        separate_shares.append(
            ("parity_cancelled_share_max", parity.test_cancelled_share(), gate.parity_cancelled_share_max, "")
        )
    if parity.knife_edges:
        separate_shares.append(
            ("parity_knife_edges_max", parity.test_knife_edges(), gate.parity_knife_edges_max, "rows")
        )
    return checks + [
        _optional_limit_check(name, value, limit, unit, _UNSTEADY) for name, value, limit, unit in separate_shares
    ]


def latency_checks(gate: Gate, latency: LatencyTable) -> list[Check]:
    """Return the checks of times.

    Only the model can fail. If other load on the computer can explain a time above its limit, the check is undecided.

    Raises:
        ValueError: a limit is set on a batch size that was not measured.
    """
    checks = []
    for limited in LIMITED_TIMES:
        limit = getattr(gate, limited.key)
        batch = latency.batch(limited.rows)
        value = None if batch is None else getattr(batch, limited.figure)
        if limit is None:
            checks.append(disabled_check(limited.key, group=GROUP))
            continue
        if value is None:
            raise ValueError(f"gate.{limited.key}: {limited.words} was not measured; set the limit to null")
        detail = latency.disturbance.in_words() if latency.disturbance else ""
        if latency.judge(value, limit) == "undecided":
            checks.append(
                undecided_check(
                    limited.key,
                    value,
                    limit,
                    unit="µs",
                    detail=f"the computer was too busy to decide whether the model is this slow: {detail}",
                    remedy=_BUSY,
                )
            )
        else:
            checks.append(limit_check(limited.key, value, limit, unit="µs", detail=detail, remedy=_SLOW))
    return checks


def is_latency_undecided(gate: Gate, latency: LatencyTable) -> bool:
    """Return True if other load on the computer makes a limit of the gate undecidable. Errors: see ``latency_checks``."""
    return any(check.verdict == "not judged" for check in latency_checks(gate, latency))


def size_check(gate: Gate, model_bytes: int) -> Check:
    """Return the check of the ONNX file's size."""
    remedy = "use fewer or shallower trees, or raise the limit"
    return _optional_limit_check("model_mib_max", model_bytes / MIB, gate.model_mib_max, "MiB", remedy)


def _optional_limit_check(name: str, value: float | None, limit: float | None, unit: str, remedy: str) -> Check:
    """Return the check of a value, or a disabled check if the value or its limit is None."""
    if limit is None or value is None:
        return disabled_check(name, group=GROUP)
    return limit_check(name, value, limit, unit=unit, remedy=remedy)
