"""The metrics under the names that the field's dashboards expect, computed from the service's own numbers at a scrape.

Nothing is counted twice: a request costs the same with these names and without them.
"""

from __future__ import annotations

from monitoring.snapshots import Family, Series, Snapshot
from runners.stats import SECONDS
from serving.protocols.paths import INFER_ROUTE, INFER_VERSION_ROUTE, INVOCATIONS_PATH
from serving.routes.paths import MODEL_BATCH_ROUTE, MODEL_PREDICT_ROUTE, PREDICT_PATHS

LATENCY_SOURCE = "tabento_request_seconds"
FIRST_ERROR_STATUS = 400
GRPC_ROUTE = "grpc ModelInfer"
"""The label of predictions over gRPC; ``serving.protocols.grpc.servicer`` is not imported, since it needs gRPC's library."""
_PREDICTION_ROUTES = frozenset(
    {
        *PREDICT_PATHS,
        MODEL_PREDICT_ROUTE,
        MODEL_BATCH_ROUTE,
        INVOCATIONS_PATH,
        INFER_ROUTE,
        INFER_VERSION_ROUTE,
        GRPC_ROUTE,
    }
)

FIELD_FAMILIES = (
    Family(
        "ml_prediction_latency",
        "histogram",
        f"Time to answer a prediction in seconds; the same numbers as {LATENCY_SOURCE}.",
        bounds=SECONDS,
    ),
    Family(
        "ml_prediction_errors",
        "counter",
        "Predictions that got an error, by status; part of tabento_requests_total.",
        ("status",),
    ),
)


def add_field_names(snapshot: Snapshot) -> Snapshot:
    """Return a snapshot with the values of ``FIELD_FAMILIES`` in addition."""
    errors: Series = {}
    for (route, status), count in snapshot.values.get("tabento_requests", {}).items():
        if int(status) >= FIRST_ERROR_STATUS and is_prediction_route(route):
            errors[(status,)] = errors.get((status,), 0) + count
    histograms = dict(snapshot.histograms)
    if LATENCY_SOURCE in histograms:
        histograms["ml_prediction_latency"] = histograms[LATENCY_SOURCE]
    values = {**snapshot.values, "ml_prediction_errors": errors}
    return Snapshot(values, histograms, dict(snapshot.histogram_series))


def is_prediction_route(route: str) -> bool:
    """Return whether the label of a route belongs to a protocol's predictions."""
    return route in _PREDICTION_ROUTES
