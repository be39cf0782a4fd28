"""Whatever is spared, a trial's figures are those of a cross-validation of the same estimator."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from tests.training.orchards import orchard_config, orchard_frame
from tests.training.seedlings import seedling_config, seedling_frame
from training.config import ConfigError, Decisions, Estimator, Kind, Member, ModelConfig
from training.cross_validation import cross_validate, make_folds
from training.sweep.growth import GROWING, grows, whole_of
from training.sweep.objective import ByFolds, ByGrowth, ByProcedure, ByWeights, make_objective
from training.sweep.rungs import RUNGS, amount_at

TREES = {"n_estimators": 9, "max_features": 0.5}
OF_KIND: dict[Kind, dict[str, Any]] = {
    "random_forest": TREES,
    "extra_trees": TREES,
    "gradient_boosting": {**TREES, "subsample": 0.7},
    "hist_gradient_boosting": {"max_iter": 9, "max_features": 0.5},
}


def _decisions(config: ModelConfig, estimator: Estimator) -> Decisions:
    return config.decisions().model_copy(update={"estimator": estimator})


def _close(found: list[dict[str, float]], expected: list[dict[str, float]]) -> bool:
    return len(found) == len(expected) and all(
        one.keys() == other.keys() and all(math.isclose(one[key], other[key], rel_tol=1e-12) for key in one)
        for one, other in zip(found, expected, strict=True)
    )


@pytest.mark.parametrize("kind", GROWING)
@pytest.mark.parametrize("task", ["regression", "classification"])
def test_grown_figures_are_those_of_one_fit(kind: Kind, task: str, tmp_path: Path) -> None:
    """Trees that were grown in three steps give, at each of them, the figures of a fit with as many trees."""
    if task == "regression":
        config, frame, target = orchard_config(), orchard_frame(90), "log"
    else:
        config, frame, target = seedling_config(), seedling_frame(150), "identity"
    estimator = Estimator.model_validate({"kind": kind, "target": target, "params": OF_KIND[kind]})
    folds = make_folds(config, frame, 2, 1)
    decisions = _decisions(config, estimator)
    objective = make_objective(config, frame, decisions, folds, tmp_path, n_jobs=1)
    assert isinstance(objective, ByGrowth)
    rungs = []
    for rung, figures in objective.figures(estimator):
        rungs.append(rung)
        resource = "max_iter" if kind == "hist_gradient_boosting" else "n_estimators"
        part = estimator.model_copy(update={"params": {**estimator.params, resource: amount_at(rung, 9)}})
        expected = cross_validate(config, frame, _decisions(config, part), folds, n_jobs=1)
        assert _close(figures, expected.valid)
    assert tuple(rungs) == RUNGS


@pytest.mark.parametrize("kind", ["ridge", "lasso", "knn", "lightgbm", "xgboost"])
def test_figures_by_folds_are_those_of_the_cross_validation(kind: Kind, tmp_path: Path) -> None:
    """What cannot be grown is fitted fold by fold, and the first folds' figures do not change later."""
    config, frame = orchard_config(), orchard_frame(100)
    params = {"n_estimators": 5} if kind in ("lightgbm", "xgboost") else {}
    estimator = Estimator.model_validate({"kind": kind, "target": "sqrt", "params": params})
    folds = make_folds(config, frame, 4, 1)
    objective = make_objective(config, frame, _decisions(config, estimator), folds, tmp_path, n_jobs=1)
    assert isinstance(objective, ByFolds)
    found = dict(objective.figures(estimator))
    assert [len(found[rung]) for rung in RUNGS] == [1, 2, 4]
    assert found[1] == found[4][:1]
    expected = cross_validate(config, frame, _decisions(config, estimator), folds, n_jobs=1)
    assert _close(found[4], expected.valid)


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_weighed_figures_are_those_of_the_cross_validation(task: str, tmp_path: Path) -> None:
    """Members that are fitted once and weighed anew answer as a voting with these weights does."""
    tree = Member(kind="decision_tree", weight=0.2)
    if task == "regression":
        config, frame = orchard_config(), orchard_frame(100)
        estimator = Estimator(kind="voting", target="log", members=(Member(kind="ridge"), tree))
    else:
        config, frame = seedling_config(), seedling_frame(150)
        estimator = Estimator(kind="voting", members=(Member(kind="logistic_regression"), tree))
    folds = make_folds(config, frame, 2, 1)
    even = estimator.model_copy(
        update={"members": tuple(member.model_copy(update={"weight": 1.0}) for member in estimator.members)}
    )
    objective = make_objective(config, frame, _decisions(config, even), folds, tmp_path, n_jobs=1)
    assert isinstance(objective, ByWeights)
    for weighed in (estimator, even):
        ((rung, figures),) = objective.figures(weighed)
        assert rung == RUNGS[-1]
        expected = cross_validate(config, frame, _decisions(config, weighed), folds, n_jobs=1)
        assert _close(figures, expected.valid)


