"""What is compared, in which order, and under which names."""

from __future__ import annotations

import pytest

from tests.training.orchards import orchard_config
from tests.training.seedlings import seedling_config
from training.config import Estimator
from training.estimators import available_kinds
from training.selection.candidates import BASELINE, OWN, list_candidates
from training.selection.errors import SelectionError


def test_every_kind_takes_part_by_default() -> None:
    """The own estimator and the baseline come first, then every installed kind of the task and a stack."""
    config = orchard_config()
    found = list_candidates(config, config.estimator)
    assert [item.name for item in found[:2]] == [OWN, BASELINE]
    assert {item.name for item in found[2:]} == {*available_kinds("regression"), "stack"}
    assert found[0].estimator == config.estimator


def test_classification_has_its_own_kinds() -> None:
    """A linear candidate answers classes with logistic regression, never with ridge."""
    names = [item.name for item in list_candidates(seedling_config(), seedling_config().estimator)]
    assert "logistic_regression" in names
    assert "ridge" not in names


def test_quick_ones_come_before_slow_ones() -> None:
    """When the minutes are over, what was not begun is what takes longest."""
    config = orchard_config(selection={"kinds": ["knn", "stack", "ridge", "hist_gradient_boosting"]})
    names = [item.name for item in list_candidates(config, config.estimator)]
    assert names == [OWN, BASELINE, "ridge", "hist_gradient_boosting", "stack", "knn"]


def test_kinds_learn_on_the_own_scale() -> None:
    """The scale of the target belongs to the target, not to the kind."""
    config = orchard_config(selection={"kinds": ["ridge"]})
    assert list_candidates(config, config.estimator)[-1].estimator == Estimator(kind="ridge", target="log")


def test_same_estimator_is_compared_once() -> None:
    """A default that equals the own estimator would only cost time."""
    own = Estimator(kind="ridge", target="log")
    config = orchard_config(selection={"kinds": ["ridge"]})
    assert [item.name for item in list_candidates(config, own)] == [OWN, BASELINE]


def test_candidate_may_bear_the_name_of_its_kind() -> None:
    """The config's candidate keeps its name, and the default is told apart."""
    candidate = {"name": "ridge", "estimator": {"kind": "ridge", "target": "log", "params": {"alpha": 3.0}}}
    config = orchard_config(selection={"kinds": ["ridge"], "candidates": [candidate]})
    names = [item.name for item in list_candidates(config, config.estimator)]
    assert names == [OWN, BASELINE, "ridge", "ridge, default"]


@pytest.mark.parametrize("name", [OWN, BASELINE])
def test_names_must_differ(name: str) -> None:
    """Two rows of one name could not be told apart."""
    config = orchard_config(selection={"candidates": [{"name": name, "estimator": {"kind": "ridge"}}]})
    with pytest.raises(SelectionError, match=f"the name '{name}' is taken"):
        list_candidates(config, config.estimator)


def test_voting_needs_members() -> None:
    """There is no default voting; the message says where its members go."""
    config = orchard_config(selection={"kinds": ["voting"]})
    with pytest.raises(SelectionError, match=r"selection\.candidates"):
        list_candidates(config, config.estimator)
