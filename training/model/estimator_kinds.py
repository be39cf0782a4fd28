"""The kinds of estimators: their classes and default parameters for either task.

The default parameters suit some hundred to some ten thousand rows. Ensembles have at most about a hundred large trees: a
prediction visits each of them, so their number determines the cost of a prediction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any, get_args

from training.config import ConfigError, Estimator, Kind, Param, Task
from training.config.estimator import COMPOSITES
from training.installing import install_command


@dataclass(frozen=True)
class EstimatorSpec:
    """The classes and parameters of one kind."""

    module: str
    """The module of its classes."""
    regressor: str | None = None
    classifier: str | None = None
    scaled: bool = False
    """Whether its columns must be on one scale."""
    target_scaled: bool = False
    """Whether the target of a regression must be scaled too, so that a penalty or a step has the same effect in any unit."""
    takes_missing: bool = False
    """Whether it accepts NaN."""
    resource: str | None = None
    """The parameter that grows it."""
    fixed: Mapping[str, Param] = field(default_factory=dict)
    """Parameters of both tasks that a config cannot set."""
    regression: Mapping[str, Param] = field(default_factory=dict)
    """Default parameters of a regression."""
    classification: Mapping[str, Param] = field(default_factory=dict)
    """Default parameters of a classification."""

    def class_name(self, task: Task) -> str | None:
        """Return the class's name, None if the kind cannot do the task."""
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

