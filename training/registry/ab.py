"""A/B: whether a model that got a part of the live traffic did better than the one that got the rest.

Two questions decide, each with its own rule: does the rate of successes differ beyond chance (Pearson's chi-square test
of a 2 × 2 table, K. Pearson 1900; Fisher's exact test where an expected count is below 5, after W. G. Cochran 1954), and
did latency stay within bounds. The sizes of the arms should be fixed before the test: who looks again and again and stops
at the first significant figure finds differences that are not there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, ValidationError, model_validator
from scipy.stats import chi2_contingency, fisher_exact

from bundle.contract import Strict
from training.config import explain
from training.registry.errors import RegistryError

ALPHA = 0.05
"""A difference that chance alone makes less often than this counts as one."""
LATENCY_RISE_MAX = 0.5
"""By what share mean or p95 latency may rise."""
EXPECTED_MIN = 5.0
"""Below this expected count the chi-square distribution is no good approximation."""

Verdict = Literal["adopt_b", "keep_a", "no_difference", "b_better_but_slower"]
"""``adopt_b``: better beyond chance, and no slower than allowed. ``keep_a``: worse beyond chance, or slower than allowed
without being better. ``no_difference``: no difference beyond chance, and no slower than allowed.
``b_better_but_slower``: better beyond chance and slower than allowed; people weigh that."""


class Arm(Strict):
    """What one model did."""

    name: str
    """The model, such as the tag of its bundle."""
    requests: Annotated[int, Field(gt=0)]
    """How many requests it got whose outcome is known."""
    successes: Annotated[int, Field(ge=0)]
    """How many of them ended well, whatever that means for the model: accepted, right, within the promise."""
    latencies_ms: Annotated[tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...], Field(min_length=1)]
    """A sample of its answers' latencies in milliseconds."""

    @model_validator(mode="after")
    def _counts_agree(self) -> Self:
        if self.successes > self.requests:
            raise ValueError(f"{self.successes} successes of {self.requests} requests cannot be")
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
    """What the comparison found."""

    verdict: Verdict
    reason: str
    """The verdict in words."""
    test: Literal["chi-square", "Fisher exact"]
    """Which test gave ``p_value``."""
    p_value: float
    """How often chance alone makes a difference of rates at least as large."""
    rate_a: float
    rate_b: float
    mean_rise: float
    """By what share the mean latency of B is above that of A; negative where it is below."""
    p95_rise: float
    """The same for the 95% quantile."""


def compare_arms(a: Arm, b: Arm, *, alpha: float = ALPHA, latency_rise_max: float = LATENCY_RISE_MAX) -> AbResult:
    """Compare the model in service (A) with the one that would replace it (B).

    Args:
        a: the model in service.
        b: the other one.
        alpha: below which p-value rates differ.
        latency_rise_max: by what share mean and p95 latency may rise.
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
    """Return the test and its p-value; 1 where both arms only succeeded or only failed."""
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
        RegistryError: the file is missing, is no JSON, or says something impossible; every fault is named.
    """
    try:
        return Arm.model_validate_json(path.read_bytes())
    except OSError as error:
        raise RegistryError(f"{path} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        raise RegistryError(
            f"{path}: expected an object with name, requests, successes and latencies_ms:\n{explain(error)}"
        ) from error
