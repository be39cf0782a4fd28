"""The callbacks of requests and drains: if one raises an exception, all other requests are answered."""

from __future__ import annotations

import logging
from collections.abc import Callable

from runners.stats import Stats
from runners.work import Values, Work

logger = logging.getLogger("tabento.runners")

ANSWER_CALLBACK = "the callback that takes a request's answer"
"""The name of ``Requester.finish`` in the log."""


class Callbacks:
    """Logs and counts the exceptions of callbacks.

    Only ``SystemExit`` and ``KeyboardInterrupt`` are passed on, as asyncio does: they ask the process to end.

    Args:
        stats: counts the exceptions.
    """

    def __init__(self, stats: Stats) -> None:
        self._stats = stats

    def answer(self, work: Work, values: Values | None, error: Exception | None) -> None:
        """Give a request its predictions, or the error."""
        try:
            work.requester.finish(values, error)
        except BaseException as raised:
            self.survive(raised, ANSWER_CALLBACK, work)

    def drained(self, done: Callable[[], object]) -> None:
        """Report the end of a drain."""
        try:
            done()
        except BaseException as raised:
            self.survive(raised, "the callback for the end of a drain")

    def survive(self, error: BaseException, callback: str, work: Work | None = None) -> None:
        """Log and count the exception of a callback, unless it asks the process to end.

        Args:
            error: the exception.
            callback: the name of the callback, for the log.
            work: the rows of the request whose callback it is; its id is in the log, if the requester has one.
        """
        if isinstance(error, SystemExit | KeyboardInterrupt):
            raise error
        self._stats.callback_errors += 1
        request_id = None if work is None else getattr(work.requester, "request_id", None)
        logger.error(
            "%s raised; all other requests are answered as usual",
            callback,
            exc_info=error,
            extra={"request_id": request_id},
        )
