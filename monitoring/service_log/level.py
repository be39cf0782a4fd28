"""The level of the service log, which can be changed for a time while the service runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from time import monotonic
from typing import Literal, get_args

import msgspec

LevelName = Literal["debug", "info", "warning", "error"]
LEVELS: tuple[LevelName, ...] = get_args(LevelName)
_FLOORS = {
    "tabento": logging.DEBUG,
    "bentoml": logging.INFO,
    "uvicorn": logging.INFO,
    "circus": logging.WARNING,
    "": logging.WARNING,
}
"""The lowest level of each logger. Libraries stay above debug: their lines might repeat a request."""
LONGEST_S = 86_400.0
"""The longest time for which a level can be changed."""


class LogLevelChange(msgspec.Struct, tag=True):
    """A change of the level in all processes of the service."""

    level: LevelName
    seconds: float | None
    """The time after which the configured level is used again; None if the change is the return to it."""


def apply_level(level: LevelName) -> None:
    """Set the levels of the loggers of this process."""
    number = logging.getLevelNamesMapping()[level.upper()]
    for name, floor in _FLOORS.items():
        logging.getLogger(name).setLevel(max(number, floor))


class LogLevel:
    """The level of this process.

    Args:
        configured: the level of the settings.
        apply: sets the level of the loggers.
        clock: seconds that never go backwards.
    """

    def __init__(
        self,
        configured: LevelName,
        apply: Callable[[LevelName], None] = apply_level,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.configured: LevelName = configured
        self._apply = apply
        self._clock = clock
        self._change: LogLevelChange | None = None
        self._end_s = 0.0
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()

    def change(self, change: LogLevelChange) -> None:
        """Use another level for a time; a further change replaces it."""
        with self._lock:
            self._cancel()
            if change.seconds is None or change.level == self.configured:
                self._apply(self.configured)
                return
            seconds = min(change.seconds, LONGEST_S)
            self._change, self._end_s = change, self._clock() + seconds
            self._apply(change.level)
            self._timer = threading.Timer(seconds, self._expire, (change,))
            self._timer.daemon = True
            self._timer.start()

    def active(self) -> LogLevelChange | None:
        """Return the change that holds now, with its remaining time; None if the configured level holds."""
        change, remaining_s = self._change, self._end_s - self._clock()
        return None if change is None or remaining_s <= 0 else LogLevelChange(change.level, remaining_s)

    def reset(self) -> None:
        """Use the configured level again."""
        self.change(LogLevelChange(self.configured, None))

    def forget_timer(self) -> None:
        """Go on in a forked process, which has no thread for the timer, and perhaps a lock that this thread held."""
        self._lock = threading.Lock()
        self._timer = None

    def _expire(self, change: LogLevelChange) -> None:
        with self._lock:
            if self._change is change:
                self._cancel()
                self._apply(self.configured)

    def _cancel(self) -> None:
        self._change = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
