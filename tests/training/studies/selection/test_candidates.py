"""The candidates of a comparison, and their order."""

from __future__ import annotations

import pytest

from tests.training.orchards import orchard_config
from tests.training.seedlings import seedling_config
from training.config import Estimator
from training.model.estimator_kinds import available_kinds
from training.studies.errors import SelectionError
from training.studies.selection.candidates import BASELINE, OWN, list_candidates


def test_every_kind_takes_part_by_default() -> None:
    """The own estimator and the baseline come first, then every installed kind of the task and a stack."""
    config = orchard_config()
    candidates = list_candidates(config, config.estimator)
    assert [item.name for item in candidates[:2]] == [OWN, BASELINE]
    assert {item.name for item in candidates[2:]} == {*available_kinds("regression"), "stack"}
    assert candidates[0].estimator == config.estimator


def test_classification_has_its_own_kinds() -> None:
    """A linear candidate answers classes with logistic regression, never with ridge."""
    names = [item.name for item in list_candidates(seedling_config(), seedling_config().estimator)]
    assert "logistic_regression" in names
    assert "ridge" not in names


def test_fast_candidates_are_before_slow_ones() -> None:
    """The slowest estimators are last, so that they are the ones that are skipped without time."""
    config = orchard_config(selection={"kinds": ["knn", "stack", "ridge", "hist_gradient_boosting"]})
    names = [item.name for item in list_candidates(config, config.estimator)]
    assert names == [OWN, BASELINE, "ridge", "hist_gradient_boosting", "stack", "knn"]


def test_kinds_learn_on_the_own_scale() -> None:
    """The scale of the target belongs to the target, not to the kind."""
    config = orchard_config(selection={"kinds": ["ridge"]})
    assert list_candidates(config, config.estimator)[-1].estimator == Estimator(kind="ridge", target="log")


def test_same_estimator_is_compared_once() -> None:
    """A default that equals the own estimator is omitted."""
    own = Estimator(kind="ridge", target="log")
    config = orchard_config(selection={"kinds": ["ridge"]})
    assert [item.name for item in list_candidates(config, own)] == [OWN, BASELINE]


def test_candidate_can_have_the_name_of_its_kind() -> None:
    """The config's candidate keeps its name, and the default gets another one."""
    candidate = {"name": "ridge", "estimator": {"kind": "ridge", "target": "log", "params": {"alpha": 3.0}}}
    config = orchard_config(selection={"kinds": ["ridge"], "candidates": [candidate]})
    names = [item.name for item in list_candidates(config, config.estimator)]
    assert names == [OWN, BASELINE, "ridge", "ridge, default"]


@pytest.mark.parametrize("name", [OWN, BASELINE])
def test_names_must_differ(name: str) -> None:
    """A candidate with a reserved name is an error."""
    config = orchard_config(selection={"candidates": [{"name": name, "estimator": {"kind": "ridge"}}]})
    with pytest.raises(SelectionError, match=f"the name '{name}' is taken"):
        list_candidates(config, config.estimator)


def test_voting_needs_members() -> None:
    """A voting without members is an error that names the key for its members."""
    config = orchard_config(selection={"kinds": ["voting"]})
    with pytest.raises(SelectionError, match=r"selection\.candidates"):
        list_candidates(config, config.estimator)
