"""``--steps`` and ``--decisions`` say which stages run and whose decisions count."""

from __future__ import annotations

import pytest

from training.stages.steps import StepsError, make_plan
from training.stages.table import DECIDING, STAGES


def test_all_are_all_in_their_order() -> None:
    """``all`` runs every stage, and every decision counts."""
    plan = make_plan("all")
    assert plan.steps == tuple(STAGES)
    assert plan.chain == DECIDING == ("features", "select", "sweep")


def test_names_come_in_the_order_of_the_stages() -> None:
    """The order of the names has no effect, and a repeated name runs once."""
    assert make_plan("fit, validate,data,fit").steps == ("data", "validate", "fit")


def test_from_goes_to_the_end() -> None:
    """``from:NAME`` runs that stage and all after it, on what those before have decided."""
    plan = make_plan("from:sweep")
    assert plan.steps == ("sweep", "fit", "export", "gate", "register")
    assert plan.source_of("sweep") == "select"
    assert plan.source_of("fit") == "sweep"


@pytest.mark.parametrize(
    ("steps", "decisions", "source"),
    [
        ("fit", None, None),
        ("features,fit", None, "features"),
        ("select,fit", None, "select"),
        ("all", "config", None),
        ("fit", "sweep", "sweep"),
        ("fit", "features", "features"),
    ],
)
def test_fit_takes_the_last_decisions_that_count(steps: str, decisions: str | None, source: str | None) -> None:
    """Those of the deciding stages among the steps, or those that were asked for, else the config's own."""
    assert make_plan(steps, decisions).source_of("fit") == source


def test_first_deciding_stage_starts_from_the_config() -> None:
    """Nobody takes decisions from itself or from a later stage."""
    plan = make_plan("all")
    assert [plan.source_of(name) for name in DECIDING] == [None, "features", "select"]


@pytest.mark.parametrize("steps", ["", "fly", "fit,fly", "from:fly", "from:", "ALL"])
def test_unknown_stage_is_refused(steps: str) -> None:
    """The message lists what there is."""
    with pytest.raises(StepsError, match=r"--steps: expected all, from:NAME or names out of config, data, .*; got '"):
        make_plan(steps)


def test_stage_that_decides_nothing_is_refused() -> None:
    """Decisions come from stages that decide."""
    with pytest.raises(StepsError, match=r"--decisions: expected config, features, select, sweep; got 'fit'"):
        make_plan("all", "fit")
