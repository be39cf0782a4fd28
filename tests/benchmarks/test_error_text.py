"""Errors as text of a table."""

from __future__ import annotations

import json

import pytest

from benchmarks.error_text import raising_line, shorten
from tabento.bundle.session import LOG_FATAL_ERRORS, open_session


def test_a_long_text_is_cut_to_its_limit() -> None:
    """A text in several lines becomes one line, and a long one ends with an ellipsis at the limit."""
    assert shorten("a\n  b", 10) == "a b"
    assert shorten("long " * 10, 9) == "long lon…"


def test_the_line_of_the_library_is_preferred() -> None:
    """The place of an error is the innermost line of the library, also if another package raised it."""
    with pytest.raises(
        Exception, match="protobuf parsing failed"
    ) as error:  # ONNX Runtime's errors share no public base class
        open_session(b"not a model", log_severity=LOG_FATAL_ERRORS)
    assert raising_line(error.value).startswith("tabento/bundle/session.py:")


def test_an_error_of_another_package_has_its_own_line() -> None:
    """If no line of the library is in the traceback, the place is the innermost frame; without a traceback it is empty."""
    with pytest.raises(ValueError, match="Expecting") as error:
        json.loads("{")
    assert "json/decoder.py:" in raising_line(error.value)
    assert raising_line(ValueError("never raised")) == ""
