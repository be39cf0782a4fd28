"""The length of a pass follows from the SLO and from the requests that were refused lately."""

from __future__ import annotations

import pytest

from runners.pass_length import CALM_PASS_SHARE, FLOOR_SHARE, PASS_SHARE, SHORT_PASS_SHARE, PassLength

SLO_S = 0.010


def _length() -> PassLength:
    length = PassLength()
    length.set_slo(SLO_S)
    return length


def test_a_calm_pass_is_long() -> None:
    """A pass without any refused request before it may take the share of a calm time."""
    length = _length()
    assert length.quiet_s == pytest.approx(SLO_S * CALM_PASS_SHARE)
    assert length.after(0.001, 0.0, 10, 0) == pytest.approx(SLO_S * CALM_PASS_SHARE)
    assert not length.is_strained


def test_lasting_refusals_shorten_passes() -> None:
    """Inexpensive refusals lead to the usual length, and refusals that take half of the time to the short one."""
    cheap, expensive = _length(), _length()
    for _ in range(300):
        cheap_s = cheap.after(0.004, 0.0, 10, 10)
        expensive_s = expensive.after(0.004, 0.002, 10, 10)
    assert cheap_s == pytest.approx(SLO_S * PASS_SHARE)
    assert expensive_s == pytest.approx(SLO_S * SHORT_PASS_SHARE * FLOOR_SHARE)


def test_the_strain_ends() -> None:
    """Some hundred passes without a refused request later, passes are as long as before, to the last bit."""
    length = _length()
    length.after(0.004, 0.001, 10, 10)
    assert length.is_strained
    for _ in range(1000):
        length.after(0.004, 0.0, 10, 0)
    assert (length.is_strained, length.refusing, length.refused_share) == (False, 0.0, 0.0)


def test_refused_large_requests_are_no_strain() -> None:
    """They are refused for the sake of small ones: only the time for refusals counts."""
    length = _length()
    length.after(0.0, 0.0001, 10, 0)
    assert length.refused_share == 0.0
