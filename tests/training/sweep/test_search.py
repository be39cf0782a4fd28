"""The search: begins with what came in, tries in order, ends what falls behind, keeps the budget, goes on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.training.orchards import orchard_config, orchard_frame
from tests.training.sweep.made_up import Formula, made_up
from training.config import ConfigError, Estimator, ModelConfig, Param
from training.progress import silence
from training.sweep.rungs import RUNGS
from training.sweep.search import Search, Tried, best_of, describe, representable
from training.sweep.spaces import incoming_params, space_of
from training.sweep.study import make_pruner, open_study

RIDGE: dict[str, Any] = {"kind": "ridge", "target": "log"}


def _config(trials: int, **changes: Any) -> ModelConfig:
    return orchard_config(estimator=RIDGE, **{"sweep": {"trials": trials, **changes.pop("sweep", {})}, **changes})


def _bowl(params: Mapping[str, Param]) -> float:
    """Least at alpha = 100."""
    alpha = params.get("alpha", 1.0)
    assert isinstance(alpha, float)
    return abs(alpha - 100.0) + 10.0


def _search(config: ModelConfig, objective: Any, storage: Path | None = None, pruner: str = "none") -> list[Tried]:
    decisions, frame = config.decisions(), orchard_frame(80)
    space = space_of(config, decisions.estimator)
    incoming = representable(space, incoming_params(decisions.estimator, config.task, space))
    with open_study("orchard-1", "rmse", incoming, make_pruner(pruner), storage) as study:
        return Search(config, frame, decisions, space, incoming, objective, study).run(silence())


def _timeless(tried: list[Tried]) -> list[tuple[Any, ...]]:
    return [(item.number, item.params, item.value, item.standard_error, item.quarters) for item in tried]


def test_first_trial_is_what_came_in() -> None:
    """Trial 0 has the estimator's own values, those that nobody set included."""
    tried = _search(_config(3), Formula(_bowl))
    assert [item.number for item in tried] == [0, 1, 2]
    assert tried[0].params == {"alpha": 1.0}
    assert tried[0].value == 109.0
    assert tried[0].standard_error == pytest.approx(0.5)


def test_more_trials_find_something_better() -> None:
    """The best of the trials is better than the first, and the later ones gather around it."""
    tried = _search(_config(20), Formula(_bowl))
    best = best_of(tried, "rmse")
    assert best is not None
    assert best.value is not None
    assert best.value < 60


def test_two_searches_try_the_same() -> None:
    """Every value of every trial is the same in another run."""
    assert _timeless(_search(_config(10), Formula(_bowl))) == _timeless(_search(_config(10), Formula(_bowl)))


def test_interrupted_search_goes_on_as_if_nothing_had_been(tmp_path: Path) -> None:
    """Four trials, an interruption in the fifth, then the rest: the same ten trials as in one go."""

    class Interrupted(Formula):
        def figures(self, estimator: Estimator) -> Any:
            if len(self.asked) == 4 * len(RUNGS):
                raise KeyboardInterrupt
            return super().figures(estimator)

    place = tmp_path / "sweep.db"
    whole = _search(_config(10), Formula(_bowl))
    with pytest.raises(KeyboardInterrupt):
        _search(_config(10), Interrupted(_bowl), place)
    rest = Formula(_bowl)
    assert _timeless(_search(_config(10), rest, place)) == _timeless(whole)
    assert len(rest.asked) == 6 * len(RUNGS)


def test_fewer_trials_are_a_part_of_more(tmp_path: Path) -> None:
    """Asking a stored study for fewer trials gives its first ones, and computes nothing."""
    place = tmp_path / "sweep.db"
    more = _search(_config(6), Formula(_bowl), place)
    again = Formula(_bowl)
    assert _search(_config(4), again, place) == more[:4]
    assert again.asked == []


def test_after_the_minutes_no_trial_begins() -> None:
    """The first trial is run whatever the time, since everything is measured by it."""
    assert len(_search(_config(5, sweep={"minutes": 1e-9}), Formula(_bowl))) == 1


@pytest.mark.parametrize("pruner", ["hyperband", "successive_halving"])
def test_what_falls_behind_is_ended(pruner: str) -> None:
    """Poor trials end at an early rung and have no figure; the first never does."""
    tried = _search(_config(16), Formula(_bowl), pruner=pruner)
    ended = [item for item in tried if item.value is None]
    assert ended
    assert tried[0].value is not None
    assert all(item.quarters < RUNGS[-1] and not item.reason for item in ended)


