"""A config's target: the column to predict, and for a classification its classes and when which one is answered."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from bundle.contract import Label, Name, Number, Output, Strict
from training.config.types import Positive


class ClassLabel(Strict):
    """One class of a classification."""

    value: Label
    """How the data writes it: a cell of the target's column that equals this is of this class."""
    label: Label
    """How the model answers it."""
    description: str = ""
    """One sentence for the people who read the answer."""

    @model_validator(mode="before")
    @classmethod
    def _may_be_one_value(cls, data: Any) -> Any:
        """Take a bare value for both, and a missing label from the value."""
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
    """One sentence for the people who read the answer."""
    minimum: Number | None = None
    """The smallest plausible value of a number; training rows below it are label problems."""
    maximum: Number | None = None
    """The largest plausible value of a number; training rows above it are label problems."""
    classes: Annotated[tuple[ClassLabel, ...], Field(min_length=2)] | None = None
    """The classes of a classification; without them those of the data. However they are listed, they are kept in this
    order: of two the positive one is the second, more are in ascending order of their labels."""
    positive: Label | None = None
    """The label of the positive class of two, of which F1, precision, recall and the decision threshold speak. Without it
    the second that is listed."""
    ranking: bool = False
    """Whether a classification answers its labels from the most to the least probable as well."""

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
                f"target.classes: a label is no number with a fraction, got {broken[0]!r}; write it as text"
            )
        if len(set(labels)) != len(labels):
            raise ValueError(f"target.classes: a label appears twice: {labels}")
        values = [item.value for item in self.classes]
        if len(set(values)) != len(values):
            raise ValueError(f"target.classes: a value appears twice: {values}")
        object.__setattr__(self, "classes", self._ordered(self.classes))
        return self

    def _ordered(self, classes: tuple[ClassLabel, ...]) -> tuple[ClassLabel, ...]:
        """Return two classes with the positive one behind, more in ascending order of their labels."""
        labels = [item.label for item in classes]
        if self.positive is None:
            return classes if len(classes) == 2 else tuple(sorted(classes, key=_by_label))
        if len(classes) != 2:
            raise ValueError(f"target.positive: goes with two classes, got {len(classes)}: remove it")
        place = next((place for place, label in enumerate(labels) if _same(label, self.positive)), None)
        if place is None:
            raise ValueError(f"target.positive: {self.positive!r} is none of the labels {labels}; write one of them")
        return (classes[1 - place], classes[place])

    @property
    def learned_labels(self) -> tuple[Label, ...]:
        """What a pipeline learns in the place of each class.

        These are the labels where they ascend in the order of ``classes``, because scikit-learn sorts what it learns. Else
        they are the places 0 and 1, so that the second column of a pipeline's probabilities is the positive class always.
        """
        labels = tuple(item.label for item in self.classes or ())
        return labels if list(labels) == sorted(labels) else tuple(range(len(labels)))

    def output(self, *, threshold: float | None = None) -> Output:
        """Return the answer as the contract has it.

        Args:
            threshold: the probability from which on the positive class is answered, where one was chosen.
        """
        if self.classes is None:
            return Output(name=self.name, unit=self.unit, description=self.description)
        return Output(
            name=self.name,
            description=self.description,
            classes=tuple(item.label for item in self.classes),
            probabilities=True,
            ranking=self.ranking,
            threshold=threshold,
        )


def _by_label(item: ClassLabel) -> Any:
    return item.label


def _same(one: Label, other: Label) -> bool:
    """Say whether two labels are one; in Python true equals 1, in an answer it does not."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


class Decision(Strict):
    """When a binary classification answers its positive class.

    Unless it is ``fixed``, the threshold is chosen on predictions of cross-validation inside the training part.
    """

    by: Literal["most_probable", "f1", "cost", "fixed"] = "most_probable"
    """``most_probable``: 0.5. ``f1``: the threshold with the highest F1. ``cost``: the one with the lowest cost per row.
    ``fixed``: ``threshold``."""
    threshold: Annotated[float, Field(gt=0, lt=1)] | None = None
    """fixed: the positive class is answered from this probability on."""
    false_positive_cost: Positive | None = None
    """cost: what it costs to answer the positive class where the negative is true; in any unit."""
    false_negative_cost: Positive | None = None
    """cost: what it costs to answer the negative class where the positive is true; in the same unit."""

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Self:
        if (self.threshold is not None) != (self.by == "fixed"):
            raise ValueError("decision: `threshold` goes with `by: fixed` and only with it")
        costs = [self.false_positive_cost is not None, self.false_negative_cost is not None]
        if costs != [self.by == "cost"] * 2:
            raise ValueError("decision: both costs go with `by: cost` and only with it")
        return self
