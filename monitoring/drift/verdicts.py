"""Statistics and verdicts of a window against the reference.

A verdict needs two things: a difference that chance does not explain, and one that is large enough to matter. The level of the
tests is corrected for the number of columns, tests, windows and looks of a month, so that the expected number of false alarms
of a month has a bound if the rows are independent.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from monitoring.drift.histograms import (
    NO_SMALLEST,
    NUMBER_SLOTS,
    STEPS_PER_STD,
    Column,
    Integers,
    Layout,
    ordered_number,
)
from monitoring.rows import Floats
from tabento.bundle.drift import (
    PSI_MODERATE,
    chi_square_test,
    jensen_shannon,
    kolmogorov_smirnov,
    population_stability_index,
    rate_p_value,
    wasserstein,
)
from tabento.bundle.reference import UNKNOWN_VALUE, NumberDistribution

PSI_DRIFT = 0.2
"""From this value on the index is usually called a significant shift (Siddiqi, 2006)."""
MEAN_SHIFT_MODERATE = 0.2
"""A shift of the mean by this many standard deviations is moderate: J. Cohen calls it a small effect (1988). Its index is 0.04."""
MEAN_SHIFT_DRIFT = 2.0
"""A shift of the mean by this many standard deviations is drift."""
RATE_FACTOR = 1.5
RATE_DIFFERENCE = 0.005
"""A rate of missing or unknown values is drift if it is this much larger than in training, as a factor and as a difference."""
LEAST_EXPECTED = 5.0
"""Bins with a smaller expected count are pooled for the chi-square test, whose approximation fails for them (W. Cochran, 1954)."""
TESTS = 3
"""The tests of a column: shares of the bins, rate of missing values, rate of unknown values."""
WINDOWS = 2
"""The number of windows that are checked: by rows and by time."""
MONTH_S = 30 * 86_400.0
VERDICTS = ("none", "moderate", "drift")
QUIET = "too few rows"
"""The verdict of a window below the least number of rows."""


def level(columns: int, pane_s: float, false_alarms_per_month: float) -> float:
    """Return the level of one test: the bound of a month shared by all its tests (Bonferroni).

    Args:
        columns: the number of columns.
        pane_s: the seconds between two looks.
        false_alarms_per_month: the largest expected number of false alarms in 30 days.
    """
    looks = MONTH_S / pane_s
    return min(false_alarms_per_month / (columns * TESTS * WINDOWS * looks), 0.05)


def expected_counts(column: Column) -> tuple[Floats, float]:
    """Return the reference's counts of the bins, and of missing values."""
    reference = column.distribution
    missing = round(reference.count * reference.null_rate / (1 - reference.null_rate)) if reference.null_rate < 1 else 0
    if isinstance(reference, NumberDistribution):
        shares = list(reference.shares)
    else:
        shares = [reference.shares[name] for name in column.values]
        shares.append(reference.shares.get(UNKNOWN_VALUE, 0.0))
    return np.rint(np.array(shares) * reference.count), float(missing)


def column_report(column: Column, slots: Integers, significance: float, min_rows: int) -> dict[str, Any]:
    """Return the statistics and the verdict of one column.

    Args:
        column: the column.
        slots: its slots of the window.
        significance: the level of one test, see ``level``.
        min_rows: the least number of rows of a verdict.
    """
    bins, missing = slots[: column.n_bins], int(slots[column.n_bins])
    expected, expected_missing = expected_counts(column)
    n_present, rows = int(bins.sum()), int(bins.sum()) + missing
    n_expected = int(expected.sum() + expected_missing)
    all_expected, all_bins = np.append(expected, expected_missing), np.append(bins, missing)
    psi = population_stability_index(all_expected, all_bins) if rows else 0.0
    report: dict[str, Any] = {
        "name": column.name,
        "role": column.role,
        "rows": rows,
        "null_rate": missing / rows if rows else 0.0,
        "reference_null_rate": column.distribution.null_rate,
        "psi": psi,
        "jensen_shannon": jensen_shannon(all_expected, all_bins),
        "counts": bins.tolist(),
        "reference_counts": [int(count) for count in expected],
    }
    p_bins = _bins_p_value(all_expected, all_bins.astype(np.float64))
    p_missing = rate_p_value(int(expected_missing), n_expected, missing, rows) if rows and n_expected else 1.0
    p_unknown, has_shifted, is_moderate = 1.0, psi >= PSI_DRIFT, psi >= PSI_MODERATE
    if isinstance(column.distribution, NumberDistribution):
        report |= _number_statistics(column, column.distribution, slots, expected)
        shift = abs(report["mean_shift"] or 0.0)
        has_shifted |= shift >= MEAN_SHIFT_DRIFT
        is_moderate |= shift >= MEAN_SHIFT_MODERATE
    else:
        unknown, expected_unknown = int(bins[-1]), int(expected[-1])
        report["values"] = list(column.values)
        report["unknown_rate"] = unknown / n_present if n_present else 0.0
        report["reference_unknown_rate"] = expected_unknown / float(expected.sum()) if expected.sum() else 0.0
        if n_present and expected.sum():
            p_unknown = rate_p_value(expected_unknown, int(expected.sum()), unknown, n_present)
    reasons = []
    if p_bins < significance and has_shifted:
        reasons.append("shares")
    if p_missing < significance and _is_larger(report["null_rate"], expected_missing / max(n_expected, 1)):
        reasons.append("missing values")
    if p_unknown < significance and _is_larger(report["unknown_rate"], report["reference_unknown_rate"]):
        reasons.append("unknown values")
    verdict = "drift" if reasons else "none"
    if not reasons and p_bins < significance and is_moderate:
        verdict, reasons = "moderate", ["shares"]
    if rows < min_rows:
        verdict, reasons = QUIET, []
    return report | {
        "chi_square_p": p_bins,
        "null_p": p_missing,
        "unknown_p": p_unknown,
        "verdict": verdict,
        "reasons": reasons,
    }


