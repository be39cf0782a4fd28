"""The description of one version of a model, for ``GET /model`` and ``GET /models/{name}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tabento.bundle.store import Bundle


def describe_bundle(bundle: Bundle, slo_p99_ms: float, input_policies: Mapping[str, str]) -> dict[str, Any]:
    """Return the description of a bundle; its graph need not be loaded.

    Args:
        bundle: the bundle.
        slo_p99_ms: the time in milliseconds within which 99% of answers are sent.
        input_policies: the policies of its features.
    """
    return {
        "name": bundle.name,
        "version": bundle.version,
        "title": bundle.contract.title,
        "description": bundle.contract.description,
        "task": bundle.contract.task,
        "slo_p99_ms": slo_p99_ms,
        "synthetic_data": bundle.manifest.provenance.data == "synthetic",
        "provenance": bundle.manifest.provenance.model_dump(),
        "metrics": bundle.metrics,
        "parity": bundle.parity,
        "contract": bundle.contract.model_dump(),
        "input_policies": dict(input_policies),
        "examples": list(bundle.examples[:3]),
        "card": bundle.card,
    }
