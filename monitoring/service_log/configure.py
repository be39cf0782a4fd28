"""The start of the service log in a process: all loggers, also of libraries, write through one handler."""

from __future__ import annotations

import logging
import os
import sys
import threading
from typing import IO, Any, Literal

from monitoring.service_log.formats import ACCESS_LOGGER, JsonFormat, TextFormat, shows_colours
from monitoring.service_log.level import LevelName, LogLevel, apply_level

FormatName = Literal["auto", "json", "text"]
STARTED_BY_VARIABLE = "_TABENTO_SERVICE_LOG"
"""Set by the supervisor: its process id. Its children write the service log; any other process that imports the service does not."""

logger = logging.getLogger("tabento.serving")
_level = LogLevel("info")


class LogHandler(logging.StreamHandler[IO[str]]):
    """Writes to standard output. A line that cannot be written is dropped: the service must go on."""

    def __init__(self) -> None:
        super().__init__(sys.stdout)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name of `logging`
        """Drop the line. ``logging`` itself would print the arguments of the line, which may hold values."""


def make_format(name: FormatName, process: str, stream: Any) -> logging.Formatter:
    """Return the format of the lines.

    Args:
        name: ``auto`` is text on a terminal and JSON elsewhere.
        process: the kind of this process.
        stream: the destination of the lines.
    """
    is_text = name == "text" or (name == "auto" and bool(stream.isatty()))
    return TextFormat(process, shows_colours(stream)) if is_text else JsonFormat(process)


def configure_log(process: str, level: LevelName, format_name: FormatName) -> LogLevel:
    """Let all loggers of this process write the service log; return its level.

    Handlers that a library has added to its loggers are removed: each line is written once, in one format.

    Args:
        process: the kind of this process: worker, supervisor or monitor.
        level: the level of the settings.
        format_name: the format of the settings.
    """
    global _level
    handler = LogHandler()
    handler.setFormatter(make_format(format_name, process, sys.stdout))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    for name, other in list(logging.root.manager.loggerDict.items()):
        if isinstance(other, logging.Logger) and name != ACCESS_LOGGER:
            other.handlers.clear()
            other.propagate = True
            other.disabled = False
            other.setLevel(logging.NOTSET)
    access_logger = logging.getLogger(ACCESS_LOGGER)
    access_logger.handlers[:] = [handler]
    access_logger.propagate = False
    logging.captureWarnings(True)
    threading.excepthook = _log_thread_end
    _level.reset()
    _level = LogLevel(level)
    apply_level(level)
    return _level


def log_level() -> LogLevel:
    """Return the level of this process."""
    return _level


def is_started_by_supervisor() -> bool:
    """Return whether this process is a child of a supervisor, so that it writes the service log."""
    return os.environ.get(STARTED_BY_VARIABLE) == str(os.getppid())


def _log_thread_end(arguments: threading.ExceptHookArgs) -> None:
    if arguments.exc_type is SystemExit or arguments.exc_value is None:
        return
    name = arguments.thread.name if arguments.thread is not None else "unknown"
    logger.critical("the thread %s ended by an exception", name, exc_info=arguments.exc_value)
