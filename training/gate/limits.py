"""Plain limits: metrics, the proof of parity, latency and size against what the config allows.

An imported pipeline (``training.adoption``) is judged by these alone; a trained one by ``training.gate.run`` as well.
"""

from __future__ import annotations

from collections.abc import Mapping

from training.config import Gate
from training.gate.report import Check, GateReport, judged, switched_off
from training.metric_names import unit_of
from training.metrics import HIGHER_IS_BETTER
from training.parity.report import Limits, ParityReport

GROUP = "Limits"
MIB = 1 << 20
BATCH_ROWS = 32
"""The batch whose time can be limited."""

_STRAYS = "the ONNX graph strays from the pipeline: look at the step that the proof of parity names"
_SLOW = "run it on a quiet machine, take a smaller estimator, or raise the limit"


def parity_limits(gate: Gate) -> Limits:
    """Return the limits that a gate sets to the proof of parity."""
    return Limits(
        relative=gate.parity_relative_max,
        probability=gate.parity_probability_max,
        other_branches=gate.parity_other_branches_max,
        label_flips=gate.parity_label_flips_max,
    )


def check_gate(
    gate: Gate,
    metrics: Mapping[str, float],
    parity: ParityReport | float,
    single_row_p99_us: float,
    model_bytes: int,
    *,
    batch_p99_us: float | None = None,
    target_unit: str | None = None,
) -> GateReport:
    """Compare a model with the plain limits of its config; a limit of null is left out.

    Args:
        gate: the limits.
        metrics: figures on the test split, by the keys of ``training.metrics``.
        parity: what the proof of parity found, or the worst relative difference between graph and pipeline alone.
        single_row_p99_us: 99% quantile of a single row's time in microseconds.
        model_bytes: the ONNX file's size.
        batch_p99_us: 99% quantile of the time of 32 rows in microseconds.
        target_unit: of a predicted number.

    Raises:
        KeyError: a limit is set on a metric that was not measured.
        ValueError: a limit is set on the batch, which was not measured.
    """
    checks = (
        *metric_checks(gate, metrics, target_unit),
        *parity_checks(gate, parity),
        *cost_checks(gate, single_row_p99_us, batch_p99_us, model_bytes),
    )
    return GateReport(checks=tuple(check for check in checks if check.verdict != "off"))


def metric_checks(gate: Gate, metrics: Mapping[str, float], target_unit: str | None = None) -> list[Check]:
    """Return a check for each end of each metric that the config limits; one that says it is off where it limits none.

    Raises:
        KeyError: a limit is set on a metric that was not measured.
    """
    checks = []
    for metric, limit in gate.metrics.items():
        if metric not in metrics:
            raise KeyError(
                f"gate.metrics.{metric} needs a metric that was not measured; there are {sorted(metrics)}. Remove the"
                " limit, or give what it is measured on"
            )
        unit = unit_of(metric, target_unit)
        better = "raise" if metric not in HIGHER_IS_BETTER else "lower"
        for bound, end in (("at most", limit.at_most), ("at least", limit.at_least)):
            if end is not None:
                remedy = f"look at the report of the data, improve features or estimator, or {better} the limit"
                if metric == "mape":
                    remedy = "try `estimator.target: log`, improve features or estimator, or raise the limit"
                name = f"metrics.{metric}"
                checks.append(judged(name, metrics[metric], end, bound, unit=unit, remedy=remedy))  # type: ignore[arg-type]
    return checks or [switched_off("metrics", group=GROUP, detail="the config limits no metric")]


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
    return [_limited(name, value, limit, unit, _STRAYS) for name, value, limit, unit in found]


def cost_checks(gate: Gate, single_row_p99_us: float, batch_p99_us: float | None, model_bytes: int) -> list[Check]:
    """Return the checks of what the model costs.

    Raises:
        ValueError: a limit is set on the batch, which was not measured.
    """
    if gate.batch_p99_us_max is not None and batch_p99_us is None:
        raise ValueError("gate.batch_p99_us_max: the time of 32 rows was not measured; set the limit to null")
    return [
        _limited("single_row_p99_us_max", single_row_p99_us, gate.single_row_p99_us_max, "µs", _SLOW),
        _limited("batch_p99_us_max", batch_p99_us, gate.batch_p99_us_max, "µs", _SLOW),
        _limited(
            "model_mib_max",
            model_bytes / MIB,
            gate.model_mib_max,
            "MiB",
            "take fewer or shallower trees, or raise the limit",
        ),
    ]


def _limited(name: str, value: float | None, limit: float | None, unit: str, remedy: str) -> Check:
    """Return the check of a value, or that its limit is switched off."""
    if limit is None or value is None:
        return switched_off(name, group=GROUP)
    return judged(name, value, limit, unit=unit, remedy=remedy)
