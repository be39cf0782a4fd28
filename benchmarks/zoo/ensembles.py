"""Members made of estimators: voting, stacking, calibration, several targets and targets on another scale."""

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
    return [*voting(), *stacking(), *calibrated(), *several_targets(), *scaled_targets()]


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
    """Means and majorities."""
    soft = partial(_voting_classifier, "soft")
    weighted = partial(_voting_regressor, [1, 2, 3])
    made = raw_and_scaled("voting", "regression", "VotingRegressor", _voting_regressor)
    made += raw_and_scaled("voting", "regression", "VotingRegressor weighted", weighted)
    for task in CLASSES:
        made += raw_and_scaled("voting", task, "VotingClassifier soft", soft)
        made += raw_and_scaled("voting", task, "VotingClassifier hard", partial(_voting_classifier, "hard"))
    return made


def _voting_regressor(weights: list[float] | None = None) -> Any:
    return VotingRegressor(_regressors(), weights=weights)


def _voting_classifier(voting: str) -> Any:
    # skl2onnx wants flatten_transform to be off; it changes nothing in what is predicted.
    return VotingClassifier(_classifiers(), voting=voting, flatten_transform=voting == "hard")


def stacking() -> list[Member]:
    """An estimator on the answers of others."""
    made = raw_and_scaled("stacking", "regression", "StackingRegressor", lambda: StackingRegressor(_regressors(), cv=3))
    made += raw_and_scaled(
        "stacking",
        "regression",
        "StackingRegressor passthrough",
        lambda: StackingRegressor(
            _regressors(), GradientBoostingRegressor(n_estimators=20, random_state=SEED), cv=3, passthrough=True
        ),
    )
    for task in CLASSES:
        made += raw_and_scaled("stacking", task, "StackingClassifier", lambda: StackingClassifier(_classifiers(), cv=3))
    return made


def calibrated() -> list[Member]:
    """Probabilities put right afterwards."""
    made = []
    for task in CLASSES:
        for method in ("sigmoid", "isotonic"):
            made += raw_and_scaled(
                "calibration", task, f"CalibratedClassifierCV {method}", partial(_calibrated, method)
            )
    made.append(
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
    return made


def _calibrated(method: str) -> Any:
    return CalibratedClassifierCV(LinearSVC(random_state=SEED), method=method, cv=3)


def several_targets() -> list[Member]:
    """Two numbers a row, by one estimator for each."""
    boosted = partial(HistGradientBoostingRegressor, max_iter=30, random_state=SEED)
    return [
        *raw_and_scaled("outputs", "outputs", "MultiOutputRegressor", lambda: MultiOutputRegressor(boosted())),
        *raw_and_scaled("outputs", "outputs", "RegressorChain", lambda: RegressorChain(Ridge(), order=[1, 0])),
    ]


def scaled_targets() -> list[Member]:
    """A target learned on another scale and answered on its own."""
    made = []
    for label, scale in (
        ("log1p", {"func": np.log1p, "inverse_func": np.expm1}),
        ("StandardScaler", {"transformer": StandardScaler()}),
        ("MinMaxScaler", {"transformer": MinMaxScaler()}),
    ):
        made += [
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
    return made


def _on_scale(estimator: Any, scale: dict[str, Any]) -> Any:
    return make_pipeline(StandardScaler(), TransformedTargetRegressor(estimator(), **scale))
