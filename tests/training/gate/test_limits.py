"""The gate lets a model through that keeps every limit, and tells everything that is wrong with one that does not."""

from __future__ import annotations

import math
from typing import get_args

import pytest
from pydantic import ValidationError

from tabento.errors import TabentoError
from tabento.parity import Limits
from tests.training.gate.gates import latency_table, part, proof
from tests.training.orchards import orchard_config
from tests.training.seedlings import seedling_config
from training.config import Gate, ModelConfig
from training.config.metric_names import COVERAGE_METRICS
from training.config.metric_names import METRICS as METRIC_TABLE
from training.config.study import REPORTED, MetricName
from training.errors import GateError
from training.gate import GateReport, check_gate, is_latency_undecided, parity_limits
from training.gate.limits import metric_checks
from training.model.metrics import HIGHER_IS_BETTER, classification_metrics, regression_metrics

METRICS = {"rmse": 41_000.0, "r2": 0.87, "mape": 15.5}
FLOORS = {"rmse": {"at_most": 42_000}, "r2": {"at_least": 0.865}, "mape": {"at_most": 16}}
LIMITS = Gate.model_validate({"metrics": FLOORS, "single_row_p99_us_max": 300, "model_mib_max": 64})
MIB = 1 << 20


def gate(limits: Gate = LIMITS, /, **changed: float) -> GateReport:
    """Check a good model with some of its figures changed."""
    values = {"parity_relative": 1e-13, "single_row_p99_us": 20.0, "model_bytes": 2 * MIB, **METRICS, **changed}
    return check_gate(
        limits,
        {name: values[name] for name in METRICS},
        values["parity_relative"],
        latency_table(values["single_row_p99_us"]),
        int(values["model_bytes"]),
        target_unit="dollars",
    )


def test_good_model_passes_every_check() -> None:
    """A model within all limits is let through, and the report says how it stands to each."""
    report = gate()
    report.require()
    assert [check.name for check in report.checks] == [
        "metrics.rmse",
        "metrics.r2",
        "metrics.mape",
        "parity_relative_max",
        "single_row_p99_us_max",
        "model_mib_max",
    ]
    assert report.passed


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"rmse": 42_000.01}, "metrics.rmse"),
        ({"r2": 0.8649}, "metrics.r2"),
        ({"mape": 16.1}, "metrics.mape"),
        ({"parity_relative": 1.1e-9}, "parity_relative_max"),
        ({"single_row_p99_us": 301.0}, "single_row_p99_us_max"),
        ({"model_bytes": 65 * MIB}, "model_mib_max"),
    ],
)
def test_each_limit_stops_a_model(changed: dict[str, float], name: str) -> None:
    """A model that misses one limit is refused, with this limit alone named."""
    report = gate(**changed)
    assert [check.name for check in report.checks if not check.passed] == [name]
    with pytest.raises(GateError, match=rf"fails 1 of 6 checks[\s\S]*{name}: expected at (most|least)"):
        report.require()


def test_limits_are_inclusive() -> None:
    """A model exactly on its limits passes."""
    assert gate(
        rmse=42_000, r2=0.865, mape=16, parity_relative=1e-9, single_row_p99_us=300, model_bytes=64 * MIB
    ).passed


def test_metric_can_have_both_ends() -> None:
    """A figure that is too good is suspicious: a limit may bound it on either side."""
    both_ends = Gate.model_validate({"metrics": {"r2": {"at_least": 0.5, "at_most": 0.99}}})
    assert gate(both_ends).passed
    assert [check.bound for check in gate(both_ends, r2=0.999).checks if not check.passed] == ["at most"]


def test_all_failures_are_told_at_once() -> None:
    """The message lists every missed limit with value, unit and a remedy."""
    with pytest.raises(GateError) as error:
        gate(rmse=50_000, r2=0.5, single_row_p99_us=400).require()
    message = str(error.value)
    assert "fails 3 of 6" in message
    assert "metrics.rmse: expected at most 42,000 dollars, got 50,000 dollars; " in message
    assert "metrics.r2: expected at least 0.865, got 0.5; " in message
    assert "or lower the limit" in message
    assert "single_row_p99_us_max: expected at most 300 µs, got 400 µs; " in message
    assert "1,000 rounds in 1 attempt, 10 discarded as disturbed; the reference (fixed work) took 8.1 µs" in message
    assert "use a smaller estimator, or raise the limit" in message


