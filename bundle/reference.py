"""The reference: how training data and predictions were distributed, for drift and for documentation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Self

from pydantic import Field, model_validator

from bundle.contract import Contract, Label, Number, OutputTarget, Strict, label_key
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


Distribution = NumberDistribution | CategoryDistribution
Distributions = dict[str, Distribution]
"""One distribution for each of the contract's ``output.targets``, by name."""


class Reference(Strict):
    """The content of ``reference.json``."""

    features: dict[str, NumberDistribution | CategoryDistribution]
    """The training split's distribution, by feature."""
    prediction: NumberDistribution | CategoryDistribution | Distributions
    """The distribution of the model's predictions over the training split: numbers of a regression, shares of labels of
    a classification; of several targets one of each."""
    probabilities: dict[str, NumberDistribution] | None = None
    """The distribution of each class's probability over the training split, by ``bundle.contract.label_key``, where the
    model answers probabilities."""
    target: NumberDistribution | CategoryDistribution | Distributions | None
    """The distribution of the target over the training split, of several targets one of each; null where the data of an
    imported pipeline had none."""

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
    targets, prediction = contract.output.targets, reference.prediction
    if (targets is not None) != isinstance(prediction, dict):
        raise BundleFormatError(
            "the reference describes one answer and the contract has several, or the other way round."
        )
    if isinstance(prediction, dict):
        _check_targets(prediction, targets or (), "prediction")
        if isinstance(reference.target, dict):
            _check_targets(reference.target, targets or (), "target")
        return
    classes = contract.output.classes
    _check_answer(prediction, classes, "prediction")
    if classes is None:
        return
    if isinstance(reference.target, CategoryDistribution):
        _check_answer(reference.target, classes, "target")
    if reference.probabilities is not None:
        _check_keys(reference.probabilities, classes, "probabilities")


def _check_targets(described: Distributions, targets: Sequence[OutputTarget], part: str) -> None:
    names = [target.name for target in targets]
    if sorted(described) != sorted(names):
        raise BundleFormatError(f"the reference's {part} describes {sorted(described)}, but the contract has {names}.")
    for target in targets:
        _check_answer(described[target.name], target.classes, f"{part} of {target.name!r}")


def _check_answer(described: Distribution, classes: Sequence[Label] | None, part: str) -> None:
    if classes is None:
        if isinstance(described, CategoryDistribution):
            raise BundleFormatError("the reference describes labels, but the contract answers a number.")
    elif isinstance(described, CategoryDistribution):
        _check_keys(described.shares, classes, part)
    else:
        raise BundleFormatError("the reference describes numbers, but the contract answers one of `classes`.")


def _check_keys(described: Iterable[str], classes: Sequence[Label], part: str) -> None:
    expected = {label_key(label) for label in classes}
    if {*described} != expected:
        raise BundleFormatError(
            f"the reference's {part} describes {sorted(described)}, but the contract has the classes {sorted(expected)}."
        )
