"""Coverage of prediction intervals and prediction sets on the test part, over all rows and on each slice.

The test part has not been used for the calibration, so its rows are new rows. A share of few rows varies by chance. Therefore a
limit applies to the end of the binomial interval: the gate fails a coverage only if chance alone does not explain it. Slices are
those of ``training.gate.slices``, the ranges by which the intervals are calibrated, and the true classes of a classification.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabento.bundle.contract import Contract, label_key
from tabento.tables.frames import to_rows
from training.config import CoverageLimits, ModelConfig, Slices
from training.gate.figures import number_in_words
from training.gate.gate_input import GateInput
from training.gate.report import Check, disabled_check, limit_check, unlimited_check
from training.gate.slices import parts_of
from training.model.coverage import CONFIDENCE, CoverageFigures, RowCoverage, binomial_interval, row_coverage

GROUP = "Coverage"
ALL_ROWS = "all rows"
"""The name of the part that has all test rows."""
_N_NAMED = 3
"""The number of slices that a check names."""
_REMEDY = (
    "calibrate by the column of the worst slice (`intervals.by`), use more training rows, or raise the limit; if the test part"
    " differs from the training part, split them at random"
)


def check_coverage(gate_input: GateInput) -> tuple[list[Check], tuple[CoverageFigures, ...]]:
    """Check the coverage on all test rows and on each slice.

    Returns:
        The checks, and the coverage of all rows followed by that of each slice, lowest first.
    """
    contract, config = gate_input.contract, gate_input.config
    rows = to_rows(gate_input.test, contract)
    coverage = row_coverage(contract, rows, gate_input.truth, gate_input.answers)
    if coverage is None:
        return [disabled_check("coverage", group=GROUP, detail="the config asks for no intervals or sets")], ()
    limits = config.gate.coverage or CoverageLimits(below_max=None, slice_below_max=None)
    figures = coverage_figures(config, gate_input.test, gate_input.truth, coverage, limits.confidence)
    target = target_coverage(contract)
    overall, slices = figures[0], [figure for figure in figures[1:] if figure.is_evaluated]
    unit = (config.target.unit or "") if contract.output.interval is not None else "labels"
    interval = f"{limits.confidence:.0%} binomial interval {overall.low:.1%} to {overall.high:.1%}"
    detail = f"{overall.coverage:.2%} of {overall.rows:,} rows are covered, {target:.0%} are promised; {interval}"
    checks = [
        _below_check(
            "coverage.below_max", target, limits.below_max, overall.high, f"{detail}; its upper end is compared"
        ),
        _above_check(target, limits.above_max, overall.low, f"{detail}; its lower end is compared"),
        _width_check(limits, overall.width, unit),
    ]
    if slices:
        worst = sorted(slices, key=lambda figure: figure.high)
        text = (
            f"{len(slices)} slices; the upper end of a slice's {limits.confidence:.0%} binomial interval. Worst: "
            + "; ".join(in_words(figure) for figure in worst[:_N_NAMED])
        )
        checks.append(_below_check("coverage.slice_below_max", target, limits.slice_below_max, worst[0].high, text))
    return checks, figures


def target_coverage(contract: Contract) -> float:
    """Return the promised coverage of a contract with intervals or sets."""
    table = contract.output.interval or contract.output.prediction_set
    if table is None:
        raise ValueError("expected a contract with intervals or sets, got one without them")
    return table.coverage


def in_words(figure: CoverageFigures) -> str:
    """Return a slice and its coverage as text."""
    return (
        f"{figure.column} {figure.part} ({figure.rows:,} rows): {figure.coverage:.1%}"
        f" ({figure.low:.1%} to {figure.high:.1%})"
    )


def coverage_figures(
    config: ModelConfig,
    rows: pd.DataFrame,
    truth: NDArray[np.float64],
    coverage: RowCoverage,
    confidence: float = CONFIDENCE,
) -> tuple[CoverageFigures, ...]:
    """Return the coverage of all rows, followed by that of each slice, lowest first.

    Args:
        config: the config with the slices.
        rows: N rows, as ``training.data.validation.validate`` types them.
        truth: numbers or indices of classes, shape (N,).
        coverage: the coverage of each row.
        confidence: the confidence of the binomial intervals.
    """
    slices = config.gate.slices or Slices()
    parts = [
        _figures(column, part, mask, coverage, confidence, slices.rows_min)
        for column, part, mask in coverage_parts(config, rows, truth, slices)
    ]
    all_rows = np.full(len(truth), True)
    overall = _figures(ALL_ROWS, "", all_rows, coverage, confidence, 1)
    return (overall, *sorted(parts, key=lambda figure: figure.coverage))


def coverage_parts(
    config: ModelConfig, rows: pd.DataFrame, truth: NDArray[np.float64], slices: Slices
) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    """Yield the column, the name and the mask of each slice; see ``coverage_figures``."""
    intervals = config.intervals
    for feature in config.features:
        quantiles = slices.quantiles
        if intervals is not None and feature.name == intervals.by:
            quantiles = intervals.parts
        elif slices.columns is not None and feature.name not in slices.columns:
            continue
        for part, mask in parts_of(rows[feature.name], feature, quantiles):
            yield feature.name, part, mask
    for index, item in enumerate(config.target.classes or ()):
        mask = truth == index
        if mask.any():
            yield config.target.name, label_key(item.label), mask


def _figures(
    column: str, part: str, mask: NDArray[np.bool_], coverage: RowCoverage, confidence: float, rows_min: int
) -> CoverageFigures:
    rows, share = int(mask.sum()), float(coverage.covered[mask].mean())
    low, high = binomial_interval(share, rows, confidence)
    return CoverageFigures(
        column=column,
        part=part,
        rows=rows,
        coverage=share,
        low=low,
        high=high,
        width=float(coverage.widths[mask].mean()),
        is_evaluated=rows >= rows_min,
    )


def _below_check(name: str, target: float, below_max: float | None, high: float, detail: str) -> Check:
    if below_max is None:
        return unlimited_check(name, high, group=GROUP, detail=detail)
    limit = round(target - below_max, 12)
    return limit_check(name, high, limit, "at least", group=GROUP, detail=detail, remedy=_REMEDY)


def _above_check(target: float, above_max: float | None, low: float, detail: str) -> Check:
    if above_max is None:
        return disabled_check("coverage.above_max", group=GROUP)
    remedy = "lower the promised coverage, or raise the limit"
    limit = round(target + above_max, 12)
    return limit_check("coverage.above_max", low, limit, group=GROUP, detail=detail, remedy=remedy)


def _width_check(limits: CoverageLimits, width: float, unit: str) -> Check:
    name, detail = "coverage.width_max", f"{number_in_words(width, unit)} on average"
    if limits.width_max is None:
        return unlimited_check(name, width, group=GROUP, unit=unit, detail=detail)
    remedy = "improve the model, lower the promised coverage, or raise the limit"
    return limit_check(name, width, limits.width_max, group=GROUP, unit=unit, detail=detail, remedy=remedy)
