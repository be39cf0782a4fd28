"""Health has three states, by critical and other components."""

from __future__ import annotations

import pytest

from serving.operations.health import Component, overall, report


@pytest.mark.parametrize(
    ("model", "cache", "state"),
    [(True, True, "healthy"), (True, False, "degraded"), (False, True, "unhealthy"), (False, False, "unhealthy")],
)
def test_the_worst_component_decides(model: bool, cache: bool, state: str) -> None:
    """Without a critical component the service is unhealthy, without another degraded."""
    components = [Component("model", model, True, "m"), Component("cache", cache, False, "c")]
    assert overall(components) == state
    assert report(components)["status"] == state


def test_the_report_names_what_failed() -> None:
    """Each component is listed with its state, its weight and a message."""
    content = report([Component("cache", False, False, "no connection")])
    assert content["components"] == {"cache": {"status": "failed", "critical": False, "message": "no connection"}}
