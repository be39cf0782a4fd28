"""The rate limiter of several processes and machines: exact limits in Redis, or local limits while Redis cannot be used.

The checks of one pass of the event loop go to Redis together, in one atomic script (``serving.guards.redis_script``). One
call at a time is made; the checks that arrive meanwhile share the next one, so more load makes larger batches and not more
calls. If a call fails, everything that waits is decided locally at once: no request waits longer than one call of
``redis_timeout_ms`` for a Redis that hangs, and later ones do not wait at all, see ``serving.remote.redis_link``.

The local windows record all requests that Redis allowed, and the rest that Redis named last, so falling back is not a new start:
until the rest grows, a process allows at most that many. Requests that were allowed without
Redis are reported to it with the caller's next check. For one window after Redis was away or has lost its counts, a request
must be allowed by both.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from serving.errors import RateLimitedError
from serving.guards.caller import Caller
from serving.guards.rate_limiter import RateDecision
from serving.guards.rate_limits import LocalRateLimiter, begin_window
from serving.guards.rate_window import BUCKETS, EMPTY_REPORT, RateWindow, Unreported
from serving.guards.redis_script import ALLOWED, NO_REQUESTS_LEFT, NUMBERS_PER_CHECK, SCRIPT, SCRIPT_SHA, TOO_MANY_ROWS
from serving.remote.redis_link import RedisLink
from tabento.remote.errors import RemoteUnavailableError

if TYPE_CHECKING:
    from redis.asyncio import Redis

logger = logging.getLogger("tabento.serving")

BATCH_CHECKS = 500
"""The largest number of checks in one call: Redis answers nobody else while the script runs, here for about a millisecond."""
MAX_WAITING = 5_000
"""The largest number of checks that wait for Redis; further ones are decided locally."""
_LARGEST_WAIT_MS = 1000 * BUCKETS


class PendingCheck(NamedTuple):
    """A request whose check waits for Redis."""

    caller: Caller
    rows: int
    on_decision: Callable[[RateDecision], object]
    reserved: RateDecision | None
    """The decision of the local limiter, if the local limits hold as well; it has counted the request."""


class RedisRateLimiter:
    """Counts the requests and rows of callers in Redis; a ``RateLimiter``.

    Args:
        link: the connection to Redis.
        local: the limiter of this process.
        prefix: the first part of all keys. Services with the same prefix share their limits.
        clock: the clock of the local limiter.
    """

    def __init__(
        self, link: RedisLink, local: LocalRateLimiter, prefix: str, clock: Callable[[], float] = monotonic
    ) -> None:
        self._link = link
        self._local = local
        # In a Redis Cluster the braces keep all keys in one slot, as one script needs.
        self._prefix = f"{{{prefix}}}:rate:"
        self._clock = clock
        self._waiting: list[PendingCheck] = []
        self._task: asyncio.Task[None] | None = None
        self._epoch: bytes | None = None
        self._both_until_s = 0.0
        """The time until which the local limits hold as well."""

    def refusal(self, caller: Caller) -> RateLimitedError | None:
        """Return the refusal if the caller is known to be over its limit; see ``RateLimiter``."""
        window: RateWindow | None = caller.limiter_state
        if window is None:
            return None
        if window.blocked_until_s:
            wait_s = window.blocked_until_s - self._clock()
            if wait_s > 0:
                refusal = window.policy.refuse_requests(0, window.rows_left, math.ceil(wait_s))
                return self._local.counts.refuse(refusal)
            window.blocked_until_s = 0.0
        if self._link.available() and not self._uses_both():
            return None
        return self._local.refusal(caller)

    def check(self, caller: Caller, rows: int, on_decision: Callable[[RateDecision], object]) -> RateDecision | None:
        """Count one request; see ``RateLimiter``."""
        if not self._link.available() or len(self._waiting) >= MAX_WAITING:
            return self._decide_locally(caller, rows)
        policy = (caller.limiter_state or begin_window(caller, int(self._clock()))).policy
        if rows > policy.row_limit:  # Redis cannot change this answer
            return self._local.check(caller, rows, on_decision)
        reserved = None
        if self._uses_both():
            reserved = self._local.check(caller, rows, on_decision)
            if reserved.error is not None:
                return reserved
        self._waiting.append(PendingCheck(caller, rows, on_decision, reserved))
        if self._task is None:
            # The task runs in the next pass of the event loop, when all checks of this one are waiting.
            self._task = asyncio.get_running_loop().create_task(self._send_all())
        return None

    def _decide_locally(
        self, caller: Caller, rows: int, reserved: RateDecision | None = None, *, is_reported: bool = False
    ) -> RateDecision:
        """Count a request in this process, and keep it for a report to Redis.

        Args:
            caller: its caller.
            rows: the number of its rows.
            reserved: the decision of the local limiter, if it has counted the request already.
            is_reported: whether Redis has received the request, and may count it.
        """
        now_s = self._clock()
        self._both_until_s = now_s + BUCKETS
        self._local.margin_s = 1
        self._local.counts.fallbacks += 1
        window: RateWindow = caller.limiter_state or begin_window(caller, int(now_s))
        if now_s < window.remote_left_until_s:
            if not window.remote_left:  # other processes have used the rest of the limit
                wait_s = max(math.ceil(window.remote_left_until_s - now_s), self._local.wait_s(caller, 1)) + 1
                error = window.policy.refuse_requests(0, window.rows_left, wait_s)
                return RateDecision(self._local.counts.refuse(error), b"")
            window.remote_left -= 1
        decision = reserved or self._local.check(caller, rows, _ignore)
        if decision.error is None and not is_reported:
            window.unreported = window.unreported.plus(Unreported(1, rows, int(now_s)))
        return decision

    def _uses_both(self) -> bool:
        """Return whether the local limits hold as well, because Redis may not know all requests of the window."""
        if not self._both_until_s:
            return False
        if self._clock() < self._both_until_s:
            return True
        self._both_until_s = 0.0
        self._local.margin_s = 0
        return False

    async def _send_all(self) -> None:
        """Send the waiting checks to Redis until none waits."""
        batch: list[PendingCheck] = []
        reports: list[tuple[RateWindow, Unreported]] = []
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:BATCH_CHECKS], self._waiting[BATCH_CHECKS:]
                keys, arguments, checks, reports = self._arguments(batch)
                answer = await self._link.run(lambda client: _call(client, keys, arguments))  # noqa: B023
                self._settle(checks, answer)
                batch = []
        except RemoteUnavailableError:
            pass
        except Exception:
            logger.exception("the rate limiter failed at an answer of Redis; the requests are checked locally")
        finally:
            self._task = None
            # A Redis that hangs has received the call, and runs it when it goes on.
            is_reported = self._link.reason == "timeout"
            if batch and not is_reported:
                for window, unreported in reports:
                    window.unreported = window.unreported.plus(unreported)
            waiting, self._waiting = self._waiting, []
            for check in batch:
                decision = self._decide_locally(check.caller, check.rows, check.reserved, is_reported=is_reported)
                _deliver(check, decision)
            for check in waiting:
                _deliver(check, self._decide_locally(check.caller, check.rows, check.reserved))

    def _arguments(
        self, batch: Sequence[PendingCheck]
    ) -> tuple[list[str], list[int], list[PendingCheck], list[tuple[RateWindow, Unreported]]]:
        """Return the keys and the arguments of the script, the checks in the order of its answers, and the reports in it."""
        groups: dict[str, list[PendingCheck]] = {}
        for check in batch:
            groups.setdefault(self._key(check.caller), []).append(check)
        arguments: list[int] = []
        checks: list[PendingCheck] = []
        reports: list[tuple[RateWindow, Unreported]] = []
        for group in groups.values():
            window: RateWindow = group[0].caller.limiter_state
            policy, late = window.policy, (0, 0, 0)
            if window.unreported.requests:
                reports.append((window, window.unreported))
                late = window.unreported.since(int(self._clock()))
                window.unreported = EMPTY_REPORT
            arguments += (policy.request_limit, policy.row_limit, *late, len(group), *(check.rows for check in group))
            checks += group
        return [self._prefix + "epoch", *groups], arguments, checks, reports

    def _key(self, caller: Caller) -> str:
        window: RateWindow = caller.limiter_state
        if window.remote_key is None:
            window.remote_key = self._prefix + caller.caller_id
        return window.remote_key

    def _settle(self, checks: Sequence[PendingCheck], answer: Sequence[Any]) -> None:
        """Apply the answer of the script to its checks, in their order."""
        if len(answer) != 1 + NUMBERS_PER_CHECK * len(checks):
            raise ValueError(
                f"expected {1 + NUMBERS_PER_CHECK * len(checks)} values from the script, got {len(answer)}"
            )
        if answer[0] != self._epoch:
            if self._epoch is not None:
                self._both_until_s = self._clock() + BUCKETS
                self._local.margin_s = 1
                logger.warning("Redis has lost its counts. For one minute the local limits hold as well.")
            self._epoch = answer[0]
        now_s = self._clock()
        numbers = iter(answer[1:])
        decisions = []
        for check, status, requests_left, rows_left, wait_ms, blocked_ms in zip(
            checks, numbers, numbers, numbers, numbers, numbers, strict=True
        ):
            window: RateWindow = check.caller.limiter_state
            if status != TOO_MANY_ROWS:
                window.remote_left = requests_left
                window.remote_left_until_s = now_s + min(blocked_ms or wait_ms, _LARGEST_WAIT_MS) / 1000
            if blocked_ms:
                window.blocked_until_s = now_s + min(blocked_ms, _LARGEST_WAIT_MS) / 1000
            decisions.append(self._decide(check, status, requests_left, rows_left, math.ceil(wait_ms / 1000)))
        for check, decision in zip(checks, decisions, strict=True):
            _deliver(check, decision)

    def _decide(
        self, check: PendingCheck, status: int, requests_left: int, rows_left: int, wait_s: int
    ) -> RateDecision:
        """Return the decision about a request from the numbers of Redis' answer."""
        window: RateWindow = check.caller.limiter_state
        if status == ALLOWED:
            if check.reserved is None:
                if self._uses_both():  # Redis has lost its counts since the request was sent
                    local = self._local.check(check.caller, check.rows, _ignore)
                    if local.error is not None:
                        return local
                else:
                    self._local.record(check.caller, check.rows)
            return window.policy.allow(requests_left, rows_left, wait_s)
        if self._uses_both():
            wait_s = max(wait_s, self._local.wait_s(check.caller, check.rows)) + 1
        if status == NO_REQUESTS_LEFT:
            error = window.policy.refuse_requests(requests_left, rows_left, wait_s)
        else:
            if check.reserved is None:
                self._local.record(check.caller, 0)
            error = window.policy.refuse_rows(check.rows, requests_left, rows_left, wait_s)
        return RateDecision(self._local.counts.refuse(error), b"")


async def _call(client: Redis, keys: Sequence[str], arguments: Sequence[int]) -> Any:
    """Run the script, and send its text if Redis does not know it."""
    from redis.exceptions import NoScriptError

    try:
        return await client.evalsha(SCRIPT_SHA, len(keys), *keys, *arguments)
    except NoScriptError:
        return await client.eval(SCRIPT, len(keys), *keys, *arguments)


def _deliver(check: PendingCheck, decision: RateDecision) -> None:
    """Tell a request its decision. A defect in one request must not leave the others without theirs."""
    try:
        check.on_decision(decision)
    except Exception:
        logger.exception("a request failed at the decision about its rate")


def _ignore(decision: RateDecision) -> None:
    """Do nothing: the decision is returned."""
