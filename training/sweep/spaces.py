"""Spaces: which parameters a sweep tries for an estimator, and in which range.

The ranges are for some hundred to some ten thousand rows and stay small enough to be served: a prediction walks through
every tree. ``sweep.space`` in the config replaces a range or adds a parameter. A range is widened to hold the value with
which the sweep begins, so the first trial is always the incoming estimator itself.
"""

from __future__ import annotations

from collections.abc import Mapping

from training.config import ConfigError, Estimator, Kind, ModelConfig, Param, Range, Task
from training.config.estimator import COMPOSITES
from training.estimators import build_estimator, default_params, settable_params

WEIGHT = Range(low=0.05, high=1.0)
"""The range of each member's weight in a ``voting``; only their ratios matter."""

_ROUNDS = Range(low=50, high=300, log=True, integer=True)
_RATE = Range(low=0.02, high=0.3, log=True)
_LEAF = Range(low=2, high=100, log=True, integer=True)
_LEAVES = Range(low=7, high=255, log=True, integer=True)
_SHARE = Range(low=0.1, high=1.0)
_HALF = Range(low=0.5, high=1.0)
_PENALTY = Range(low=0.0, high=10.0)
_FOREST = {
    "n_estimators": Range(low=50, high=200, integer=True),
    "min_samples_leaf": Range(low=1, high=30, log=True, integer=True),
    "max_features": _SHARE,
}

SPACES: dict[Kind, dict[str, Range]] = {
    "dummy": {},
    "ridge": {"alpha": Range(low=1e-3, high=1e4, log=True)},
    "lasso": {"alpha": Range(low=1e-5, high=1.0, log=True)},
    "elastic_net": {"alpha": Range(low=1e-5, high=1.0, log=True), "l1_ratio": Range(low=0.02, high=1.0)},
    "logistic_regression": {"C": Range(low=1e-3, high=1e2, log=True)},
    "decision_tree": {
        "min_samples_leaf": Range(low=2, high=200, log=True, integer=True),
        "max_depth": Range(choices=(None, 4, 6, 8, 12, 16)),
    },
    "random_forest": _FOREST,
    "extra_trees": _FOREST,
    "gradient_boosting": {
        "n_estimators": _ROUNDS,
        "learning_rate": _RATE,
        "max_depth": Range(low=2, high=8, integer=True),
        "min_samples_leaf": _LEAF,
        "subsample": _HALF,
        "max_features": _SHARE,
    },
    "hist_gradient_boosting": {
        "max_iter": _ROUNDS,
        "learning_rate": _RATE,
        "max_leaf_nodes": _LEAVES,
        "min_samples_leaf": _LEAF,
        "l2_regularization": _PENALTY,
        "max_features": _SHARE,
    },
    "knn": {
        "n_neighbors": Range(low=2, high=60, log=True, integer=True),
        "weights": Range(choices=("uniform", "distance")),
    },
    "mlp": {
        "hidden_layer_sizes": Range(low=16, high=128, log=True, integer=True),
        "alpha": Range(low=1e-5, high=1e-1, log=True),
        "learning_rate_init": Range(low=1e-3, high=2e-2, log=True),
    },
    "xgboost": {
        "n_estimators": _ROUNDS,
        "learning_rate": _RATE,
        "max_depth": Range(low=2, high=9, integer=True),
        "min_child_weight": Range(low=1, high=40, log=True),
        "subsample": _HALF,
        "colsample_bytree": _SHARE,
        "reg_lambda": _PENALTY,
    },
    "lightgbm": {
        "n_estimators": _ROUNDS,
        "learning_rate": _RATE,
        "num_leaves": _LEAVES,
        "min_child_samples": _LEAF,
        "colsample_bytree": _SHARE,
        "reg_lambda": _PENALTY,
    },
}
"""The ranges by kind. The kinds that are made of others have none: see ``space_of``."""

_CLASSIFICATION: dict[Kind, dict[str, Range]] = {
    # A share of few columns and the usual root of many are different things; both are tried.
    "random_forest": {"max_features": Range(choices=("sqrt", 0.25, 0.5, 0.75, 1.0))},
}
_UNSAID: dict[Kind, dict[str, Param]] = {
    "xgboost": {"reg_lambda": 1.0, "min_child_weight": 1.0, "colsample_bytree": 1.0}
}
"""Defaults that a library has and its estimator does not show."""


