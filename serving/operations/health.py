"""The health of the service: the state of each component, and of the whole.

A component has a probe, which returns its state immediately and costs microseconds: ``GET /health`` calls the probes. A
component that needs a file or a socket has a check as well, which runs off the loop at intervals
(``serving.operations.health_monitor``) and for ``GET /health/deep`` (``serving.operations.deep_health``); its probe returns the
last result.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

Status = Literal["healthy", "degraded", "unhealthy"]

CHECK_TIMEOUT_S = 1.0
"""The default time limit of a check."""


@dataclass(frozen=True)
class ComponentReport:
    """The state of a component."""

    status: Status
    message: str
    """The detail in words. It has no path, address or secret, since ``GET /health`` needs no key."""


@dataclass
class Component:
    """One part of the service.

    Args:
        name: its name in the answer.
        critical: whether the service cannot answer without it.
        probe: returns its state immediately; not used for a component with a check.
        check: finds its state out, off the loop; None if the probe is enough.
        timeout_s: the time limit of the check.
        clock: seconds that never go backwards.
    """

    name: str
    critical: bool
    probe: Callable[[], ComponentReport]
    check: Callable[[], Awaitable[ComponentReport]] | None = None
    timeout_s: float = CHECK_TIMEOUT_S
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        now_s = self.clock()
        self._checked_s = self._changed_s = now_s
        self._checked: ComponentReport | None = None
        self._status: Status | None = None

    def report(self) -> ComponentReport:
        """Return the present state: of the last check, if there is one, otherwise of the probe."""
        report = self._checked if self.check is not None and self._checked is not None else self._probe()
        if report.status != self._status:
            self._changed_s = self.clock()
            self._status = report.status
        return report

    def keep(self, report: ComponentReport) -> None:
        """Keep the result of a check."""
        self._checked = report
        self._checked_s = self.clock()

    def describe(self) -> dict[str, object]:
        """Return the part of the answer to ``GET /health``."""
        report, now_s = self.report(), self.clock()
        age_s = now_s - self._checked_s if self._checked is not None else 0.0
        return {
            "status": report.status,
            "critical": self.critical,
            "message": report.message,
            "age_s": round(age_s, 3),
            "unchanged_s": round(now_s - self._changed_s, 3),
        }

    def _probe(self) -> ComponentReport:
        try:
            return self.probe()
        except Exception as error:
            return ComponentReport("unhealthy", f"its state cannot be read ({type(error).__name__})")


class HealthRegistry:
    """The components of the service.

    Args:
        clock: seconds that never go backwards.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._components: dict[str, Component] = {}

    def add(
        self,
        name: str,
        critical: bool,
        probe: Callable[[], ComponentReport],
        check: Callable[[], Awaitable[ComponentReport]] | None = None,
        timeout_s: float = CHECK_TIMEOUT_S,
    ) -> None:
        """Add a component, or replace the one of that name.

        Args:
            name: its name in the answer.
            critical: whether the service cannot answer without it.
            probe: returns its state immediately, without a file or a socket; of a component with a check, until the first
                check has ended.
            check: finds its state out, off the loop.
            timeout_s: the time limit of the check.
        """
        self._components[name] = Component(name, critical, probe, check, timeout_s, self._clock)

    def components(self) -> list[Component]:
        """Return the components in the order in which they were added."""
        return list(self._components.values())

    def status(self) -> Status:
        """Return the state of the service.

        ``unhealthy`` if a critical component is, ``degraded`` if any component is not healthy, otherwise ``healthy``.
        """
        states = [(component.critical, component.report().status) for component in self._components.values()]
        if (True, "unhealthy") in states:
            return "unhealthy"
        return "healthy" if all(status == "healthy" for _, status in states) else "degraded"

    def describe(self) -> dict[str, object]:
        """Return the answer to ``GET /health``."""
        components = {component.name: component.describe() for component in self._components.values()}
        return {"status": self.status(), "components": components}
