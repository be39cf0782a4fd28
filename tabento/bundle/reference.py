"""The reference: the distributions of training data and predictions, for drift and for documentation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Self

from pydantic import Field, model_validator

from tabento.bundle.contract import Contract, Label, Number, OutputTarget, Strict, label_key
from tabento.bundle.errors import BundleFormatError

Share = Annotated[float, Field(ge=0, le=1)]

UNKNOWN_VALUE = "(unknown)"
"""The key of the share of all values outside the contract, in a category with ``unknown: ignore``."""


class NumberDistribution(Strict):
    """The distribution of the values of a numeric column, without missing values."""

    count: int
    """The number of values, without missing values."""
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
    """The distribution of the values of a category, a boolean or a classification's label, without missing values."""

    count: int
    """The number of values, without missing values."""
    null_rate: Share
    """The share of missing values."""
    shares: dict[str, Share]
    """The share of each value: every category of the contract and, if it occurs, ``UNKNOWN_VALUE``; ``false`` and ``true`` of
    a boolean; every class of the contract by its ``tabento.bundle.contract.label_key``."""


Distribution = NumberDistribution | CategoryDistribution
Distributions = dict[str, Distribution]
"""One distribution for each of the contract's ``output.targets``, by name."""


class Reference(Strict):
    """The content of ``reference.json``."""

    features: dict[str, NumberDistribution | CategoryDistribution]
    """The training split's distribution, by feature."""
    prediction: NumberDistribution | CategoryDistribution | Distributions
    """The distribution of the model's predictions over the training split: numbers of a regression, shares of labels of
    a classification; for several targets one distribution each."""
    probabilities: dict[str, NumberDistribution] | None = None
    """The distribution of each class's probability over the training split, by ``tabento.bundle.contract.label_key``, if the
    model answers probabilities."""
    target: NumberDistribution | CategoryDistribution | Distributions | None
    """The distribution of the target over the training split, for several targets one each; null if the data of an imported
    pipeline had no target."""

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        kind = type(self.prediction)
        if self.target is not None and type(self.target) is not kind:
            raise ValueError(f"the predictions are a {kind.__name__}, but the target is a {type(self.target).__name__}")
        if self.probabilities is not None and kind is not CategoryDistribution:
            raise ValueError("`probabilities` needs predictions that are labels, not numbers")
        return self


def check_reference(reference: Reference, contract: Contract) -> None:
    """Check that a reference describes the answers of a contract.

    Raises:
        BundleFormatError: the reference describes numbers and the contract has labels, or the reverse, or other labels.
    """
    targets, prediction = contract.output.targets, reference.prediction
    if (targets is not None) != isinstance(prediction, dict):
        raise BundleFormatError("the reference describes one answer and the contract has several, or the reverse.")
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
