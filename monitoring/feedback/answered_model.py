"""The part of a model version that feedback needs: its answers, its slices and its figures on the test part.

It is stored beside the truths, so that a truth can be joined and measured when the version serves no more.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitoring.feedback.slicing import SlicedFeature, sliced_features
from monitoring.feedback.truths import Value, value_text
from monitoring.rows import MonitoredModel
from tabento.bundle.contract import label_key


class AnsweredTarget(msgspec.Struct):
    """One number or label that a model answers to a row."""

    name: str
    unit: str | None
    classes: list[Value] | None
    """The labels; None for a number."""
    has_probabilities: bool = False

    def actual(self, value: object) -> float:
        """Return a true value as a number: itself, or the index of the label; NaN if it does not fit the target."""
        if self.classes is None:
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            return float(value) if is_number else math.nan  # type: ignore[arg-type]
        if not isinstance(value, bool | int | float | str):
            return math.nan
        texts = [value_text(label) for label in self.classes]
        text = value_text(value)
        if text in texts:
            return float(texts.index(text))
        keys = [label_key(label) for label in self.classes]
        return float(keys.index(value)) if isinstance(value, str) and value in keys else math.nan


class AnsweredModel(msgspec.Struct):
    """One version of a model as feedback knows it."""

    name: str
    version: str
    targets: list[AnsweredTarget]
    several: bool
    """Whether the model answers several targets, so that a truth is an object."""
    slices: list[SlicedFeature]
    metrics: dict[str, float]
    """The figures of the test part."""

    @property
    def key(self) -> tuple[str, str, tuple[str, ...]]:
        """The version and the features of its slices."""
        return self.name, self.version, tuple(feature.name for feature in self.slices)

    @property
    def width(self) -> int:
        """The number of numbers in an answer."""
        first = self.targets[0]
        if self.several or first.classes is None or not first.has_probabilities:
            return len(self.targets)
        return 1 + len(first.classes)

    def actual(self, text: str) -> NDArray[np.float64] | None:
        """Return the true values of a truth, shape (K,) for K targets; None if the truth does not fit the model.

        A truth can have some of several targets; the others are NaN.

        Args:
            text: the truth as JSON text.
        """
        value = json.loads(text)
        if not self.several:
            number = self.targets[0].actual(value)
            return None if math.isnan(number) else np.array([number])
        names = [target.name for target in self.targets]
        if not isinstance(value, dict) or not value.keys() <= set(names):
            return None
        numbers = np.full(len(names), math.nan)
        for index, target in enumerate(self.targets):
            if target.name in value:
                numbers[index] = target.actual(value[target.name])
                if math.isnan(numbers[index]):
                    return None
        return numbers

    def answer(self, prediction: object, probabilities: Mapping[str, float] | None) -> NDArray[np.float64] | None:
        """Return an answer of the prediction log as the graph's numbers, shape (W,); None if it does not fit the model.

        Args:
            prediction: the number, the label, or the object of targets.
            probabilities: the probability of each class, if there are any.
        """
        first = self.targets[0]
        if self.several:
            values = prediction if isinstance(prediction, dict) else {}
            numbers = [target.actual(values.get(target.name)) for target in self.targets]
        else:
            numbers = [first.actual(prediction)]
            if first.classes is not None and first.has_probabilities:
                shares = probabilities or {}
                numbers += [float(shares.get(label_key(label), math.nan)) for label in first.classes]
        result = np.array(numbers)
        return None if np.isnan(result).any() else result

    def expected(self) -> str:
        """Return the truths that fit the model, in words."""
        if self.several:
            return "an object of " + ", ".join(target.name for target in self.targets)
        classes = self.targets[0].classes
        return "a number" if classes is None else "one of " + ", ".join(map(value_text, classes[:20]))


def answered_model(
    model: MonitoredModel, slices: Sequence[str] = (), is_private: Callable[[str], bool] | None = None
) -> AnsweredModel:
    """Return the part of a monitored model that feedback needs.

    Args:
        model: the model.
        slices: the features by which rows are sliced; none means all that can be.
        is_private: returns whether a feature is private and so has no slices.
    """
    contract = model.contract
    output = contract.output
    if output.targets is None:
        classes = None if output.classes is None else list(output.classes)
        targets = [AnsweredTarget(output.name, output.unit, classes, bool(output.probabilities))]
    else:
        targets = [
            AnsweredTarget(target.name, target.unit, None if target.classes is None else list(target.classes))
            for target in output.targets
        ]
    return AnsweredModel(
        name=model.name,
        version=model.version,
        targets=targets,
        several=output.targets is not None,
        slices=sliced_features(contract, model.reference, slices, is_private),
        metrics=_numbers(model.metrics),
    )


def _numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    return {
        name: float(value)
        for name, value in metrics.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }
