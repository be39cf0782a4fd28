"""The failed load of a model: the reason as a code for clients and metrics, and the time of the next attempt."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from math import ceil

from rollout.cascade.errors import BundleMissingError, BundleUnavailableError
from runners.errors import RunnerError
from serving.errors import ServingError, UnavailableError
from serving.settings import SettingsError
from tabento.bundle.errors import BundleError, BundleFormatError, BundleIntegrityError, BundleNotFoundError

logger = logging.getLogger("tabento.serving")

FIRST_PAUSE_S = 1.0
"""The seconds after a failed load until the model is tried again; doubled with each further failure."""
LONGEST_PAUSE_S = 60.0

_REASONS: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str, str], ...] = (
    ((BundleMissingError, BundleNotFoundError), "missing", "its bundle is not stored"),
    (BundleUnavailableError, "source", "no source delivered its bundle"),
    (BundleIntegrityError, "damaged", "its bundle is damaged"),
    (BundleFormatError, "format", "its bundle is in a format that this service does not read"),
    (BundleError, "bundle", "its bundle cannot be used"),
    (RunnerError, "graph", "its graph cannot be run"),
    (SettingsError, "settings", "the service's settings do not fit its contract"),
    (ServingError, "examples", "it does not answer its own examples"),
    (MemoryError, "memory", "it does not fit into the memory for models"),
    (OSError, "storage", "its files cannot be read"),
)


class TooLargeModelError(MemoryError):
    """A model alone would take more memory than all models together may."""


def reason_of(error: BaseException) -> tuple[str, str]:
    """Return the code and the text of the reason for which a load failed. Neither has a path or another inner detail."""
    for types, code, text in _REASONS:
        if isinstance(error, types):
            return code, text
    return "internal", "of an error of the service"


@dataclass
class LoadFailure:
    """The failed loads of one model since its last successful one."""

    name: str
    code: str
    text: str
    retry_s: float
    """The time on the clock of ``perf_counter`` from which the next request loads the model again."""
    count: int = 1

    def error(self, now_s: float) -> UnavailableError:
        """Return the error for a request."""
        retry_after_s = max(ceil(self.retry_s - now_s), 1)
        return UnavailableError(
            f"The model {self.name!r} could not be loaded: {self.text} ({self.code}). The service's log has the details."
            f" Try again in {retry_after_s} s.",
            retry_after_s,
        )


def next_failure(name: str, tag: str, error: BaseException, before: LoadFailure | None, now_s: float) -> LoadFailure:
    """Log a failed load, and return it with the time of the next attempt."""
    code, text = reason_of(error)
    count = 1 if before is None else before.count + 1
    pause_s = min(FIRST_PAUSE_S * 2 ** min(count - 1, 30), LONGEST_PAUSE_S)
    logger.error(
        "the model %s could not be loaded (%s, attempt %d, the next one in %.0f s at the earliest): %s: %s",
        tag,
        code,
        count,
        pause_s,
        type(error).__name__,
        error,
        extra={"model": name, "reason": code},
    )
    return LoadFailure(name, code, text, now_s + pause_s, count)