def test_interruption_does_not_change_what_is_ended(tmp_path: Path) -> None:
    """With brackets as well, a stored search in two parts is the search in one."""
    place = tmp_path / "sweep.db"
    whole = _search(_config(9), Formula(_bowl), pruner="hyperband")
    _search(_config(4), Formula(_bowl), place, pruner="hyperband")
    assert _timeless(_search(_config(9), Formula(_bowl), place, pruner="hyperband")) == _timeless(whole)


def test_over_the_budget_cannot_be_the_best() -> None:
    """Every trial is too large, so none is the best, and each was measured: the next might have been within."""
    tried = _search(_config(3, selection={"model_mib_max": 1e-6}), Formula(_bowl))
    assert best_of(tried, "rmse") is None
    assert all("the graph has" in item.reason and item.cost is not None for item in tried)


def test_what_cannot_be_exported_cannot_be_the_best() -> None:
    """The exporter's reason stands at the trial."""
    tried = _search(_config(2, impute="knn"), Formula(_bowl))
    assert best_of(tried, "rmse") is None
    assert tried[0].reason.startswith("not exportable: step")


def test_only_the_best_so_far_are_measured() -> None:
    """Exporting and measuring is for those that would be taken."""
    tried = _search(_config(12), Formula(_bowl))
    best = float("inf")
    for item in tried:
        assert item.value is not None
        assert (item.cost is not None) == (item.value < best)
        best = min(best, item.value)


def test_failing_trial_is_left_out() -> None:
    """Parameters that cannot be fitted have a reason, and the search goes on."""

    def formula(params: Mapping[str, Param]) -> float:
        if params.get("alpha", 1.0) != 1.0:
            raise ValueError("a singular matrix")
        return 5.0

    tried = _search(_config(3), Formula(formula))
    assert [item.value for item in tried] == [5.0, None, None]
    assert tried[1].reason == "could not be fitted: a singular matrix"
    assert best_of(tried, "rmse") is tried[0]


def test_failing_first_trial_ends_the_sweep() -> None:
    """What came in has to work: there is nothing to compare with otherwise."""

    def formula(params: Mapping[str, Param]) -> float:
        raise ValueError("a singular matrix")

    with pytest.raises(ValueError, match="a singular matrix"):
        _search(_config(3), Formula(formula))


def test_impossible_value_of_the_config_ends_the_sweep() -> None:
    """A range with values that the estimator refuses is a mistake of the config and told as such."""

    def formula(params: Mapping[str, Param]) -> float:
        if params.get("alpha", 1.0) != 1.0:
            raise ConfigError("estimator.params.alpha: must be smaller")
        return 5.0

    with pytest.raises(ConfigError, match=r"sweep\.space: a tried value is impossible .*alpha.*must be smaller"):
        _search(_config(3), Formula(formula))


def test_numbers_have_few_digits() -> None:
    """Four significant digits are tried, so the file is readable and says exactly what was tried."""
    tried = _search(_config(6), Formula(_bowl))
    assert all(item.params["alpha"] == float(f"{item.params['alpha']:.4g}") for item in tried)


def test_best_is_the_first_of_equals() -> None:
    """A later trial has to be better, not as good."""
    tried = [made_up(0, 3.0, reason="slow"), made_up(1, 5.0), made_up(2, None), made_up(3, 5.0)]
    assert best_of(tried, "rmse") is tried[1]
    assert best_of(tried[:1], "rmse") is None
    assert best_of([made_up(0, 0.7), made_up(1, 0.8)], "roc_auc") == made_up(1, 0.8)


def test_trials_are_described() -> None:
    """One line says how a trial went."""
    assert describe(made_up(1, 5.0), "rmse") == "rmse 5"
    assert describe(made_up(1, 5.0, cost=True), "rmse") == "rmse 5, one row 9.0 µs, the best so far"
    assert describe(made_up(1, 5.0, reason="too slow"), "rmse") == "rmse 5, but too slow"
    assert describe(made_up(1, None), "rmse") == "fell behind, ended after 1 of 4 quarters"
    assert describe(made_up(1, None, reason="could not be fitted: x"), "rmse") == "could not be fitted: x"
