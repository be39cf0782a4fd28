"""Every kind is built for its tasks, exports exactly, and refuses parameters that a config cannot set."""

from __future__ import annotations

import sys
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import StackingClassifier, VotingClassifier, VotingRegressor
from threadpoolctl import threadpool_limits

from tabento.export import ExportError, export_pipeline, serialise
from tabento.parity import ParityReport, check_parity
from tests.training.orchards import orchard_config, orchard_frame
from tests.training.seedlings import seedling_config, seedling_frame
from training.config import ConfigError, Estimator, Kind, Member, ModelConfig, Task
from training.config.estimator import COMPOSITES, KINDS_OF_ONE_TASK
from training.model.estimator_kinds import (
    available_kinds,
    can_do,
    default_params,
    is_installed,
    resource_of,
    takes_missing,
)
from training.model.estimator_params import OWN_PARAMS, settable_params
from training.model.estimators import build_estimator, default_stack
from training.model.pipeline import fit_pipeline, threshold_of

TASKS: tuple[Task, ...] = get_args(Task)
SLOPE = {"name": "slope", "type": "number", "nullable": True, "required": False, "minimum": 0, "maximum": 45}


def config_and_frame(task: Task) -> tuple[ModelConfig, pd.DataFrame]:
    """Return a small config of a task without unlimited numbers, and rows."""
    if task == "classification":
        return seedling_config(decision={"by": "fixed", "threshold": 0.3}), seedling_frame(220)
    features = [dict(feature) for feature in orchard_config().model_dump()["features"]]
    return orchard_config(features=[SLOPE if item["name"] == "slope" else item for item in features]), orchard_frame(
        220
    )


def prove(task: Task, estimator: Estimator) -> ParityReport:
    """Fit an estimator, export it, and compare both on unseen rows and on hostile rows."""
    config, frame = config_and_frame(task)
    if estimator.kind == "knn":
        # The nearest rows would depend on the last bit of an exponential.
        config = config.model_copy(update={"derived": config.derived.model_copy(update={"clusters": None})})
    pipeline = fit_pipeline(config, frame[:160], config.decisions().model_copy(update={"estimator": estimator}))
    contract = config.contract(threshold=threshold_of(pipeline))
    model = serialise(export_pipeline(pipeline, contract))
    return check_parity(pipeline, model, contract, frame[160:], max_rows=400)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "kind"), [(task, kind) for task in TASKS for kind in ("dummy", *available_kinds(task))]
)
def test_every_kind_exports_exactly(task: Task, kind: Kind) -> None:
    """With default parameters the graph and scikit-learn give the same answers, on both sides of every threshold."""
    report = prove(task, Estimator(kind=kind))
    assert report.worst_relative < (1e-5 if kind == "xgboost" else 1e-12)
    assert report.rows > 100


def test_neighbours_after_similarities_are_refused() -> None:
    """The last bit of an exponential depends on the library and would decide which training row is nearest."""
    config, frame = config_and_frame("regression")
    knn = config.decisions().model_copy(update={"estimator": Estimator(kind="knn")})
    pipeline = fit_pipeline(config, frame[:160], knn)
    with pytest.raises(ExportError, match="similarity to a cluster's centre"):
        export_pipeline(pipeline, config.contract(threshold=threshold_of(pipeline)))


@pytest.mark.parametrize("task", TASKS)
def test_composites_export_exactly(task: Task) -> None:
    """The default stack exports exactly, and so does a weighted vote with a scaled estimator and one of float32."""
    linear: Kind = "ridge" if task == "regression" else "logistic_regression"
    vote = Estimator(
        kind="voting",
        members=(Member(kind=linear, weight=2), Member(kind="xgboost", params={"n_estimators": 5})),
    )
    small = tuple(
        member.model_copy(update={"params": {"max_iter": 10}})
        if member.kind == "hist_gradient_boosting"
        else member.model_copy(update={"params": {"n_estimators": 3} if member.kind == "extra_trees" else {}})
        for member in default_stack(task).members
    )
    assert prove(task, vote).worst_relative < 1e-5
    assert prove(task, default_stack(task).model_copy(update={"members": small})).worst_relative < 1e-12


def test_config_and_table_agree_on_the_tasks() -> None:
    """A config refuses exactly the kinds that cannot be built for its task."""
    for kind in get_args(Kind):
        for task in TASKS:
            assert can_do(kind, task) == (KINDS_OF_ONE_TASK.get(kind, task) == task)


