"""The permission of each path."""

from __future__ import annotations

import pytest

from serving.guards.route_scopes import needed_scope, open_paths
from serving.settings import ServingSettings


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("POST", "/predict", "predict"),
        ("POST", "/predict/batch", "predict"),
        ("GET", "/predict", "read"),
        ("GET", "/model", "read"),
        ("GET", "/metrics", "read"),
        ("HEAD", "/docs", "read"),
        ("GET", "/", "read"),
        ("GET", "/schema.json", "read"),
        ("GET", "/static_content/a.css", "read"),
        ("GET", "/nothing", "read"),
        ("POST", "/nothing", "predict"),
        ("DELETE", "/model", "read"),
        ("GET", "/models", "read"),
        ("GET", "/models/churn", "read"),
        ("GET", "/models/churn/docs.json", "read"),
        ("POST", "/models/churn/predict", "predict"),
        ("POST", "/models/churn/predict/batch", "predict"),
        ("POST", "/feedback", "feedback"),
        ("GET", "/feedback", "read"),
        ("GET", "/drift", "read"),
        ("GET", "/quality", "read"),
        ("GET", "/alerts", "read"),
        ("PUT", "/admin/log-level", "admin"),
        ("GET", "/admin/log-level", "admin"),
        ("GET", "/admin", "admin"),
        ("POST", "/admin/keys", "admin"),
        ("GET", "/livez", None),
        ("GET", "/health", None),
        ("GET", "/v2/health/ready", None),
    ],
)
def test_each_path_has_its_scope(method: str, path: str, scope: str | None) -> None:
    """Probes are open, and every other path needs a scope, also a path that does not exist."""
    assert needed_scope(method, path, open_paths(ServingSettings())) == scope


def test_metrics_and_documents_can_be_opened() -> None:
    """Each setting opens its own paths."""
    metrics = open_paths(ServingSettings(metrics_access="open"))
    documents = open_paths(ServingSettings(docs_access="open"))
    for path, paths in (("/metrics", metrics), ("/docs", documents), ("/docs.json", documents), ("/", documents)):
        assert needed_scope("GET", path, paths) is None
        assert needed_scope("GET", path, documents if paths is metrics else metrics) == "read"
    for path in ("/static_content/a.css", "/models/churn/docs.json"):
        assert needed_scope("GET", path, documents) is None
    for path in ("/models", "/models/churn", "/models/docs.json/predict"):
        assert needed_scope("GET", path, documents) == "read"
    assert needed_scope("GET", "/model", metrics | documents) == "read"
