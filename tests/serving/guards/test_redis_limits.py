"""The limiter with Redis: one call for the checks of one pass, and local limits as soon as Redis cannot be used.

The link is replaced by one whose answers a test gives; the script itself is tested with a real Redis
(``tests/real_parts/test_redis_limits.py``).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from serving.guards.caller import Caller
from serving.guards.rate_limiter import RateDecision
from serving.guards.rate_limits import LocalRateLimiter
from serving.guards.redis_limits import BATCH_CHECKS, MAX_WAITING, RedisRateLimiter
from serving.guards.redis_script import SCRIPT, SCRIPT_SHA
from tabento.remote.errors import RemoteUnavailableError
from tests.serving.guards.test_rate_window import Clock

EPOCH = b"1.2"


class ScriptedClient:
    """A client of Redis that records the calls of the script, and answers as a test says."""

    def __init__(self) -> None:
        self.calls: list[tuple[list[str], list[int]]] = []
        self.reports: list[tuple[int, int, int]] = []
        self.epoch = EPOCH
        self.status = 0
        self.left = 5
        self.wait_ms = 30_000
        self.knows_script = True

    async def evalsha(self, sha: str, count: int, *words: Any) -> list[Any]:
        """Run the script by its name."""
        from redis.exceptions import NoScriptError

        assert sha == SCRIPT_SHA
        if not self.knows_script:
            raise NoScriptError
        return self._answer(count, words)

    async def eval(self, script: str, count: int, *words: Any) -> list[Any]:
        """Run the script by its text."""
        assert script == SCRIPT
        self.knows_script = True
        return self._answer(count, words)

    def _answer(self, count: int, words: Sequence[Any]) -> list[Any]:
        keys, arguments = list(words[:count]), list(words[count:])
        self.calls.append((keys, arguments))
        answer: list[Any] = [self.epoch]
        while arguments:
            _, _, late_requests, late_rows, late_age_s, checks, *rest = arguments
            self.reports.append((late_requests, late_rows, late_age_s))
            answer += [self.status, self.left, 50, self.wait_ms, self.wait_ms if self.status == 1 else 0] * checks
            arguments = rest[checks:]
        return answer


class ScriptedLink:
    """A link to that client, which can fail."""

    def __init__(self) -> None:
        self.client = ScriptedClient()
        self.is_up = True
        self.fails = False
        self.reason: str | None = None
        self.gate = asyncio.Event()
        """Whether calls are answered; if not, they wait."""
        self.gate.set()

    def available(self) -> bool:
        """Return whether calls are made."""
        return self.is_up

    async def run(self, call: Callable[[Any], Awaitable[Any]]) -> Any:
        """Make a call."""
        await self.gate.wait()
        if self.fails:
            raise RemoteUnavailableError("Redis is gone.")
        return await call(self.client)


class Limits:
    """A limiter with its parts, and the decisions that it made."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.link = ScriptedLink()
        self.local = LocalRateLimiter(clock=self.clock)
        self.limiter = RedisRateLimiter(self.link, self.local, "t", self.clock)  # type: ignore[arg-type]
        self.decisions: list[RateDecision] = []

    def caller(self, name: str = "key-1", requests: int | None = 9, rows: int | None = None) -> Caller:
        """Return a new caller."""
        return Caller(name, frozenset(("predict",)), requests, rows, self.limiter)

    def check(self, caller: Caller, rows: int = 1) -> None:
        """Check one request, and keep the decision."""
        decision = self.limiter.check(caller, rows, self.decisions.append)
        if decision is not None:
            self.decisions.append(decision)

    async def settle(self) -> list[RateDecision]:
        """Wait until nothing waits for Redis, and return the decisions so far."""
        while self.limiter._task is not None:
            await asyncio.sleep(0)
        decisions, self.decisions = self.decisions, []
        return decisions


def _allowed(decisions: Sequence[RateDecision]) -> list[bool]:
    return [decision.error is None for decision in decisions]


def _run(test: Callable[[Limits], Awaitable[None]]) -> None:
    async def run() -> None:
        await test(Limits())

    asyncio.run(run())


def test_checks_of_one_pass_are_one_call() -> None:
    """All checks of one pass go to Redis together, in groups by caller, and each gets its own answer."""

    async def test(limits: Limits) -> None:
        first, second = limits.caller(), limits.caller("key-2", 7, 70)
        for caller, rows in ((first, 1), (second, 3), (first, 2)):
            limits.check(caller, rows)
        assert not limits.decisions
        decisions = await limits.settle()
        assert _allowed(decisions) == [True] * 3
        no_limit = 1 << 62
        assert limits.link.client.calls == [
            (
                ["{t}:rate:epoch", "{t}:rate:key-1", "{t}:rate:key-2"],
                [9, no_limit, 0, 0, 0, 2, 1, 2, 7, 70, 0, 0, 0, 1, 3],
            )
        ]
        assert decisions[0].lines.endswith(b'ratelimit: "requests";r=5;t=30\r\n')
        assert decisions[2].lines.endswith(b'ratelimit: "requests";r=5;t=30, "rows";r=50;t=30\r\n')

    _run(test)


