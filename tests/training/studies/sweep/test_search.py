"""The search: begins with what came in, tries in order, ends what falls behind, keeps the budget, goes on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.training.orchards import orchard_config, orchard_frame
from tests.training.studies.sweep.synthetic_trials import Formula, make_trial
from training.config import ConfigError, Estimator, ModelConfig, Param
from training.progress import silence
from training.studies.sweep.rungs import RUNGS
from training.studies.sweep.search import FinishedTrial, Search, describe_trial, find_best, select_representable
from training.studies.sweep.spaces import build_space, incoming_params
from training.studies.sweep.study import make_pruner, open_study

pytestmark = pytest.mark.slow

RIDGE: dict[str, Any] = {"kind": "ridge", "target": "log"}


def _config(trials: int, **changes: Any) -> ModelConfig:
    return orchard_config(estimator=RIDGE, **{"sweep": {"trials": trials, **changes.pop("sweep", {})}, **changes})


def _bowl(params: Mapping[str, Param]) -> float:
    """Least at alpha = 100."""
    alpha = params.get("alpha", 1.0)
    assert isinstance(alpha, float)
    return abs(alpha - 100.0) + 10.0


def _search(
    config: ModelConfig, objective: Any, storage: Path | None = None, pruner: str = "none"
) -> list[FinishedTrial]:
    decisions, frame = config.decisions(), orchard_frame(80)
    space = build_space(config, decisions.estimator)
    incoming = select_representable(space, incoming_params(decisions.estimator, config.task, space))
    with open_study("orchard-1", "rmse", incoming, make_pruner(pruner), storage) as study:
        return Search(config, frame, decisions, space, incoming, objective, study).run(silence())


def _timeless(trials: list[FinishedTrial]) -> list[tuple[Any, ...]]:
    return [(item.number, item.params, item.value, item.standard_error, item.quarters) for item in trials]


def test_first_trial_is_the_incoming_estimator() -> None:
    """Trial 0 has the estimator's own values, including default values."""
    trials = _search(_config(3), Formula(_bowl))
    assert [item.number for item in trials] == [0, 1, 2]
    assert trials[0].params == {"alpha": 1.0}
    assert trials[0].value == 109.0
    assert trials[0].standard_error == pytest.approx(0.5)


def test_more_trials_improve_the_score() -> None:
    """The best of the trials is better than the first, and later trials are near it."""
    trials = _search(_config(20), Formula(_bowl))
    best = find_best(trials, "rmse")
    assert best is not None
    assert best.value is not None
    assert best.value < 60


def test_two_searches_are_equal() -> None:
    """Every value of every trial is the same in another run."""
    assert _timeless(_search(_config(10), Formula(_bowl))) == _timeless(_search(_config(10), Formula(_bowl)))


def test_interrupted_search_continues(tmp_path: Path) -> None:
    """Four trials, an interruption in the fifth, then the rest: the same ten trials as without an interruption."""

    class Interrupted(Formula):
        def figures(self, estimator: Estimator) -> Any:
            if len(self.calls) == 4 * len(RUNGS):
                raise KeyboardInterrupt
            return super().figures(estimator)

    place = tmp_path / "sweep.db"
    complete = _search(_config(10), Formula(_bowl))
    with pytest.raises(KeyboardInterrupt):
        _search(_config(10), Interrupted(_bowl), place)
    rest = Formula(_bowl)
    assert _timeless(_search(_config(10), rest, place)) == _timeless(complete)
    assert len(rest.calls) == 6 * len(RUNGS)


def test_fewer_trials_are_a_part_of_more(tmp_path: Path) -> None:
    """A stored study returns its first trials if fewer are requested, and computes nothing."""
    place = tmp_path / "sweep.db"
    longer = _search(_config(6), Formula(_bowl), place)
    resumed = Formula(_bowl)
    assert _search(_config(4), resumed, place) == longer[:4]
    assert resumed.calls == []


def test_after_the_minutes_no_trial_begins() -> None:
    """The first trial runs also without time left, because all others are compared with it."""
    assert len(_search(_config(5, sweep={"minutes": 1e-9}), Formula(_bowl))) == 1


@pytest.mark.parametrize("pruner", ["hyperband", "successive_halving"])
def test_poor_trials_are_pruned(pruner: str) -> None:
    """Poor trials are pruned at an early rung and have no value; the first trial is never pruned."""
    trials = _search(_config(16), Formula(_bowl), pruner=pruner)
    pruned = [item for item in trials if item.value is None]
    assert pruned
    assert trials[0].value is not None
    assert all(item.quarters < RUNGS[-1] and not item.reason for item in pruned)


