"""Estimators: what stands behind the preprocessing, built from a config's ``estimator`` for either task.

Every kind comes with parameters that are sound for some hundred to some ten thousand rows. Ensembles are kept to about a
hundred large trees: a prediction walks through each of them, so their number is what a prediction costs. All of them run
on one thread and take the config's seed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any, get_args

from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import StackingClassifier, StackingRegressor, VotingClassifier, VotingRegressor
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from training.config import ConfigError, Estimator, Kind, Member, Param, Task
from training.config.estimator import COMPOSITES
from training.installing import install_command

STACK_FOLDS = 5
"""The folds on whose held-out rows a stack's last estimator learns."""

_TREES = "nothing: the exported graph has no such trees"
_THREADS = "nothing: fits run side by side in processes, each on one thread"
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
    "callbacks": "nothing: a fit is not watched",
    "early_stopping_rounds": "nothing: there is no other part to watch; sweep `n_estimators`",
    "eval_metric": "nothing: there is no other part to watch",
    "booster": _TREES,
    "boosting_type": _TREES,
    "multi_strategy": _TREES,
    "importance_type": "nothing: importances are measured by permutation",
}
"""Parameters of the estimators that a config may not set, and what decides them instead."""


@dataclass(frozen=True)
class _Spec:
    """How one kind is built."""

    module: str
    """Where its classes are."""
    regressor: str | None = None
    classifier: str | None = None
    scaled: bool = False
    """Whether its columns have to be on one scale."""
    target_scaled: bool = False
    """Whether a regression's target has to be as well, so that a penalty or a step means the same for any unit."""
    takes_missing: bool = False
    """Whether NaN may reach it."""
    resource: str | None = None
    """The parameter that grows it."""
    fixed: Mapping[str, Param] = field(default_factory=dict)
    """Parameters of both tasks, which a config may not set."""
    regression: Mapping[str, Param] = field(default_factory=dict)
    """Default parameters of a regression."""
    classification: Mapping[str, Param] = field(default_factory=dict)
    """Default parameters of a classification."""

    def class_name(self, task: Task) -> str | None:
        """Return the class's name, None where the kind cannot do the task."""
        return self.regressor if task == "regression" else self.classifier

    def defaults(self, task: Task) -> Mapping[str, Param]:
        """Return the task's default parameters."""
        return self.regression if task == "regression" else self.classification


_FOREST: dict[str, Param] = {"n_estimators": 100, "min_samples_leaf": 5}
_BOOSTING: dict[str, Param] = {"n_estimators": 100, "learning_rate": 0.1, "subsample": 0.8}
_NEIGHBOURS: dict[str, Param] = {"n_neighbors": 15, "weights": "distance"}
_NETWORK: dict[str, Param] = {
    "hidden_layer_sizes": 64,
    "alpha": 1e-3,
    "learning_rate_init": 5e-3,
    "max_iter": 300,
    "early_stopping": True,
    "n_iter_no_change": 20,
}

