"""A/B: the comparison of two models that each received a part of the live traffic.

The files of both arms are read here. ``tabento.ab_test.fixed`` compares them, as the service does in the report of a rollout. The
sizes of the arms should be fixed before the test: repeated looks that stop at the first significant result find differences that
do not exist.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

import numpy as np
from pydantic import Field, ValidationError, model_validator

from tabento.ab_test.fixed import ALPHA, LATENCY_RISE_MAX, FixedVerdict, Outcomes, TestName, compare_outcomes
from tabento.bundle.contract import Strict
from training.config import explain
from training.registry.errors import RegistryError


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

    @property
    def outcomes(self) -> Outcomes:
        """The arm as the comparison reads it."""
        return Outcomes(self.name, self.requests, self.successes, self.mean_ms, self.p95_ms)


class AbResult(Strict):
    """The result of the comparison, see ``tabento.ab_test.fixed.FixedResult``."""

    verdict: FixedVerdict
    reason: str
    """The verdict as a sentence."""
    test: TestName
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
    result = compare_outcomes(a.outcomes, b.outcomes, alpha=alpha, latency_rise_max=latency_rise_max)
    return AbResult(
        verdict=result.verdict,
        reason=result.reason,
        test=result.test,
        p_value=result.p_value,
        rate_a=a.rate,
        rate_b=b.rate,
        mean_rise=result.mean_rise,
        p95_rise=result.p95_rise,
    )


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
