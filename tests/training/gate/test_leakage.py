"""An answer that hides in the features is found before it is believed."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.training.gate.gates import orchard_given, seedling_given, with_gate
from training.gate import GateInput
from training.gate.leakage import check_leakage, permuted_score, single_feature_scores


@pytest.mark.parametrize(
    ("given", "leaking"), [(orchard_given, "slope"), (seedling_given, "moisture")], ids=["number", "class"]
)
def test_feature_that_is_the_answer_fails_by_name(given: object, leaking: str) -> None:
    """A column that was filled in after the outcome predicts it alone."""
    assert callable(given)
    model: GateInput = given()
    target = model.train[model.config.target.name]
    train = model.train.assign(**{leaking: target})
    checks = check_leakage(with_gate(dataclasses.replace(model, train=train), leakage={"permuted_target_max": None}))
    assert [check.verdict for check in checks] == ["failed", "off"]
    assert leaking in checks[0].detail
    assert checks[0].value is not None
    assert checks[0].value > 0.95


def test_honest_features_pass() -> None:
    """Neither a feature alone nor a permuted target gives a good score."""
    for given in (orchard_given(), seedling_given()):
        checks = check_leakage(with_gate(given))
        assert [check.verdict for check in checks] == ["passed", "passed"]


def test_category_alone_is_scored_with_its_missing_values() -> None:
    """A category with missing and unlisted values predicts as far as it knows something."""
    given = orchard_given()
    soil = given.train["soil"]
    told = given.train.assign(apples=np.where(soil.isna(), 10.0, np.where(soil == "sand", 20.0, 30.0)))
    scores = single_feature_scores(given.config, told)
    assert next(iter(scores)) == "soil"
    assert scores["soil"] == pytest.approx(1.0)
    assert abs(scores["age"]) < 0.3


def test_numbers_beyond_float32_are_probed() -> None:
    """Trees of scikit-learn refuse them; the probe looks at such a column all the same."""
    given = orchard_given()
    huge = given.train.assign(age=given.train["age"] * 1e300)
    assert np.isfinite(single_feature_scores(given.config, huge)["age"])


def test_probe_is_the_same_twice() -> None:
    """The config's seed makes the folds."""
    given = seedling_given()
    assert single_feature_scores(given.config, given.train) == single_feature_scores(given.config, given.train)
    assert permuted_score(given) == permuted_score(given)


def test_measuring_on_learned_rows_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a fold holds out rows that it has learned from, even meaningless targets are answered well."""
    given = with_gate(orchard_given())
    honest, rows = permuted_score(given)
    assert rows == len(given.train)
    assert honest < 0.1

    def overlapping(*_: object) -> list[tuple[np.ndarray, np.ndarray]]:
        return [(np.arange(rows), np.arange(rows))]

    monkeypatch.setattr("training.gate.leakage.make_folds", overlapping)
    permuted = check_leakage(given)[1]
    assert permuted.name == "leakage.permuted_target_max"
    assert not permuted.passed


def test_probes_can_be_switched_off() -> None:
    """Null switches both off, and each has a null of its own."""
    given = seedling_given()
    assert [check.verdict for check in check_leakage(with_gate(given, leakage=None))] == ["off"]
    limits = {"single_feature_max": None, "permuted_target_max": None}
    assert [check.verdict for check in check_leakage(with_gate(given, leakage=limits))] == ["off", "off"]