_SPECS: dict[Kind, _Spec] = {
    "dummy": _Spec(
        "sklearn.dummy",
        "DummyRegressor",
        "DummyClassifier",
        takes_missing=True,
        classification={"strategy": "prior"},
    ),
    "ridge": _Spec("sklearn.linear_model", "Ridge", scaled=True, regression={"alpha": 1.0}),
    "lasso": _Spec(
        "sklearn.linear_model",
        "Lasso",
        scaled=True,
        target_scaled=True,
        regression={"alpha": 1e-3, "max_iter": 10_000},
    ),
    "elastic_net": _Spec(
        "sklearn.linear_model",
        "ElasticNet",
        scaled=True,
        target_scaled=True,
        regression={"alpha": 1e-3, "l1_ratio": 0.5, "max_iter": 10_000},
    ),
    "logistic_regression": _Spec(
        "sklearn.linear_model",
        classifier="LogisticRegression",
        scaled=True,
        classification={"C": 1.0, "max_iter": 2_000},
    ),
    "decision_tree": _Spec(
        "sklearn.tree",
        "DecisionTreeRegressor",
        "DecisionTreeClassifier",
        regression={"min_samples_leaf": 10},
        classification={"min_samples_leaf": 20},
    ),
    "random_forest": _Spec(
        "sklearn.ensemble",
        "RandomForestRegressor",
        "RandomForestClassifier",
        resource="n_estimators",
        regression={**_FOREST, "max_features": 0.4},
        classification={**_FOREST, "max_features": "sqrt"},
    ),
    "extra_trees": _Spec(
        "sklearn.ensemble",
        "ExtraTreesRegressor",
        "ExtraTreesClassifier",
        resource="n_estimators",
        regression={**_FOREST, "min_samples_leaf": 3, "max_features": 0.6},
        classification={**_FOREST, "max_features": 0.6},
    ),
    "gradient_boosting": _Spec(
        "sklearn.ensemble",
        "GradientBoostingRegressor",
        "GradientBoostingClassifier",
        resource="n_estimators",
        regression={**_BOOSTING, "max_depth": 6, "min_samples_leaf": 10, "max_features": 0.3},
        classification={**_BOOSTING, "max_depth": 3, "min_samples_leaf": 10, "max_features": 0.5},
    ),
    "hist_gradient_boosting": _Spec(
        "sklearn.ensemble",
        "HistGradientBoostingRegressor",
        "HistGradientBoostingClassifier",
        takes_missing=True,
        resource="max_iter",
        # Early stopping would set rows aside, and the number of rounds is what a sweep looks for.
        regression={"early_stopping": False},
        classification={"early_stopping": False, "learning_rate": 0.06, "max_leaf_nodes": 15},
    ),
    "knn": _Spec(
        "sklearn.neighbors",
        "KNeighborsRegressor",
        "KNeighborsClassifier",
        scaled=True,
        # The exported graph repeats the differences of a tree search bit for bit, not the products of a brute one.
        fixed={"algorithm": "kd_tree"},
        regression=_NEIGHBOURS,
        classification=_NEIGHBOURS,
    ),
    "mlp": _Spec(
        "sklearn.neural_network",
        "MLPRegressor",
        "MLPClassifier",
        scaled=True,
        target_scaled=True,
        resource="max_iter",
        regression=_NETWORK,
        classification=_NETWORK,
    ),
    "xgboost": _Spec(
        "xgboost",
        "XGBRegressor",
        "XGBClassifier",
        takes_missing=True,
        resource="n_estimators",
        fixed={"n_jobs": 1, "verbosity": 0, "device": "cpu"},
        regression={**_BOOSTING, "max_depth": 6, "min_child_weight": 5, "colsample_bytree": 0.5},
        classification={**_BOOSTING, "max_depth": 3, "min_child_weight": 5, "colsample_bytree": 0.8},
    ),
    "lightgbm": _Spec(
        "lightgbm",
        "LGBMRegressor",
        "LGBMClassifier",
        takes_missing=True,
        resource="n_estimators",
        fixed={"n_jobs": 1, "verbose": -1, "deterministic": True, "force_col_wise": True},
        regression={"n_estimators": 100, "learning_rate": 0.1, "num_leaves": 63, "colsample_bytree": 0.5},
        classification={"n_estimators": 100, "learning_rate": 0.06, "num_leaves": 15, "colsample_bytree": 0.8},
    ),
}
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
"""Parameters that a library takes although its estimator does not list them."""


def is_installed(kind: Kind) -> bool:
    """Say whether the library of a kind is installed."""
    return kind in COMPOSITES or find_spec(_SPECS[kind].module.partition(".")[0]) is not None


def can_do(kind: Kind, task: Task) -> bool:
    """Say whether a kind does a task: ridge, lasso and elastic net answer numbers, logistic regression classes."""
    return kind in COMPOSITES or class_name(kind, task) is not None


def class_name(kind: Kind, task: Task) -> str | None:
    """Return the name of a kind's class in its library, None where it does not do the task or is made of others."""
    return None if kind in COMPOSITES else _SPECS[kind].class_name(task)


def available_kinds(task: Task) -> tuple[Kind, ...]:
    """Return the kinds that are installed and do a task, without ``dummy`` and those that are made of others."""
    return tuple(kind for kind in get_args(Kind) if kind != "dummy" and kind in _SPECS and _is_available(kind, task))


def _is_available(kind: Kind, task: Task) -> bool:
    return can_do(kind, task) and is_installed(kind)


def resource_of(kind: Kind) -> str | None:
    """Return the parameter that grows a kind (``n_estimators`` or ``max_iter``), None where it cannot be grown."""
    return None if kind in COMPOSITES else _SPECS[kind].resource


def takes_missing(estimator: Estimator) -> bool:
    """Say whether NaN may reach an estimator, each of its members and its last one."""
    return all(_SPECS[kind].takes_missing for kind in _kinds(estimator) if kind not in COMPOSITES)


def _kinds(estimator: Estimator) -> list[Kind]:
    return [estimator.kind, *(member.kind for member in estimator.members)]


def default_stack(task: Task) -> Estimator:
    """Return a stack of three kinds that err in different ways, small enough to be served."""
    linear: Kind = "ridge" if task == "regression" else "logistic_regression"
    return Estimator(
        kind="stack",
        members=(
            Member(kind=linear),
            Member(kind="hist_gradient_boosting"),
            Member(kind="extra_trees", params={"n_estimators": 50}),
        ),
    )


def default_params(kind: Kind, task: Task) -> dict[str, Param]:
    """Return the parameters that a kind has where a config sets none, without the library's own defaults."""
    return {} if kind in COMPOSITES else dict(_SPECS[kind].defaults(task))


