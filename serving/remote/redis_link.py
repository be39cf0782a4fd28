"""The connection of this process to Redis: one client with a time limit for each call, a circuit breaker, and a health report.

No request waits for a Redis that fails. After the first failure every call is refused at once, and a task in the background
sends ``PING`` until Redis answers. The circuit breaker counts these attempts too: once it is open, the next attempt waits
for its pause. While no calls are made, a ``PING`` every second notices a Redis that went away.

The package ``redis`` is imported only if a link is made. A URL may hold a password: it appears in no message of this module.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TYPE_CHECKING, Literal, TypeVar
from urllib.parse import unquote, urlsplit

from tabento.bundle.numbers import number_text
from tabento.remote.circuit_breaker import CircuitBreaker
from tabento.remote.errors import RemoteUnavailableError

if TYPE_CHECKING:
    from redis.asyncio import Redis

logger = logging.getLogger("tabento.serving")

T = TypeVar("T")
Failure = Literal["timeout", "connection", "error"]

_WORDS: dict[Failure, str] = {
    "timeout": "Redis does not answer in time",
    "connection": "Redis cannot be reached",
    "error": "Redis answers with errors",
}
HEARTBEAT_S = 1.0
"""The seconds between two ``PING`` if no other call is made."""
FIRST_RETRY_S = 0.05
"""The seconds between the first attempts to reach Redis again; each further wait is twice as long."""
MAX_RETRY_S = 1.0
"""The longest wait between two attempts while the circuit breaker is closed."""
DEFAULT_PORT = 6379
MAX_CONNECTIONS = 64
"""The largest number of connections of one process; a call that needs one more fails."""


class RedisLink:
    """The connection to one Redis.

    Args:
        url: ``redis://``, ``rediss://`` (TLS) or ``unix://``, with user and password if needed.
        timeout_ms: the time limit of each call in milliseconds, including the time to connect.
        breaker: the circuit breaker.
        clock: seconds that never go backwards.

    Raises:
        ValueError: the URL is not valid, or an option in its query is unknown.
    """

    def __init__(
        self, url: str, timeout_ms: float, breaker: CircuitBreaker, clock: Callable[[], float] = monotonic
    ) -> None:
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        check_url(url)
        self.breaker = breaker
        self.failures: dict[str, int] = {"timeout": 0, "connection": 0, "error": 0}
        """The failed calls, by reason."""
        self.reason: Failure | None = None
        """The reason of the last failure; None if Redis can be used."""
        self._timeout_s = timeout_ms / 1000
        self._secrets = secrets_of(url)
        self._address = address_of(url)
        self._clock = clock
        self._used_s = clock()
        self._is_reported = False
        self._lost = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._client: Redis = Redis.from_url(
            url,
            protocol=2,
            max_connections=MAX_CONNECTIONS,
            retry=Retry(NoBackoff(), 0),
            # The limit of each call covers these as well; without it they would be tried for longer.
            socket_connect_timeout=None,
            socket_timeout=None,
        )
        try:
            self._client.connection_pool.make_connection()  # type: ignore[no-untyped-call]
        except (TypeError, ValueError):
            raise ValueError("an option in the query of the URL of Redis is unknown or impossible") from None

    def available(self) -> bool:
        """Return whether calls are made; if not, ``run`` fails immediately."""
        return self.reason is None

    def start(self) -> None:
        """Watch Redis from now on; called on the running event loop."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._watch())

    async def close(self) -> None:
        """Stop watching, and close all connections."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self._client.aclose()

    async def run(self, call: Callable[[Redis], Awaitable[T]]) -> T:
        """Return the result of a call.

        Args:
            call: one or more commands. It catches errors that are answers to it, such as ``NoScriptError``.

        Raises:
            RemoteUnavailableError: Redis failed or did not answer in time, or failed before and has not answered since.
        """
        if self.reason is not None:
            raise RemoteUnavailableError(f"Redis is not used now ({self.reason}).")
        return await self._attempt(call)

    async def ping(self) -> None:
        """Check that Redis answers.

        Raises:
            RemoteUnavailableError: as of ``run``.
        """
        await self.run(_ping)

    def health(self) -> str | None:
        """Return the reason why Redis is not used, in words without secrets; None if it is used."""
        if self.reason is None:
            return None
        return f"{_WORDS[self.reason]}; it is tried again in the background"

    async def _attempt(self, call: Callable[[Redis], Awaitable[T]]) -> T:
        from redis.exceptions import ConnectionError as RedisConnectionError
        from redis.exceptions import RedisError
        from redis.exceptions import TimeoutError as RedisTimeoutError

        try:
            async with asyncio.timeout(self._timeout_s):
                result = await call(self._client)
        except (TimeoutError, RedisTimeoutError):
            raise self._fail("timeout", f"no answer within {number_text(self._timeout_s * 1000)} ms") from None
        except (RedisConnectionError, OSError) as error:
            raise self._fail("connection", f"{type(error).__name__}: {error}") from None
        except RedisError as error:
            raise self._fail("error", f"{type(error).__name__}: {error}") from None
        self._used_s = self._clock()
        if self.reason is None:
            self.breaker.succeeded()
        return result

    def _fail(self, reason: Failure, text: str) -> RemoteUnavailableError:
        """Count a failure, and refuse calls until Redis answers again."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        self.failures[reason] += 1
        self.breaker.failed(text)
        if self.reason is not None and not self._is_reported:
            # One slow answer is counted, but is no line of the log: the attempt that follows immediately decides.
            self._is_reported = True
            sentence = text.removesuffix(".")
            logger.warning("Redis at %s cannot be used: %s. The service goes on without it.", self._address, sentence)
        self.reason = reason
        self._lost.set()
        return RemoteUnavailableError(f"Redis cannot be used ({reason}).")

    def _recover(self) -> None:
        """Make calls again."""
        self.reason = None
        self._lost.clear()
        self.breaker.succeeded()
        if self._is_reported:
            self._is_reported = False
            logger.info("Redis at %s can be used again.", self._address)

    async def _watch(self) -> None:
        """Send ``PING`` if there is nothing else to see, and find out when a lost Redis is back."""
        while True:
            if self.reason is None:
                with contextlib.suppress(RemoteUnavailableError):
                    if self._clock() - self._used_s >= HEARTBEAT_S:
                        await self._attempt(_ping)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(HEARTBEAT_S):
                        await self._lost.wait()
                continue
            await self._drop_connections()
            wait_s = 0.0
            while self.reason is not None:
                await asyncio.sleep(max(wait_s, self.breaker.retry_after_s()))
                wait_s = min(max(2 * wait_s, FIRST_RETRY_S), MAX_RETRY_S)
                if self.breaker.allows():
                    with contextlib.suppress(RemoteUnavailableError):
                        await self._attempt(_ping)
                        self._recover()

    async def _drop_connections(self) -> None:
        """Close the idle connections, so that none is used on which the answer to a call that timed out may still arrive."""
        with contextlib.suppress(Exception):
            async with asyncio.timeout(self._timeout_s):
                await self._client.connection_pool.disconnect(inuse_connections=False)


