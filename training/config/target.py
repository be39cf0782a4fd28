"""A config's target: the column to predict, and for a classification its classes and the rule of the answer."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from tabento.bundle.contract import Interval, Label, Name, Number, Output, PredictionSet, Strict
from training.config.types import Positive


class ClassLabel(Strict):
    """One class of a classification."""

    value: Label
    """The class in the data: a cell of the target's column that equals this value is of this class."""
    label: Label
    """The class in the model's answers."""
    description: str = ""
    """One sentence for the readers of an answer."""

    @model_validator(mode="before")
    @classmethod
    def _may_be_one_value(cls, data: Any) -> Any:
        """Use a bare value as value and label, and the value as a missing label."""
        if isinstance(data, bool | int | float | str):
            return {"value": data, "label": data}
        if isinstance(data, dict) and "value" in data and "label" not in data:
            return {**data, "label": data["value"]}
        return data


class Target(Strict):
    """The column to predict."""

    name: Name
    """The column's name, and the answer's."""
    unit: str | None = None
    """The unit of a predicted number."""
    description: str = ""
    """One sentence for the readers of an answer."""
    minimum: Number | None = None
    """The smallest plausible value of a number; training rows below it are label problems."""
    maximum: Number | None = None
    """The largest plausible value of a number; training rows above it are label problems."""
    classes: Annotated[tuple[ClassLabel, ...], Field(min_length=2)] | None = None
    """The classes of a classification; by default the classes of the data. Regardless of the order in the file, the positive
    class of two is the second, and three or more are in ascending order of their labels."""
    positive: Label | None = None
    """The label of the positive class of two. F1, precision, recall and the decision threshold refer to it. By default the
    second listed class."""
    ranking: bool = False
    """Whether a classification also answers its labels from the most to the least probable."""

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if self.classes is None:
            return self
        if self.minimum is not None or self.maximum is not None or self.unit is not None:
            raise ValueError("target: `unit`, `minimum` and `maximum` go with a number, not with `classes`")
        labels = [item.label for item in self.classes]
        if len({type(label) for label in labels}) > 1:
            raise ValueError(f"target.classes: the labels must be of one type, got {labels}")
        broken = [label for label in labels if isinstance(label, float) and not label.is_integer()]
        if broken:
            raise ValueError(
                f"target.classes: a label cannot be a number with a fraction, got {broken[0]!r}; write it as text"
            )
        if len(set(labels)) != len(labels):
            raise ValueError(f"target.classes: a label appears twice: {labels}")
        values = [item.value for item in self.classes]
        if len(set(values)) != len(values):
            raise ValueError(f"target.classes: a value appears twice: {values}")
        object.__setattr__(self, "classes", self._ordered(self.classes))
        return self

    def _ordered(self, classes: tuple[ClassLabel, ...]) -> tuple[ClassLabel, ...]:
        """Return two classes with the positive one second, three or more in ascending order of their labels."""
        labels = [item.label for item in classes]
        if self.positive is None:
            return classes if len(classes) == 2 else tuple(sorted(classes, key=_by_label))
        if len(classes) != 2:
            raise ValueError(f"target.positive: goes with two classes, got {len(classes)}: remove it")
        index = next((index for index, label in enumerate(labels) if _is_same_label(label, self.positive)), None)
        if index is None:
            raise ValueError(f"target.positive: {self.positive!r} is none of the labels {labels}; write one of them")
        return (classes[1 - index], classes[index])

    @property
    def learned_labels(self) -> tuple[Label, ...]:
        """The values that a pipeline learns for the classes.

        These are the labels if they ascend in the order of ``classes``, because scikit-learn sorts its classes. Otherwise
        they are the indices 0 and 1, so that the second column of probabilities always belongs to the positive class.
        """
        labels = tuple(item.label for item in self.classes or ())
        return labels if list(labels) == sorted(labels) else tuple(range(len(labels)))

    def output(
        self,
        *,
        threshold: float | None = None,
        interval: Interval | None = None,
        prediction_set: PredictionSet | None = None,
    ) -> Output:
        """Return the answer as the contract has it.

        Args:
            threshold: the lowest probability for which the positive class is answered, if a threshold was chosen.
            interval: the calibrated prediction intervals, if an answer has one.
            prediction_set: the calibrated prediction sets, if an answer has one.
        """
        if self.classes is None:
            return Output(name=self.name, unit=self.unit, description=self.description, interval=interval)
        return Output(
            name=self.name,
            description=self.description,
            classes=tuple(item.label for item in self.classes),
            probabilities=True,
            ranking=self.ranking,
            threshold=threshold,
            prediction_set=prediction_set,
        )


def _by_label(item: ClassLabel) -> Any:
    return item.label


def _is_same_label(left: Label, right: Label) -> bool:
    """Return whether two labels are equal; true equals 1 in Python, but not in an answer."""
    return left == right and isinstance(left, bool) == isinstance(right, bool)


class Decision(Strict):
    """The rule by which a binary classification answers its positive class.

    Unless it is ``fixed``, the threshold is chosen on predictions of cross-validation inside the training part.
    """

    by: Literal["most_probable", "f1", "cost", "fixed"] = "most_probable"
    """``most_probable``: 0.5. ``f1``: the threshold with the highest F1. ``cost``: the one with the lowest cost per row.
    ``fixed``: ``threshold``."""
    threshold: Annotated[float, Field(gt=0, lt=1)] | None = None
    """fixed: the lowest probability for which the positive class is answered."""
    false_positive_cost: Positive | None = None
    """cost: the cost of answering the positive class if the negative class is true; in any unit."""
    false_negative_cost: Positive | None = None
    """cost: the cost of answering the negative class if the positive class is true; in the same unit."""

    @model_validator(mode="after")
    def _has_required_keys(self) -> Self:
        if (self.threshold is not None) != (self.by == "fixed"):
            raise ValueError("decision: `threshold` goes with `by: fixed` and only with it")
        costs = [self.false_positive_cost is not None, self.false_negative_cost is not None]
        if costs != [self.by == "cost"] * 2:
            raise ValueError("decision: both costs go with `by: cost` and only with it")
        return self
