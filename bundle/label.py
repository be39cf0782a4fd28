"""The labels of a classification, and what a contract may list of them."""

from __future__ import annotations

import json

from bundle.numbers import LARGEST_EXACT_INTEGER
from bundle.strict import Number

Label = bool | int | Number | str
"""A class's label."""


def label_key(label: Label) -> str:
    """Return the key under which a label stands in an object: a string is its own, all else is its JSON text."""
    return label if isinstance(label, str) else json.dumps(label)


def require_label_types(classes: object) -> None:
    """Refuse what JSON has no value for, before pydantic reads it: of a NumPy integer it would make a float.

    Args:
        classes: what is given for ``classes``, of any type.

    Raises:
        ValueError: one of several labels is of another type.
    """
    if isinstance(classes, list | tuple):
        for label in classes:
            if not isinstance(label, bool | int | float | str):
                raise ValueError(f"a label is a string, a boolean, an integer or a number, not {label!r}")


def require_distinct_labels(classes: tuple[Label, ...]) -> None:
    """Refuse labels that a client could not tell apart.

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
