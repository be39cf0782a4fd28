"""Two versions side by side."""

from __future__ import annotations

from functools import partial

from mlflow import MlflowClient

from tabento.bundle.contract import Contract, Feature
from tests.bundles import TREE, orchard_contract
from tests.training.mlflows import register, store_bundle
from training.registry import Registry
from training.registry.compare import compare, metric_differences


def with_feature() -> Contract:
    """Return the orchard's contract with one feature more and one less."""
    contract = orchard_contract()
    features = tuple(feature for feature in contract.features if feature.name != "soil")
    return contract.model_copy(update={"features": (*features, Feature(name="height of stem", type="number"))})


def log_kind(client: MlflowClient, run_id: str, kind: str) -> None:
    """Record a parameter."""
    client.log_param(run_id, "k", kind)


def test_better_knows_the_metric() -> None:
    """Less error is better, more explained is; counts are neither, nor are figures that one of both lacks."""
    differences = metric_differences(
        {"rmse": 2.0, "r2": 0.5, "test_rows": 10, "mae": 1.0}, {"rmse": 1.5, "r2": 0.4, "test_rows": 20, "mape": 3.0}
    )
    assert {name: metric.better for name, metric in differences.items()} == {
        **{"rmse": "second", "r2": "first", "test_rows": None},
        **{"mae": None, "mape": None},
    }
    assert differences["rmse"].difference == -0.5
    assert differences["mape"].difference is None
    assert metric_differences({"rmse": 1.0}, {"rmse": 1.0})["rmse"].better is None


def test_comparison_shows_what_clients_have_to_change(registry: Registry) -> None:
    """Features that came and went, what breaks, the parameters that differ, and whether the data is the same."""
    row = {name: value for name, value in TREE.items() if name != "soil"} | {"height of stem": 1.0}
    first = register(registry, store_bundle(), rmse=2.0)
    second = register(registry, store_bundle(with_feature(), examples=[row]), rmse=1.0)
    for version, kind in ((first, "ridge"), (second, "lasso")):
        registry._connection().call("log", partial(log_kind, run_id=str(version.run_id), kind=kind))
    comparison = compare(registry, "orchard", 1, 2)
    assert (comparison.first, comparison.second) == ("orchard/1", "orchard/2")
    assert comparison.features_added == ("height of stem",)
    assert comparison.features_removed == ("soil",)
    assert any("'height of stem'" in change for change in comparison.breaking)
    assert any("'soil'" in change for change in comparison.breaking)
    assert comparison.params == {"k": ("ridge", "lasso")}
    assert comparison.same_data
    assert comparison.metrics["rmse"].better == "second"
    same = compare(registry, "orchard", 1, 1)
    assert (same.breaking, same.compatible, same.params) == ((), (), {})
