"""The reference: how training data and predictions were distributed, for drift and for documentation."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from bundle.contract import Contract, Number, Strict, label_key
from bundle.errors import BundleFormatError

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
    """How a category, a boolean or a classification's label was distributed over its values that were not missing."""

    count: int
    """How many values were there, missing ones not counted."""
    null_rate: Share
    """The share of missing values."""
    shares: dict[str, Share]
    """The share of each value: every category of the contract and, if met, ``UNKNOWN_VALUE``; ``false`` and ``true`` of
    a boolean; every class of the contract by its ``bundle.contract.label_key``."""


class Reference(Strict):
    """The content of ``reference.json``."""

    features: dict[str, NumberDistribution | CategoryDistribution]
    """The training split's distribution, by feature."""
    prediction: NumberDistribution | CategoryDistribution
    """The distribution of the model's predictions over the training split: numbers of a regression, shares of labels of
    a classification."""
    probabilities: dict[str, NumberDistribution] | None = None
    """The distribution of each class's probability over the training split, by ``bundle.contract.label_key``, where the
    model answers probabilities."""
    target: NumberDistribution | CategoryDistribution | None
    """The distribution of the target over the training split; null where the data of an imported pipeline had none."""

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        kind = type(self.prediction)
        if self.target is not None and type(self.target) is not kind:
            raise ValueError(f"the predictions are a {kind.__name__}, but the target is a {type(self.target).__name__}")
        if self.probabilities is not None and kind is not CategoryDistribution:
            raise ValueError("`probabilities` goes with predictions that are labels, not numbers")
        return self


def check_reference(reference: Reference, contract: Contract) -> None:
    """Find out whether a reference describes the answers of a contract.

    Raises:
        BundleFormatError: it describes numbers where labels are answered, or the other way round, or other labels.
    """
    classes, prediction = contract.output.classes, reference.prediction
    if classes is None:
        if isinstance(prediction, CategoryDistribution):
            raise BundleFormatError("the reference describes labels, but the contract answers a number.")
        return
    if not isinstance(prediction, CategoryDistribution):
        raise BundleFormatError("the reference describes numbers, but the contract answers one of `classes`.")
    expected = {label_key(label) for label in classes}
    described = {"prediction": {*prediction.shares}}
    if isinstance(reference.target, CategoryDistribution):
        described["target"] = {*reference.target.shares}
    if reference.probabilities is not None:
        described["probabilities"] = {*reference.probabilities}
    for name, keys in described.items():
        if keys != expected:
            raise BundleFormatError(
                f"the reference's {name} describes {sorted(keys)}, but the contract has the classes {sorted(expected)}."
            )
