"""The order of clients' questions in the monitor: one at a time of each name, with pauses, so that a flood of questions leaves time for
the records."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from monitoring.errors import RequestError
from monitoring.part import Answer

MOST_WAITING = 32
"""The largest number of different questions of one name that wait; further ones are refused."""
PAUSE_SHARE = 2.0
"""The length of the pause after an answer, as a multiple of the seconds that the answer took: at most a third of the time is used."""
LONGEST_PAUSE_S = 2.0

QuestionKey = tuple[tuple[str, str], ...]


class QuestionQueue:
    """The questions of one name.

    A question that equals a waiting one gets the answer of that one. A question that is answered now is not shared, so that an
    answer is never older than its question.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._waiting: dict[QuestionKey, asyncio.Task[Answer]] = {}
        self._free_s = 0.0

    async def answer(self, query: dict[str, str], compute: Callable[[], Awaitable[Answer]]) -> Answer:
        """Return the answer to a question.

        Args:
            query: the parameters of the question.
            compute: answers the question.

        Raises:
            RequestError: too many questions wait, or ``compute`` refuses this one.
        """
        key = tuple(sorted(query.items()))
        task = self._waiting.get(key)
        if task is None:
            if len(self._waiting) >= MOST_WAITING:
                raise RequestError("Too many questions wait for the monitor process. Repeat later.", status=503)
            task = self._waiting[key] = asyncio.get_running_loop().create_task(self._compute(key, compute))
        return await asyncio.shield(task)

    async def _compute(self, key: QuestionKey, compute: Callable[[], Awaitable[Answer]]) -> Answer:
        loop = asyncio.get_running_loop()
        async with self._lock:
            await asyncio.sleep(max(self._free_s - loop.time(), 0.0))
            del self._waiting[key]
            started_s = loop.time()
            try:
                return await compute()
            finally:
                ended_s = loop.time()
                self._free_s = ended_s + min(PAUSE_SHARE * (ended_s - started_s), LONGEST_PAUSE_S)
