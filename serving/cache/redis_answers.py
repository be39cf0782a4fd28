"""The second tier of the cache: the answers that all processes and replicas share in one Redis.

All look-ups of one pass of the event loop go to Redis in one ``MGET``. Answers are stored in the background, after the clients have
received them. A Redis that is slow or lost is a miss: no request waits for longer than the time limit of the link, and at
most ``MAX_FETCHES`` look-ups wait at once.

A value has a format number and a checksum over key and numbers, so bytes of another origin are a miss. The checksum finds
mistakes, not attacks: whoever can write to the Redis can change answers.
"""

from __future__ import annotations

import asyncio
import logging
import platform
import sys
from collections.abc import Callable
from hashlib import blake2b, sha256
from pathlib import Path
from typing import TYPE_CHECKING

import onnxruntime

from serving.remote.redis_link import RedisLink
from tabento.remote.errors import RemoteUnavailableError

if TYPE_CHECKING:
    from redis.asyncio import Redis

logger = logging.getLogger("tabento.serving")

FORMAT = b"\x01"
"""The format of a value. Another format has another number here, so older values are a miss."""
CHECKSUM_BYTES = 8
MAX_FETCHES = 8
"""The largest number of look-ups that wait for Redis at once; further requests are run without Redis."""
MAX_FETCH_KEYS = 2000
"""The largest number of keys in one look-up, besides those of its last request."""
MAX_UNSENT = 2000
"""The largest number of answers that wait to be stored; further ones are not stored."""
STORE_BATCH = 50
"""The number of answers that are stored together: redis-py takes about 10 µs of the event loop for each."""

Receiver = Callable[[list[bytes | None]], None]


def runtime_identity(cpu_info: Path = Path("/proc/cpuinfo")) -> str:
    """Return a digest of all that can change the last digits of an answer: ONNX Runtime, the CPU and its instructions.

    Replicas on different CPUs therefore do not share answers.

    Args:
        cpu_info: Linux' description of the CPU.
    """
    try:
        lines = cpu_info.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    features = next((line for line in lines if line.startswith(("flags", "Features"))), platform.processor())
    parts = (onnxruntime.__version__, platform.system(), platform.machine(), sys.byteorder, features)
    return sha256("\n".join(parts).encode()).hexdigest()[:16]


class RedisAnswers:
    """Answers in Redis; a ``serving.cache.cached_batcher.RemoteAnswers``.

    Args:
        link: the connection to Redis.
        prefix: the first part of all keys.
        max_age_s: the seconds after which Redis forgets an answer.
        identity: see ``runtime_identity``.
    """

    def __init__(self, link: RedisLink, prefix: str, max_age_s: float, identity: str) -> None:
        self._link = link
        # In a Redis Cluster the braces keep all keys in one slot, as MGET needs.
        self._prefix = f"{{{prefix}}}:answer:{identity}:".encode()
        self._max_age_ms = max(int(max_age_s * 1000), 1)
        self._waiting: list[tuple[list[bytes], Receiver]] = []
        self._waiting_keys = 0
        self._unsent: list[tuple[bytes, bytes]] = []
        self._fetches: set[asyncio.Task[None]] = set()
        self._store_task: asyncio.Task[None] | None = None

    def is_available(self) -> bool:
        """Return whether answers can be looked up now."""
        return self._link.available() and len(self._fetches) <= MAX_FETCHES and self._waiting_keys < MAX_FETCH_KEYS

    def fetch(self, keys: list[bytes], receive: Receiver) -> None:
        """Look answers up; see ``serving.cache.cached_batcher.RemoteAnswers``."""
        if not self._waiting:
            # The task runs in the next pass of the event loop, when all look-ups of this pass are waiting.
            task = asyncio.get_running_loop().create_task(self._fetch_all())
            self._fetches.add(task)
            task.add_done_callback(self._fetches.discard)
        self._waiting.append((keys, receive))
        self._waiting_keys += len(keys)

    def store(self, key: bytes, numbers: bytes) -> None:
        """Store an answer in the background."""
        if len(self._unsent) >= MAX_UNSENT or not self._link.available():
            return
        self._unsent.append((key, numbers))
        if self._store_task is None:
            self._store_task = asyncio.get_running_loop().create_task(self._store_all())

    async def _fetch_all(self) -> None:
        """Look all waiting keys up in one call, and give each request its answers."""
        waiting, self._waiting, self._waiting_keys = self._waiting, [], 0
        names = [self._name(key) for keys, _ in waiting for key in keys]
        values: list[bytes | None] = [None] * len(names)
        try:
            values = [
                _numbers_in(name, value)
                for name, value in zip(names, await self._link.run(lambda client: client.mget(names)), strict=True)
            ]
        except RemoteUnavailableError:
            pass
        except Exception:
            logger.exception("the answers of Redis could not be read; the rows are run")
        finally:
            start = 0
            for keys, receive in waiting:
                try:
                    receive(values[start : start + len(keys)])
                except Exception:
                    logger.exception("a request failed at the answers of Redis")
                start += len(keys)

    async def _store_all(self) -> None:
        """Store all waiting answers in pipelines; if Redis fails, drop them."""
        try:
            while self._unsent:
                batch, self._unsent = self._unsent[:STORE_BATCH], self._unsent[STORE_BATCH:]
                await self._link.run(lambda client: self._store_batch(client, batch))  # noqa: B023
        except RemoteUnavailableError:
            self._unsent.clear()
        except Exception:
            self._unsent.clear()
            logger.exception("answers could not be stored in Redis")
        finally:
            self._store_task = None

    async def _store_batch(self, client: Redis, batch: list[tuple[bytes, bytes]]) -> None:
        async with client.pipeline(transaction=False) as pipeline:
            for key, numbers in batch:
                name = self._name(key)
                pipeline.set(name, value_of(name, numbers), px=self._max_age_ms)
            await pipeline.execute(raise_on_error=False)

    def _name(self, key: bytes) -> bytes:
        """Return the name of a key in Redis."""
        return self._prefix + blake2b(key, digest_size=32).hexdigest().encode()


def value_of(name: bytes, numbers: bytes) -> bytes:
    """Return the value in Redis for the packed numbers of an answer."""
    return FORMAT + _checksum(name, numbers) + numbers


def _numbers_in(name: bytes, value: object) -> bytes | None:
    """Return the packed numbers in a value, or None if there is no value or its format or checksum is wrong."""
    start = len(FORMAT) + CHECKSUM_BYTES
    if not isinstance(value, bytes) or not value.startswith(FORMAT):
        return None
    numbers = value[start:]
    return numbers if value[len(FORMAT) : start] == _checksum(name, numbers) else None


def _checksum(name: bytes, numbers: bytes) -> bytes:
    return blake2b(name + numbers, digest_size=CHECKSUM_BYTES).digest()
