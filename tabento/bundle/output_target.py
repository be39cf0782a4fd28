"""One of several answers of a model to a row."""

from __future__ import annotations

from typing import Self

from pydantic import field_validator, model_validator

from tabento.bundle.label import Label, require_distinct_labels, require_label_types
from tabento.bundle.strict import Name, Strict

TARGETS_LIMIT = 1_000
"""The largest number of targets of a model."""


class OutputTarget(Strict):
    """A number or a label that a model answers together with others."""

    name: Name
    """The key of the target in an answer."""
    unit: str | None = None
    """The unit of a number."""
    description: str = ""
    """One sentence for the readers of the answer."""
    classes: tuple[Label, ...] | None = None
    """The labels, in the order of the graph's indices; None for a number. A label is answered exactly as it is written here."""

    @field_validator("classes", mode="before")
    @classmethod
    def _labels_keep_their_type(cls, classes: object) -> object:
        require_label_types(classes)
        return classes

    @model_validator(mode="after")
    def _classes_are_distinct(self) -> Self:
        if self.classes is not None:
            require_distinct_labels(self.classes)
            if self.unit is not None:
                raise ValueError("output: `unit` is for a number, not for `classes`")
        return self


def require_one_kind(targets: tuple[OutputTarget, ...]) -> None:
    """Refuse targets that cannot be in one answer.

    Raises:
        ValueError: two targets have the same name, or some are numbers and others labels.
    """
    names = [target.name for target in targets]
    repeated_name = next((name for name in names if names.count(name) > 1), None)
    if repeated_name is not None:
        raise ValueError(f"output: `targets` lists {repeated_name!r} twice")
    if len({target.classes is None for target in targets}) > 1:
        raise ValueError("output: of `targets`, either all or none must have `classes`")
