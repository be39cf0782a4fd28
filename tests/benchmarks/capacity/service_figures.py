"""Figures of an invented service, for tests that need no measurement."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from benchmarks.capacity.figures import LoadPoint, ServiceFigures


def service_figures(rate_per_s: float = 1_000.0, **changes: Any) -> ServiceFigures:
    """Return a service whose processor time is proportional to its load, and that answers half of twice its rate."""
    points = tuple(
        LoadPoint(share, share * rate_per_s, share, 1.0, 10.0 * share, 4.0 * share**4, 1.0)
        for share in (0.1, 0.5, 0.7, 1.0)
    )
    figures = ServiceFigures(
        model="orchard:v1",
        rate_per_s=rate_per_s,
        latency_s=0.095,
        percentile=0.99,
        rows_each=1,
        points=points,
        overload=LoadPoint(2.0, 2 * rate_per_s, 1.0, 20.0, 40.0, 30.0, 0.4),
        ready_s=2.0,
        memory_mib=200.0,
        limited_by="server",
        measured_at="2026-11-01T12:00:00+00:00",
        machine={"cpu": "a processor", "cores": 2},
    )
    return replace(figures, **changes)
