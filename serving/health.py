"""Is the process alive, is it ready, and what is wrong where it is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["healthy", "degraded", "unhealthy"]


@dataclass(frozen=True)
class Component:
    """One part of the service, as it is now."""

    name: str
    healthy: bool
    critical: bool
    """Whether the service is of no use without it."""
    message: str


def overall(components: list[Component]) -> State:
    """Return ``unhealthy`` where a critical component fails, ``degraded`` where another does, else ``healthy``."""
    failed = [component for component in components if not component.healthy]
    if any(component.critical for component in failed):
        return "unhealthy"
    return "degraded" if failed else "healthy"


def report(components: list[Component]) -> dict[str, object]:
    """Return what ``GET /health`` answers."""
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
