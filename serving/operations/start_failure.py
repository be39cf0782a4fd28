"""The failure of a start: one line with the reason and the remedy, and the exit code 1.

``bentoml serve`` imports ``service.py``, and an error there would be printed with fifty lines of BentoML's own calls. An error that
was raised on purpose needs none of them: its message has the reason and the remedy. The traceback of any other error
is a defect's, and stays.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from monitoring.service_log.configure import STARTED_BY_VARIABLE, configure_log
from serving.operations.foreign_library import foreign_library

PREFIX = "The service has ended: "
"""The beginning of the last line of a service that could not start, or that has lost its last worker."""

_OWN_PACKAGES = frozenset({"serving", "runners", "monitoring", "rollout", "tabento"})
_LIBRARY_LOGGERS = frozenset({"bentoml.serve", "uvicorn.error"})
"""The loggers that repeat an error of a worker's start with a traceback."""

logger = logging.getLogger("tabento.serving")


def is_expected(error: BaseException) -> bool:
    """Return whether an error was raised on purpose, or names a file or a package: its message is enough."""
    if isinstance(error, OSError | ImportError):
        return True
    return type(error).__module__.partition(".")[0] in _OWN_PACKAGES


def reason_of(error: BaseException) -> str:
    """Return the class and the message of an error as one line. A library for another machine is named as such."""
    if isinstance(error, ImportError) and (message := foreign_library(error)):
        return message
    if isinstance(error, PermissionError) and isinstance(error.filename, str):
        return (
            f"{type(error).__name__}: {error.filename}: {error.strerror}. The service runs as user {os.geteuid()}; let this user read"
            " the file, or mount it again."
        )
    return " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")


def log_failure(error: BaseException) -> None:
    """Write the last line of a service that cannot start, in the format of the service log, to standard output.

    An unexpected error is written with its traceback.
    """
    if os.environ.get(STARTED_BY_VARIABLE) != str(
        os.getpid()
    ):  # the settings were not read yet, so they do not choose the format
        configure_log("supervisor", "info", "auto")
    logger.critical("%s%s", PREFIX, reason_of(error), exc_info=None if is_expected(error) else error)


@contextmanager
def one_line_failure() -> Iterator[None]:
    """Let an expected error of the block end this process with one line, if nothing catches it: no traceback is printed.

    The error is raised as ever, so a program that imports the service can catch it.
    """
    try:
        yield
    except Exception as error:
        if is_expected(error):
            _print_in_one_line(error)
        raise


def _print_in_one_line(error: Exception) -> None:
    """Let the interpreter's last word about an error be one line."""
    original = sys.excepthook

    def hook(kind: type[BaseException], value: BaseException, traceback: TracebackType | None) -> None:
        if not _is_caused_by(value, error):
            original(kind, value, traceback)
        elif sys.argv[1:2] == ["build"]:
            sys.stderr.write(f"error: {reason_of(error)}\n")
        else:
            log_failure(error)

    sys.excepthook = hook


def _is_caused_by(value: BaseException | None, error: Exception) -> bool:
    while value is not None and value is not error:
        value = value.__cause__ or value.__context__
    return value is error


@contextmanager
def quiet_worker_failure() -> Iterator[None]:
    """Let an expected error of the block be told by the supervisor alone, see ``silence_libraries``."""
    try:
        yield
    except Exception as error:
        if os.environ.get(STARTED_BY_VARIABLE) == str(os.getppid()):
            silence_libraries(error)
        raise


def silence_libraries(error: Exception) -> None:
    """Drop the errors that the libraries log in a worker about its own failed start, if the error was expected.

    The worker ends at once, so no other error of these loggers is lost.
    """
    if is_expected(error):
        for handler in logging.getLogger().handlers:
            handler.addFilter(_is_not_repeated)


def _is_not_repeated(record: logging.LogRecord) -> bool:
    return record.name not in _LIBRARY_LOGGERS or record.levelno < logging.ERROR
