"""The traffic of a day, synthetic or recorded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.capacity.demand import DemandError
from benchmarks.capacity.traffic import BURST_HOUR, HOUR_S, read_trace, step_burst, synthetic_day


def test_the_rhythm_of_a_day() -> None:
    """The night is quiet, the evening is at the peak, and the burst multiplies the rate of its hour."""
    calm, bursting = synthetic_day(1_000, 1, seed=2), synthetic_day(1_000, 5, seed=2)
    means = calm.rates_per_s.reshape(24, HOUR_S).mean(axis=1)
    assert means[3:5].mean() == pytest.approx(200, rel=0.2)
    assert means[15:17].mean() == pytest.approx(1_000, rel=0.2)
    ratio = bursting.rates_per_s / calm.rates_per_s
    middle = int(BURST_HOUR * HOUR_S) + 450
    assert ratio[middle] == pytest.approx(5)
    assert ratio[middle - 600] == ratio[middle + 600] == pytest.approx(1)


def test_a_seed_repeats_a_day() -> None:
    """Equal seeds give equal rates and arrivals, other seeds others; arrivals have the expected sum."""
    day, equal, different = (synthetic_day(100, 5, seed) for seed in (1, 1, 2))
    assert (day.rates_per_s == equal.rates_per_s).all()
    assert not (day.rates_per_s == different.rates_per_s).all()
    assert (day.arrivals(3) == equal.arrivals(3)).all()
    assert day.arrivals(3).sum() == pytest.approx(day.rates_per_s.sum(), rel=0.01)


def test_a_step() -> None:
    """The rate rises within a second."""
    assert step_burst(10, 3, 2, 3).rates_per_s.tolist() == [10, 10, 30, 30, 30]
    with pytest.raises(DemandError, match="burst of at least 1"):
        synthetic_day(1, 0.5, 1)


def test_a_recorded_trace(tmp_path: Path) -> None:
    """The requests of an interval are spread over its seconds."""
    path = tmp_path / "requests.csv"
    path.write_text("start_s,requests\n0,20\n2,0\n4,6\n", encoding="utf-8")
    trace = read_trace(path)
    assert trace.rates_per_s.tolist() == [10, 10, 0, 0, 3, 3]
    assert trace.name == "requests.csv"
    assert np.array_equal(trace.arrivals(1) > 0, [True, True, False, False, True, True])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "got an empty file"),
        ("time,count\n1,2\n", "expected the header start_s,requests"),
        ("start_s,requests\n0,1\n60,many\n", "line 3"),
        ("start_s,requests\n0,-1\n60,1\n", "line 2"),
        ("start_s,requests\n0,1\n", "at least two lines"),
        ("start_s,requests\n0,1\n60,1\n90,1\n", "rise by 30 to 60 s"),
        ("start_s,requests\n0,1\n0.5,1\n", "whole number of seconds"),
    ],
)
def test_a_wrong_trace(tmp_path: Path, text: str, expected: str) -> None:
    """The message names the line or the fault."""
    path = tmp_path / "requests.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DemandError, match=expected):
        read_trace(path)


def test_a_missing_trace(tmp_path: Path) -> None:
    """A file that does not exist is an error with its name."""
    with pytest.raises(DemandError, match=r"none\.csv cannot be read"):
        read_trace(tmp_path / "none.csv")
