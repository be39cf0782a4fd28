"""A model whose intervals miss the truth more often than promised fails its gate, unless chance explains it."""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np
import pytest

from tabento.bundle.contract import PredictionSet
from tabento.tables.frames import to_rows
from tests.training.gate.gates import orchard_gate_input, seedling_gate_input, with_gate
from training.config import Intervals, Sets
from training.gate import GateInput, run_gate
from training.gate.coverage import check_coverage
from training.model.conformal import calibrate_interval
from training.model.coverage import row_coverage
from training.progress import silence


@cache
def orchard_with_intervals(factor: float = 1.0, coverage: float = 0.9) -> GateInput:
    """Return the orchard's model with intervals that fit the test rows, or with offsets that are wrong by a factor."""
    gate_input = orchard_gate_input()
    request = Intervals(coverage=coverage, by="slope", parts=2)
    config = gate_input.config.model_copy(update={"intervals": request})
    slopes = gate_input.test["slope"].to_numpy(dtype=np.float64)
    interval = calibrate_interval(request, gate_input.truth, gate_input.answers, slopes)
    groups = tuple(
        group.model_copy(
            update={
                "lower": tuple(offset * factor for offset in group.lower),
                "upper": tuple(offset * factor for offset in group.upper),
            }
        )
        for group in interval.groups
    )
    contract = config.contract(interval=interval.model_copy(update={"groups": groups}))
    return dataclasses.replace(gate_input, config=config, contract=contract)


def test_kept_promise_passes() -> None:
    """The checks have the coverage, and figures of all rows, of the slices and of the ranges of the calibration."""
    gate_input = with_gate(orchard_with_intervals(), slices={"columns": ["sort"], "rows_min": 20})
    checks, figures = check_coverage(gate_input)
    assert [(check.name, check.verdict) for check in checks] == [
        ("coverage.below_max", "passed"),
        ("coverage.above_max", "off"),
        ("coverage.width_max", "shown"),
        ("coverage.slice_below_max", "passed"),
    ]
    coverage = row_coverage(
        gate_input.contract, to_rows(gate_input.test, gate_input.contract), gate_input.truth, gate_input.answers
    )
    assert coverage is not None
    assert (figures[0].column, figures[0].rows, figures[0].coverage) == ("all rows", 200, coverage.covered.mean())
    assert figures[0].low < figures[0].coverage < figures[0].high
    assert {item.column for item in figures[1:]} == {"sort", "slope"}
    assert sum(item.rows for item in figures if item.column == "slope") == 200
    assert "90% are promised" in checks[0].detail


def test_narrow_intervals_fail() -> None:
    """Intervals of half the width miss the promise by more than chance explains, and the report has the remedy."""
    checks, _ = check_coverage(with_gate(orchard_with_intervals(0.5), slices={"columns": ["sort"], "rows_min": 20}))
    failed = {check.name: check for check in checks if not check.passed}
    assert {"coverage.below_max", "coverage.slice_below_max"} <= failed.keys()
    assert failed["coverage.below_max"].limit == 0.88
    assert "intervals.by" in failed["coverage.below_max"].remedy


def test_wide_intervals_fail_if_the_config_limits_them() -> None:
    """A coverage above the limit, and a mean width above the limit, fail."""
    limits = {"above_max": 0.02, "width_max": 1.0}
    checks, _ = check_coverage(with_gate(orchard_with_intervals(5.0), coverage=limits))
    assert {check.name for check in checks if not check.passed} == {"coverage.above_max", "coverage.width_max"}


def test_disabled_limits_are_shown_only() -> None:
    """With ``coverage: null`` the coverage is measured and has no limit."""
    checks, figures = check_coverage(with_gate(orchard_with_intervals(0.5), coverage=None))
    assert {check.verdict for check in checks} == {"shown", "off"}
    assert figures


def test_classes_are_slices_of_sets() -> None:
    """Prediction sets are measured for each true class."""
    gate_input = seedling_gate_input()
    config = gate_input.config.model_copy(update={"sets": Sets(coverage=0.9)})
    contract = config.contract(prediction_set=PredictionSet(coverage=0.9, thresholds=(0.0, 1.0)))
    gate_input = dataclasses.replace(gate_input, config=config, contract=contract)
    checks, figures = check_coverage(with_gate(gate_input, slices={"columns": [], "rows_min": 20}))
    coverage = {item.part: item.coverage for item in figures if item.column == "fate"}
    assert coverage["alive"] == 1.0
    assert coverage["died"] < 0.9
    assert not checks[-1].passed
    assert "fate died" in checks[-1].detail


@pytest.mark.parametrize("gate_input", [orchard_gate_input, seedling_gate_input])
def test_model_without_intervals_has_one_disabled_check(gate_input: object) -> None:
    """A config that asks for none is listed as off."""
    assert callable(gate_input)
    (check,), figures = check_coverage(gate_input())
    assert (check.name, check.verdict, figures) == ("coverage", "off", ())


def test_report_of_the_gate_has_the_coverage() -> None:
    """The whole gate has the checks in their group and the figures."""
    gate = {"slices": {"columns": [], "rows_min": 20}, "leakage": None, "seeds": None}
    report = run_gate(with_gate(orchard_with_intervals(), **gate), silence())
    assert {check.group for check in report.checks if check.name.startswith("coverage")} == {"Coverage"}
    assert report.coverage[0].column == "all rows"
