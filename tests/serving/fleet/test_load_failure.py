"""Failed loads: the reason that clients see, and the pause before the next attempt."""

from __future__ import annotations

import logging

import pytest

from rollout.cascade.errors import BundleMissingError, BundleUnavailableError, ForeignBundleError
from runners.errors import RunnerError
from serving.errors import InvalidError
from serving.fleet.load_failure import (
    FIRST_PAUSE_S,
    LONGEST_PAUSE_S,
    LoadFailure,
    TooLargeModelError,
    next_failure,
    reason_of,
)
from serving.settings import SettingsError
from tabento.bundle.errors import BundleFormatError, BundleIntegrityError, BundleNotFoundError, ContractError


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BundleNotFoundError(), "missing"),
        (BundleMissingError(), "missing"),
        (BundleUnavailableError(), "source"),
        (BundleIntegrityError(), "damaged"),
        (ForeignBundleError(), "damaged"),
        (BundleFormatError(), "format"),
        (ContractError(), "bundle"),
        (RunnerError(), "graph"),
        (InvalidError(""), "examples"),
        (SettingsError(""), "settings"),
        (TooLargeModelError(), "memory"),
        (PermissionError(), "storage"),
        (ZeroDivisionError(), "internal"),
    ],
)
def test_each_kind_of_error_has_a_code(error: Exception, code: str) -> None:
    """Clients and metrics see the code and a text without paths, never the error itself."""
    assert reason_of(error)[0] == code


def test_the_pause_doubles_up_to_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """The log has the error itself, each time."""
    failure: LoadFailure | None = None
    pauses = []
    with caplog.at_level(logging.ERROR, "tabento.serving"):
        for _ in range(60):
            failure = next_failure("apple", "apple:v1", BundleFormatError("the file x is odd"), failure, 100.0)
            pauses.append(failure.retry_s - 100.0)
    assert pauses[:3] == [FIRST_PAUSE_S, 2 * FIRST_PAUSE_S, 4 * FIRST_PAUSE_S]
    assert max(pauses) == pauses[-1] == LONGEST_PAUSE_S
    assert "apple:v1 could not be loaded (format, attempt 1" in caplog.records[0].getMessage()
    assert "the file x is odd" in caplog.records[0].getMessage()


def test_the_answer_has_the_time_of_the_next_attempt() -> None:
    """At least one second, as whole seconds."""
    failure = LoadFailure("apple", "damaged", "its bundle is damaged", 100.0)
    assert failure.error(97.5).headers == ((b"retry-after", b"3"),)
    assert failure.error(99.99).headers == ((b"retry-after", b"1"),)
    assert "'apple' could not be loaded: its bundle is damaged (damaged)" in failure.error(97.5).message