def test_what_is_not_a_number_fails() -> None:
    """An undefined metric never passes."""
    assert not gate(r2=math.nan).passed
    assert gate(r2=math.nan).rows()[1][1] == "undefined"


def test_null_switches_a_limit_off() -> None:
    """A limit of null is not checked; parity always is."""
    off = Gate(single_row_p99_us_max=None, model_mib_max=None)
    assert [check.name for check in gate(off, rmse=1e12).checks] == ["parity_relative_max"]


def test_batch_has_a_limit_of_its_own() -> None:
    """The time of 32 rows is limited where the config says so, and has to be measured then."""
    limits = Gate(batch_p99_us_max=100)
    report = check_gate(limits, {}, 0.0, latency_table(batch_p99_us=101.0), MIB)
    assert [check.name for check in report.checks if not check.passed] == ["batch_p99_us_max"]
    with pytest.raises(ValueError, match=r"gate\.batch_p99_us_max: the time of 32 rows was not measured"):
        check_gate(limits, {}, 0.0, latency_table(), MIB)


def test_ten_rows_have_a_limit_of_their_own() -> None:
    """The 95% quantile of ten rows is limited if the config says so."""
    limits = Gate(ten_rows_p95_us_max=100)
    assert check_gate(limits, {}, 0.0, latency_table(ten_rows_p95_us=100.0), MIB).passed
    report = check_gate(limits, {}, 0.0, latency_table(ten_rows_p95_us=101.0), MIB)
    assert [check.name for check in report.checks if not check.passed] == ["ten_rows_p95_us_max"]


@pytest.mark.parametrize(
    ("busy", "time_us", "verdict"),
    [
        (False, 300.0, "passed"),
        (False, 300.1, "failed"),
        (True, 300.0, "passed"),
        (True, 300.1, "not judged"),
        (True, 600.0, "not judged"),
        (True, 600.1, "failed"),
    ],
)
def test_only_the_model_fails_a_limit_of_time(busy: bool, time_us: float, verdict: str) -> None:
    """A busy machine at most doubles a time: a time that this explains is undecided, and a longer time fails."""
    table = latency_table(time_us, busy=busy)
    report = check_gate(Gate(), {}, 0.0, table, MIB)
    check = next(check for check in report.checks if check.name == "single_row_p99_us_max")
    assert check.verdict == verdict
    assert check.value == time_us
    assert report.passed == (verdict != "failed")
    assert is_latency_undecided(Gate(), table) == (verdict == "not judged")


def test_undecided_time_says_why_and_what_to_do() -> None:
    """The report has the figure, the rounds, the reference and the command that measures again."""
    report = check_gate(Gate(), {}, 0.0, latency_table(400, busy=True), MIB)
    report.require()
    assert ("single_row_p99_us_max", "400 µs", "at most 300 µs", "not judged") in report.rows()
    (check,) = report.undecided
    assert check.in_words() == (
        "single_row_p99_us_max: expected at most 300 µs, got 400 µs; the computer was too busy to decide whether the model is"
        " this slow: 1,000 rounds in 3 attempts, 700 discarded as disturbed; the reference (fixed work) took 15.0 µs,"
        " 8.0 µs in the quietest round; waited for a processor 60% of the time; measure again when the computer is less busy:"
        " import again, or tabento train --config YAML --steps export,gate,register --force"
    )


METRIC_NAMES = [name for name in METRIC_TABLE if name not in COVERAGE_METRICS]
"""Every metric that anything reports."""


def test_every_reported_metric_has_a_name_that_the_gate_takes() -> None:
    """What the metrics of both tasks measure, what people are told and what the gate can limit is the same."""
    two = classification_metrics([0, 1, 1], [[0, 0.8, 0.2], [1, 0.3, 0.7], [1, 0.4, 0.6]])
    number = regression_metrics([1.0, 2.0, 0.0], [1.1, 1.9, 0.3])
    assert {*two, *number} == {*METRIC_NAMES} == {*get_args(MetricName)}
    assert {*REPORTED["regression"]} == {*number}
    assert {*REPORTED["classification"]} == {*two}