def window_report(layout: Layout, slots: Integers, significance: float, min_rows: int) -> dict[str, Any]:
    """Return the reports of all columns, the share of drifted features and the verdict of the window.

    The window has drifted if one of its columns has.
    """
    columns = [
        column_report(column, slots[column.start : column.end], significance, min_rows) for column in layout.columns
    ]
    features = [column for column in columns if column["role"] == "feature"]
    n_drifted = sum(column["verdict"] == "drift" for column in features)
    verdicts = {column["verdict"] for column in columns}
    verdict = QUIET if QUIET in verdicts else max(verdicts, key=VERDICTS.index)
    return {
        "verdict": verdict,
        "drifted_features": n_drifted,
        "drift_share": n_drifted / len(features) if features else 0.0,
        "columns": columns,
    }


def _is_larger(rate: float, expected: float) -> bool:
    return rate >= expected * RATE_FACTOR and rate - expected >= RATE_DIFFERENCE


def _bins_p_value(expected: Floats, actual: Floats) -> float:
    """Return the p-value of the chi-square test, with bins of small expected counts pooled."""
    n_expected, n_actual = expected.sum(), actual.sum()
    if not n_expected or not n_actual:
        return 1.0
    smaller_expected = (expected + actual) * min(n_expected, n_actual) / (n_expected + n_actual)
    is_large = smaller_expected >= LEAST_EXPECTED
    table = np.array([[*sample[is_large], sample[~is_large].sum()] for sample in (expected, actual)])
    pooled = table[:, -1].sum() * min(n_expected, n_actual) / (n_expected + n_actual)
    if pooled < LEAST_EXPECTED and table.shape[1] > 1:  # a pool that is too small joins the smallest bin
        smallest = int(np.argmin(table[:, :-1].sum(axis=0)))
        table[:, smallest] += table[:, -1]
        table = table[:, :-1]
    return chi_square_test(table).p_value


def _number_statistics(
    column: Column, reference: NumberDistribution, slots: Integers, expected: Floats
) -> dict[str, Any]:
    bins = slots[: column.n_bins]
    n_present = int(bins.sum())
    below, above, far, steps, squares, first, last = (
        int(slot) for slot in slots[column.n_bins + 1 : column.n_bins + NUMBER_SLOTS]
    )
    has_ends = first != NO_SMALLEST
    smallest = ordered_number(first) if has_ends else None
    largest = ordered_number(last) if has_ends else None
    p05, median, p95 = _quantiles(reference, slots, smallest, largest)
    bounds = np.array([reference.minimum, *reference.edges, reference.maximum])
    unit = column.step * STEPS_PER_STD
    mean_steps = steps / n_present if n_present else 0.0
    variance = squares / n_present - mean_steps**2 if n_present else 0.0
    return {
        "mean": reference.mean + mean_steps * column.step if n_present else None,
        "std": math.sqrt(max(variance, 0.0)) * column.step if n_present else None,
        "mean_shift": mean_steps / STEPS_PER_STD if n_present else None,
        "min": smallest,
        "p05": p05,
        "median": median,
        "p95": p95,
        "max": largest,
        "reference_mean": reference.mean,
        "reference_std": reference.std,
        "reference_min": reference.minimum,
        "reference_p05": reference.p05,
        "reference_median": reference.p50,
        "reference_p95": reference.p95,
        "reference_max": reference.maximum,
        "kolmogorov_smirnov": kolmogorov_smirnov(expected, bins),
        "wasserstein": wasserstein(expected, bins, bounds) / unit,
        "out_of_range_rate": (below + above) / n_present if n_present else 0.0,
        "far_rate": far / n_present if n_present else 0.0,
        "edges": list(reference.edges),
    }


def _quantiles(
    reference: NumberDistribution, slots: Integers, smallest: float | None, largest: float | None
) -> tuple[float | None, float | None, float | None]:
    """Return estimates of the 5% quantile, the median and the 95% quantile.

    Inside of a bin the values are taken to be distributed as in training, whose quantiles at these shares are known. Outside of
    the range of training they are interpolated up to the smallest and the largest value.
    """
    n_bins = len(reference.edges) + 1
    bins = slots[:n_bins].astype(np.float64)
    total = float(bins.sum())
    if not total:
        return None, None, None
    below, above = float(slots[n_bins + 1]), float(slots[n_bins + 2])
    bounds = [reference.minimum, *reference.edges, reference.maximum]
    counts = np.append(0.0, np.cumsum(bins))
    counts[0], counts[-1] = below, total - above
    shares = np.append(0.0, np.cumsum(reference.shares))
    knots = list(zip(bounds, counts.tolist(), strict=True))
    for share, value in ((0.05, reference.p05), (0.5, reference.p50), (0.95, reference.p95)):
        index = int(np.searchsorted(reference.edges, value, side="left"))
        bin_share = (share - shares[index]) / reference.shares[index] if reference.shares[index] else 0.0
        if 0 < bin_share < 1:
            knots.append((value, float(counts[index] + bin_share * (counts[index + 1] - counts[index]))))
    if smallest is not None and largest is not None:
        knots += [(min(smallest, reference.minimum), 0.0), (max(largest, reference.maximum), total)]
    knots.sort()
    positions = np.maximum.accumulate([count for _, count in knots])
    values = np.interp(np.array([0.05, 0.5, 0.95]) * total, positions, [value for value, _ in knots])
    if smallest is not None and largest is not None:
        values = np.clip(values, smallest, largest)
    p05, median, p95 = values.tolist()
    return p05, median, p95
