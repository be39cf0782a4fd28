"""The traffic of a day: a synthetic trace with a daily rhythm, noise and one burst, or a recorded one of the user's own."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.capacity.demand import DemandError

DAY_S = 86_400
HOUR_S = 3_600
QUIET_HOUR, QUIET_SHARE = 4.0, 0.2
"""The hour of the lowest rate, and this rate as a share of the highest of the rhythm."""
NOISE, NOISE_MEMORY_S = 0.1, 300.0
"""The standard deviation of the rate's logarithm around the rhythm, and the time over which deviations persist."""
BURST_HOUR, BURST_S, BURST_RAMP_S = 11.0, 900, 20
"""The burst: its hour, its length, and the time in which the rate rises to it and falls from it."""
COLUMNS = ("start_s", "requests")


@dataclass(frozen=True)
class Trace:
    """The expected requests of each second."""

    rates_per_s: NDArray[np.float64]
    """Shape (T,), one value a second."""
    name: str

    def arrivals(self, seed: int) -> NDArray[np.int64]:
        """Return the number of requests in each second, Poisson distributed, shape (T,)."""
        return np.random.default_rng([seed, 1]).poisson(self.rates_per_s)


def synthetic_day(peak_per_s: float, burst: float, seed: int) -> Trace:
    """Return a day with a rhythm whose highest rate is ``peak_per_s``, and with one burst of ``burst`` times the rate of its hour.

    The rhythm is a raised cosine with its minimum at 4 o'clock. The noise is the exponential of an Ornstein-Uhlenbeck process.

    Raises:
        DemandError: the peak is not above 0, or the burst is below 1.
    """
    if not (peak_per_s > 0 and burst >= 1):
        raise DemandError(f"expected a peak above 0 and a burst of at least 1, got {peak_per_s:g}/s and {burst:g}")
    seconds = np.arange(DAY_S)
    phase = 2 * np.pi * (seconds / HOUR_S - QUIET_HOUR) / 24
    rhythm = QUIET_SHARE + (1 - QUIET_SHARE) * (1 - np.cos(phase)) / 2
    memory = math.exp(-1 / NOISE_MEMORY_S)
    steps = np.random.default_rng([seed, 0]).normal(0.0, NOISE * math.sqrt(1 - memory**2), DAY_S)
    noise = np.empty(DAY_S)
    level = 0.0
    for second in range(DAY_S):
        level = memory * level + steps[second]
        noise[second] = level
    return Trace(peak_per_s * rhythm * np.exp(noise) * burst_shape(burst), f"synthetic day, seed {seed}")


def burst_shape(burst: float) -> NDArray[np.float64]:
    """Return the factor of the burst in each second of the day, shape (86,400,)."""
    start_s = BURST_HOUR * HOUR_S
    corners = [0, start_s, start_s + BURST_RAMP_S, start_s + BURST_S - BURST_RAMP_S, start_s + BURST_S, DAY_S]
    return np.interp(np.arange(DAY_S), corners, [1, 1, burst, burst, 1, 1])


def step_burst(rate_per_s: float, burst: float, before_s: int, burst_s: int) -> Trace:
    """Return a constant rate that rises to ``burst`` times the rate from one second to the next."""
    return Trace(np.repeat([rate_per_s, burst * rate_per_s], [before_s, burst_s]), f"a burst of {burst:g}x")


def read_trace(path: Path) -> Trace:
    """Return the trace of a CSV file with the columns ``start_s`` and ``requests``, one line for each interval of equal length.

    Raises:
        DemandError: the file cannot be read, or is not such a table; the message names the line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = list(csv.reader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise DemandError(f"{path} cannot be read as a CSV file: {error}") from error
    if not lines or tuple(lines[0]) != COLUMNS:
        raise DemandError(
            f"expected the header {','.join(COLUMNS)} in {path}, got {','.join(lines[0]) if lines else 'an empty file'}"
        )
    values = np.array([_numbers(path, number, line) for number, line in enumerate(lines[1:], 2)]).reshape(-1, 2)
    lengths = np.diff(values[:, 0])
    if len(values) < 2 or lengths[0] < 1 or not np.allclose(lengths, lengths[0]) or lengths[0] % 1:
        raise DemandError(
            f"expected at least two lines in {path}, whose start_s rises by the same whole number of seconds, got {len(values)} lines"
            + (f" that rise by {lengths.min():g} to {lengths.max():g} s" if len(lengths) else "")
        )
    length_s = int(lengths[0])
    return Trace(np.repeat(values[:, 1] / length_s, length_s), path.name)


def _numbers(path: Path, number: int, line: list[str]) -> tuple[float, float]:
    try:
        start_s, requests = map(float, line)
    except ValueError:
        start_s = requests = math.nan
    if not (math.isfinite(start_s) and math.isfinite(requests) and requests >= 0):
        raise DemandError(
            f"expected two numbers, a start in seconds and at least 0 requests, in line {number} of {path}, got {','.join(line)}"
        )
    return start_s, requests