def test_one_call_at_a_time_is_made() -> None:
    """Checks that arrive during a call share the next one, in batches of a bounded size."""

    async def test(limits: Limits) -> None:
        limits.link.gate.clear()
        caller = limits.caller(requests=10_000)
        limits.check(caller)
        await asyncio.sleep(0)
        for _ in range(BATCH_CHECKS + 2):
            limits.check(caller)
        limits.link.gate.set()
        assert _allowed(await limits.settle()) == [True] * (BATCH_CHECKS + 3)
        assert [arguments[5] for _, arguments in limits.link.client.calls] == [1, BATCH_CHECKS, 2]

    _run(test)


def test_an_unknown_script_is_sent() -> None:
    """A Redis that has no such script, because it started again, gets its text."""

    async def test(limits: Limits) -> None:
        limits.link.client.knows_script = False
        limits.check(limits.caller())
        assert _allowed(await limits.settle()) == [True]
        assert limits.link.client.knows_script

    _run(test)


def test_a_refusal_of_redis_is_remembered() -> None:
    """A caller that Redis refused is refused without asking again, exactly until its wait is over."""

    async def test(limits: Limits) -> None:
        caller = limits.caller()
        limits.link.client.status, limits.link.client.wait_ms = 1, 12_340
        limits.check(caller)
        (decision,) = await limits.settle()
        assert decision.error is not None
        assert decision.error.retry_after_s == 13
        limits.clock.now += 10
        refusal = limits.limiter.refusal(caller)
        assert refusal is not None
        assert refusal.retry_after_s == 3
        limits.clock.now += 2.35
        assert limits.limiter.refusal(caller) is None
        assert len(limits.link.client.calls) == 1
        assert limits.local.counts.refused == {"requests": 2, "rows": 0}

    _run(test)


def test_too_many_rows_are_refused_by_redis() -> None:
    """A refusal for rows does not block the caller's smaller requests; one that can never fit is not sent."""

    async def test(limits: Limits) -> None:
        caller = limits.caller(rows=60)
        limits.link.client.status = 2
        limits.check(caller, 55)
        limits.check(caller, 61)
        too_large, too_many = await limits.settle()
        assert too_many.error is not None
        assert (too_many.error.quantity, too_many.error.remaining, too_many.error.retry_after_s) == ("rows", 50, 30)
        assert too_large.error is not None
        assert too_large.error.retry_after_s is None
        assert limits.limiter.refusal(caller) is None
        assert len(limits.link.client.calls) == 1

    _run(test)


@pytest.mark.parametrize("is_up", [True, False])
def test_local_limits_know_the_requests_that_redis_allowed(is_up: bool) -> None:
    """When Redis fails, the counts go on; the requests that wait are decided at once, each once."""

    async def test(limits: Limits) -> None:
        caller = limits.caller(requests=9)
        for _ in range(6):
            limits.check(caller)
        assert _allowed(await limits.settle()) == [True] * 6
        limits.link.fails, limits.link.is_up = True, is_up
        for _ in range(5):
            limits.check(caller)
        decisions = await limits.settle()
        assert _allowed(decisions) == [True] * 3 + [False] * 2
        assert limits.local.counts.fallbacks == 5
        refusal = limits.limiter.refusal(caller)
        assert refusal is not None

    _run(test)


def test_everything_that_waits_is_decided_at_one_failure() -> None:
    """Checks that arrived during a call that fails do not wait for a call of their own."""

    async def test(limits: Limits) -> None:
        limits.link.gate.clear()
        limits.link.fails = True
        caller = limits.caller(requests=10_000)
        for _ in range(3):
            limits.check(caller)
            await asyncio.sleep(0)
        limits.link.gate.set()
        assert _allowed(await limits.settle()) == [True] * 3
        assert not limits.link.client.calls

    _run(test)


def test_the_waiting_checks_are_bounded() -> None:
    """More checks than may wait are decided locally, immediately."""

    async def test(limits: Limits) -> None:
        limits.link.gate.clear()
        caller = limits.caller(requests=10 * MAX_WAITING)
        for _ in range(MAX_WAITING + 7):
            limits.check(caller)
        assert _allowed(limits.decisions) == [True] * 7
        limits.link.gate.set()
        assert len(await limits.settle()) == MAX_WAITING + 7

    _run(test)


def test_after_an_outage_both_limits_hold() -> None:
    """For a minute after Redis is back, a process still counts what it allowed meanwhile; later Redis decides alone."""

    async def test(limits: Limits) -> None:
        caller = limits.caller(requests=4)
        limits.link.is_up = False
        for _ in range(3):
            limits.check(caller)
        limits.link.is_up = True
        for _ in range(2):
            limits.check(caller)
        decisions = await limits.settle()
        assert sorted(_allowed(decisions)) == [False] + [True] * 4
        refusal = limits.limiter.refusal(caller)
        assert refusal is not None
        limits.clock.now += refusal.retry_after_s or 0
        for _ in range(6):
            limits.check(caller)
        assert _allowed(await limits.settle()) == [True] * 6

    _run(test)


