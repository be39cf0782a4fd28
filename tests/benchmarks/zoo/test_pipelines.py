"""The zoo's members: many, distinct, each step of the list in at least two of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from sklearn.base import BaseEstimator

from benchmarks.process import BenchmarkError
from benchmarks.zoo.data import ALL
from benchmarks.zoo.pipelines import chosen, zoo

TWICE = [
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
    """Walk over an unfitted pipeline and all that is inside it."""
    if isinstance(value, BaseEstimator):
        yield value
        for inner in value.get_params(deep=False).values():
            yield from _steps(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _steps(inner)


def test_zoo_is_large() -> None:
    """At least a hundred pipelines, over all tasks."""
    members = zoo()
    assert len(members) >= 100
    assert {member.task for member in members.values()} == {"regression", "binary", "classes", "grades", "outputs"}
    assert all(set(member.columns) <= set(ALL) for member in members.values())


def test_every_step_is_in_two_members() -> None:
    """What the export is to convert is met at least twice, beside other steps."""
    met: Counter[str] = Counter()
    for member in zoo().values():
        met.update({type(step).__name__ for step in _steps(member.build())})
    assert not {name: met[name] for name in TWICE if met[name] < 2}


def test_members_are_chosen_by_part_of_a_name_or_by_family() -> None:
    """Case does not matter in names; without a name all are taken."""
    members = zoo()
    assert chosen([], members) == members
    assert {member.family for member in chosen(["kernels"], members).values()} == {"kernels"}
    assert all("knnimputer" in key.lower() for key in chosen(["knnimputer"], members))
    assert len(chosen(["knnimputer", "kernels"], members)) > len(chosen(["kernels"], members))


def test_unknown_name_is_refused() -> None:
    """The message says what there is."""
    with pytest.raises(BenchmarkError, match=r"'zebra'.*imputation, scaling"):
        chosen(["ridge", "zebra"], zoo())