@pytest.mark.parametrize("metric", METRIC_NAMES)
def test_every_reported_metric_can_be_limited(metric: str) -> None:
    """A limit on the worse side stops a worse figure, passes the figure itself, and gives the advice for that side."""
    end, worse = ("at_least", -0.1) if metric in HIGHER_IS_BETTER else ("at_most", 0.1)
    limits = Gate.model_validate({"metrics": {metric: {end: 0.5}}})
    for value, verdict in ((0.5, "passed"), (0.5 - worse, "passed"), (0.5 + worse, "failed"), (math.nan, "failed")):
        (check,) = metric_checks(limits, {metric: value})
        assert (check.name, check.verdict) == (f"metrics.{metric}", verdict)
        assert check.remedy.endswith("lower the limit" if end == "at_least" else "raise the limit")
    other = "at_most" if end == "at_least" else "at_least"
    (check,) = metric_checks(Gate.model_validate({"metrics": {metric: {other: 0.5}}}), {metric: 0.5 - worse})
    assert check.verdict == "failed"
    assert check.remedy.startswith("look for a feature that contains the answer")


@pytest.mark.parametrize("metric", METRIC_NAMES)
def test_config_takes_a_limit_on_every_metric_of_its_task(metric: str) -> None:
    """A regression takes those of a regression, a classification the others; the message lists what there is."""
    for config in (orchard_config(), seedling_config()):
        content = config.model_dump(mode="json")
        content["gate"]["metrics"] = {metric: {"at_least": 0.0}}
        if metric in REPORTED[config.task]:
            assert metric in ModelConfig.model_validate(content).gate.metrics
        else:
            with pytest.raises(ValidationError, match=rf"'{metric}' is not a metric of a {config.task}; there are \("):
                ModelConfig.model_validate(content)


@pytest.mark.parametrize(
    ("figures", "name"),
    [
        ({"other_branches": 1}, "parity_other_branches_max"),
        ({"label_flips": 1}, "parity_label_flips_max"),
        ({"worst_probability": 2e-9}, "parity_probability_max"),
        ({"worst_relative": 2e-9}, "parity_relative_max"),
        ({"undecided": 1, "parts": (part(undecided=1),)}, "parity_undecided_share_max"),
        ({"undecided": 9, "parts": (part(name="edges", undecided=9),)}, "parity_undecided_hostile_share_max"),
        ({"cancelled": 3, "parts": (part(cancelled=3),)}, "parity_cancelled_share_max"),
        ({"knife_edges": 1, "parts": (part(knife_edges=1),)}, "parity_knife_edges_max"),
    ],
)
def test_each_figure_of_the_proof_has_a_limit(figures: dict[str, object], name: str) -> None:
    """Another branch, another label, a strayed probability or number fails the gate by its own name."""
    report = check_gate(LIMITS, METRICS, proof(**figures), latency_table(), MIB)
    assert [check.name for check in report.checks if not check.passed] == [name]
    assert check_gate(LIMITS, METRICS, proof(), latency_table(), MIB).passed


def test_proof_without_trees_and_labels_has_no_limit_on_them() -> None:
    """The gate's report omits parts that were not compared."""
    plain = proof(ensembles=0, classification=False, worst_probability=None)
    names = [check.name for check in check_gate(LIMITS, METRICS, plain, latency_table(), MIB).checks]
    assert [name for name in names if name.startswith("parity")] == ["parity_relative_max"]


def test_gate_sets_the_limits_of_the_proof() -> None:
    """The proof fails where the gate would."""
    gate = Gate(parity_relative_max=1e-6, parity_probability_max=1e-7, parity_label_flips_max=None)
    assert parity_limits(gate) == Limits(relative=1e-6, probability=1e-7, other_branches=0, label_flips=None)


def test_limit_on_an_unmeasured_metric_is_a_mistake() -> None:
    """A gate cannot pass by leaving a metric out."""
    with pytest.raises(TabentoError, match=r"gate\.metrics\.r2 needs a metric that was not measured"):
        check_gate(LIMITS, {"rmse": 1.0, "mape": 1.0}, 0.0, latency_table(), 1)


def test_report_is_a_table_for_people() -> None:
    """Each check has its name, value, limit and verdict as text."""
    rows = gate(mape=17).rows()
    assert rows[0] == ("metrics.rmse", "41,000 dollars", "at most 42,000 dollars", "passed")
    assert rows[2] == ("metrics.mape", "17 %", "at most 16 %", "FAILED")
