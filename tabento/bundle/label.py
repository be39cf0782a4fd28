"""The labels of a classification, and the rules for the labels of a contract."""

from __future__ import annotations

import json

from tabento.bundle.numbers import LARGEST_EXACT_INTEGER
from tabento.bundle.strict import Number

Label = bool | int | Number | str
"""A class's label."""


def label_key(label: Label) -> str:
    """Return the key of a label in an object: a string itself, the JSON text of any other label."""
    return label if isinstance(label, str) else json.dumps(label)


def require_label_types(classes: object) -> None:
    """Refuse labels that JSON has no value for, before pydantic reads them: it would make a float of a NumPy integer.

    Args:
        classes: the value of ``classes``, of any type.

    Raises:
        ValueError: one of several labels is of another type.
    """
    if isinstance(classes, list | tuple):
        for label in classes:
            if not isinstance(label, bool | int | float | str):
                raise ValueError(f"a label is a string, a boolean, an integer or a number, not {label!r}")


def require_distinct_labels(classes: tuple[Label, ...]) -> None:
    """Refuse labels that a client cannot distinguish.

    Raises:
        ValueError: there are fewer than two, two are the same in JSON, or an integer is beyond 2^53.
    """
    if len(classes) < 2:
        raise ValueError(f"output: `classes` needs at least two labels, got {list(classes)}")
    numbers = [label for label in classes if not isinstance(label, bool | str)]
    keys = {label_key(label) for label in classes}
    if len(keys) != len(classes) or len(set(numbers)) != len(numbers):
        raise ValueError(f"output: `classes` lists a label twice, as JSON reads it: {list(classes)}")
    wrong = [label for label in numbers if isinstance(label, int) and abs(label) > LARGEST_EXACT_INTEGER]
    if wrong:
        raise ValueError(
            f"output: the label {wrong[0]} is beyond 2^53, where JSON's readers round; write it as a string"
        )
