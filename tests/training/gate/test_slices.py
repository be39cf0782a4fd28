"""A part of the rows on which the model is bad is found, however good it is on the whole."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from tabento.bundle.contract import Feature
from tests.training.gate.gates import orchard_gate_input, seedling_gate_input, with_gate
from training.config import Slices
from training.gate import GateInput
from training.gate.slices import check_slices, parts_of, row_losses, slice_figures


def with_wrong_slice(gate_input: GateInput, factor: float) -> GateInput:
    """Return the orchard's model with answers for one sort that are wrong by a factor."""
    bad = (gate_input.test["sort"] == "COX").to_numpy()
    return dataclasses.replace(gate_input, answers=np.where(bad, gate_input.answers * factor, gate_input.answers))


def test_bad_slice_fails_the_gate_by_name() -> None:
    """A sort of apple whose yields are answered wrongly stands in the report as the worst slice."""
    gate_input = with_gate(with_wrong_slice(orchard_gate_input(), 3.0), slices={"worse_max": 1.5, "rows_min": 20})
    (check,), slices = check_slices(gate_input)
    assert not check.passed
    assert "sort COX" in check.detail
    assert (slices[0].column, slices[0].part) == ("sort", "COX")
    assert slices[0].low > 1.5


def test_chance_alone_fails_no_slice() -> None:
    """A slice whose ratio is above the limit passes while its interval reaches below it."""
    losses = np.random.default_rng(3).exponential(1.0, 200) ** 2
    gate_input = orchard_gate_input()
    figures = slice_figures(gate_input.config, Slices(rows_min=20), gate_input.test, losses)
    limit = (figures[0].low + figures[0].ratio) / 2
    assert figures[0].low < limit < figures[0].ratio


def test_small_slices_are_shown_not_judged() -> None:
    """With few rows a slice is in the table and has no say."""
    gate_input = with_gate(with_wrong_slice(orchard_gate_input(), 3.0), slices={"worse_max": 1.01, "rows_min": 10_000})
    (check,), slices = check_slices(gate_input)
    assert check.verdict == "shown"
    assert slices
    assert not any(item.is_evaluated for item in slices)


def test_classification_is_sliced_by_its_log_loss() -> None:
    """The rows of the whole have a ratio around one, and their weighted mean is one."""
    gate_input = with_gate(seedling_gate_input(), slices={"columns": ["bed"], "rows_min": 10})
    (check,), slices = check_slices(gate_input)
    assert {item.part for item in slices} == {"clay", "loam", "sand"}
    assert sum(item.ratio * item.rows for item in slices) == pytest.approx(len(gate_input.test))
    assert "log loss" in check.detail


def test_slices_can_be_switched_off() -> None:
    """Null makes no slices; a limit of null shows them."""
    gate_input = orchard_gate_input()
    checks, slices = check_slices(with_gate(gate_input, slices=None))
    assert ([check.verdict for check in checks], slices) == (["off"], ())
    (check,), slices = check_slices(with_gate(gate_input, slices={"worse_max": None, "rows_min": 20}))
    assert check.verdict == "shown"
    assert slices


@pytest.mark.parametrize(
    ("values", "type_", "count"),
    [
        ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], "number", 4),
        ([1.0, 1.0, 2.0, 2.0, np.nan], "number", 3),
        ([0.0] * 12 + [5.0] + [float(i) for i in range(10, 20)], "integer", 3),
        ([0.0, 1.0, np.nan], "boolean", 3),
        (["a", "b", None, "a"], "category", 3),
        ([np.nan, np.nan], "number", 1),
    ],
)
def test_every_row_is_in_one_part(values: list[float | str | None], type_: str, count: int) -> None:
    """Parts do not overlap, leave nothing out and are never empty; ties stay together."""
    feature = Feature.model_validate(
        {"name": "x", "type": type_, "nullable": True} | ({"categories": ("a", "b")} if type_ == "category" else {})
    )
    column = pd.Series(values, dtype=object if type_ == "category" else float)
    parts = dict(parts_of(column, feature, 4))
    masks = np.array(list(parts.values()))
    assert (masks.sum(axis=0) == 1).all()
    assert masks.any(axis=1).all()
    assert len(parts) == count


def test_interval_does_not_depend_on_the_other_slices() -> None:
    """The same seed draws the same rows, whatever else is sliced."""
    gate_input = orchard_gate_input()
    losses = row_losses(gate_input.truth, gate_input.answers)
    alone = slice_figures(gate_input.config, Slices(columns=("sort",)), gate_input.test, losses)
    among = slice_figures(gate_input.config, Slices(), gate_input.test, losses)
    assert set(alone) <= set(among)


def test_perfect_model_is_worse_nowhere() -> None:
    """Without any loss every ratio is one."""
    gate_input = orchard_gate_input()
    figures = slice_figures(gate_input.config, Slices(), gate_input.test, np.zeros(len(gate_input.test)))
    assert {item.ratio for item in figures} == {1.0}
    assert {item.high for item in figures} == {1.0}


def test_certain_and_wrong_is_a_finite_loss() -> None:
    """A probability of zero for the true class costs as much as the smallest step above it."""
    losses = row_losses(np.array([0.0, 1.0]), np.array([[1.0, 0.0, 1.0], [1.0, 0.0, 1.0]]))
    assert losses[0] == pytest.approx(36.04, abs=0.01)
    assert losses[1] == 0.0