async def _ping(client: Redis) -> None:
    await client.ping()


def check_url(url: str) -> None:
    """Check the URL of a Redis.

    Raises:
        ValueError: it is not one. The message does not quote it, because it may hold a password.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
        parts = urlsplit("")
    is_path = parts.scheme == "unix" and parts.path.startswith("/")
    is_host = parts.scheme in ("redis", "rediss") and host and port != 0
    if not (is_path or (is_host and re.fullmatch(r"(/[0-9]*)?", parts.path))) or parts.fragment:
        raise ValueError(
            "expected redis://[[user]:password@]host[:port][/database], the same with rediss:// for TLS, or"
            " unix:///path/to/socket; in a password write @ : / ? # and % as %40 %3A %2F %3F %23 and %25"
        )


def address_of(url: str) -> str:
    """Return the address in a valid URL of Redis, for logs: without user, password and query."""
    parts = urlsplit(url)
    return "its Unix socket" if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or DEFAULT_PORT}"


def secrets_of(url: str) -> tuple[str, ...]:
    """Return the texts in a URL that no message may have: each password as written and as sent."""
    parts = urlsplit(url)
    passwords = [parts.password or ""]
    passwords += [pair.partition("=")[2] for pair in parts.query.split("&") if "password" in pair.partition("=")[0]]
    return tuple({text for password in passwords if password for text in (password, unquote(password))})