def test_available_kinds_are_installed_and_no_composites(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dummy and composites are not listed, and neither is a kind whose library is not installed."""
    all_kinds = {kind for kind in get_args(Kind) if kind not in (*COMPOSITES, "dummy")}
    assert {*available_kinds("regression"), *available_kinds("classification")} == all_kinds
    assert "ridge" not in available_kinds("classification")
    monkeypatch.setattr("training.model.estimator_kinds.find_spec", lambda name: None if name == "xgboost" else sys)
    assert "xgboost" not in available_kinds("regression")
    assert not is_installed("xgboost")
    with pytest.raises(ConfigError, match=r"estimator\.kind: 'xgboost' needs the package xgboost"):
        build_estimator(Estimator(kind="xgboost"), "regression", 1)


def test_resource_is_a_parameter_that_can_be_set() -> None:
    """The parameter that grows a kind can be set; linear models cannot be grown."""
    for task in TASKS:
        for kind in available_kinds(task):
            resource = resource_of(kind)
            assert resource is None or resource in settable_params(kind, task)
    assert resource_of("hist_gradient_boosting") == "max_iter"
    assert resource_of("ridge") is None
    assert resource_of("stack") is None


def test_configured_values_replace_defaults() -> None:
    """A config's value replaces the default, and the seed is the config's."""
    for task in TASKS:
        for kind in available_kinds(task):
            assert {*default_params(kind, task)} <= {*settable_params(kind, task)}
    forest = build_estimator(Estimator(kind="random_forest", params={"n_estimators": 7}), "regression", 11)
    assert (forest.n_estimators, forest.min_samples_leaf, forest.random_state) == (7, 5, 11)


def test_composites_accept_missing_values_if_all_members_do() -> None:
    """A composite accepts NaN only if all of its members do."""
    assert takes_missing(Estimator(kind="lightgbm"))
    assert not takes_missing(Estimator(kind="ridge"))
    members = (Member(kind="lightgbm"), Member(kind="hist_gradient_boosting"))
    assert takes_missing(Estimator(kind="voting", members=members))
    assert not takes_missing(Estimator(kind="voting", members=(*members, Member(kind="knn"))))


def test_fixed_parameters_are_refused_with_their_source() -> None:
    """The seed, the threads and unsupported options of the export cannot be set, in a member either."""
    for kind, key in (
        ("ridge", "random_state"),
        ("random_forest", "n_jobs"),
        ("lightgbm", "verbose"),
        ("knn", "algorithm"),
    ):
        with pytest.raises(ConfigError, match=rf"estimator\.params\.{key}: a config cannot set it; it is decided by"):
            build_estimator(Estimator.model_validate({"kind": kind, "params": {key: 1}}), "regression", 1)
    nested = Estimator(kind="stack", members=(Member(kind="ridge"), Member(kind="xgboost", params={"booster": "dart"})))
    with pytest.raises(ConfigError, match=r"estimator\.members\.1\.params\.booster: a config cannot set it"):
        build_estimator(nested, "regression", 1)


def test_unknown_parameters_are_refused_with_the_known_ones() -> None:
    """The message has the key's full path and the existing parameters."""
    final = Estimator(kind="stack", members=(Member(kind="lasso"),), final=Member(kind="ridge", params={"beta": 1}))
    with pytest.raises(ConfigError, match=r"estimator\.final\.params\.beta: ridge has no such parameter; .*'alpha'"):
        build_estimator(final, "regression", 1)
    assert not {*settable_params("xgboost", "regression")} & {*OWN_PARAMS}
    with pytest.raises(ConfigError, match="set those of its members"):
        settable_params("voting", "regression")


def test_kind_of_the_other_task_is_refused() -> None:
    """A kind of the other task is refused outside a config, too."""
    with pytest.raises(ConfigError, match=r"estimator\.kind: 'ridge' cannot do a classification; there are logistic"):
        build_estimator(Estimator(kind="ridge"), "classification", 1)


def test_equal_weights_are_dropped() -> None:
    """A plain mean needs no nodes in the graph; different weights are used, and votes are soft."""
    members: tuple[Any, ...] = (Member(kind="decision_tree"), Member(kind="dummy"))
    assert build_estimator(Estimator(kind="voting", members=members), "regression", 1).weights is None
    weighed = (members[0].model_copy(update={"weight": 3}), members[1])
    vote = build_estimator(Estimator(kind="voting", members=weighed), "classification", 1)
    assert isinstance(vote, VotingClassifier)
    assert (vote.voting, vote.weights) == ("soft", [3, 1])
    assert isinstance(build_estimator(Estimator(kind="voting", members=members), "regression", 1), VotingRegressor)


def test_stack_learns_from_seeded_folds() -> None:
    """Its last estimator is fitted on predictions for held-out rows, and the folds depend on the seed."""
    stack = build_estimator(default_stack("classification"), "classification", 9)
    assert isinstance(stack, StackingClassifier)
    assert (stack.cv.n_splits, stack.cv.shuffle, stack.cv.random_state) == (5, True, 9)
    assert stack.stack_method == "predict_proba"


def test_xgboost_answers_the_labels_themselves() -> None:
    """XGBoost accepts numbers from 0 only; the built estimator answers text, with XGBoost's probabilities."""
    config, frame = config_and_frame("classification")
    decisions = config.decisions().model_copy(update={"estimator": Estimator(kind="xgboost")})
    pipeline = fit_pipeline(config, frame, decisions, decide=False)
    vote = pipeline.steps[-1][1]
    assert list(pipeline.classes_) == ["alive", "died"]
    features = pipeline[:-1].transform(frame.drop(columns="fate"))
    np.testing.assert_array_equal(vote.predict_proba(features), vote.estimators_[0].predict_proba(features))


@pytest.mark.parametrize("kind", [*available_kinds("classification"), "stack"])
def test_same_seed_gives_the_same_bytes_on_any_number_of_threads(kind: Kind) -> None:
    """The same seed gives the same model, regardless of the number of threads; another seed can give another model."""
    config, frame = config_and_frame("classification")
    stack = Estimator(kind="stack", members=(Member(kind="logistic_regression"), Member(kind="decision_tree")))
    estimator = stack if kind == "stack" else Estimator(kind=kind)
    decisions = config.decisions().model_copy(update={"estimator": estimator})
    models = []
    for threads in (1, 2):
        with threadpool_limits(limits=threads):
            pipeline = fit_pipeline(config, frame[:100], decisions)
        models.append(serialise(export_pipeline(pipeline, config.contract())))
    assert models[0] == models[1]
