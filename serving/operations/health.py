"""The health of the service: the state of each component, and of the whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from serving.operations.metrics import Metrics
    from serving.state import ServiceState

State = Literal["healthy", "degraded", "unhealthy"]


@dataclass(frozen=True)
class Component:
    """One part of the service and its present state."""

    name: str
    healthy: bool
    critical: bool
    """Whether the service cannot answer without it."""
    message: str


def service_components(state: ServiceState, metrics: Metrics) -> list[Component]:
    """Return the components of the service as they are now."""
    model, is_draining = state.model, state.is_draining
    loaded = f"{model.bundle.tag} is loaded and warm" if model else "no model is loaded"
    return [
        Component("model", model is not None, critical=True, message=loaded),
        Component("intake", not is_draining, critical=True, message="stopping" if is_draining else "open"),
        Component("metrics", metrics.fault is None, critical=False, message=metrics.fault or "all workers are shown"),
    ]


def overall(components: list[Component]) -> State:
    """Return ``unhealthy`` if a critical component fails, ``degraded`` if another one does, else ``healthy``."""
    failed = [component for component in components if not component.healthy]
    if any(component.critical for component in failed):
        return "unhealthy"
    return "degraded" if failed else "healthy"


def report(components: list[Component]) -> dict[str, object]:
    """Return the answer to ``GET /health``."""
    return {
        "status": overall(components),
        "components": {
            component.name: {
                "status": "healthy" if component.healthy else "failed",
                "critical": component.critical,
                "message": component.message,
            }
            for component in components
        },
    }
