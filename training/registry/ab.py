"""A/B: the comparison of two models that each received a part of the live traffic.

Two questions decide. Does the rate of successes differ by more than chance (Pearson's chi-square test of a 2 × 2 table,
K. Pearson 1900; Fisher's exact test if an expected count is below 5, after W. G. Cochran 1954)? Did latency stay within
bounds? The sizes of the arms should be fixed before the test: repeated looks that stop at the first significant result find
differences that do not exist.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, ValidationError, model_validator
from scipy.stats import chi2_contingency, fisher_exact

from tabento.bundle.contract import Strict
from training.config import explain
from training.registry.errors import RegistryError

ALPHA = 0.05
"""The significance level: a difference with a lower p-value is more than chance."""
LATENCY_RISE_MAX = 0.5
"""The share by which mean or p95 latency may rise."""
EXPECTED_MIN = 5.0
"""Below this expected count, the chi-square distribution is a poor approximation."""

Verdict = Literal["adopt_b", "keep_a", "no_difference", "b_better_but_slower"]
"""``adopt_b``: better by more than chance, and no slower than allowed. ``keep_a``: worse by more than chance, or slower
than allowed without being better. ``no_difference``: no difference by more than chance, and no slower than allowed.
``b_better_but_slower``: better by more than chance and slower than allowed; the user decides."""


class Arm(Strict):
    """The traffic of one model."""

    name: str
    """The name of the model, such as the tag of its bundle."""
    requests: Annotated[int, Field(gt=0)]
    """The number of requests with a known outcome."""
    successes: Annotated[int, Field(ge=0)]
    """The number of successes, by the user's definition: accepted, correct, or within the latency limit."""
    latencies_ms: Annotated[tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...], Field(min_length=1)]
    """A sample of the latencies of its responses in milliseconds."""

    @model_validator(mode="after")
    def _counts_agree(self) -> Self:
        if self.successes > self.requests:
            raise ValueError(f"{self.successes} successes of {self.requests} requests are impossible")
        return self

    @property
    def rate(self) -> float:
        """The share of successes."""
        return self.successes / self.requests

    @property
    def mean_ms(self) -> float:
        """The mean latency in milliseconds."""
        return float(np.mean(self.latencies_ms))

    @property
    def p95_ms(self) -> float:
        """The 95% quantile of latency in milliseconds."""
        return float(np.quantile(self.latencies_ms, 0.95))


class AbResult(Strict):
    """The result of the comparison."""

    verdict: Verdict
    reason: str
    """The verdict as a sentence."""
    test: Literal["chi-square", "Fisher exact"]
    """The test of ``p_value``."""
    p_value: float
    """The probability of a difference of rates at least as large by chance alone."""
    rate_a: float
    rate_b: float
    mean_rise: float
    """The relative rise of the mean latency from A to B; negative if B is faster."""
    p95_rise: float
    """The relative rise of the 95% quantile from A to B."""


def compare_arms(a: Arm, b: Arm, *, alpha: float = ALPHA, latency_rise_max: float = LATENCY_RISE_MAX) -> AbResult:
    """Compare the model in service (A) with the one that would replace it (B).

    Args:
        a: the model in service.
        b: the other model.
        alpha: the significance level of the difference of rates.
        latency_rise_max: the share by which mean and p95 latency may rise.
    """
    test, p_value = _test(a, b)
    mean_rise, p95_rise = b.mean_ms / a.mean_ms - 1, b.p95_ms / a.p95_ms - 1
    differ = p_value < alpha
    better = differ and b.rate > a.rate
    worse = differ and b.rate < a.rate
    slower = max(mean_rise, p95_rise) > latency_rise_max
    verdict: Verdict
    if worse:
        verdict, reason = "keep_a", f"{b.name} does worse beyond chance"
    elif better and slower:
        verdict, reason = "b_better_but_slower", f"{b.name} does better beyond chance, but latency rises too much"
    elif better:
        verdict, reason = "adopt_b", f"{b.name} does better beyond chance, and latency stays within bounds"
    elif slower:
        verdict, reason = "keep_a", f"{b.name} does no better, and latency rises too much"
    else:
        verdict, reason = "no_difference", "the rates differ no more than by chance, and latency stays within bounds"
    return AbResult(
        verdict=verdict,
        reason=reason,
        test=test,
        p_value=p_value,
        rate_a=a.rate,
        rate_b=b.rate,
        mean_rise=mean_rise,
        p95_rise=p95_rise,
    )


def _test(a: Arm, b: Arm) -> tuple[Literal["chi-square", "Fisher exact"], float]:
    """Return the test and its p-value; 1 if both arms only succeeded or only failed."""
    table = np.array([[arm.successes, arm.requests - arm.successes] for arm in (a, b)], dtype=np.int64)
    if (table.sum(axis=0) == 0).any():
        return "chi-square", 1.0
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / table.sum()
    if expected.min() < EXPECTED_MIN:
        return "Fisher exact", float(fisher_exact(table).pvalue)
    return "chi-square", float(chi2_contingency(table, correction=False).pvalue)


def read_arm(path: Path) -> Arm:
    """Read an arm from a JSON file.

    Raises:
        RegistryError: the file is missing, is not valid JSON, or has an impossible value; every fault is named.
    """
    try:
        return Arm.model_validate_json(path.read_bytes())
    except OSError as error:
        raise RegistryError(f"{path} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        raise RegistryError(
            f"{path}: expected an object with name, requests, successes and latencies_ms:\n{explain(error)}"
        ) from error
