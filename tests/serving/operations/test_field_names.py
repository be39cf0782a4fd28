"""The names of the field are shown beside the service's own names, with the same numbers."""

from __future__ import annotations

import asyncio

from serving.operations.exposition import PLAIN_TEXT
from serving.operations.field_names import FIELD_FAMILIES, add_field_names, is_prediction_route
from serving.operations.metrics import Metrics
from serving.protocols.grpc.servicer import ROUTE


def test_latency_and_errors_have_the_names_of_the_field() -> None:
    """The latency has the same buckets; errors are the predictions with a status of 400 and above, on all protocols."""
    metrics = Metrics()
    metrics.models.other.latency_s.add(0.004)
    metrics.answered.update(
        {
            ("/predict", 200): 5,
            ("/predict", 422): 2,
            ("/v2/models/{name}/infer", 422): 3,
            ("/invocations", 503): 1,
            ("/health", 503): 100,
            ("unknown", 404): 100,
        }
    )
    text = asyncio.run(metrics.collect()).decode()
    assert 'ml_prediction_errors_total{status="422"} 5.0' in text
    assert 'ml_prediction_errors_total{status="503"} 1.0' in text
    assert text.count("ml_prediction_errors_total{") == 2
    lines = text.splitlines()
    own = [line for line in lines if line.startswith("tabento_request_seconds_")]
    field = [line for line in lines if line.startswith("ml_prediction_latency_")]
    assert [line.replace("tabento_request_seconds", "ml_prediction_latency") for line in own] == field


def test_predictions_over_grpc_are_predictions() -> None:
    """The label of the gRPC method is a prediction's route; the route of metrics is not."""
    assert is_prediction_route(ROUTE % "ModelInfer")
    assert is_prediction_route("/models/{name}/predict")
    assert not is_prediction_route("/metrics")


def test_the_snapshot_is_not_changed() -> None:
    """The numbers that go to the supervisor have no second copy of a metric."""
    snapshot = Metrics().snapshot()
    names = {*snapshot.values, *snapshot.histograms}
    added = add_field_names(snapshot)
    assert {*snapshot.values, *snapshot.histograms} == names
    assert {*added.values, *added.histograms} - names == {family.name for family in FIELD_FAMILIES}
    assert PLAIN_TEXT.exposition(added, FIELD_FAMILIES)
