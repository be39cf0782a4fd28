"""The zoo's members: many, with different names, and each listed step in at least two members."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from sklearn.base import BaseEstimator

from benchmarks.process import BenchmarkError
from benchmarks.zoo.data import ALL
from benchmarks.zoo.pipelines import select_members, zoo

IN_TWO_MEMBERS = [
    "SimpleImputer",
    "KNNImputer",
    "StandardScaler",
    "MinMaxScaler",
    "RobustScaler",
    "MaxAbsScaler",
    "QuantileTransformer",
    "PowerTransformer",
    "KBinsDiscretizer",
    "PolynomialFeatures",
    "OneHotEncoder",
    "OrdinalEncoder",
    "TargetEncoder",
    "FunctionTransformer",
    "Ratios",
    "ClusterSimilarity",
    "ColumnTransformer",
    "FeatureUnion",
    "PCA",
    "SelectKBest",
    "SelectFromModel",
    "LinearRegression",
    "Ridge",
    "Lasso",
    "ElasticNet",
    "LogisticRegression",
    "LinearSVC",
    "SVR",
    "SVC",
    "KNeighborsRegressor",
    "KNeighborsClassifier",
    "DecisionTreeRegressor",
    "DecisionTreeClassifier",
    "RandomForestRegressor",
    "RandomForestClassifier",
    "ExtraTreesRegressor",
    "ExtraTreesClassifier",
    "GradientBoostingRegressor",
    "GradientBoostingClassifier",
    "HistGradientBoostingRegressor",
    "HistGradientBoostingClassifier",
    "VotingRegressor",
    "VotingClassifier",
    "StackingRegressor",
    "StackingClassifier",
    "CalibratedClassifierCV",
    "MLPRegressor",
    "MLPClassifier",
    "MultiOutputRegressor",
    "RegressorChain",
    "TransformedTargetRegressor",
]


def _steps(value: Any) -> Iterator[BaseEstimator]:
    """Yield an unfitted pipeline and all estimators inside."""
    if isinstance(value, BaseEstimator):
        yield value
        for inner in value.get_params(deep=False).values():
            yield from _steps(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _steps(inner)


def test_zoo_is_large() -> None:
    """The zoo has at least a hundred pipelines, and all tasks."""
    members = zoo()
    assert len(members) >= 100
    assert {member.task for member in members.values()} == {"regression", "binary", "classes", "grades", "outputs"}
    assert all(set(member.columns) <= set(ALL) for member in members.values())


def test_every_step_is_in_two_members() -> None:
    """Each step that the export converts is in at least two members."""
    counts: Counter[str] = Counter()
    for member in zoo().values():
        counts.update({type(step).__name__ for step in _steps(member.build())})
    assert not {name: counts[name] for name in IN_TWO_MEMBERS if counts[name] < 2}


def test_members_are_selected_by_part_of_a_name_or_by_family() -> None:
    """Names are matched regardless of case; without names all members are selected."""
    members = zoo()
    assert select_members([], members) == members
    assert {member.family for member in select_members(["kernels"], members).values()} == {"kernels"}
    assert all("knnimputer" in key.lower() for key in select_members(["knnimputer"], members))
    assert len(select_members(["knnimputer", "kernels"], members)) > len(select_members(["kernels"], members))


def test_unknown_name_is_refused() -> None:
    """The error for an unknown name lists the families."""
    with pytest.raises(BenchmarkError, match=r"'zebra'.*imputation, scaling"):
        select_members(["ridge", "zebra"], zoo())
