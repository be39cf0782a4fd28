"""An answer that hides in the features is found before it is believed."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.training.gate.gates import orchard_gate_input, seedling_gate_input, with_gate
from training.gate import GateInput
from training.gate.leakage import check_leakage, permuted_score, single_feature_scores


@pytest.mark.parametrize(
    ("gate_input", "leaking"),
    [(orchard_gate_input, "slope"), (seedling_gate_input, "moisture")],
    ids=["number", "class"],
)
def test_feature_that_is_the_answer_fails_by_name(gate_input: object, leaking: str) -> None:
    """A column that was filled in after the outcome predicts it alone."""
    assert callable(gate_input)
    model: GateInput = gate_input()
    target = model.train[model.config.target.name]
    train = model.train.assign(**{leaking: target})
    checks = check_leakage(with_gate(dataclasses.replace(model, train=train), leakage={"permuted_target_max": None}))
    assert [check.verdict for check in checks] == ["failed", "off"]
    assert leaking in checks[0].detail
    assert checks[0].value is not None
    assert checks[0].value > 0.95


def test_honest_features_pass() -> None:
    """Neither a feature alone nor a permuted target gives a good score."""
    for gate_input in (orchard_gate_input(), seedling_gate_input()):
        checks = check_leakage(with_gate(gate_input))
        assert [check.verdict for check in checks] == ["passed", "passed"]


def test_category_alone_is_scored_with_its_missing_values() -> None:
    """A category with missing and unlisted values predicts as far as it knows something."""
    gate_input = orchard_gate_input()
    soil = gate_input.train["soil"]
    train = gate_input.train.assign(apples=np.where(soil.isna(), 10.0, np.where(soil == "sand", 20.0, 30.0)))
    scores = single_feature_scores(gate_input.config, train)
    assert next(iter(scores)) == "soil"
    assert scores["soil"] == pytest.approx(1.0)
    assert abs(scores["age"]) < 0.3


def test_numbers_beyond_float32_are_probed() -> None:
    """Trees of scikit-learn refuse them; the probe looks at such a column all the same."""
    gate_input = orchard_gate_input()
    huge = gate_input.train.assign(age=gate_input.train["age"] * 1e300)
    assert np.isfinite(single_feature_scores(gate_input.config, huge)["age"])


def test_huge_targets_are_scored() -> None:
    """A target whose square overflows gets the scores of the same target in a smaller unit."""
    gate_input = orchard_gate_input()
    scores = single_feature_scores(gate_input.config, gate_input.train)
    huge = gate_input.train.assign(apples=np.ldexp(gate_input.train["apples"], 1000))
    assert single_feature_scores(gate_input.config, huge) == pytest.approx(scores)


def test_probe_is_the_same_twice() -> None:
    """The config's seed makes the folds."""
    gate_input = seedling_gate_input()
    assert single_feature_scores(gate_input.config, gate_input.train) == single_feature_scores(
        gate_input.config, gate_input.train
    )
    assert permuted_score(gate_input) == permuted_score(gate_input)


def test_measuring_on_learned_rows_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a fold holds out rows that it has learned from, even meaningless targets are answered well."""
    gate_input = with_gate(orchard_gate_input())
    honest, rows = permuted_score(gate_input)
    assert rows == len(gate_input.train)
    assert honest < 0.1

    def overlapping(*_: object) -> list[tuple[np.ndarray, np.ndarray]]:
        return [(np.arange(rows), np.arange(rows))]

    monkeypatch.setattr("training.gate.leakage.make_folds", overlapping)
    permuted = check_leakage(gate_input)[1]
    assert permuted.name == "leakage.permuted_target_max"
    assert not permuted.passed


def test_probes_can_be_switched_off() -> None:
    """Null switches both off, and each has a null of its own."""
    gate_input = seedling_gate_input()
    assert [check.verdict for check in check_leakage(with_gate(gate_input, leakage=None))] == ["off"]
    limits = {"single_feature_max": None, "permuted_target_max": None}
    assert [check.verdict for check in check_leakage(with_gate(gate_input, leakage=limits))] == ["off", "off"]
