"""Whatever is spared, a trial's figures are those of a cross-validation of the same estimator."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from tests.training.orchards import orchard_config, orchard_frame
from tests.training.seedlings import seedling_config, seedling_frame
from training.config import ConfigError, Decisions, Estimator, Kind, Member, ModelConfig
from training.model.cross_validation import cross_validate, make_folds
from training.studies.sweep.growth import GROWING, can_grow, full_amount
from training.studies.sweep.objective import FoldTrial, FullFitTrial, GrowingTrial, WeightTrial, make_objective
from training.studies.sweep.rungs import RUNGS, amount_at

TREES = {"n_estimators": 9, "max_features": 0.5}
OF_KIND: dict[Kind, dict[str, Any]] = {
    "random_forest": TREES,
    "extra_trees": TREES,
    "gradient_boosting": {**TREES, "subsample": 0.7},
    "hist_gradient_boosting": {"max_iter": 9, "max_features": 0.5},
}


def _decisions(config: ModelConfig, estimator: Estimator) -> Decisions:
    return config.decisions().model_copy(update={"estimator": estimator})


def _close(fold_metrics: list[dict[str, float]], expected: list[dict[str, float]]) -> bool:
    return len(fold_metrics) == len(expected) and all(
        one_process.keys() == other.keys()
        and all(math.isclose(one_process[key], other[key], rel_tol=1e-12) for key in one_process)
        for one_process, other in zip(fold_metrics, expected, strict=True)
    )


@pytest.mark.parametrize("kind", GROWING)
@pytest.mark.parametrize("task", ["regression", "classification"])
def test_grown_trees_equal_one_fit(kind: Kind, task: str, tmp_path: Path) -> None:
    """Trees that were grown in three steps have, at each step, the metrics of a fit with the same number of trees."""
    if task == "regression":
        config, frame, target = orchard_config(), orchard_frame(90), "log"
    else:
        config, frame, target = seedling_config(), seedling_frame(150), "identity"
    estimator = Estimator.model_validate({"kind": kind, "target": target, "params": OF_KIND[kind]})
    folds = make_folds(config, frame, 2, 1)
    decisions = _decisions(config, estimator)
    objective = make_objective(config, frame, decisions, folds, tmp_path, n_jobs=1)
    assert isinstance(objective, GrowingTrial)
    rungs = []
    for rung, figures in objective.figures(estimator):
        rungs.append(rung)
        resource = "max_iter" if kind == "hist_gradient_boosting" else "n_estimators"
        part = estimator.model_copy(update={"params": {**estimator.params, resource: amount_at(rung, 9)}})
        expected = cross_validate(config, frame, _decisions(config, part), folds, n_jobs=1)
        assert _close(figures, expected.valid)
    assert tuple(rungs) == RUNGS


@pytest.mark.parametrize("kind", ["ridge", "lasso", "knn", "lightgbm", "xgboost"])
def test_fold_trials_equal_the_cross_validation(kind: Kind, tmp_path: Path) -> None:
    """An estimator without steps is fitted fold by fold, and the metrics of the first folds do not change later."""
    config, frame = orchard_config(), orchard_frame(100)
    params = {"n_estimators": 5} if kind in ("lightgbm", "xgboost") else {}
    estimator = Estimator.model_validate({"kind": kind, "target": "sqrt", "params": params})
    folds = make_folds(config, frame, 4, 1)
    objective = make_objective(config, frame, _decisions(config, estimator), folds, tmp_path, n_jobs=1)
    assert isinstance(objective, FoldTrial)
    fold_metrics = dict(objective.figures(estimator))
    assert [len(fold_metrics[rung]) for rung in RUNGS] == [1, 2, 4]
    assert fold_metrics[1] == fold_metrics[4][:1]
    expected = cross_validate(config, frame, _decisions(config, estimator), folds, n_jobs=1)
    assert _close(fold_metrics[4], expected.valid)


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_weight_trials_equal_the_cross_validation(task: str, tmp_path: Path) -> None:
    """Members that are fitted once and weighted later answer like a voting with these weights."""
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
    assert isinstance(objective, WeightTrial)
    for weighed in (estimator, even):
        ((rung, figures),) = objective.figures(weighed)
        assert rung == RUNGS[-1]
        expected = cross_validate(config, frame, _decisions(config, weighed), folds, n_jobs=1)
        assert _close(figures, expected.valid)


def test_metric_of_labels_uses_a_threshold_in_each_fold(tmp_path: Path) -> None:
    """If F1 decides and a threshold is chosen for it, each fold chooses its own threshold."""
    config = seedling_config(selection={"metric": "f1"})
    frame = seedling_frame(150)
    estimator = Estimator(kind="logistic_regression")
    folds = make_folds(config, frame, 2, 1)
    objective = make_objective(config, frame, _decisions(config, estimator), folds, tmp_path, n_jobs=1)
    assert isinstance(objective, FullFitTrial)
    fold_metrics = dict(objective.figures(estimator))
    expected = cross_validate(config, frame, _decisions(config, estimator), folds, n_jobs=1, decide=True)
    assert fold_metrics[RUNGS[-1]] == expected.valid


def test_unread_rungs_are_not_fitted(tmp_path: Path) -> None:
    """A trial that is pruned at the first rung leaves no files."""
    config, frame = orchard_config(), orchard_frame(90)
    folds = make_folds(config, frame, 2, 1)
    objective = make_objective(config, frame, config.decisions(), folds, tmp_path, n_jobs=1)
    reading = iter(objective.figures(config.estimator))
    assert next(reading)[0] == 1
    reading.close()  # type: ignore[attr-defined]  # a generator
    with pytest.raises(StopIteration):
        next(reading)


def test_metrics_do_not_depend_on_the_processes(tmp_path: Path) -> None:
    """One process and two give equal metrics in the same order."""
    config, frame = orchard_config(), orchard_frame(90)
    folds = make_folds(config, frame, 2, 1)
    fold_metrics = []
    for jobs in (1, 2):
        objective = make_objective(config, frame, config.decisions(), folds, tmp_path, n_jobs=jobs)
        fold_metrics.append(dict(objective.figures(config.estimator)))
    assert fold_metrics[0] == fold_metrics[1]


def test_impossible_values_are_named(tmp_path: Path) -> None:
    """The error about a value that scikit-learn rejects names the config's key."""
    config, frame = orchard_config(), orchard_frame(90)
    objective = make_objective(config, frame, config.decisions(), make_folds(config, frame, 2, 1), tmp_path, n_jobs=1)
    wrong = config.estimator.model_copy(update={"params": {"learning_rate": -1.0}})
    with pytest.raises(ConfigError, match=r"estimator\.params\.learning_rate"):
        next(iter(objective.figures(wrong)))


