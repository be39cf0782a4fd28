"""A new model meets the one in service on the same rows, and loses only beyond chance."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tabento.bundle.contract import Contract
from tests.training.gate.gates import orchard_gate_input, seedling_gate_input, stored_champion, with_gate
from training.gate import GateInput
from training.gate.champion import check_champion

pytestmark = pytest.mark.usefixtures("model_store")


def with_noisy_answers(gate_input: GateInput, spread: float) -> GateInput:
    """Return a regression whose answers are off by some per cent, up and down."""
    noise = np.random.default_rng(0).normal(1, spread, len(gate_input.test))
    return dataclasses.replace(gate_input, answers=gate_input.answers * noise)


def contract_with(gate_input: GateInput, feature_name: str, **keys: object) -> Contract:
    """Return the contract with some keys of one feature changed."""
    content = gate_input.contract.model_dump()
    next(item for item in content["features"] if item["name"] == feature_name).update(keys)
    return Contract.model_validate(content)


def test_same_model_is_not_worse_than_itself() -> None:
    """The champion's graph answers what the pipeline answers, so the difference is nothing."""
    for gate_input in (orchard_gate_input(), seedling_gate_input()):
        tag = stored_champion(gate_input)
        checks, figures = check_champion(dataclasses.replace(with_gate(gate_input), champion_tag=tag))
        assert [check.verdict for check in checks] == ["shown", "passed"]
        assert figures is not None
        assert figures.rows == len(gate_input.test)
        assert figures.difference == pytest.approx(0, abs=1e-9)
        assert figures.tag == tag


def test_worse_model_fails_with_the_interval() -> None:
    """A model that is worse beyond chance is refused, and the message has both figures."""
    gate_input = orchard_gate_input()
    worse = dataclasses.replace(
        with_gate(with_noisy_answers(gate_input, 0.5)), champion_tag=stored_champion(gate_input)
    )
    checks, figures = check_champion(worse)
    assert not checks[-1].passed
    assert figures is not None
    assert 0 < figures.low < figures.difference < figures.high
    assert figures.better_share == 0.0
    assert "95% interval" in checks[-1].detail
    allowed = dataclasses.replace(with_gate(worse, champion={"worse_max": 100.0}), champion_tag=worse.champion_tag)
    assert check_champion(allowed)[0][-1].passed


def test_model_that_is_worse_by_chance_passes() -> None:
    """A little noise makes the figure worse, and the interval still reaches to the better side."""
    gate_input = orchard_gate_input()
    nearly = dataclasses.replace(
        with_gate(with_noisy_answers(gate_input, 0.02)), champion_tag=stored_champion(gate_input)
    )
    checks, figures = check_champion(nearly)
    assert figures is not None
    assert figures.low < 0 < figures.high
    assert checks[-1].passed


def test_higher_is_better_where_it_is() -> None:
    """For an area under the curve the upper end of the difference is the better one."""
    gate_input = seedling_gate_input()
    upside_down = gate_input.answers[:, [0, 2, 1]]
    checks, figures = check_champion(
        dataclasses.replace(with_gate(gate_input), answers=upside_down, champion_tag=stored_champion(gate_input))
    )
    assert figures is not None
    assert figures.metric == "roc_auc"
    assert figures.high < 0
    assert not checks[-1].passed


def test_first_model_has_nobody_to_beat() -> None:
    """Without a champion nothing is compared, and null switches the comparison off."""
    checks, figures = check_champion(with_gate(orchard_gate_input()))
    assert ([check.verdict for check in checks], figures) == (["shown"], None)
    assert [check.verdict for check in check_champion(with_gate(orchard_gate_input(), champion=None))[0]] == ["off"]


def test_rows_that_the_champion_refuses_are_left_out() -> None:
    """A champion with narrower ranges and fewer categories is compared on the rows that it takes."""
    gate_input = orchard_gate_input()
    narrow = contract_with(gate_input, "age", maximum=40)
    tag = stored_champion(gate_input, narrow)
    checks, figures = check_champion(dataclasses.replace(with_gate(gate_input), champion_tag=tag))
    assert figures is not None
    assert figures.rows == int((gate_input.test["age"] <= 40).sum())
    assert "rows; they are excluded" in checks[-1].detail
    assert figures.compatible == ("'age' takes an integer between 1 and 90, before an integer between 1 and 40",)


def test_champion_without_common_rows_fails_with_the_reason() -> None:
    """A comparison on no row is none; a person has to decide."""
    gate_input = orchard_gate_input()
    tag = stored_champion(gate_input, contract_with(gate_input, "age", minimum=80))
    checks, figures = check_champion(dataclasses.replace(with_gate(gate_input), champion_tag=tag))
    assert figures is None
    assert "accepts 0 of 200 test rows" in checks[-1].detail
    assert not checks[-1].passed


def test_champion_that_needs_another_column_fails_with_the_reason() -> None:
    """The data no longer has what the champion must be sent."""
    gate_input = orchard_gate_input()
    tag = stored_champion(gate_input, contract_with(gate_input, "age", name="girth"))
    checks, figures = check_champion(dataclasses.replace(with_gate(gate_input), champion_tag=tag))
    assert figures is None
    assert "no column for its features ['girth']" in checks[-1].detail
    assert "breaks clients: 'girth' is not a field any more" in checks[0].detail


def test_champion_of_another_kind_cannot_be_compared() -> None:
    """Other classes mean other answers."""
    gate_input = seedling_gate_input()
    output = gate_input.contract.output.model_copy(update={"classes": ("alive", "gone")})
    tag = stored_champion(gate_input, gate_input.contract.model_copy(update={"output": output}))
    ((check,), figures) = check_champion(dataclasses.replace(with_gate(gate_input), champion_tag=tag))
    assert figures is None
    assert not check.passed
    assert "its classes are ['alive', 'gone']" in check.detail


def test_champion_that_is_gone_fails(model_store: Path) -> None:
    """A tag that the store does not hold is no comparison, and is said."""
    assert model_store.parent.is_dir()
    ((check,), figures) = check_champion(
        dataclasses.replace(with_gate(orchard_gate_input()), champion_tag="orchard:gone")
    )
    assert figures is None
    assert not check.passed
    assert "cannot be read" in check.detail


def test_other_data_is_told() -> None:
    """A champion of other data may have learned from some of these rows."""
    gate_input = orchard_gate_input()
    tag = stored_champion(gate_input)
    checks, _ = check_champion(dataclasses.replace(with_gate(gate_input), champion_tag=tag, data_sha256="e" * 64))
    assert "may have learned from some of these rows" in checks[-1].detail
    checks, _ = check_champion(dataclasses.replace(with_gate(gate_input), champion_tag=tag))
    assert "may have learned" not in checks[-1].detail
