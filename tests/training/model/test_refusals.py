"""A library's error about a parameter names the config's key."""

from __future__ import annotations

from typing import Any

import pytest

from tests.training.orchards import orchard_config, orchard_frame
from tests.training.seedlings import seedling_config, seedling_frame
from training.config import ConfigError, Estimator
from training.model.pipeline import fit_pipeline
from training.model.refusals import refused_parameter

WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("ridge", {"alpha": -1}, r"estimator\.params\.alpha: must be .*Got -1"),
    ("lasso", {"max_iter": 0}, r"estimator\.params\.max_iter: must be .*Got 0"),
    ("elastic_net", {"l1_ratio": 2.0}, r"estimator\.params\.l1_ratio: must be"),
    ("decision_tree", {"criterion": "luck"}, r"estimator\.params\.criterion: must be a str among"),
    ("random_forest", {"max_features": "most"}, r"estimator\.params\.max_features: must be"),
    ("extra_trees", {"n_estimators": 0}, r"estimator\.params\.n_estimators: must be"),
    ("gradient_boosting", {"learning_rate": "fast"}, r"estimator\.params\.learning_rate: must be"),
    ("hist_gradient_boosting", {"max_iter": -3}, r"estimator\.params\.max_iter: must be"),
    ("knn", {"weights": "heavy"}, r"estimator\.params\.weights: must be"),
    ("mlp", {"activation": "sharp"}, r"estimator\.params\.activation: must be"),
    ("xgboost", {"max_depth": -7}, r"estimator\.params\.max_depth: xgboost refuses it"),
    ("xgboost", {"learning_rate": "fast"}, r"estimator\.params: xgboost refuses it, .*'learning_rate': 'fast'"),
    ("lightgbm", {"num_leaves": 1}, r"estimator\.params\.num_leaves: lightgbm refuses it"),
    ("lightgbm", {"colsample_bytree": 7.0}, r"estimator\.params: lightgbm refuses it, .*colsample_bytree"),
]


@pytest.mark.parametrize(
    ("kind", "params", "message"), WRONG, ids=[f"{kind}-{next(iter(values))}" for kind, values, _ in WRONG]
)
def test_wrong_value_names_the_key(kind: str, params: dict[str, Any], message: str) -> None:
    """The error of each library about a value becomes a config error."""
    config = orchard_config(estimator={"kind": kind, "params": params})
    with pytest.raises(ConfigError, match=message):
        fit_pipeline(config, orchard_frame(60))


def test_wrong_value_of_a_classification_names_the_key() -> None:
    """The key is also named inside scalers, votes and thresholds."""
    for estimator, message in (
        ({"kind": "logistic_regression", "params": {"C": -1.0}}, r"estimator\.params\.C: must be"),
        ({"kind": "xgboost", "params": {"max_depth": -7}}, r"estimator\.params\.max_depth: xgboost refuses"),
    ):
        with pytest.raises(ConfigError, match=message):
            fit_pipeline(seedling_config(estimator=estimator), seedling_frame(80))


def test_member_is_named_by_its_place() -> None:
    """Of several members of one kind, the error names the one that has the parameter; the last estimator has its own key."""
    members = [{"kind": "ridge"}, {"kind": "ridge", "params": {"alpha": -1}}]
    config = orchard_config(estimator={"kind": "voting", "members": members})
    with pytest.raises(ConfigError, match=r"estimator\.members\.1\.params\.alpha: must be"):
        fit_pipeline(config, orchard_frame(60))
    stack = {"kind": "stack", "members": [{"kind": "dummy"}], "final": {"kind": "ridge", "params": {"alpha": -1}}}
    with pytest.raises(ConfigError, match=r"estimator\.final\.params\.alpha: must be"):
        fit_pipeline(orchard_config(estimator=stack), orchard_frame(60))


def test_other_errors_are_not_converted() -> None:
    """Errors about values that the config has not set, and errors about anything else, are not converted."""
    ridge = Estimator(kind="ridge")
    assert refused_parameter(ValueError("The 'alpha' parameter of Ridge must be"), ridge, "regression") is None
    configured = Estimator(kind="ridge", params={"alpha": 1.0})
    assert refused_parameter(ValueError("Input X contains NaN."), configured, "regression") is None
    assert refused_parameter(ValueError("The 'alpha' parameter of Lasso must be"), configured, "regression") is None
