"""Windows are read from a question."""

from __future__ import annotations

import math

import pytest

from monitoring.errors import RequestError
from monitoring.quality.windows import Window, read_window


def test_a_window_is_a_length_or_two_times() -> None:
    """A length ends now; times are inclusive and exclusive."""
    assert read_window({}, "2h", 10_000) == Window("2h", "truth", 2_800, math.inf)
    assert read_window({"window": "all", "by": "prediction"}, "2h", 0) == Window(
        "all", "prediction", -math.inf, math.inf
    )
    query = {"since": "1970-01-02", "until": "1970-01-03T00:00:00Z"}
    assert read_window(query, "2h", 0) == Window("custom", "truth", 86_400, 172_800)


@pytest.mark.parametrize(
    "query",
    [
        {"window": "0d"},
        {"window": "9999999d"},
        {"window": "7w"},
        {"window": ""},
        {"by": "arrival"},
        {"since": "now"},
        {"window": "1d", "since": "2026-01-01"},
    ],
)
def test_a_fault_is_named(query: dict[str, str]) -> None:
    """The detail names the parameter."""
    with pytest.raises(RequestError) as raised_error:
        read_window(query, "30d", 0)
    assert raised_error.value.details[0].field in query