def test_metric_of_labels_takes_the_threshold_along(tmp_path: Path) -> None:
    """Where F1 decides and a threshold is chosen for it, each fold chooses its own, as it will be done."""
    config = seedling_config(selection={"metric": "f1"})
    frame = seedling_frame(150)
    estimator = Estimator(kind="logistic_regression")
    folds = make_folds(config, frame, 2, 1)
    objective = make_objective(config, frame, _decisions(config, estimator), folds, tmp_path, n_jobs=1)
    assert isinstance(objective, ByProcedure)
    found = dict(objective.figures(estimator))
    expected = cross_validate(config, frame, _decisions(config, estimator), folds, n_jobs=1, decide=True)
    assert found[RUNGS[-1]] == expected.valid


def test_who_stops_reading_stops_the_fits(tmp_path: Path) -> None:
    """A trial that ends at the first rung leaves no grown trees behind."""
    config, frame = orchard_config(), orchard_frame(90)
    folds = make_folds(config, frame, 2, 1)
    objective = make_objective(config, frame, config.decisions(), folds, tmp_path, n_jobs=1)
    reading = iter(objective.figures(config.estimator))
    assert next(reading)[0] == 1
    reading.close()  # type: ignore[attr-defined]  # a generator
    with pytest.raises(StopIteration):
        next(reading)


def test_figures_do_not_depend_on_the_processes(tmp_path: Path) -> None:
    """One process or two, the folds' figures are the same in the same order."""
    config, frame = orchard_config(), orchard_frame(90)
    folds = make_folds(config, frame, 2, 1)
    found = []
    for jobs in (1, 2):
        objective = make_objective(config, frame, config.decisions(), folds, tmp_path, n_jobs=jobs)
        found.append(dict(objective.figures(config.estimator)))
    assert found[0] == found[1]


def test_impossible_values_are_named(tmp_path: Path) -> None:
    """A value that scikit-learn refuses is told by the config's key."""
    config, frame = orchard_config(), orchard_frame(90)
    objective = make_objective(config, frame, config.decisions(), make_folds(config, frame, 2, 1), tmp_path, n_jobs=1)
    wrong = config.estimator.model_copy(update={"params": {"learning_rate": -1.0}})
    with pytest.raises(ConfigError, match=r"estimator\.params\.learning_rate"):
        next(iter(objective.figures(wrong)))


def test_few_trees_skip_rungs(tmp_path: Path) -> None:
    """Two trees have no quarter of their own: the first rung is one tree, the last is both."""
    config, frame = orchard_config(), orchard_frame(90)
    estimator = Estimator(kind="hist_gradient_boosting", params={"max_iter": 2})
    decisions = _decisions(config, estimator)
    objective = make_objective(config, frame, decisions, make_folds(config, frame, 2, 1), tmp_path, n_jobs=1)
    assert [rung for rung, _ in objective.figures(estimator)] == [1, 4]


@pytest.mark.parametrize(
    ("kind", "params", "expected"),
    [
        ("random_forest", {}, True),
        ("random_forest", {"class_weight": "balanced"}, False),
        ("hist_gradient_boosting", {"early_stopping": True}, False),
        ("gradient_boosting", {"n_iter_no_change": 5}, False),
        ("lightgbm", {}, False),
        ("ridge", {}, False),
    ],
)
def test_what_grows(kind: Kind, params: dict[str, Any], expected: bool) -> None:
    """Only what gives the same trees in steps and at once is grown."""
    assert grows(Estimator(kind=kind, params=params)) is expected


def test_sweeping_what_looks_at_everything_prevents_growing() -> None:
    """Where a trial may switch early stopping on, all trials are fitted fold by fold."""
    estimator = Estimator(kind="hist_gradient_boosting")
    assert grows(estimator, ("learning_rate", "max_iter"))
    assert not grows(estimator, ("learning_rate", "early_stopping"))


def test_whole_is_what_the_estimator_would_have() -> None:
    """The config's number of trees, else the kind's default; a model without trees has none."""
    assert whole_of(Estimator(kind="random_forest", params={"n_estimators": 7}), "regression") == 7
    assert whole_of(Estimator(kind="hist_gradient_boosting"), "regression") == 100
    with pytest.raises(ValueError, match="can be grown, got ridge"):
        whole_of(Estimator(kind="ridge"), "regression")
    with pytest.raises(ValueError, match="n_estimators, got 'many'"):
        whole_of(Estimator(kind="random_forest", params={"n_estimators": "many"}), "regression")
