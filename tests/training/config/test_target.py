"""The target: classes in any order, and the positive class of two."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from training.config import Target


def labels(classes: list[Any], positive: Any = None) -> tuple[Any, ...]:
    """Return the labels in the order of the target."""
    target = Target.model_validate({"name": "churn", "classes": classes, "positive": positive})
    return tuple(item.label for item in target.classes or ())


def test_positive_class_is_the_named_one() -> None:
    """The named positive class is second, regardless of the order in the list and of the alphabet."""
    assert labels(["leaves", "stays"], "leaves") == ("stays", "leaves")
    assert labels(["stays", "leaves"], "leaves") == ("stays", "leaves")
    assert labels(["stays", "leaves"], "stays") == ("leaves", "stays")
    assert labels([0, 1], 0) == (1, 0)
    assert labels([False, True], False) == (True, False)


def test_order_of_the_list_is_used_if_no_class_is_named() -> None:
    """Of two classes the second is positive; three or more are sorted, because their order has no meaning."""
    assert labels(["yes", "no"]) == ("yes", "no")
    assert labels(["c", "a", "b"]) == ("a", "b", "c")


def test_a_class_can_be_one_value() -> None:
    """A single value is value and label; a class without a label answers its value."""
    target = Target.model_validate({"name": "y", "classes": ["no", {"value": "yes", "description": "It is."}]})
    assert [(item.value, item.label) for item in target.classes or ()] == [("no", "no"), ("yes", "yes")]


def test_learned_labels_put_the_positive_class_second() -> None:
    """scikit-learn sorts its classes, so labels that do not ascend are learned as 0 and 1."""
    assert Target(name="y", classes=("a", "b")).learned_labels == ("a", "b")
    assert Target(name="y", classes=("b", "a")).learned_labels == (0, 1)


@pytest.mark.parametrize(
    ("classes", "positive", "message"),
    [
        (["a", "b"], "c", r"target\.positive: 'c' is none of the labels \['a', 'b'\]"),
        (["a", "b", "c"], "c", r"target\.positive: goes with two classes, got 3"),
        ([0, 1], True, r"target\.positive: True is none of the labels"),
        (["a", "a"], None, "a label appears twice"),
    ],
)
def test_impossible_positive_class_is_refused(classes: list[Any], positive: Any, message: str) -> None:
    """The message lists the labels."""
    with pytest.raises(ValidationError, match=message):
        labels(classes, positive)
