"""Spaces: the parameters that a sweep tries for an estimator, with their ranges.

The ranges are for hundreds to tens of thousands of rows, and small enough for the service: a prediction evaluates every tree. ``sweep.space`` in the config replaces a range or adds a parameter. A range is widened to contain the incoming value, so the first trial is always the incoming estimator itself.
"""

from __future__ import annotations

from collections.abc import Mapping

from training.config import ConfigError, Estimator, Kind, ModelConfig, Param, Range, Task
from training.config.estimator import COMPOSITES
from training.model.estimator_kinds import default_params
from training.model.estimator_params import settable_params
from training.model.estimators import build_estimator

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
"""The ranges by kind. Composite kinds have none: see ``build_space``."""

_CLASSIFICATION: dict[Kind, dict[str, Range]] = {
    # A share suits few columns, the usual square root suits many; both are tried.
    "random_forest": {"max_features": Range(choices=("sqrt", 0.25, 0.5, 0.75, 1.0))},
}
_HIDDEN_DEFAULTS: dict[Kind, dict[str, Param]] = {
    "xgboost": {"reg_lambda": 1.0, "min_child_weight": 1.0, "colsample_bytree": 1.0}
}
"""Default values of a library that its estimator reports as None."""


def build_space(config: ModelConfig, estimator: Estimator) -> dict[str, Range]:
    """Return the ranges of a sweep by parameter, sorted by name.

    A ``voting`` has one weight for each member, ``weight_0`` and so on: its members' own parameters stay, because members
    differ on purpose. A ``stack`` has no ranges: its last estimator learns the weights.

    Args:
        config: the config with the task and ``sweep.space``.
        estimator: the swept estimator.

    Raises:
        ConfigError: ``sweep.space`` has a parameter that the estimator does not have or that a config cannot set, or a range of integers
            has an end that is not an integer.
    """
    space = default_space(estimator, config.task)
    allowed = tuple(space) if estimator.kind in COMPOSITES else settable_params(estimator.kind, config.task)
    for name, parameter_range in config.sweep.space.items():
        if name not in allowed:
            raise ConfigError(
                f"sweep.space.{name}: {estimator.kind} has no such parameter to sweep; it has {list(allowed)}"
            )
        check_range(name, parameter_range)
        space[name] = parameter_range
    incoming = incoming_params(estimator, config.task, space)
    return {name: widen(space[name], incoming.get(name)) for name in sorted(space)}


def default_space(estimator: Estimator, task: Task) -> dict[str, Range]:
    """Return the ranges of this module for an estimator."""
    if estimator.kind == "voting" and len(estimator.members) > 1:
        return {f"weight_{index}": WEIGHT for index in range(len(estimator.members))}
    if estimator.kind in COMPOSITES:
        return {}
    extra = _CLASSIFICATION.get(estimator.kind, {}) if task == "classification" else {}
    return {**SPACES[estimator.kind], **extra}


def check_range(name: str, parameter_range: Range) -> None:
    """Refuse a range of integers with an end that is not an integer.

    Raises:
        ConfigError: an end is not an integer; the message has the parameter's key.
    """
    ends = [end for end in (parameter_range.low, parameter_range.high) if end is not None]
    if parameter_range.integer and any(end != int(end) for end in ends):
        raise ConfigError(f"sweep.space.{name}: a range with `integer: true` needs integers as ends, got {ends}")


def incoming_params(estimator: Estimator, task: Task, names: Mapping[str, object]) -> dict[str, Param]:
    """Return the current values of an estimator's parameters, including default values.

    Args:
        estimator: the swept estimator.
        task: the task of the model.
        names: the parameters; a parameter with an unknown value is omitted.
    """
    if estimator.kind in COMPOSITES:
        weights = [member.weight for member in estimator.members]
        largest = max(weights, default=1.0)
        return {name: weights[int(name.rpartition("_")[2])] / largest for name in names}
    shown_defaults = {
        key.rpartition("__")[2]: value
        for key, value in build_estimator(Estimator(kind=estimator.kind), task, 0).get_params().items()
        if value is not None or key.rpartition("__")[2] not in _HIDDEN_DEFAULTS.get(estimator.kind, {})
    }
    values = {
        **_HIDDEN_DEFAULTS.get(estimator.kind, {}),
        **shown_defaults,
        **default_params(estimator.kind, task),
        **estimator.params,
    }
    return {name: values[name] for name in names if name in values}


def widen(parameter_range: Range, value: Param) -> Range:
    """Return a range that contains a value as well, if possible; a range of numbers cannot contain a text or None."""
    if parameter_range.choices is not None:
        matches = [choice for choice in parameter_range.choices if choice == value and type(choice) is type(value)]
        return (
            parameter_range
            if matches
            else parameter_range.model_copy(update={"choices": (value, *parameter_range.choices)})
        )
    if not can_hold(parameter_range, value):
        return parameter_range
    assert isinstance(value, int | float)
    assert parameter_range.low is not None
    assert parameter_range.high is not None
    return parameter_range.model_copy(
        update={"low": min(parameter_range.low, value), "high": max(parameter_range.high, value)}
    )


def can_hold(parameter_range: Range, value: Param) -> bool:
    """Return whether a range of numbers could contain a value if its ends were wider.

    A range of shares cannot contain a count: ``max_features: 3`` means three columns, and 1.3 has no meaning.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if (
        isinstance(value, int)
        and not parameter_range.integer
        and parameter_range.high is not None
        and value > 1 >= parameter_range.high
    ):
        return False
    return not (parameter_range.log and value <= 0) and not (parameter_range.integer and value != int(value))


def set_params(estimator: Estimator, params: Mapping[str, Param]) -> Estimator:
    """Return an estimator with other values of the swept parameters."""
    if estimator.kind not in COMPOSITES:
        merged = {**estimator.params, **params}
        return estimator.model_copy(update={"params": {name: merged[name] for name in sorted(merged)}})
    weights = {int(name.rpartition("_")[2]): value for name, value in params.items()}
    members = tuple(
        member.model_copy(update={"weight": weights.get(index, member.weight)})
        for index, member in enumerate(estimator.members)
    )
    return estimator.model_copy(update={"members": members})
