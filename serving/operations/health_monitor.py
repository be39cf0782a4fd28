"""The monitor of health: it repeats the checks of components off the loop, and counts seconds of overload."""

from __future__ import annotations

import asyncio
import logging

from serving.operations.health import Component, ComponentReport, HealthRegistry
from serving.operations.metrics import Metrics
from serving.operations.overload_watch import OverloadWatch
from tabento.bundle.numbers import number_text

logger = logging.getLogger("tabento.serving")

TICK_S = 1.0
CHECK_EVERY_TICKS = 10
"""The checks are repeated after this number of ticks."""


class HealthMonitor:
    """Updates the overload watch every second and repeats the checks every ten seconds.

    Args:
        health: the components.
        metrics: the counts of predictions.
        overload: the overload watch.
    """

    def __init__(self, health: HealthRegistry, metrics: Metrics, overload: OverloadWatch) -> None:
        self._health = health
        self._metrics = metrics
        self._overload = overload
        self._timer: asyncio.TimerHandle | None = None
        self._checks: dict[str, asyncio.Task[ComponentReport]] = {}
        self._ticks = 0

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Do the work of this second, and continue every second."""
        self._timer = loop.call_later(TICK_S, self.start, loop)
        metrics = self._metrics
        self._overload.update(loop.time(), sum(metrics.latency_s().counts), sum(metrics.shed.values()))
        if self._ticks % CHECK_EVERY_TICKS == 0:
            self.begin_checks(loop)
        self._ticks += 1

    def begin_checks(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin the check of each component that has one and is not being checked."""
        for component in self._health.components():
            task = self._checks.get(component.name)
            if component.check is not None and (task is None or task.done()):
                self._checks[component.name] = loop.create_task(run_check(component))

    def stop(self) -> None:
        """Stop, and cancel the checks that run."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for task in self._checks.values():
            task.cancel()
        self._checks.clear()


async def run_check(component: Component) -> ComponentReport:
    """Run the check of a component within its time limit, keep its result and return it; without a check, return its probe's."""
    if component.check is None:
        return component.report()
    try:
        async with asyncio.timeout(component.timeout_s):
            report = await component.check()
    except TimeoutError:
        report = ComponentReport(
            "unhealthy" if component.critical else "degraded", f"no answer within {number_text(component.timeout_s)} s"
        )
    except Exception as error:
        logger.warning("the check of %s failed", component.name, exc_info=error)
        report = ComponentReport("unhealthy", f"its check failed ({type(error).__name__})")
    component.keep(report)
    return component.report()
