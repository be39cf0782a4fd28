"""Which parameters are tried, in which ranges, and that the first trial is the incoming estimator."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from tests.training.orchards import orchard_config
from tests.training.seedlings import seedling_config
from training.config import ConfigError, Estimator, Kind, Member, ModelConfig, Range, Task
from training.config.estimator import COMPOSITES
from training.model.estimator_kinds import available_kinds
from training.model.estimator_params import settable_params
from training.model.estimators import build_estimator, default_stack
from training.studies.sweep.search import select_representable
from training.studies.sweep.spaces import (
    WEIGHT,
    build_space,
    can_hold,
    default_space,
    incoming_params,
    set_params,
    widen,
)

VOTING = Estimator(
    kind="voting",
    members=(Member(kind="ridge", weight=2.0), Member(kind="decision_tree"), Member(kind="ridge", weight=0.5)),
)


def _config(space: dict[str, Any]) -> ModelConfig:
    return orchard_config(sweep={"space": space})


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_every_range_is_a_parameter_of_its_kind(task: Task) -> None:
    """Each parameter of each installed kind can be set by a config, and has a known incoming value."""
    for kind in available_kinds(task):
        estimator = Estimator(kind=kind)
        space = default_space(estimator, task)
        assert space, kind
        assert set(space) <= set(settable_params(kind, task)), kind
        assert set(select_representable(space, incoming_params(estimator, task, space))) == set(space), kind


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_ends_of_every_range_can_be_built(task: Task) -> None:
    """The lowest and the highest value of each range make an estimator."""
    for kind in available_kinds(task):
        for name, parameter_range in default_space(Estimator(kind=kind), task).items():
            ends = (
                parameter_range.choices
                if parameter_range.choices is not None
                else (parameter_range.low, parameter_range.high)
            )
            for value in ends:
                assert build_estimator(Estimator(kind=kind, params={name: value}), task, 0) is not None


def test_every_kind_has_a_space() -> None:
    """Every kind has an entry in the spaces."""
    for kind in get_args(Kind):
        if kind not in COMPOSITES:
            assert isinstance(default_space(Estimator(kind=kind), "regression"), dict)


def test_config_replaces_and_adds() -> None:
    """A range of the config replaces the module's range, and other ranges are added."""
    config = _config({"learning_rate": {"low": 0.1, "high": 0.4}, "max_bins": {"choices": [63, 255]}})
    space = build_space(config, config.estimator)
    assert space["learning_rate"] == Range(low=0.1, high=0.4)
    assert space["max_bins"].choices == (63, 255)
    assert "max_leaf_nodes" in space
    assert list(space) == sorted(space)


@pytest.mark.parametrize("name", ["alpha", "random_state", "n_jobs"])
def test_unknown_parameters_are_refused(name: str) -> None:
    """The error about an unknown or forbidden parameter names its key."""
    config = _config({name: {"low": 1, "high": 2}})
    with pytest.raises(ConfigError, match=rf"sweep\.space\.{name}: hist_gradient_boosting"):
        build_space(config, config.estimator)


def test_ranges_of_integers_need_integer_ends() -> None:
    """A range of integers with a fractional end is an error."""
    config = _config({"max_iter": {"low": 1.5, "high": 9, "integer": True}})
    with pytest.raises(ConfigError, match=r"sweep\.space\.max_iter: .*integers as ends, got \[1\.5, 9"):
        build_space(config, config.estimator)


def test_ranges_hold_the_incoming_values() -> None:
    """The orchard's 30 rounds are below the usual range, which is widened to them."""
    space = build_space(orchard_config(), orchard_config().estimator)
    assert space["max_iter"].low == 30
    assert space["max_leaf_nodes"].low == 7


@pytest.mark.parametrize(
    ("parameter_range", "value", "expected"),
    [
        (Range(low=1, high=5), 9, Range(low=1, high=9)),
        (Range(low=1, high=5), 0.5, Range(low=0.5, high=5)),
        (Range(low=1, high=5, integer=True), 0.5, Range(low=1, high=5, integer=True)),
        (Range(low=1, high=5, log=True), 0, Range(low=1, high=5, log=True)),
        (Range(low=1, high=5), None, Range(low=1, high=5)),
        (Range(low=0, high=5), True, Range(low=0, high=5)),
        (Range(low=0.1, high=1.0), 3, Range(low=0.1, high=1.0)),
        (Range(low=0.1, high=0.5), 1, Range(low=0.1, high=1.0)),
        (Range(choices=("a", "b")), "c", Range(choices=("c", "a", "b"))),
        (Range(choices=(1, 2)), True, Range(choices=(True, 1, 2))),
        (Range(choices=("a", None)), None, Range(choices=("a", None))),
    ],
)
def test_widened_ranges(parameter_range: Range, value: Any, expected: Range) -> None:
    """A range is widened by a value of its own type and ignores other types."""
    assert widen(parameter_range, value) == expected


def test_values_that_a_range_of_numbers_cannot_hold() -> None:
    """A text, None and a boolean cannot be in a range of numbers."""
    parameter_range = Range(low=1, high=5)
    assert can_hold(parameter_range, 3)
    assert not any(can_hold(parameter_range, value) for value in (None, "sqrt", True))


def test_voting_is_swept_by_weights() -> None:
    """Each member has a weight; its incoming value is the config's weight over the largest weight."""
    config = orchard_config()
    space = build_space(config, VOTING)
    assert space == {"weight_0": WEIGHT, "weight_1": WEIGHT, "weight_2": WEIGHT}
    assert incoming_params(VOTING, "regression", space) == {"weight_0": 1.0, "weight_1": 0.5, "weight_2": 0.25}


def test_voting_with_one_member_has_no_space() -> None:
    """A voting with one member has no space."""
    assert build_space(orchard_config(), Estimator(kind="voting", members=(Member(kind="ridge"),))) == {}


def test_stack_has_no_space() -> None:
    """A stack has no space, because its last estimator learns the weights."""
    assert build_space(orchard_config(), default_stack("regression")) == {}


def test_members_parameters_are_not_swept() -> None:
    """A parameter for all members is an error that names the parameter."""
    config = _config({"alpha": {"low": 1, "high": 2}})
    with pytest.raises(ConfigError, match=r"sweep\.space\.alpha: voting .*weight_0"):
        build_space(config, VOTING)


def test_params_are_sorted() -> None:
    """Other parameters stay, and the order of the keys does not depend on the trial."""
    config = seedling_config()
    space = set_params(config.estimator, {"min_samples_leaf": 3, "learning_rate": 0.2})
    assert list(space.params) == ["learning_rate", "max_iter", "max_leaf_nodes", "min_samples_leaf"]
    assert space.params["learning_rate"] == 0.2
    assert space.params["max_iter"] == 30


def test_weights_are_set_on_members() -> None:
    """Only the weights of the members change."""
    space = set_params(VOTING, {"weight_0": 0.3, "weight_2": 0.7})
    assert [member.weight for member in space.members] == [0.3, 1.0, 0.7]
    assert [member.kind for member in space.members] == ["ridge", "decision_tree", "ridge"]