def space_of(config: ModelConfig, estimator: Estimator) -> dict[str, Range]:
    """Return what a sweep tries, by parameter, sorted by name.

    A ``voting`` has one weight for each member, ``weight_0`` and so on: its members' own parameters stay, since members
    differ on purpose and one value for all would undo that. A ``stack`` has nothing: what its last estimator learns are
    weights already.

    Args:
        config: gives the task and ``sweep.space``.
        estimator: what is swept.

    Raises:
        ConfigError: ``sweep.space`` has a parameter that the estimator does not know or that a config may not set, or a
            range of whole numbers has other ends.
    """
    space = default_space(estimator, config.task)
    allowed = tuple(space) if estimator.kind in COMPOSITES else settable_params(estimator.kind, config.task)
    for name, tried in config.sweep.space.items():
        if name not in allowed:
            raise ConfigError(
                f"sweep.space.{name}: {estimator.kind} has no such parameter to sweep; it has {list(allowed)}"
            )
        check_range(name, tried)
        space[name] = tried
    incoming = incoming_params(estimator, config.task, space)
    return {name: widened(space[name], incoming.get(name)) for name in sorted(space)}


def default_space(estimator: Estimator, task: Task) -> dict[str, Range]:
    """Return the ranges of this module for an estimator."""
    if estimator.kind == "voting" and len(estimator.members) > 1:
        return {f"weight_{at}": WEIGHT for at in range(len(estimator.members))}
    if estimator.kind in COMPOSITES:
        return {}
    extra = _CLASSIFICATION.get(estimator.kind, {}) if task == "classification" else {}
    return {**SPACES[estimator.kind], **extra}


def check_range(name: str, tried: Range) -> None:
    """Refuse a range of whole numbers whose ends are none.

    Raises:
        ConfigError: with the parameter's key.
    """
    ends = [end for end in (tried.low, tried.high) if end is not None]
    if tried.integer and any(end != int(end) for end in ends):
        raise ConfigError(f"sweep.space.{name}: a range with `integer: true` needs whole ends, got {ends}")


def incoming_params(estimator: Estimator, task: Task, names: Mapping[str, object]) -> dict[str, Param]:
    """Return the values that an estimator has now, those that nobody set included.

    Args:
        estimator: what is swept.
        task: what it answers.
        names: which parameters; one whose value cannot be told is left out.
    """
    if estimator.kind in COMPOSITES:
        weights = [member.weight for member in estimator.members]
        largest = max(weights, default=1.0)
        return {name: weights[int(name.rpartition("_")[2])] / largest for name in names}
    known = {
        key.rpartition("__")[2]: value
        for key, value in build_estimator(Estimator(kind=estimator.kind), task, 0).get_params().items()
        if value is not None or key.rpartition("__")[2] not in _UNSAID.get(estimator.kind, {})
    }
    values = {**_UNSAID.get(estimator.kind, {}), **known, **default_params(estimator.kind, task), **estimator.params}
    return {name: values[name] for name in names if name in values}


def widened(tried: Range, value: Param) -> Range:
    """Return a range that holds a value as well, where it can; a range of numbers cannot hold text or None."""
    if tried.choices is not None:
        same = [choice for choice in tried.choices if choice == value and type(choice) is type(value)]
        return tried if same else tried.model_copy(update={"choices": (value, *tried.choices)})
    if not holds_numbers(tried, value):
        return tried
    assert isinstance(value, int | float)
    assert tried.low is not None
    assert tried.high is not None
    return tried.model_copy(update={"low": min(tried.low, value), "high": max(tried.high, value)})


def holds_numbers(tried: Range, value: Param) -> bool:
    """Say whether a value may stand in a range of numbers, be it outside its ends.

    A count does not stand in a range of shares: where ``max_features: 3`` means three columns, 1.3 means nothing.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if isinstance(value, int) and not tried.integer and tried.high is not None and value > 1 >= tried.high:
        return False
    return not (tried.log and value <= 0) and not (tried.integer and value != int(value))


def with_params(estimator: Estimator, params: Mapping[str, Param]) -> Estimator:
    """Return an estimator with other values of the parameters that a sweep tries."""
    if estimator.kind not in COMPOSITES:
        merged = {**estimator.params, **params}
        return estimator.model_copy(update={"params": {name: merged[name] for name in sorted(merged)}})
    weights = {int(name.rpartition("_")[2]): value for name, value in params.items()}
    members = tuple(
        member.model_copy(update={"weight": weights.get(at, member.weight)})
        for at, member in enumerate(estimator.members)
    )
    return estimator.model_copy(update={"members": members})
