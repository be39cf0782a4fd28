"""A model that is good by its seed alone does not pass."""

from __future__ import annotations

import dataclasses

import numpy as np

from tests.training.gate.gates import orchard_gate_input, seedling_gate_input, with_gate
from training.config import Estimator
from training.gate.seeds import check_seeds, seed_figures


def test_seeds_are_off_unless_asked_for() -> None:
    """It takes fits, so a config asks for it."""
    assert [check.verdict for check in check_seeds(with_gate(orchard_gate_input()))] == ["off"]


def test_spread_is_held_against_the_limit() -> None:
    """A random forest of two trees swings with its seed, and the figures stand in the report."""
    estimator = Estimator(kind="random_forest", params={"n_estimators": 2, "min_samples_leaf": 1})
    gate_input = seedling_gate_input()
    decisions = gate_input.decisions.model_copy(update={"estimator": estimator})
    for limit, verdict in ((0.5, "passed"), (1e-6, "failed")):
        loose = with_gate(gate_input, seeds={"seeds": [1, 2, 3], "spread_max": limit})
        (check,) = check_seeds(dataclasses.replace(loose, decisions=decisions))
        assert check.verdict == verdict
        assert "(seed 2)" in check.detail
    without_limit = with_gate(gate_input, seeds={"seeds": [1, 2], "spread_max": None})
    assert [check.verdict for check in check_seeds(without_limit)] == ["shown"]


def test_test_part_decides_nothing() -> None:
    """The figures are the same, whatever the test part holds."""
    gate_input = with_gate(orchard_gate_input(), seeds={"seeds": [1, 2]})
    assert gate_input.config.gate.seeds is not None
    other = dataclasses.replace(
        gate_input, test=gate_input.test.iloc[::-1].assign(apples=1.0), answers=np.ones(len(gate_input.test))
    )
    assert seed_figures(gate_input, gate_input.config.gate.seeds) == seed_figures(other, gate_input.config.gate.seeds)


def test_one_seed_has_no_spread() -> None:
    """The standard deviation of one figure is undefined, and what is undefined does not pass."""
    (check,) = check_seeds(with_gate(orchard_gate_input(), seeds={"seeds": [5], "spread_max": 0.5}))
    assert check.value_in_words == "undefined"
    assert not check.passed