SPECS: dict[Kind, EstimatorSpec] = {
    "dummy": EstimatorSpec(
        "sklearn.dummy",
        "DummyRegressor",
        "DummyClassifier",
        takes_missing=True,
        classification={"strategy": "prior"},
    ),
    "ridge": EstimatorSpec("sklearn.linear_model", "Ridge", scaled=True, regression={"alpha": 1.0}),
    "lasso": EstimatorSpec(
        "sklearn.linear_model",
        "Lasso",
        scaled=True,
        target_scaled=True,
        regression={"alpha": 1e-3, "max_iter": 10_000},
    ),
    "elastic_net": EstimatorSpec(
        "sklearn.linear_model",
        "ElasticNet",
        scaled=True,
        target_scaled=True,
        regression={"alpha": 1e-3, "l1_ratio": 0.5, "max_iter": 10_000},
    ),
    "logistic_regression": EstimatorSpec(
        "sklearn.linear_model",
        classifier="LogisticRegression",
        scaled=True,
        classification={"C": 1.0, "max_iter": 2_000},
    ),
    "decision_tree": EstimatorSpec(
        "sklearn.tree",
        "DecisionTreeRegressor",
        "DecisionTreeClassifier",
        regression={"min_samples_leaf": 10},
        classification={"min_samples_leaf": 20},
    ),
    "random_forest": EstimatorSpec(
        "sklearn.ensemble",
        "RandomForestRegressor",
        "RandomForestClassifier",
        resource="n_estimators",
        regression={**_FOREST, "max_features": 0.4},
        classification={**_FOREST, "max_features": "sqrt"},
    ),
    "extra_trees": EstimatorSpec(
        "sklearn.ensemble",
        "ExtraTreesRegressor",
        "ExtraTreesClassifier",
        resource="n_estimators",
        regression={**_FOREST, "min_samples_leaf": 3, "max_features": 0.6},
        classification={**_FOREST, "max_features": 0.6},
    ),
    "gradient_boosting": EstimatorSpec(
        "sklearn.ensemble",
        "GradientBoostingRegressor",
        "GradientBoostingClassifier",
        resource="n_estimators",
        regression={**_BOOSTING, "max_depth": 6, "min_samples_leaf": 10, "max_features": 0.3},
        classification={**_BOOSTING, "max_depth": 3, "min_samples_leaf": 10, "max_features": 0.5},
    ),
    "hist_gradient_boosting": EstimatorSpec(
        "sklearn.ensemble",
        "HistGradientBoostingRegressor",
        "HistGradientBoostingClassifier",
        takes_missing=True,
        resource="max_iter",
        # Early stopping would hold out rows, and a sweep searches for the number of rounds.
        regression={"early_stopping": False},
        classification={"early_stopping": False, "learning_rate": 0.06, "max_leaf_nodes": 15},
    ),
    "knn": EstimatorSpec(
        "sklearn.neighbors",
        "KNeighborsRegressor",
        "KNeighborsClassifier",
        scaled=True,
        # The exported graph repeats the differences of a tree search bit for bit, not the products of a brute-force search.
        fixed={"algorithm": "kd_tree"},
        regression=_NEIGHBOURS,
        classification=_NEIGHBOURS,
    ),
    "mlp": EstimatorSpec(
        "sklearn.neural_network",
        "MLPRegressor",
        "MLPClassifier",
        scaled=True,
        target_scaled=True,
        resource="max_iter",
        regression=_NETWORK,
        classification=_NETWORK,
    ),
    "xgboost": EstimatorSpec(
        "xgboost",
        "XGBRegressor",
        "XGBClassifier",
        takes_missing=True,
        resource="n_estimators",
        fixed={"n_jobs": 1, "verbosity": 0, "device": "cpu"},
        regression={**_BOOSTING, "max_depth": 6, "min_child_weight": 5, "colsample_bytree": 0.5},
        classification={**_BOOSTING, "max_depth": 3, "min_child_weight": 5, "colsample_bytree": 0.8},
    ),
    "lightgbm": EstimatorSpec(
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


def is_installed(kind: Kind) -> bool:
    """Return whether the library of a kind is installed."""
    return kind in COMPOSITES or find_spec(SPECS[kind].module.partition(".")[0]) is not None


def can_do(kind: Kind, task: Task) -> bool:
    """Return whether a kind does a task: ridge, lasso and elastic net predict numbers, logistic regression classes."""
    return kind in COMPOSITES or class_name(kind, task) is not None


def class_name(kind: Kind, task: Task) -> str | None:
    """Return the name of a kind's class in its library, None if it does not do the task or combines other kinds."""
    return None if kind in COMPOSITES else SPECS[kind].class_name(task)


def available_kinds(task: Task) -> tuple[Kind, ...]:
    """Return the kinds that are installed and do a task, without ``dummy``, ``voting`` and ``stack``."""
    return tuple(kind for kind in get_args(Kind) if kind != "dummy" and kind in SPECS and _is_available(kind, task))


def _is_available(kind: Kind, task: Task) -> bool:
    return can_do(kind, task) and is_installed(kind)


def resource_of(kind: Kind) -> str | None:
    """Return the parameter that grows a kind (``n_estimators`` or ``max_iter``), None if it cannot be grown."""
    return None if kind in COMPOSITES else SPECS[kind].resource


def takes_missing(estimator: Estimator) -> bool:
    """Return whether an estimator and each of its members accept NaN."""
    return all(SPECS[kind].takes_missing for kind in _kinds(estimator) if kind not in COMPOSITES)


def _kinds(estimator: Estimator) -> list[Kind]:
    return [estimator.kind, *(member.kind for member in estimator.members)]


def default_params(kind: Kind, task: Task) -> dict[str, Param]:
    """Return the parameters of a kind if a config sets none, without the library's own defaults."""
    return {} if kind in COMPOSITES else dict(SPECS[kind].defaults(task))


def estimator_class(kind: Kind, task: Task, where: str) -> Any:
    """Return the class of a kind for a task.

    Raises:
        ConfigError: the kind cannot do the task, or its library is not installed.
    """
    spec = SPECS[kind]
    name = class_name(kind, task)
    if name is None:
        raise ConfigError(f"{where}.kind: {kind!r} cannot do a {task}; there are {', '.join(available_kinds(task))}")
    if not is_installed(kind):
        package = spec.module.partition(".")[0]
        raise ConfigError(
            f"{where}.kind: {kind!r} needs the package {package}, which is not installed here: run"
            f" `{install_command(package)}`, or use one of {', '.join(available_kinds(task))}"
        )
    return getattr(import_module(spec.module), name)