def settable_params(kind: Kind, task: Task) -> tuple[str, ...]:
    """Return the parameters of a kind that a config may set, sorted.

    Raises:
        ConfigError: the kind cannot do the task, is not installed, or has no parameters because it is made of others.
    """
    if kind in COMPOSITES:
        raise ConfigError(f"estimator: a {kind} has no parameters of its own; its members have")
    spec = _SPECS[kind]
    known = {*_class_of(kind, task, "estimator")().get_params(), *_OUTSIDE_PARAMS.get(kind, ())}
    return tuple(sorted(known - set(OWN_PARAMS) - set(spec.fixed)))


def build_estimator(estimator: Estimator, task: Task, seed: int) -> Any:
    """Return the unfitted scikit-learn estimator that a config describes.

    It takes float64 columns without NaN (``takes_missing`` tells where NaN may stay) and answers numbers or labels. The
    kinds that need it scale their columns themselves, and the target as well where its unit would otherwise matter. The
    target's own scale (``estimator.target``) is not part of it: ``training.pipeline`` puts that around it.

    Args:
        estimator: the config's, or what a study made of it.
        task: what it answers.
        seed: of everything random in it.

    Raises:
        ConfigError: the kind cannot do the task or is not installed, or a parameter is unknown or not the config's to set.
    """
    if estimator.kind not in COMPOSITES:
        built = _single(estimator.kind, estimator.params, task, seed, "estimator")
        # XGBoost takes classes 0 … C-1 only. A vote of one answers the same probabilities, and the labels themselves.
        wrapped = estimator.kind == "xgboost" and task == "classification"
        return VotingClassifier([(estimator.kind, built)], voting="soft") if wrapped else built
    if estimator.params:
        raise ConfigError(
            f"estimator.params: a {estimator.kind} has none of its own, got {sorted(estimator.params)};"
            " give them to its members"
        )
    members = [
        (f"{member.kind}_{at}", _single(member.kind, member.params, task, seed, f"estimator.members.{at}"))
        for at, member in enumerate(estimator.members)
    ]
    if estimator.kind == "voting":
        weights = [member.weight for member in estimator.members]
        weighed = None if len(set(weights)) == 1 else weights
        if task == "regression":
            return VotingRegressor(members, weights=weighed)
        return VotingClassifier(members, voting="soft", weights=weighed)
    return _stack(estimator, members, task, seed)


def _stack(estimator: Estimator, members: list[tuple[str, Any]], task: Task, seed: int) -> Any:
    final = estimator.final or Member(kind="ridge" if task == "regression" else "logistic_regression")
    last = _single(final.kind, final.params, task, seed, "estimator.final")
    if task == "regression":
        return StackingRegressor(members, last, cv=KFold(STACK_FOLDS, shuffle=True, random_state=seed))
    folds = StratifiedKFold(STACK_FOLDS, shuffle=True, random_state=seed)
    return StackingClassifier(members, last, cv=folds, stack_method="predict_proba")


def _single(kind: Kind, params: Mapping[str, Param], task: Task, seed: int, where: str) -> Any:
    """Return one estimator with its scalers."""
    spec = _SPECS[kind]
    made = _class_of(kind, task, where)
    check_params(kind, params, task, where)
    given = {**spec.defaults(task), **params, **spec.fixed}
    if "random_state" in made().get_params():
        given["random_state"] = seed
    built = made(**given)
    if spec.scaled:
        built = Pipeline([("scale", StandardScaler()), (kind, built)])
    if spec.target_scaled and task == "regression":
        built = TransformedTargetRegressor(built, transformer=StandardScaler())
    return built


def _class_of(kind: Kind, task: Task, where: str) -> Any:
    """Return the class of a kind for a task.

    Raises:
        ConfigError: there is none, or its library is not installed.
    """
    spec = _SPECS[kind]
    name = class_name(kind, task)
    if name is None:
        raise ConfigError(f"{where}.kind: {kind!r} does no {task}; there are {', '.join(available_kinds(task))}")
    if not is_installed(kind):
        package = spec.module.partition(".")[0]
        raise ConfigError(
            f"{where}.kind: {kind!r} needs the package {package}, which is not installed here: run"
            f" `{install_command(package)}`, or take one of {', '.join(available_kinds(task))}"
        )
    return getattr(import_module(spec.module), name)


def check_params(kind: Kind, params: Collection[str], task: Task, where: str) -> None:
    """Refuse parameters that are unknown, or decided elsewhere.

    Args:
        kind: not one that is made of others.
        params: their names.
        task: what the estimator answers.
        where: the config's key under which ``params`` stand, for the message.

    Raises:
        ConfigError: with the parameter and what can be set.
    """
    if not params:
        return
    spec = _SPECS[kind]
    allowed = settable_params(kind, task)
    for key in params:
        if key in spec.fixed or key in OWN_PARAMS:
            reason = OWN_PARAMS.get(key, f"`{key}: {spec.fixed.get(key)}`, which alone can be exported exactly")
            raise ConfigError(f"{where}.params.{key}: a config cannot set it; it is decided by {reason}")
        if key not in allowed:
            raise ConfigError(f"{where}.params.{key}: {kind} has no such parameter; it has {list(allowed)}")
