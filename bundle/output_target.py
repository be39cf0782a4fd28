"""One of several things that a model answers to a row."""

from __future__ import annotations

from typing import Self

from pydantic import field_validator, model_validator

from bundle.label import Label, require_distinct_labels, require_label_types
from bundle.strict import Name, Strict

TARGETS_LIMIT = 1_000
"""How many things a model may answer to a row."""


class OutputTarget(Strict):
    """A number, or a label, that a model answers beside others."""

    name: Name
    """Its key in an answer."""
    unit: str | None = None
    """The unit of a number."""
    description: str = ""
    """One sentence for the people who read the answer."""
    classes: tuple[Label, ...] | None = None
    """The labels, in the order in which the graph counts them; none of a number. A label is answered as it stands here."""

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
                raise ValueError("output: `unit` goes with a number, not with `classes`")
        return self


def require_one_kind(targets: tuple[OutputTarget, ...]) -> None:
    """Refuse targets that cannot stand in one answer.

    Raises:
        ValueError: two have one name, or some are numbers and others labels.
    """
    names = [target.name for target in targets]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"output: `targets` lists {twice!r} twice")
    if len({target.classes is None for target in targets}) > 1:
        raise ValueError("output: of `targets`, either all have `classes` or none has")
