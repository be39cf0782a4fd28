"""Random compositions: column groups, steps, and an estimator or an estimator of estimators, not fitted yet."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
from sklearn.ensemble import StackingClassifier, StackingRegressor, VotingClassifier, VotingRegressor
from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer  # noqa: F401
from sklearn.feature_selection import f_classif, f_regression, mutual_info_classif, r_regression
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import MinMaxScaler, QuantileTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import all_estimators

from benchmarks.fuzz_export.draw import Draw
from benchmarks.fuzz_export.parameters import (
    CLASSIFIERS,
    DETECTORS,
    ENCODERS,
    FUNCTIONS,
    IMPUTERS,
    INVERSES,
    REGRESSORS,
    STEPS,
    TEXT_IMPUTERS,
    Choices,
)
from benchmarks.fuzz_export.tables import Table

ANY_CLASS = 0.05
"""The probability that a step or an estimator is any class of scikit-learn, with or without a converter."""
DEPTH_MAX = 2
"""The maximum depth of nested estimators."""
SMALL: Choices = {
    "n_estimators": (4,),
    "max_iter": (30,),
    "n_components": (2,),
    "n_clusters": (2,),
    "cv": (2,),
    "n_init": (1,),
}
"""The parameters that keep a class without choices of its own small."""
OTHER_LIBRARIES = {"xgboost": ("XGB",), "lightgbm": ("LGBM",)}
TAKE_MISSING = (
    "HistGradientBoostingRegressor",
    "HistGradientBoostingClassifier",
    "RandomForestRegressor",
    "RandomForestClassifier",
    "DecisionTreeRegressor",
    "DecisionTreeClassifier",
    "XGBRegressor",
    "XGBClassifier",
    "LGBMRegressor",
    "LGBMClassifier",
)


@dataclass(frozen=True)
class Flow:
    """The known properties of the columns that reach a step."""

    missing: bool
    texts: bool = False


@cache
def classes() -> dict[str, type]:
    """Return the classes that can be drawn by name: scikit-learn's, and those of other libraries if they are installed."""
    class_by_name = dict(all_estimators())
    for library, prefixes in OTHER_LIBRARIES.items():
        try:
            module = importlib.import_module(library)
        except ImportError:
            continue
        class_by_name |= {name: getattr(module, name) for name in dir(module) if name.startswith(prefixes)}
    return class_by_name


