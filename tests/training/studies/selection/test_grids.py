"""Grids become candidates: every combination once, in an order that covers each family early."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tests.training.orchards import orchard_config
from tests.training.seedlings import seedling_config
from training.config import ConfigError, ModelConfig
from training.studies.selection.grids import list_families, take_turns

TWO = [
    {"kind": "decision_tree", "params": {"max_depth": [2, 3], "min_samples_leaf": [1, 5]}},
    {"kind": "ridge", "params": {"alpha": [0.1, 1.0]}},
]


def _config(grids: object, **changes: object) -> ModelConfig:
    return orchard_config(selection={"kinds": [], "grids": grids}, **changes)


def test_every_combination_is_a_candidate() -> None:
    """A grid gives the product of its values, on the own estimator's scale of the target."""
    config = _config(TWO)
    ridge, tree = list_families(config, config.estimator)
    assert (ridge.kind, tree.kind) == ("ridge", "decision_tree")
    assert {tuple(item.estimator.params.items()) for item in tree.candidates} == {
        (("max_depth", depth), ("min_samples_leaf", leaf)) for depth in (2, 3) for leaf in (1, 5)
    }
    assert {item.estimator.target for item in tree.candidates} == {config.estimator.target}
    assert sorted(item.name for item in ridge.candidates) == ["ridge grid 1", "ridge grid 2"]


def test_families_take_turns() -> None:
    """The fastest family is first, each family has one combination in the first round, and all combinations are included."""
    config = _config(TWO)
    order = [item.estimator.kind for item in take_turns(list_families(config, config.estimator))]
    assert order == ["ridge", "decision_tree"] * 2 + ["decision_tree"] * 2


def test_order_depends_on_the_seed_alone() -> None:
    """Equal seeds give equal orders, another seed gives another order."""
    orders = []
    for seed in (1, 1, 2):
        config = orchard_config(selection={"kinds": [], "built_in_grids": True}, seed=seed)
        orders.append([item.name for item in take_turns(list_families(config, config.estimator))])
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]
    assert sorted(orders[0]) == sorted(orders[2])


def test_built_in_grids_have_their_sizes() -> None:
    """The built-in grids of a regression have 9, 9, 96, 180 and 300 combinations, and can all be set."""
    config = orchard_config(selection={"built_in_grids": True})
    sizes = {family.kind: len(family.candidates) for family in list_families(config, config.estimator)}
    assert sizes == {"ridge": 9, "lasso": 9, "decision_tree": 96, "random_forest": 180, "gradient_boosting": 300}


def test_classification_has_built_in_grids() -> None:
    """The grids of a classification have logistic regression in place of ridge and lasso."""
    config = seedling_config(selection={"built_in_grids": True})
    kinds = {family.kind for family in list_families(config, config.estimator)}
    assert kinds == {"logistic_regression", "decision_tree", "random_forest", "gradient_boosting"}


def test_two_grids_of_one_kind_are_one_family() -> None:
    """A combination in two grids is compared once, and names stay distinct."""
    config = _config([{"kind": "ridge", "params": {"alpha": [1, 2]}}, {"kind": "ridge", "params": {"alpha": [2, 3]}}])
    (family,) = list_families(config, config.estimator)
    assert sorted(item.name for item in family.candidates) == ["ridge grid 1", "ridge grid 2", "ridge grid 3"]


@pytest.mark.parametrize(
    ("params", "message"),
    [({"alfa": [1]}, "ridge has no such parameter"), ({"random_state": [1]}, "a config cannot set it")],
)
def test_unknown_parameter_is_refused(params: dict[str, object], message: str) -> None:
    """A parameter that cannot be set is an error with its key, before anything is fitted."""
    config = _config([{"kind": "ridge", "params": params}])
    with pytest.raises(ConfigError, match=rf"selection\.grids\.0\.params\.\w+: .*{message}"):
        list_families(config, config.estimator)


@pytest.mark.parametrize(
    ("grids", "message"),
    [
        ("all", "grids"),
        ([{"kind": "voting", "params": {"weights": [1]}}], "selection.candidates"),
        ([{"kind": "ridge", "params": {}}], "params"),
        ([{"kind": "ridge", "params": {"alpha": []}}], "alpha"),
        ([{"kind": "ridge", "params": {"alpha": [1, 1]}}], "1 appears twice"),
        ([{"kind": "ridge", "params": {"alpha": list(range(10_001))}}], "at most 10,000 combinations"),
        ([{"kind": "logistic_regression", "params": {"C": [1]}}], "goes with a classification"),
    ],
)
def test_impossible_grid_is_refused(grids: object, message: str) -> None:
    """A grid that cannot be expanded or compared is an error when the config is read."""
    with pytest.raises(ValidationError, match=message):
        _config(grids)