def test_the_rest_that_redis_named_holds_without_it() -> None:
    """When Redis fails, a process allows no more than Redis had left for all processes, until that rest grows."""

    async def test(limits: Limits) -> None:
        caller = limits.caller(requests=90)
        limits.link.client.left, limits.link.client.wait_ms = 2, 20_000
        limits.check(caller)
        await limits.settle()
        limits.link.is_up = False
        for _ in range(4):
            limits.check(caller)
        decisions = await limits.settle()
        assert _allowed(decisions) == [True, True, False, False]
        error = decisions[-1].error
        assert error is not None
        assert error.retry_after_s == 21
        limits.clock.now += 20
        limits.check(caller)
        assert _allowed(await limits.settle()) == [True]

    _run(test)


def test_requests_without_redis_are_reported() -> None:
    """Redis learns the requests of the meantime, and their age, with the caller's next check: once, and only within the window."""

    async def test(limits: Limits) -> None:
        caller, other = limits.caller(requests=90), limits.caller("other", requests=90)
        limits.link.is_up = False
        for rows in (2, 3):
            limits.check(caller, rows)
        limits.check(other)
        limits.link.is_up = True
        limits.clock.now += 3
        for _ in range(2):
            limits.check(caller)
            await limits.settle()
        limits.clock.now += 60
        limits.check(other)
        await limits.settle()
        assert limits.link.client.reports == [(2, 5, 3), (0, 0, 0), (0, 0, 0)]

    _run(test)


@pytest.mark.parametrize(("reason", "reported"), [("timeout", 2), ("connection", 4)])
def test_a_failed_report_is_repeated(reason: str, reported: int) -> None:
    """A call that did not reach Redis is reported later with all of it; one that timed out reached it."""

    async def test(limits: Limits) -> None:
        caller = limits.caller(requests=90)
        limits.link.is_up = False
        limits.check(caller)
        limits.link.is_up, limits.link.fails, limits.link.reason = True, True, reason
        limits.link.gate.clear()
        for _ in range(2):
            limits.check(caller)
        await asyncio.sleep(0)
        limits.check(caller)
        if reason == "timeout":
            limits.check(caller)
        limits.link.gate.set()
        await limits.settle()
        limits.link.fails, limits.link.reason = False, None
        limits.check(caller)
        await limits.settle()
        assert limits.link.client.reports == [(reported, reported, 0)]

    _run(test)


def test_lost_counts_are_noticed(caplog: pytest.LogCaptureFixture) -> None:
    """A new epoch shows that Redis has lost its counts: the local limits hold from that answer on."""

    async def test(limits: Limits) -> None:
        caller = limits.caller(requests=4)
        for _ in range(3):
            limits.check(caller)
        await limits.settle()
        limits.link.client.epoch = b"3.4"
        for _ in range(3):
            limits.check(caller)
        assert _allowed(await limits.settle()) == [True, False, False]

    caplog.set_level(logging.WARNING, "tabento.serving")
    _run(test)
    assert [record.message for record in caplog.records] == [
        "Redis has lost its counts. For one minute the local limits hold as well."
    ]


def test_a_refusal_after_an_outage_waits_for_both() -> None:
    """The wait that Redis names is extended to the wait of the local limit, if that is longer."""

    async def test(limits: Limits) -> None:
        caller = limits.caller(requests=4)
        limits.link.is_up = False
        for _ in range(3):
            limits.check(caller)
        limits.link.is_up = True
        limits.link.client.status, limits.link.client.wait_ms = 1, 2_000
        limits.check(caller)
        *_, decision = await limits.settle()
        assert decision.error is not None
        assert decision.error.retry_after_s == 62

    _run(test)


def test_a_wrong_answer_is_decided_locally(caplog: pytest.LogCaptureFixture) -> None:
    """An answer that does not fit the call is logged, and the requests get the local decision."""

    async def test(limits: Limits) -> None:
        async def answer_wrongly(sha: str, count: int, *words: Any) -> list[Any]:
            return [EPOCH]

        limits.link.client.evalsha = answer_wrongly  # type: ignore[method-assign]
        limits.check(limits.caller())
        assert _allowed(await limits.settle()) == [True]

    _run(test)
    assert "expected 6 values from the script, got 1" in caplog.text


def test_a_failing_request_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    """If one request raises at its decision, the others get theirs."""

    async def test(limits: Limits) -> None:
        def fail(decision: RateDecision) -> None:
            raise RuntimeError("a defect")

        caller = limits.caller()
        limits.limiter.check(caller, 1, fail)
        limits.check(caller)
        assert _allowed(await limits.settle()) == [True]

    _run(test)
    assert "a defect" in caplog.text
