"""Calls what others gave the batcher to call, so that whatever one of them raises keeps no other from its answer."""

from __future__ import annotations

import logging
from collections.abc import Callable

from runners.stats import Stats
from runners.work import Values, Work

logger = logging.getLogger("tabento.runners")

ANSWER_CALLBACK = "the callback that takes a request's answer"
"""How the log names ``Work.done``."""


class Callbacks:
    """Logs and counts the exceptions of callbacks.

    Only ``SystemExit`` and ``KeyboardInterrupt`` are passed on, as asyncio does: they ask the process to end.

    Args:
        stats: counts the exceptions.
    """

    def __init__(self, stats: Stats) -> None:
        self._stats = stats

    def answer(self, work: Work, values: Values | None, error: Exception | None) -> None:
        """Give a request its predictions, or the reason why there are none."""
        try:
            work.done(values, error)
        except BaseException as raised:
            self.survive(raised, ANSWER_CALLBACK)

    def drained(self, done: Callable[[], object]) -> None:
        """Tell one who waits for the end of a drain."""
        try:
            done()
        except BaseException as raised:
            self.survive(raised, "the callback that is told of the end of a drain")

    def survive(self, error: BaseException, callback: str) -> None:
        """Log and count what a callback raised, unless it asks the process to end.

        Args:
            error: the exception.
            callback: which callback raised it, for the log.
        """
        if isinstance(error, SystemExit | KeyboardInterrupt):
            raise error
        self._stats.callback_errors += 1
        logger.error("%s raised; all other requests are answered as usual", callback, exc_info=error)
