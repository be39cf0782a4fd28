"""Values of the command line become rates, promises, shares and times, or an error that names the expected form."""

from __future__ import annotations

import pytest

from benchmarks.capacity.demand import (
    MONTH_S,
    Demand,
    DemandError,
    Slo,
    parse_duration,
    parse_factor,
    parse_rate,
    parse_share,
    parse_slo,
    rate_of_users,
)


@pytest.mark.parametrize(
    ("text", "rate_per_s"),
    [("1000", 1000), ("1,000/s", 1000), ("10_000/min", 10_000 / 60), ("36 / h", 0.01), ("1e6/month", 1e6 / MONTH_S)],
)
def test_a_rate_has_a_period(text: str, rate_per_s: float) -> None:
    """A rate without a period is per second."""
    assert parse_rate(text) == pytest.approx(rate_per_s)


def test_a_promise_names_its_percentile() -> None:
    """A promise without a percentile is of the p99."""
    assert parse_slo("p99=100ms") == Slo(0.1, 0.99) == parse_slo("100 ms")
    assert parse_slo("P99.9=0.5s") == Slo(0.5, 0.999)
    assert str(parse_slo("p95=50ms")) == "p95 <= 50 ms"


def test_shares_factors_and_times() -> None:
    """Percentages, factors and durations are read with and without their sign."""
    assert parse_share("99.9%") == parse_share("99.9") == pytest.approx(0.999)
    assert parse_factor("10x") == parse_factor("10") == 10
    assert [parse_duration(text) for text in ("5ms", "90s", "2min", "12h", "30d")] == [
        0.005,
        90,
        120,
        43_200,
        2_592_000,
    ]


@pytest.mark.parametrize(
    ("parse", "text", "expected"),
    [
        (parse_rate, "many", "10000/min"),
        (parse_rate, "5/year", "per s, min, h, day, month"),
        (parse_slo, "p42=1s", "p90, p95, p99, p99.9"),
        (parse_slo, "p99=0ms", "p90, p95, p99, p99.9"),
        (parse_share, "101", "at most 100"),
        (parse_share, "x", "at most 100"),
        (parse_factor, "0.5x", "at least 1"),
        (parse_duration, "5", "5ms, 90s"),
    ],
)
def test_wrong_values_are_refused(parse: object, text: str, expected: str) -> None:
    """The message has the expected form and the text."""
    assert callable(parse)
    with pytest.raises(DemandError) as error:
        parse(text)
    assert expected in str(error.value)
    assert repr(text) in str(error.value)


def test_a_demand_has_a_rate() -> None:
    """A rate of 0 and an availability of 100% are refused: no number of replicas is always enough."""
    for values in ({"rate_per_s": 0.0}, {"availability": 1.0}, {"burst": 0.5}):
        with pytest.raises(DemandError):
            Demand(**{"rate_per_s": 1.0, "slo": Slo(0.1), **values})  # type: ignore[arg-type]


def test_users_who_wait_are_a_rate() -> None:
    """By Little's law 100 users who think for 0.9 s and wait for 0.1 s send 100 requests a second."""
    assert rate_of_users(100, 0.9, 0.1) == pytest.approx(100)
    with pytest.raises(DemandError, match="at least 1 user"):
        rate_of_users(0, 1.0, 0.1)
