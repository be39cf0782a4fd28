"""Members that contain estimators: voting, stacking, calibration, several targets and targets on another scale."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.multioutput import MultiOutputRegressor, RegressorChain
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from benchmarks.zoo.data import Task
from benchmarks.zoo.estimators import SEED
from benchmarks.zoo.member import Member, raw_and_scaled

CLASSES: tuple[Task, ...] = ("binary", "classes")


def ensembles() -> list[Member]:
    """Return the members of this file."""
    return [*voting(), *stacking(), *calibration(), *several_targets(), *scaled_targets()]


def _regressors() -> list[tuple[str, Any]]:
    return [
        ("line", make_pipeline(StandardScaler(), Ridge())),
        ("forest", RandomForestRegressor(15, min_samples_leaf=4, random_state=SEED)),
        ("boosted", HistGradientBoostingRegressor(max_iter=30, random_state=SEED)),
    ]


def _classifiers() -> list[tuple[str, Any]]:
    return [
        ("curve", make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))),
        ("forest", RandomForestClassifier(15, min_samples_leaf=4, random_state=SEED)),
        ("tree", DecisionTreeClassifier(max_depth=6, random_state=SEED)),
    ]


def voting() -> list[Member]:
    """Return means and majorities of estimators."""
    soft = partial(_voting_classifier, "soft")
    weighted = partial(_voting_regressor, [1, 2, 3])
    members = raw_and_scaled("voting", "regression", "VotingRegressor", _voting_regressor)
    members += raw_and_scaled("voting", "regression", "VotingRegressor weighted", weighted)
    for task in CLASSES:
        members += raw_and_scaled("voting", task, "VotingClassifier soft", soft)
        members += raw_and_scaled("voting", task, "VotingClassifier hard", partial(_voting_classifier, "hard"))
    return members


def _voting_regressor(weights: list[float] | None = None) -> Any:
    return VotingRegressor(_regressors(), weights=weights)


def _voting_classifier(voting: str) -> Any:
    # skl2onnx needs flatten_transform=False; the option does not change the predictions.
    return VotingClassifier(_classifiers(), voting=voting, flatten_transform=voting == "hard")


def stacking() -> list[Member]:
    """Return estimators on the answers of other estimators."""
    members = raw_and_scaled(
        "stacking", "regression", "StackingRegressor", lambda: StackingRegressor(_regressors(), cv=3)
    )
    members += raw_and_scaled(
        "stacking",
        "regression",
        "StackingRegressor passthrough",
        lambda: StackingRegressor(
            _regressors(), GradientBoostingRegressor(n_estimators=20, random_state=SEED), cv=3, passthrough=True
        ),
    )
    for task in CLASSES:
        members += raw_and_scaled(
            "stacking", task, "StackingClassifier", lambda: StackingClassifier(_classifiers(), cv=3)
        )
    return members


def calibration() -> list[Member]:
    """Return estimators with calibrated probabilities."""
    members = []
    for task in CLASSES:
        for method in ("sigmoid", "isotonic"):
            members += raw_and_scaled(
                "calibration", task, f"CalibratedClassifierCV {method}", partial(_calibrated_machine, method)
            )
    members.append(
        Member(
            "CalibratedClassifierCV isotonic of RandomForestClassifier",
            "calibration",
            "binary",
            lambda: CalibratedClassifierCV(
                make_pipeline(StandardScaler(), RandomForestClassifier(15, min_samples_leaf=4, random_state=SEED)),
                method="isotonic",
                cv=3,
            ),
        )
    )
    return members


def _calibrated_machine(method: str) -> Any:
    return CalibratedClassifierCV(LinearSVC(random_state=SEED), method=method, cv=3)


def several_targets() -> list[Member]:
    """Return predictions of two numbers a row, with one estimator for each."""
    boosted = partial(HistGradientBoostingRegressor, max_iter=30, random_state=SEED)
    return [
        *raw_and_scaled("outputs", "outputs", "MultiOutputRegressor", lambda: MultiOutputRegressor(boosted())),
        *raw_and_scaled("outputs", "outputs", "RegressorChain", lambda: RegressorChain(Ridge(), order=[1, 0])),
    ]


def scaled_targets() -> list[Member]:
    """Return models that are fitted on a scaled target and answer on the original scale."""
    members = []
    for label, scale in (
        ("log1p", {"func": np.log1p, "inverse_func": np.expm1}),
        ("StandardScaler", {"transformer": StandardScaler()}),
        ("MinMaxScaler", {"transformer": MinMaxScaler()}),
    ):
        members += [
            Member(
                f"StandardScaler → {name} on {label} target",
                "targets",
                "regression",
                partial(_on_scale, estimator, scale),
            )
            for name, estimator in (
                ("LinearRegression", LinearRegression),
                (
                    "HistGradientBoostingRegressor",
                    partial(HistGradientBoostingRegressor, max_iter=50, random_state=SEED),
                ),
            )
        ]
    return members


def _on_scale(estimator: Any, scale: dict[str, Any]) -> Any:
    return make_pipeline(StandardScaler(), TransformedTargetRegressor(estimator(), **scale))
