"""The header ``traceparent`` is read as W3C Trace Context says, and a wrong one begins a new trace."""

from __future__ import annotations

import pytest

from serving.tracing.traceparent import Parent, parse_traceparent, traceparent_of

TRACE = b"4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = b"00f067aa0ba902b7"


@pytest.mark.parametrize(("flags", "is_sampled"), [(b"01", True), (b"00", False), (b"03", True), (b"02", False)])
def test_a_valid_header_names_the_callers_span(flags: bytes, is_sampled: bool) -> None:
    """The lowest bit of the flags says whether the caller records its span."""
    parent = parse_traceparent(b"00-%b-%b-%b" % (TRACE, SPAN, flags))
    assert parent == Parent(int(TRACE, 16), int(SPAN, 16), is_sampled)


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"x",
        b"00-%b-%b" % (TRACE, SPAN),
        b"00-%b-%b-01-more" % (TRACE, SPAN),
        b"ff-%b-%b-01" % (TRACE, SPAN),
        b"00-%b-%b-01" % (TRACE.upper(), SPAN),
        b"00-%b-%b-01" % (b"0" * 32, SPAN),
        b"00-%b-%b-01" % (TRACE, b"0" * 16),
        b"00-%b-%b-01" % (TRACE[:-1], SPAN),
        b"00-%b-%b-01\n" % (TRACE, SPAN),
    ],
)
def test_an_invalid_header_is_ignored(value: bytes | None) -> None:
    """Wrong lengths, capital letters, zeros and the version ff are not valid."""
    assert parse_traceparent(value) is None


def test_a_later_version_may_have_more_fields() -> None:
    """The first four fields of a later version mean the same."""
    assert parse_traceparent(b"01-%b-%b-01-more" % (TRACE, SPAN)) is not None


def test_two_headers_are_no_header() -> None:
    """A request with two such headers begins a new trace."""
    assert traceparent_of([(b"traceparent", b"a"), (b"host", b"x")]) == b"a"
    assert traceparent_of([(b"traceparent", b"a"), (b"traceparent", b"b")]) is None
