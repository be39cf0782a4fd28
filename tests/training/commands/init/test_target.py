"""The target."""

from __future__ import annotations

from typing import Any

import pytest

from tests.training.commands.init.files import column
from training.commands.init.errors import InitError
from training.commands.init.target import decide_target, find_target


def decision_on(cells: list[str], **wishes: Any) -> Any:
    """What is predicted for some cells."""
    return decide_target(column(cells, "y"), "rows.csv", **wishes)


@pytest.mark.parametrize(
    ("cells", "labels", "positive"),
    [
        (["Yes", "No", "No"] * 20, ["No", "Yes"], "Yes"),
        (["0", "1"] * 20, [0, 1], 1),
        (["True", "false"] * 20, [False, True], True),
        ([" <=50K", " <=50K", " >50K"] * 20, ["<=50K", ">50K"], ">50K"),
        (["stays", "churned", "stays"] * 20, ["churned", "stays"], "churned"),
        (["2", "1", "1"] * 20, [1, 2], 2),
        (["0.5", "1.5", "1.5"] * 20, ["0.5", "1.5"], "0.5"),
    ],
)
def test_two_classes_have_a_positive_one(cells: list[str], labels: list[Any], positive: Any) -> None:
    """Labels as the data has them; the positive class is called so, or is the rarer."""
    target = decision_on(cells)
    assert target.task == "classification"
    assert [item["label"] for item in target.entry["classes"]] == labels
    assert target.entry["positive"] == positive
    assert type(target.entry["positive"]) is type(positive)


def test_rarer_class_is_said_to_be_a_guess() -> None:
    """Yes and 1 are sure, and so is what somebody names."""
    assert "the rarer one" in decision_on(["a", "b", "b"] * 20).doubts[0]
    assert decision_on(["yes", "no"] * 20).doubts == ()
    named = decision_on(["a", "b", "b"] * 20, positive="b")
    assert (named.entry["positive"], named.doubts) == ("b", ())


def test_task_follows_the_values_or_the_wish() -> None:
    """Fractions and many whole numbers are a regression; a few whole numbers are classes, and said to be a guess."""
    assert decision_on([f"{n}.5" for n in range(60)]).entry == {"name": "y", "minimum": 0.0, "maximum": 89.0}
    assert decision_on([str(n) for n in range(60)]).task == "regression"
    few_numbers = decision_on([str(n % 6) for n in range(600)])
    assert few_numbers.task == "classification"
    assert "--task regression" in few_numbers.doubts[0]
    assert decision_on([str(n % 6) for n in range(600)], task="regression").task == "regression"
    assert len(decision_on([f"{n % 3}.5" for n in range(90)], task="classification").entry["classes"]) == 3


def test_rare_classes_are_said() -> None:
    """Three rows say little about a class."""
    assert "very few rows ('c' 3)" in decision_on(["a", "b"] * 30 + ["c"] * 3).doubts[0]


@pytest.mark.parametrize(
    ("cells", "wishes", "message"),
    [
        (["a", "a"], {}, "expected at least two different values, got only 'a'"),
        (["", "NA"], {}, "expected at least two different values, got none"),
        (["a", "a", "b"], {}, "expected at least 2 rows of each class, got one of 'b'"),
        ([f"t{n}" for n in range(200)], {}, "expected at most 50 classes, got 200"),
        (["a", "b"] * 9, {"task": "regression"}, "--task regression expects numbers, got 'a', 'b'"),
        (["a", "b"] * 9, {"positive": "c"}, "--positive expects one of 'a', 'b', got 'c'"),
        (["a", "b", "c"] * 9, {"positive": "c"}, "--positive goes with two classes, got 3"),
        ([f"{n}.5" for n in range(60)], {"positive": "1"}, "--positive goes with a classification"),
        (["a", "a "], {}, "expected at least two classes, got only 'a'"),
    ],
)
def test_impossible_target_is_told(cells: list[str], wishes: dict[str, Any], message: str) -> None:
    """The message names the file, the target, the expected and the actual value."""
    with pytest.raises(InitError, match=f"rows.csv, target 'y': {message}"):
        decision_on(cells, **wishes)


def test_target_that_is_not_there_is_told_with_near_names() -> None:
    """A misspelt name, another letter case, and a file without names."""
    names = ["customerID", "tenure", "Churn"]
    assert find_target(names, "Churn", "rows.csv") == "Churn"
    with pytest.raises(InitError, match=r"expected a column 'churn'.* Did you mean 'Churn'\?"):
        find_target(names, "churn", "rows.csv")
    with pytest.raises(InitError, match=r"Did you mean 'tenure'\?"):
        find_target(names, "tenures", "rows.csv")
    with pytest.raises(InitError, match="first row looks like values"):
        find_target(["39", "State-gov", "77516", "13", "40"], "income", "adult.data")
    with pytest.raises(InitError, match="'c19' and 81 more"):
        find_target([f"c{n}" for n in range(101)], "zzz", "rows.csv")
