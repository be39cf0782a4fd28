"""The permission that each path needs."""

from __future__ import annotations

from serving.guards.caller import Scope
from serving.settings import ServingSettings

ALWAYS_OPEN_PATHS = frozenset(
    ("/livez", "/healthz", "/readyz", "/health", "/health/deep", "/ping", "/v2/health/live", "/v2/health/ready")
)
"""Paths that need no key: orchestrators and load balancers ask them."""
_READ_PATHS = frozenset(
    ("/", "/model", "/metrics", "/docs", "/docs.json", "/schema.json", "/v2", "/v2/repository/index")
)
_DOCUMENT_PATHS = frozenset(("/", "/docs", "/docs.json"))
_ASSETS_START = "/static_content/"
"""The scripts and styles of the page of documents, which BentoML's application has."""
ADMIN_STARTS = ("/admin/",)
FEEDBACK_PATH = "/feedback"
"""True values change the live quality, its alerts and the data of retraining: a key for predictions alone cannot send them."""


def open_paths(settings: ServingSettings) -> frozenset[str]:
    """Return the paths that need no key: probes, and metrics and documents if the settings open them."""
    paths = ALWAYS_OPEN_PATHS
    if settings.metrics_access == "open":
        paths |= {"/metrics"}
    if settings.docs_access == "open":
        paths |= _DOCUMENT_PATHS
    return paths


def is_admin_path(path: str) -> bool:
    """Return whether a path changes the service."""
    return path == "/admin" or path.startswith(ADMIN_STARTS)


def _is_document(path: str) -> bool:
    """Return whether a path has a document of one model, or a part of the page of documents."""
    return path.startswith(_ASSETS_START) or (path.startswith("/models/") and path.endswith("/docs.json"))


def needed_scope(method: str, path: str, open_paths: frozenset[str]) -> Scope | None:
    """Return the permission that a request needs; None if the path is open to everybody.

    Args:
        method: the request's method.
        path: its path, without prefix and trailing slash.
        open_paths: the paths that need no key.
    """
    if path in open_paths or ("/docs" in open_paths and _is_document(path)):
        return None
    if is_admin_path(path):
        return "admin"
    if method in ("GET", "HEAD") or path in _READ_PATHS:
        return "read"
    if path == FEEDBACK_PATH:
        return "feedback"
    return "predict"
