"""Health has three states, by critical and other components; each component has a detail and an age."""

from __future__ import annotations

import asyncio

import pytest

from serving.operations.health import ComponentReport, HealthRegistry, Status
from serving.operations.health_monitor import run_check


class ManualClock:
    """A clock that the test moves."""

    now_s = 100.0

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.now_s


@pytest.mark.parametrize(
    ("model", "redis", "expected"),
    [
        ("healthy", "healthy", "healthy"),
        ("healthy", "degraded", "degraded"),
        ("healthy", "unhealthy", "degraded"),
        ("degraded", "healthy", "degraded"),
        ("unhealthy", "healthy", "unhealthy"),
        ("unhealthy", "unhealthy", "unhealthy"),
    ],
)
def test_the_worst_component_decides(model: Status, redis: Status, expected: Status) -> None:
    """The service is unhealthy only if a critical component is, and degraded if any component is not healthy."""
    health = HealthRegistry()
    health.add("model", True, lambda: ComponentReport(model, "m"))
    health.add("redis", False, lambda: ComponentReport(redis, "r"))
    assert health.status() == expected
    assert health.describe()["status"] == expected


def test_each_component_has_its_detail_and_age() -> None:
    """A probe is as of now. The answer has the seconds since the last change of the status."""
    clock = ManualClock()
    health = HealthRegistry(clock)
    states: list[Status] = ["healthy"]
    health.add("redis", False, lambda: ComponentReport(states[-1], "no connection"))
    health.describe()
    clock.now_s += 5
    expected = {"critical": False, "message": "no connection", "age_s": 0.0}
    assert health.describe()["components"] == {"redis": {"status": "healthy", "unchanged_s": 5.0, **expected}}
    states.append("degraded")
    health.describe()
    clock.now_s += 2
    assert health.describe()["components"] == {"redis": {"status": "degraded", "unchanged_s": 2.0, **expected}}


def test_a_probe_that_raises_is_unhealthy() -> None:
    """The answer has the class of the exception, not its text, which may have a path or a secret."""
    health = HealthRegistry()

    def fail() -> ComponentReport:
        raise RuntimeError("/secret")

    health.add("disk", False, fail)
    assert health.status() == "degraded"
    assert "RuntimeError" in str(health.describe())
    assert "secret" not in str(health.describe())


def test_a_checked_component_shows_its_last_check_and_the_age_of_it() -> None:
    """Before the first check the probe counts, afterwards the check's result with its age."""
    clock = ManualClock()
    health = HealthRegistry(clock)

    async def check() -> ComponentReport:
        return ComponentReport("degraded", "checked")

    health.add("disk", False, lambda: ComponentReport("healthy", "not checked yet"), check)
    (component,) = health.components()
    assert component.describe()["message"] == "not checked yet"
    assert asyncio.run(run_check(component)).status == "degraded"
    clock.now_s += 7
    assert component.describe() == {
        "status": "degraded",
        "critical": False,
        "message": "checked",
        "age_s": 7.0,
        "unchanged_s": 7.0,
    }


@pytest.mark.parametrize(("critical", "expected"), [(True, "unhealthy"), (False, "degraded")])
def test_a_check_that_does_not_answer_is_ended(critical: bool, expected: Status) -> None:
    """A check is ended at its own time limit; a critical component is then unhealthy, another degraded."""
    health = HealthRegistry()

    async def hang() -> ComponentReport:
        await asyncio.Event().wait()
        raise AssertionError

    health.add("disk", critical, lambda: ComponentReport("healthy", ""), hang, timeout_s=0.01)
    report = asyncio.run(run_check(health.components()[0]))
    assert (report.status, report.message) == (expected, "no answer within 0.01 s")


def test_a_check_that_raises_is_unhealthy_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The log has the exception, the answer only its class."""
    health = HealthRegistry()

    async def fail() -> ComponentReport:
        raise OSError("/secret")

    health.add("disk", False, lambda: ComponentReport("healthy", ""), fail)
    report = asyncio.run(run_check(health.components()[0]))
    assert (report.status, report.message) == ("unhealthy", "its check failed (OSError)")
    assert "/secret" in caplog.text


def test_a_component_is_replaced_by_its_name() -> None:
    """Adding a name again replaces the component at its place."""
    health = HealthRegistry()
    health.add("a", False, lambda: ComponentReport("degraded", ""))
    health.add("b", False, lambda: ComponentReport("healthy", ""))
    health.add("a", False, lambda: ComponentReport("healthy", ""))
    assert [component.name for component in health.components()] == ["a", "b"]
    assert health.status() == "healthy"
