"""The reference: how training data and predictions were distributed, for drift and for documentation."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bundle.contract import Number, Strict

Share = Annotated[float, Field(ge=0, le=1)]

UNKNOWN_VALUE = "(unknown)"
"""Under which key the shares of a category count all values outside the contract, where it says ``unknown: ignore``."""


class NumberDistribution(Strict):
    """How a numeric column was distributed over its values that were not missing."""

    count: int
    """How many values were there, missing ones not counted."""
    null_rate: Share
    """The share of missing values."""
    mean: Number
    std: Number
    minimum: Number
    maximum: Number
    p05: Number
    """The 5% quantile."""
    p50: Number
    """The median."""
    p95: Number
    """The 95% quantile."""
    edges: tuple[Number, ...]
    """The inner edges of at most ten quantile bins, ascending and distinct; bin i holds edge i-1 < x <= edge i."""
    shares: tuple[Share, ...]
    """The share of values in each bin; one more than edges."""


class CategoryDistribution(Strict):
    """How a category or a boolean was distributed over its values that were not missing."""

    count: int
    """How many values were there, missing ones not counted."""
    null_rate: Share
    """The share of missing values."""
    shares: dict[str, Share]
    """The share of each value: every category of the contract and, if met, ``UNKNOWN_VALUE``; ``false`` and ``true`` of
    a boolean."""


class Reference(Strict):
    """The content of ``reference.json``."""

    features: dict[str, NumberDistribution | CategoryDistribution]
    """The training split's distribution, by feature."""
    prediction: NumberDistribution
    """The distribution of the model's predictions over the training split."""
    target: NumberDistribution
    """The distribution of the target over the training split."""
