"""The gate: a model that misses a limit of its config is not saved.

It stands between measuring and saving; the report of a model that passed goes into its card.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from bundle.contract import Strict
from training.config import Gate
from training.errors import GateError
from training.parity.report import Limits, ParityReport

_MIB = 1 << 20

_STRAYS = "the ONNX graph strays from the pipeline: look at the step that the proof of parity names"
_REMEDIES = {
    "rmse_max": "look at the report of the data, improve features or estimator, or raise the limit",
    "r2_min": "look at the report of the data, improve features or estimator, or lower the limit",
    "mape_max": "try `estimator.target: log`, improve features or estimator, or raise the limit",
    "parity_relative_max": _STRAYS,
    "parity_probability_max": _STRAYS,
    "parity_other_branches_max": _STRAYS,
    "parity_label_flips_max": _STRAYS,
    "single_row_p99_us_max": "run it on a quiet machine, take a smaller estimator, or raise the limit",
    "model_mib_max": "take fewer or shallower trees, or raise the limit",
}
_UNITS = {
    "mape_max": "%",
    "parity_other_branches_max": "rows",
    "parity_label_flips_max": "rows",
    "single_row_p99_us_max": "µs",
    "model_mib_max": "MiB",
}


class Check(Strict):
    """One limit and how the model stands to it."""

    name: str
    """The limit's key in the config's ``gate``."""
    bound: Literal["at most", "at least"]
    limit: float
    value: float
    """The measured value; NaN where it is undefined, which fails."""
    unit: str
    """The unit of limit and value; empty for a pure number."""
    passed: bool


class GateReport(Strict):
    """Every limit that is switched on."""

    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Return the checks as cells of a table: name, value, limit, verdict."""
        return [
            (
                check.name,
                _number(check.value, check.unit),
                f"{check.bound} {_number(check.limit, check.unit)}",
                "passed" if check.passed else "FAILED",
            )
            for check in self.checks
        ]

    def require(self) -> None:
        """Let a model through that keeps every limit.

        Raises:
            GateError: with every limit that it misses and what to do about each.
        """
        failed = [check for check in self.checks if not check.passed]
        if not failed:
            return
        lines = [
            f"  {check.name}: expected {check.bound} {_number(check.limit, check.unit)},"
            f" got {_number(check.value, check.unit)}; {_REMEDIES[check.name]}"
            for check in failed
        ]
        raise GateError(
            f"the model fails {len(failed)} of {len(self.checks)} checks of its gate, nothing is saved:\n"
            + "\n".join(lines)
            + "\nThe limits are under `gate` in the model's config."
        )


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
) -> GateReport:
    """Compare a model with the limits of its config; a limit of null is left out.

    Args:
        gate: The limits.
        metrics: ``rmse`` in the target's unit, ``r2``, and ``mape`` in percent, on the test split.
        parity: What the proof of parity found, or the worst relative difference between graph and pipeline alone.
        single_row_p99_us: 99% quantile of a single row's time in microseconds.
        model_bytes: The ONNX file's size.

    Raises:
        KeyError: a limit is set on a metric that was not measured.
    """
    checks: list[Check] = []

    def check(name: str, limit: float | None, value: float | None, bound: Literal["at most", "at least"]) -> None:
        if limit is None:
            return
        if value is None:
            raise KeyError(f"gate.{name} needs a metric that was not measured; there are {sorted(metrics)}")
        # A comparison with NaN is false: what cannot be measured does not pass.
        passed = value <= limit if bound == "at most" else value >= limit
        unit = _UNITS.get(name, "")
        checks.append(Check(name=name, bound=bound, limit=limit, value=float(value), unit=unit, passed=passed))

    check("rmse_max", gate.rmse_max, metrics.get("rmse"), "at most")
    check("r2_min", gate.r2_min, metrics.get("r2"), "at least")
    check("mape_max", gate.mape_max, metrics.get("mape"), "at most")
    if isinstance(parity, ParityReport):
        # The proof widens its limits where an operator computes in float32.
        check("parity_relative_max", parity.limits.relative, parity.worst_relative, "at most")
        if parity.ensembles:
            check("parity_other_branches_max", gate.parity_other_branches_max, parity.other_branches, "at most")
        if parity.classification:
            check("parity_label_flips_max", gate.parity_label_flips_max, parity.label_flips, "at most")
        if parity.worst_probability is not None:
            check("parity_probability_max", parity.limits.probability, parity.worst_probability, "at most")
    else:
        check("parity_relative_max", gate.parity_relative_max, parity, "at most")
    check("single_row_p99_us_max", gate.single_row_p99_us_max, single_row_p99_us, "at most")
    check("model_mib_max", gate.model_mib_max, model_bytes / _MIB, "at most")
    return GateReport(checks=tuple(checks))


def _number(value: float, unit: str) -> str:
    """Write a number for people: digits that matter, thousands marked."""
    size = abs(value)
    text = f"{value:,.0f}" if size >= 1000 else f"{value:.4g}"
    return f"{text} {unit}" if unit else text