def test_few_trees_skip_rungs(tmp_path: Path) -> None:
    """With two trees the first rung is one tree and the last rung is both."""
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
def test_estimators_that_can_grow(kind: Kind, params: dict[str, Any], expected: bool) -> None:
    """Only estimators with equal trees in steps and in one fit are grown."""
    assert can_grow(Estimator(kind=kind, params=params)) is expected


def test_swept_early_stopping_prevents_growth() -> None:
    """If a trial can switch early stopping on, all trials are fitted fold by fold."""
    estimator = Estimator(kind="hist_gradient_boosting")
    assert can_grow(estimator, ("learning_rate", "max_iter"))
    assert not can_grow(estimator, ("learning_rate", "early_stopping"))


def test_full_amount_of_an_estimator() -> None:
    """The config's number of trees, else the kind's default; a model without trees has none."""
    assert full_amount(Estimator(kind="random_forest", params={"n_estimators": 7}), "regression") == 7
    assert full_amount(Estimator(kind="hist_gradient_boosting"), "regression") == 100
    with pytest.raises(ValueError, match="can be grown, got ridge"):
        full_amount(Estimator(kind="ridge"), "regression")
    with pytest.raises(ValueError, match="n_estimators, got 'many'"):
        full_amount(Estimator(kind="random_forest", params={"n_estimators": "many"}), "regression")
