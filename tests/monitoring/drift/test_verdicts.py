"""Verdicts: real shifts are found, chance is not, and small windows have no verdict."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from monitoring.drift.histograms import layout_of
from monitoring.drift.verdicts import level, window_report
from tests.monitoring.rows import Floats, monitored_model, orchard_answers, orchard_numbers

MODEL = monitored_model(numbers=orchard_numbers(20_000, seed=1))
LAYOUT = layout_of(MODEL)
LEVEL = level(len(LAYOUT.columns), 60.0, 0.5)


def compare(numbers: Floats, min_rows: int = 500) -> dict[str, Any]:
    """Return the report of rows, with the columns by name."""
    report = window_report(LAYOUT, LAYOUT.count(numbers, orchard_answers(numbers)), LEVEL, min_rows)
    return report | {"columns": {column["name"]: column for column in report["columns"]}}


def test_rows_like_training_have_no_drift() -> None:
    """Windows of rows from the distribution of training have no verdict but none, at many sizes."""
    for seed in range(100):
        assert compare(orchard_numbers(500 + 40 * seed, seed=100 + seed))["verdict"] == "none"


def test_few_rows_are_quiet() -> None:
    """Below the least number of rows there is no verdict, however far the rows are from training."""
    numbers = orchard_numbers(499)
    numbers[:, 1] *= 1000
    report = compare(numbers)
    assert (report["verdict"], report["drifted_features"]) == ("too few rows", 0)
    assert compare(np.empty((0, 7)))["verdict"] == "too few rows"


@pytest.mark.parametrize(
    ("shift", "verdict"), [(0.25, "moderate"), (0.5, "drift"), (1.0, "drift")], ids=["quarter", "half", "one"]
)
def test_shifts_are_found(shift: float, verdict: str) -> None:
    """A shift of a quarter of a standard deviation is moderate, of a half and more drift, in its feature only."""
    numbers = orchard_numbers(8_000, seed=3)
    numbers[:, 1] += shift * 1.5
    columns = compare(numbers)["columns"]
    assert columns["crown width"]["verdict"] == verdict
    assert columns["crown width"]["mean_shift"] == pytest.approx(shift, abs=0.05)
    assert columns["height"]["verdict"] == "none"


def test_faults_of_sensors_and_pipelines_are_found() -> None:
    """Another unit, a stuck sensor, a doubled null rate, unknown values and another mix of categories are drift."""
    numbers = orchard_numbers(3_000, seed=4)
    numbers[:, 0] = 12  # a stuck sensor
    numbers[:, 1] *= 1000
    numbers[::4, 3] = np.nan
    numbers[:, 5] = np.where(np.random.default_rng(0).random(3_000) < 0.5, 1, numbers[:, 5])
    numbers[::20, 6] = -1
    columns = compare(numbers)["columns"]
    reasons = {name: column["reasons"] for name, column in columns.items() if column["verdict"] == "drift"}
    assert reasons == {
        "age": ["shares"],
        "crown width": ["shares"],
        "slope": ["missing values"],
        "sort": ["shares"],
        "soil": ["shares", "unknown values"],
        "apples": columns["apples"]["reasons"],
    }
    assert columns["crown width"]["mean_shift"] == pytest.approx(64, abs=1)
    assert columns["crown width"]["far_rate"] > 0.99


def test_moments_are_those_of_the_rows() -> None:
    """Mean and standard deviation agree with the rows' to a step, quantiles to a bin."""
    numbers = orchard_numbers(10_000, seed=6)
    column = compare(numbers)["columns"]["height"]
    assert column["mean"] == pytest.approx(numbers[:, 2].mean(), abs=0.01)
    assert column["std"] == pytest.approx(numbers[:, 2].std(), abs=0.01)
    assert column["median"] == pytest.approx(np.median(numbers[:, 2]), abs=0.1)
    assert column["p05"] == pytest.approx(np.quantile(numbers[:, 2], 0.05), abs=0.1)
    assert column["p95"] == pytest.approx(np.quantile(numbers[:, 2], 0.95), abs=0.1)
    assert (column["min"], column["max"]) == (numbers[:, 2].min(), numbers[:, 2].max())


@pytest.mark.parametrize("factor", [1.0, 1000.0, -1.0], ids=["as in training", "unit", "sign"])
def test_quantiles_stay_between_the_smallest_and_the_largest_value(factor: float) -> None:
    """Outside of the range of training, quantiles are interpolated up to the outermost values."""
    numbers = orchard_numbers(5_000, seed=7)
    numbers[:, 1] *= factor
    column = compare(numbers)["columns"]["crown width"]
    assert column["min"] <= column["p05"] <= column["median"] <= column["p95"] <= column["max"]
    assert (column["min"], column["max"]) == (numbers[:, 1].min(), numbers[:, 1].max())
    if factor > 1:
        assert column["p95"] > 2 * column["reference_max"]
    constant = compare(np.repeat(numbers[:1], 600, axis=0))["columns"]["crown width"]
    assert {constant[name] for name in ("min", "p05", "median", "p95", "max")} == {numbers[0, 1]}


def test_windows_without_values_have_no_statistics() -> None:
    """A column of missing values, and a window without rows, have no mean, quantiles or outermost values."""
    numbers = orchard_numbers(600)
    numbers[:, 1] = np.nan
    for column in (compare(numbers)["columns"]["crown width"], compare(np.empty((0, 7)))["columns"]["height"]):
        assert {column[name] for name in ("mean", "std", "min", "p05", "median", "p95", "max")} == {None}


def test_level_is_shared_by_all_looks() -> None:
    """More columns and shorter panes make each test stricter."""
    assert level(10, 60.0, 0.5) == pytest.approx(0.5 / (10 * 3 * 2 * 43_200))
    assert level(20, 30.0, 0.5) == pytest.approx(level(10, 60.0, 0.5) / 4)
