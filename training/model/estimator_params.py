"""The parameters that a config can set for each kind of estimator."""

from __future__ import annotations

from collections.abc import Collection

from training.config import ConfigError, Kind, Task
from training.config.estimator import COMPOSITES
from training.model.estimator_kinds import SPECS, estimator_class

_TREES = "nothing: the exported graph has no such trees"

_THREADS = "nothing: fits run in parallel processes, each on one thread"

OWN_PARAMS: dict[str, str] = {
    "random_state": "the config's `seed`",
    "seed": "the config's `seed`",
    "verbose": "nothing: progress is shown by the trainer",
    "verbosity": "nothing: progress is shown by the trainer",
    "warm_start": "nothing: a pipeline is fitted once",
    "n_jobs": _THREADS,
    "nthread": _THREADS,
    "device": "nothing: a model is fitted on the CPU",
    "categorical_features": "nothing: categories are one-hot encoded before the trees",
    "enable_categorical": "nothing: categories are one-hot encoded before the trees",
    "feature_types": "nothing: categories are one-hot encoded before the trees",
    "max_cat_threshold": "nothing: categories are one-hot encoded before the trees",
    "max_cat_to_onehot": "nothing: categories are one-hot encoded before the trees",
    "missing": "nothing: a missing value is NaN",
    "interaction_cst": "nothing yet",
    "monotonic_cst": "nothing yet",
    "interaction_constraints": "nothing yet",
    "monotone_constraints": "nothing yet",
    "feature_weights": "nothing yet",
    "callbacks": "nothing: no callback runs during a fit",
    "early_stopping_rounds": "nothing: no rows are held out during a fit; sweep `n_estimators`",
    "eval_metric": "nothing: no rows are held out during a fit",
    "booster": _TREES,
    "boosting_type": _TREES,
    "multi_strategy": _TREES,
    "importance_type": "nothing: importances are measured by permutation",
}
"""Parameters of the estimators that a config cannot set, each with the source of its value."""

_OUTSIDE_PARAMS = {
    "xgboost": ("base_score", "scale_pos_weight"),
    "lightgbm": (
        "scale_pos_weight",
        "is_unbalance",
        "max_bin",
        "feature_fraction_bynode",
        "path_smooth",
        "extra_trees",
    ),
}
"""Parameters that a library accepts although its estimator does not list them."""


def settable_params(kind: Kind, task: Task) -> tuple[str, ...]:
    """Return the parameters of a kind that a config can set, sorted.

    Raises:
        ConfigError: the kind cannot do the task, is not installed, or combines other kinds and so has no parameters.
    """
    if kind in COMPOSITES:
        raise ConfigError(f"estimator: a {kind} has no parameters of its own; set those of its members")
    spec = SPECS[kind]
    all_params = {*estimator_class(kind, task, "estimator")().get_params(), *_OUTSIDE_PARAMS.get(kind, ())}
    return tuple(sorted(all_params - set(OWN_PARAMS) - set(spec.fixed)))


def check_params(kind: Kind, params: Collection[str], task: Task, where: str) -> None:
    """Refuse parameters that are unknown or have a fixed value.

    Args:
        kind: the kind of estimator; not ``voting`` or ``stack``.
        params: the parameters' names.
        task: the task of the estimator.
        where: the config's key of the estimator, for the message.

    Raises:
        ConfigError: names the parameter and the parameters that can be set.
    """
    if not params:
        return
    spec = SPECS[kind]
    allowed = settable_params(kind, task)
    for key in params:
        if key in spec.fixed or key in OWN_PARAMS:
            reason = OWN_PARAMS.get(key, f"`{key}: {spec.fixed.get(key)}`, the only value with an exact export")
            raise ConfigError(f"{where}.params.{key}: a config cannot set it; it is decided by {reason}")
        if key not in allowed:
            raise ConfigError(f"{where}.params.{key}: {kind} has no such parameter; it has {list(allowed)}")
