"""Estimators: the model after the preprocessing, built from a config's ``estimator`` for either task.

All of them run on one thread and use the config's seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import StackingClassifier, StackingRegressor, VotingClassifier, VotingRegressor
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from training.config import ConfigError, Estimator, Kind, Member, Param, Task
from training.config.estimator import COMPOSITES
from training.model.estimator_kinds import SPECS, estimator_class
from training.model.estimator_params import check_params

STACK_FOLDS = 5
"""The number of folds of a stack; its last estimator learns from the held-out rows."""


def default_stack(task: Task) -> Estimator:
    """Return a stack of three kinds with different errors, small enough to be served."""
    linear: Kind = "ridge" if task == "regression" else "logistic_regression"
    return Estimator(
        kind="stack",
        members=(
            Member(kind=linear),
            Member(kind="hist_gradient_boosting"),
            Member(kind="extra_trees", params={"n_estimators": 50}),
        ),
    )


def build_estimator(estimator: Estimator, task: Task, seed: int) -> Any:
    """Return the unfitted scikit-learn estimator that a config describes.

    Its input is float64 columns without NaN (``takes_missing`` returns whether NaN is allowed), its output numbers or labels.
    Kinds that need scaled columns scale them themselves, and the target as well if its unit has an effect. The target's own
    scale (``estimator.target``) is not included: ``training.model.pipeline`` adds it.

    Args:
        estimator: the estimator of the config or of a study.
        task: the task of the estimator.
        seed: the seed of all randomness in it.

    Raises:
        ConfigError: the kind cannot do the task or is not installed, or a parameter is unknown or cannot be set.
    """
    if estimator.kind not in COMPOSITES:
        built = _build_single(estimator.kind, estimator.params, task, seed, "estimator")
        # XGBoost accepts classes 0 … C-1 only. A vote with one member gives the same probabilities, and any labels.
        needs_wrapper = estimator.kind == "xgboost" and task == "classification"
        return VotingClassifier([(estimator.kind, built)], voting="soft") if needs_wrapper else built
    if estimator.params:
        raise ConfigError(
            f"estimator.params: a {estimator.kind} has no parameters of its own, got {sorted(estimator.params)};"
            " set those of its members"
        )
    members = [
        (f"{member.kind}_{index}", _build_single(member.kind, member.params, task, seed, f"estimator.members.{index}"))
        for index, member in enumerate(estimator.members)
    ]
    if estimator.kind == "voting":
        weights = [member.weight for member in estimator.members]
        used_weights = None if len(set(weights)) == 1 else weights
        if task == "regression":
            return VotingRegressor(members, weights=used_weights)
        return VotingClassifier(members, voting="soft", weights=used_weights)
    return _stack(estimator, members, task, seed)


def _stack(estimator: Estimator, members: list[tuple[str, Any]], task: Task, seed: int) -> Any:
    final = estimator.final or Member(kind="ridge" if task == "regression" else "logistic_regression")
    last = _build_single(final.kind, final.params, task, seed, "estimator.final")
    if task == "regression":
        return StackingRegressor(members, last, cv=KFold(STACK_FOLDS, shuffle=True, random_state=seed))
    folds = StratifiedKFold(STACK_FOLDS, shuffle=True, random_state=seed)
    return StackingClassifier(members, last, cv=folds, stack_method="predict_proba")


def _build_single(kind: Kind, params: Mapping[str, Param], task: Task, seed: int, where: str) -> Any:
    """Return one estimator with its scalers."""
    spec = SPECS[kind]
    kind_class = estimator_class(kind, task, where)
    check_params(kind, params, task, where)
    arguments = {**spec.defaults(task), **params, **spec.fixed}
    if "random_state" in kind_class().get_params():
        arguments["random_state"] = seed
    built = kind_class(**arguments)
    if spec.scaled:
        built = Pipeline([("scale", StandardScaler()), (kind, built)])
    if spec.target_scaled and task == "regression":
        built = TransformedTargetRegressor(built, transformer=StandardScaler())
    return built
