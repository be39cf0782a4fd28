"""Retries of a call to an outside dependency: attempts with growing waits, each with a time limit, under a circuit breaker."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tabento.remote.circuit_breaker import CircuitBreaker
from tabento.remote.errors import RemoteUnavailableError

T = TypeVar("T")


class CircuitOpenError(RemoteUnavailableError):
    """No call was made, because the dependency's circuit breaker is open."""


@dataclass(frozen=True)
class RetryPolicy:
    """The attempts of a call and the waits between them."""

    attempts: int = 3
    """The number of attempts."""
    min_wait_s: float = 2.0
    """The seconds between the first and the second attempt; each further wait is twice as long."""
    max_wait_s: float = 10.0
    """The longest wait in seconds, without jitter."""
    jitter_s: float = 0.0
    """The most seconds that are added to a wait at random, so that many clients do not retry together."""
    timeout_s: float = 10.0
    """The time limit of one attempt in seconds. The call itself applies it, see ``run``."""
    sleep: Callable[[float], None] = time.sleep
    """Waits for a number of seconds."""

    def run(
        self,
        call: Callable[[], T],
        is_temporary: Callable[[BaseException], bool],
        breaker: CircuitBreaker | None = None,
        *,
        is_failure: Callable[[BaseException], bool] | None = None,
        reason: Callable[[BaseException], str] | None = None,
    ) -> T:
        """Return the result of a call. Repeat the call if its error is temporary.

        Args:
            call: one attempt. It ends by itself after ``timeout_s``: pass the limit to its sockets.
            is_temporary: returns whether another attempt may resolve an error.
            breaker: the dependency's circuit breaker. It counts every attempt.
            is_failure: returns whether an error is a failure of the dependency, for the breaker; by default a temporary
                error is. After any other error the dependency is considered available: it answered.
            reason: returns the words for an error that the breaker keeps; by default the class of the error.

        Raises:
            CircuitOpenError: the breaker allows no call.
            Exception: the error of the last attempt.
        """
        import tenacity

        def attempt() -> T:
            if breaker is None:
                return call()
            if not breaker.allows():
                raise CircuitOpenError(
                    f"{breaker.name} is not used for {breaker.retry_after_s():.0f} s after {breaker.failures} failures;"
                    f" the last: {breaker.reason}"
                )
            try:
                result = call()
            except Exception as error:
                if (is_failure or is_temporary)(error):
                    breaker.failed(reason(error) if reason else type(error).__name__)
                else:
                    breaker.succeeded()
                raise
            breaker.succeeded()
            return result

        wait = tenacity.wait_exponential(multiplier=self.min_wait_s, min=self.min_wait_s, max=self.max_wait_s)
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self.attempts),
            wait=wait + tenacity.wait_random(0, self.jitter_s) if self.jitter_s else wait,
            retry=tenacity.retry_if_exception(
                lambda error: not isinstance(error, CircuitOpenError) and is_temporary(error)
            ),
            sleep=self.sleep,
            reraise=True,
        )
        return retrying(attempt)