def test_interruption_does_not_change_the_pruning(tmp_path: Path) -> None:
    """With brackets, too, a stored search in two parts equals a search in one part."""
    place = tmp_path / "sweep.db"
    complete = _search(_config(9), Formula(_bowl), pruner="hyperband")
    _search(_config(4), Formula(_bowl), place, pruner="hyperband")
    assert _timeless(_search(_config(9), Formula(_bowl), place, pruner="hyperband")) == _timeless(complete)


def test_over_the_budget_cannot_be_the_best() -> None:
    """If every trial is too large, no trial is the best and the cost of each is measured."""
    trials = _search(_config(3, selection={"model_mib_max": 1e-6}), Formula(_bowl))
    assert find_best(trials, "rmse") is None
    assert all("the graph has" in item.reason and item.cost is not None for item in trials)


def test_trial_that_cannot_be_exported_cannot_be_the_best() -> None:
    """The trial has the exporter's reason."""
    trials = _search(_config(2, impute="knn"), Formula(_bowl))
    assert find_best(trials, "rmse") is None
    assert trials[0].reason.startswith("not exportable: step")


def test_only_the_best_so_far_are_measured() -> None:
    """Only trials that are the best so far are exported and measured."""
    trials = _search(_config(12), Formula(_bowl))
    best = float("inf")
    for item in trials:
        assert item.value is not None
        assert (item.cost is not None) == (item.value < best)
        best = min(best, item.value)


def test_failing_trial_has_a_reason() -> None:
    """Parameters that cannot be fitted have a reason, and the search continues."""

    def formula(params: Mapping[str, Param]) -> float:
        if params.get("alpha", 1.0) != 1.0:
            raise ValueError("a singular matrix")
        return 5.0

    trials = _search(_config(3), Formula(formula))
    assert [item.value for item in trials] == [5.0, None, None]
    assert trials[1].reason == "could not be fitted: a singular matrix"
    assert find_best(trials, "rmse") is trials[0]


def test_failing_first_trial_ends_the_sweep() -> None:
    """The incoming estimator must be fitted, else the search ends with its error."""

    def formula(params: Mapping[str, Param]) -> float:
        raise ValueError("a singular matrix")

    with pytest.raises(ValueError, match="a singular matrix"):
        _search(_config(3), Formula(formula))


def test_impossible_value_of_the_config_ends_the_sweep() -> None:
    """A range with values that the estimator rejects is an error of the config."""

    def formula(params: Mapping[str, Param]) -> float:
        if params.get("alpha", 1.0) != 1.0:
            raise ConfigError("estimator.params.alpha: must be smaller")
        return 5.0

    with pytest.raises(ConfigError, match=r"sweep\.space: a tried value is impossible .*alpha.*must be smaller"):
        _search(_config(3), Formula(formula))


def test_numbers_have_few_digits() -> None:
    """Trials use four significant digits, so the file has exactly the tried values."""
    trials = _search(_config(6), Formula(_bowl))
    assert all(item.params["alpha"] == float(f"{item.params['alpha']:.4g}") for item in trials)


def test_best_is_the_first_of_equals() -> None:
    """Of equal trials the first is the best."""
    trials = [make_trial(0, 3.0, reason="slow"), make_trial(1, 5.0), make_trial(2, None), make_trial(3, 5.0)]
    assert find_best(trials, "rmse") is trials[1]
    assert find_best(trials[:1], "rmse") is None
    assert find_best([make_trial(0, 0.7), make_trial(1, 0.8)], "roc_auc") == make_trial(1, 0.8)


def test_trials_are_described() -> None:
    """The result of a trial is one line."""
    assert describe_trial(make_trial(1, 5.0), "rmse") == "rmse 5"
    assert describe_trial(make_trial(1, 5.0, cost=True), "rmse") == "rmse 5, one row 9.0 µs, the best so far"
    assert describe_trial(make_trial(1, 5.0, reason="too slow"), "rmse") == "rmse 5, but too slow"
    assert describe_trial(make_trial(1, None), "rmse") == "pruned after 1 of 4 quarters"
    assert describe_trial(make_trial(1, None, reason="could not be fitted: x"), "rmse") == "could not be fitted: x"