class Composer:
    """The draws of one composition.

    Args:
        draw: the source of choices.
        table: the table of the fit.
    """

    def __init__(self, draw: Draw, table: Table) -> None:
        self._draw = draw
        self._table = table
        self._classifies = table.target_kind in ("binary", "multiclass", "labels")

    def pipeline(self) -> Any:
        """Return an estimator to fit on the table."""
        draw = self._draw
        if draw.chance(0.06) and self._table.target_kind not in ("outliers",):
            return self._search(self._total_pipeline())
        if self._table.target_kind == "binary" and draw.chance(0.03):
            return self._by_name("CalibratedClassifierCV", estimator=self._total_pipeline(), cv=2)
        return self._total_pipeline()

    def _total_pipeline(self) -> Any:
        draw, table = self._draw, self._table
        steps: list[Any] = []
        flow = Flow(bool(table.missing), bool(table.categories))
        if table.categories or draw.chance(0.35):
            front, flow = self._columns()
            steps.append(front)
        elif draw.chance(0.12):
            steps.append(self._union(flow))
        for _ in range(draw.weighted({0: 5, 1: 5, 2: 2, 3: 1})):
            if flow.missing and draw.chance(0.7):
                steps.append(self._imputer())
                flow = replace(flow, missing=False)
            steps.append(self._step(flow))
        name = self._estimator_name(flow)
        if flow.missing and name not in TAKE_MISSING and draw.chance(0.9):
            steps.append(self._imputer())
        final = self._final(name)
        if not steps:
            return final
        pipeline = Pipeline(_name_steps([*steps, final]))
        if draw.chance(0.06):
            pipeline.set_output(transform="pandas")
        return pipeline

    def _columns(self) -> tuple[Any, Flow]:
        """Return a ColumnTransformer over groups of the table's columns."""
        draw, table = self._draw, self._table
        parts: list[tuple[str, Any, Any]] = []
        missing = False
        numbers, categories = list(table.numbers), list(table.categories)
        if draw.chance(0.2):
            numbers = draw.pick_several(numbers)
        groups = [numbers] if draw.chance(0.7) or len(numbers) < 2 else [numbers[:1], numbers[1:]]
        remainder: Any = draw.pick(["drop", "passthrough"]) if not draw.chance(0.05) else StandardScaler()
        for group in groups:
            if draw.chance(0.1):
                continue
            gap = bool(table.missing & set(group))
            if draw.chance(0.1):
                step: Any = "passthrough"
            else:
                step, gap = self._branch(gap)
            missing = missing or gap
            parts.append((f"numbers{len(parts)}", step, self._selector(group)))
        if remainder == "passthrough":
            missing = missing or bool(table.missing)
        for group in [categories] if draw.chance(0.7) else [[name] for name in categories]:
            if group:
                parts.append((f"texts{len(parts)}", self._encoding(group), self._selector(group)))
        parts = [parts[position] for position in draw.rng.permutation(len(parts))]
        transformer = ColumnTransformer(
            parts,
            remainder=remainder,
            sparse_threshold=draw.pick([0.3, 0.3, 0, 1.0]),
            verbose_feature_names_out=draw.chance(0.8),
        )
        if draw.chance(0.08):
            transformer.set_params(transformer_weights={parts[0][0]: draw.pick([2, 0.5])} if parts else None)
        return transformer, Flow(missing)

    def _selector(self, group: list[str]) -> Any:
        """Return a random form of the names of a group of columns."""
        draw, table = self._draw, self._table
        order = list(table.frame.columns)
        positions = [order.index(name) for name in group]
        if not table.header:
            return positions if draw.chance(0.8) else [name in group for name in order]
        way = draw.weighted({"names": 6, "positions": 1.5, "mask": 1, "function": 0.6, "types": 0.8})
        if way == "positions":
            return [position - len(order) for position in positions] if draw.chance(0.2) else positions
        if way == "mask":
            return np.isin(order, group)
        if way == "function":
            return make_column_selector(pattern="^(" + "|".join(name for name in group if name.isalnum()) + ")$")
        if way == "types" and group == table.numbers:
            return make_column_selector(dtype_include="number")
        return group

    def _branch(self, missing: bool) -> tuple[Any, bool]:
        draw = self._draw
        steps: list[Any] = []
        if missing and draw.chance(0.8):
            steps.append(self._imputer())
            missing = False
        steps += [self._step(Flow(missing)) for _ in range(draw.weighted({0: 1, 1: 4, 2: 2}))]
        if not steps:
            return "passthrough", missing
        if len(steps) == 1 and draw.chance(0.7):
            return steps[0], missing
        if draw.chance(0.05):
            return FeatureUnion(_name_steps(steps)), missing
        return Pipeline(_name_steps(steps)), missing

    def _encoding(self, group: Sequence[str]) -> Any:
        draw = self._draw
        gap = bool(self._table.missing & set(group))
        name = draw.weighted({key: weight for key, (weight, _) in ENCODERS.items()})
        options: dict[str, Any] = {}
        if name == "OrdinalEncoder" and draw.chance(0.7):
            options = {"handle_unknown": "use_encoded_value", "unknown_value": draw.pick([-1, np.nan])}
        encoder = self._by_name(name, ENCODERS[name][1], **options)
        steps = [encoder]
        if gap and draw.chance(0.5):
            steps.insert(0, self._by_name("SimpleImputer", TEXT_IMPUTERS["SimpleImputer"][1]))
        if draw.chance(0.2):
            follow = draw.pick(
                ["TruncatedSVD", "MaxAbsScaler", "SelectKBest", "VarianceThreshold", "Normalizer", "Binarizer"]
            )
            steps.append(self._step(Flow(False), follow))
        return steps[0] if len(steps) == 1 else Pipeline(_name_steps(steps))

    def _union(self, flow: Flow) -> Any:
        draw = self._draw
        parts: list[Any] = []
        for _ in range(draw.between(1, 3)):
            part, _ = self._branch(flow.missing)
            parts.append(part)
        if draw.chance(0.3):
            parts.append("passthrough")
        union = FeatureUnion(_name_steps(parts))
        if draw.chance(0.1):
            union.set_params(transformer_weights={union.transformer_list[0][0]: 2})
        return union

    def _imputer(self) -> Any:
        name = self._draw.weighted({key: weight for key, (weight, _) in IMPUTERS.items()})
        return self._by_name(name, IMPUTERS[name][1])

    def _step(self, flow: Flow, name: str | None = None) -> Any:
        draw = self._draw
        if name is None and draw.chance(ANY_CLASS):
            names = [name for name, kind in classes().items() if hasattr(kind, "transform")]
            return self._any(draw.pick(names))
        if name is None:
            name = draw.weighted({key: weight for key, (weight, _) in STEPS.items()})
        choices = STEPS[name][1]
        if name == "FunctionTransformer":
            function = draw.pick(FUNCTIONS)
            options: dict[str, Any] = {"validate": draw.chance(0.3)}
            if draw.chance(0.3):
                options["feature_names_out"] = "one-to-one"
            return self._by_name(name, {}, func=function, **options)
        if (name.startswith("Select") and name != "SelectFromModel") or name == "GenericUnivariateSelect":
            scores = [f_classif, mutual_info_classif] if self._classifies else [f_regression, r_regression]
            return self._by_name(name, choices, score_func=scores[0] if draw.chance(0.8) else scores[1])
        if name in ("SelectFromModel", "RFE", "SequentialFeatureSelector"):
            inner: Any = LogisticRegression() if self._classifies else LinearRegression()
            if draw.chance(0.5):
                inner = DecisionTreeClassifier(max_depth=3) if self._classifies else DecisionTreeRegressor(max_depth=3)
            options = {"cv": 2} if name == "SequentialFeatureSelector" else {}
            return self._by_name(name, choices, estimator=inner, **options)
        return self._by_name(name, choices)

    def _estimator_name(self, flow: Flow) -> str:
        draw = self._draw
        if self._table.target_kind == "outliers":
            return draw.pick(list(DETECTORS))
        if draw.chance(0.28):
            return "meta"
        if draw.chance(ANY_CLASS):
            return "any"
        names = list(CLASSIFIERS if self._classifies else REGRESSORS)
        if flow.missing and draw.chance(0.7):
            names = [name for name in names if name in TAKE_MISSING]
        return draw.pick([name for name in names if name in classes()])

    def _final(self, name: str, depth: int = 0) -> Any:
        """Return an estimator, or an estimator around other estimators."""
        draw, table = self._draw, self._table
        if name == "any":
            kind = "classifier" if self._classifies else "regressor"
            return self._any(draw.pick([name for name, _ in all_estimators(type_filter=kind)]))
        if name != "meta":
            choices = {**CLASSIFIERS, **REGRESSORS, **DETECTORS}[name]
            model = self._by_name(name, choices)
            if table.target_kind == "outputs" and draw.chance(0.5):
                return self._by_name(draw.pick(["MultiOutputRegressor", "RegressorChain"]), estimator=model)
            if table.target_kind == "labels" and draw.chance(0.5):
                return self._by_name(
                    draw.pick(["MultiOutputClassifier", "ClassifierChain", "OneVsRestClassifier"]), estimator=model
                )
            return model
        return self._classifier_of(depth) if self._classifies else self._regressor_of(depth)

    def _inner(self, depth: int) -> Any:
        """Return an inner estimator: alone or after steps of its own."""
        draw = self._draw
        if depth + 1 < DEPTH_MAX and draw.chance(0.15):
            return self._final("meta", depth + 1)
        names = [name for name in (CLASSIFIERS if self._classifies else REGRESSORS) if name in classes()]
        model = self._final(draw.pick(names), depth + 1)
        if draw.chance(0.25):
            return Pipeline(_name_steps([self._step(Flow(False)), model]))
        return model

    def _regressor_of(self, depth: int) -> Any:
        draw = self._draw
        way = draw.weighted(
            {
                "vote": 3,
                "stack": 3,
                "target": 3,
                "BaggingRegressor": 2,
                "AdaBoostRegressor": 1.5,
                "search": 2,
                "RANSACRegressor": 0.3,
            }
        )
        if way == "vote":
            parts = _name_steps([self._inner(depth) for _ in range(draw.between(1, 3))])
            weights = [draw.pick([1, 2, 0.5]) for _ in parts] if draw.chance(0.4) else None
            return VotingRegressor(parts, weights=weights)
        if way == "stack":
            parts = _name_steps([self._inner(depth) for _ in range(draw.between(1, 3))])
            final = self._inner(depth + 1) if draw.chance(0.7) else None
            return StackingRegressor(parts, final, cv=2, passthrough=draw.chance(0.4))
        if way == "target":
            return self._target_scale(self._inner(depth))
        if way == "search":
            return self._search(self._inner(depth))
        return self._bag(way, self._inner(depth))

    def _classifier_of(self, depth: int) -> Any:
        draw = self._draw
        ways = {
            "vote": 3.0,
            "stack": 3.0,
            "BaggingClassifier": 2.0,
            "AdaBoostClassifier": 1.5,
            "CalibratedClassifierCV": 2.0,
            "OneVsRestClassifier": 1.5,
            "OneVsOneClassifier": 1.0,
            "OutputCodeClassifier": 0.2,
            "SelfTrainingClassifier": 0.3,
            "search": 2.0,
        }
        if self._table.target_kind == "binary":
            ways |= {"FixedThresholdClassifier": 1.0, "TunedThresholdClassifierCV": 1.0}
        way = draw.weighted(ways)
        if way == "vote":
            parts = _name_steps([self._inner(depth) for _ in range(draw.between(1, 3))])
            weights = [draw.pick([1, 2, 0.5]) for _ in parts] if draw.chance(0.4) else None
            return VotingClassifier(parts, voting=draw.pick(["hard", "soft"]), weights=weights)
        if way == "stack":
            parts = _name_steps([self._inner(depth) for _ in range(draw.between(1, 3))])
            final = self._inner(depth + 1) if draw.chance(0.7) else None
            method = draw.pick(["auto", "auto", "predict_proba", "predict"])
            return StackingClassifier(parts, final, cv=2, passthrough=draw.chance(0.4), stack_method=method)
        inner = self._inner(depth)
        match way:
            case "search":
                return self._search(inner)
            case "CalibratedClassifierCV":
                return self._by_name(
                    way,
                    {"method": ("sigmoid", "isotonic", "temperature"), "ensemble": ("auto", False)},
                    estimator=inner,
                    cv=2,
                )
            case "FixedThresholdClassifier":
                return self._by_name(way, {"threshold": ("auto", 0.3, 0.7)}, estimator=inner)
            case "TunedThresholdClassifierCV":
                return self._by_name(way, {}, estimator=inner, cv=2)
            case "BaggingClassifier" | "AdaBoostClassifier":
                return self._bag(way, inner)
            case _:
                return self._by_name(way, {}, estimator=inner)

    def _bag(self, name: str, inner: Any) -> Any:
        if name == "RANSACRegressor":
            return self._by_name(name, {"max_trials": (5,)}, estimator=inner)
        choices: Choices = {"n_estimators": (3,)}
        if name.startswith("Bagging"):
            choices = {
                **choices,
                "max_features": (1.0, 0.6, 1),
                "max_samples": (1.0, 0.7),
                "bootstrap_features": (False, True),
                "bootstrap": (True, False),
            }
        elif name == "AdaBoostRegressor":
            choices = {**choices, "loss": ("linear", "square", "exponential")}
        return self._by_name(name, choices, estimator=inner)

    def _search(self, inner: Any) -> Any:
        draw = self._draw
        name = draw.weighted({"GridSearchCV": 3.0, "RandomizedSearchCV": 1.0, "HalvingGridSearchCV": 0.5})
        if name == "RandomizedSearchCV":
            return self._by_name(name, {}, estimator=inner, param_distributions={}, n_iter=1, cv=2)
        refit = not draw.chance(0.04) or name != "GridSearchCV"
        return self._by_name(name, {}, estimator=inner, param_grid={}, cv=2, refit=refit)

    def _target_scale(self, inner: Any) -> Any:
        draw = self._draw
        if draw.chance(0.6):
            function, inverse = draw.pick(INVERSES)
            return TransformedTargetRegressor(inner, func=function, inverse_func=inverse, check_inverse=False)
        scale = draw.pick([StandardScaler(), MinMaxScaler(), QuantileTransformer(n_quantiles=20)])
        return TransformedTargetRegressor(inner, transformer=scale)

    def _any(self, name: str) -> Any:
        return self._by_name(name, SMALL)

    def _by_name(self, name: str, choices: Choices | None = None, **options: Any) -> Any:
        """Return an instance of a class, with random values for a part of its parameters."""
        kind = classes()[name]
        accepted_names = _parameters(kind)
        parameters = self._draw.parameters(
            {key: values for key, values in (choices or {}).items() if key in accepted_names}
        )
        parameters |= {key: value for key, value in options.items() if key in accepted_names}
        if "random_state" in accepted_names:
            parameters["random_state"] = self._draw.seed()
        return kind(**parameters)


def _parameters(kind: type) -> set[str]:
    names: Mapping[str, Any] = {}
    if issubclass(kind, BaseEstimator):
        names = dict.fromkeys(inspect.signature(kind).parameters)
    # The classes of XGBoost and LightGBM take their parameters by keyword.
    return set(names) | (
        {name for choices in (REGRESSORS, CLASSIFIERS) for name in choices.get(kind.__name__, ())}
        if kind.__module__.split(".")[0] in OTHER_LIBRARIES
        else set()
    )


def _name_steps(steps: Sequence[Any]) -> list[tuple[str, Any]]:
    """Name steps by their class, so that the path in an outcome shows the class."""
    return [
        (f"{(step if isinstance(step, str) else type(step).__name__).lower()}{index}", step)
        for index, step in enumerate(steps)
    ]
