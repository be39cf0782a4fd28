"""What people know about the answer is tried on the served graph."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tabento.bundle.contract import Contract
from tests.bundles import linear_model
from tests.training.gate.gates import orchard_gate_input, seedling_gate_input, with_gate
from training.gate import GateInput
from training.gate.behaviour import check_behaviour


def weighted_sum_model() -> GateInput:
    """Return the orchard with a graph that answers 1·age + 2·width + 3·height + … + 6·sort + 7·soil."""
    gate_input = orchard_gate_input()
    return dataclasses.replace(gate_input, model=linear_model(len(gate_input.contract.features)).SerializeToString())


def test_field_that_matters_breaks_an_invariance() -> None:
    """Another sort moves the weighted sum by six or twelve in every row whose sort is another one."""
    rule = {"feature": "sort", "changes": ["BOSKOOP"], "relative_max": 0.0}
    gate_input = with_gate(weighted_sum_model(), invariances=[rule])
    (check,) = check_behaviour(gate_input)
    other_share = float((gate_input.test["sort"] != "BOSKOOP").mean())
    assert check.value == pytest.approx(other_share)
    assert not check.passed
    assert "'sort' becomes 'BOSKOOP'" in check.detail


def test_invariance_allows_what_the_config_allows() -> None:
    """A small move, and a share of rows that move further, pass where they are allowed."""
    wide_limit = {"feature": "pruned", "changes": [True, False], "relative_max": 10.0}
    many_rows = {"feature": "pruned", "changes": [True, False], "share_max": 0.999}
    checks = check_behaviour(with_gate(weighted_sum_model(), invariances=[wide_limit, many_rows]))
    assert [check.verdict for check in checks] == ["passed", "failed"]


@pytest.mark.parametrize(
    ("rule", "verdicts"),
    [
        ({"feature": "age", "add": 5, "answer": "rises"}, ["passed", "passed"]),
        ({"feature": "age", "add": 5, "answer": "falls"}, ["failed", "failed"]),
        ({"feature": "height", "factor": 0.9, "answer": "falls", "share_min": 0.99}, ["passed", "passed"]),
    ],
)
def test_answers_go_where_they_should(rule: dict[str, object], verdicts: list[str]) -> None:
    """The mean answer and the share of rows are judged apart."""
    checks = check_behaviour(with_gate(weighted_sum_model(), directions=[rule]))
    assert [check.verdict for check in checks] == verdicts


def test_change_out_of_range_is_not_tried() -> None:
    """A service would refuse such a row; if no row is left, the check reports it."""
    partly = check_behaviour(
        with_gate(weighted_sum_model(), directions=[{"feature": "age", "add": 60, "answer": "rises"}])
    )
    in_range = int((orchard_gate_input().test["age"] + 60 <= 90).sum())
    assert f"in {in_range:,} rows" in partly[0].detail
    (none,) = check_behaviour(
        with_gate(weighted_sum_model(), directions=[{"feature": "age", "add": 90, "answer": "rises"}])
    )
    assert none.verdict == "shown"
    assert "nothing was tested" in none.detail


def test_missing_values_are_left_out() -> None:
    """A slope that nobody measured cannot be steeper."""
    checks = check_behaviour(
        with_gate(weighted_sum_model(), directions=[{"feature": "slope", "factor": 0.5, "answer": "falls"}])
    )
    n_present = int(orchard_gate_input().test["slope"].notna().sum())
    assert f"in {n_present:,} rows" in checks[0].detail


def test_class_moves_by_its_probability() -> None:
    """For two classes the positive one's probability rises or falls: more moisture keeps seedlings alive."""
    rule = {"feature": "moisture", "add": 0.3, "answer": "falls"}
    checks = check_behaviour(with_gate(seedling_gate_input(), directions=[rule]))
    assert [check.verdict for check in checks] == ["passed", "passed"]
    assert checks[0].unit == "of probability"
    invariance = {"feature": "shaded", "changes": [True, False], "relative_max": 1.0}
    (check,) = check_behaviour(with_gate(seedling_gate_input(), invariances=[invariance]))
    assert check.passed


def test_integer_stays_an_integer() -> None:
    """Half of an odd age is rounded: the service would refuse a fraction."""
    gate_input = orchard_gate_input()
    age = float(gate_input.test["age"].iloc[0])
    odd = dataclasses.replace(weighted_sum_model(), test=gate_input.test.assign(age=age // 2 * 2 + 1))
    rule = {"feature": "age", "factor": 0.5, "answer": "falls", "share_min": 0.99}
    mean, _ = check_behaviour(with_gate(odd, directions=[rule]))
    assert mean.value is not None
    assert float(mean.value).is_integer()


def test_nothing_named_is_nothing_tried() -> None:
    """A config without expectations is told so."""
    (check,) = check_behaviour(with_gate(orchard_gate_input()))
    assert check.verdict == "shown"
    assert isinstance(orchard_gate_input().contract, Contract)
    assert np.isfinite(orchard_gate_input().answers).all()
