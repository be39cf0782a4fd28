"""Several answers per row: the outputs that a contract can list, and older contracts without changes."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tabento.bundle.contract import Contract, Feature, Output, OutputTarget, answer_width

COST, HOURS = {"name": "cost", "unit": "EUR"}, {"name": "hours"}
WET, WINDY = {"name": "wet", "classes": [0, 1]}, {"name": "windy", "classes": ["no", "some", "much"]}


def _contract(task: Any, **output: Any) -> Contract:
    return Contract(
        name="jobs",
        title="Jobs",
        description="",
        task=task,
        features=(Feature(name="size", type="number"),),
        output=Output.model_validate({"name": "prediction", **output}),
    )


def test_an_output_without_targets_is_written_as_before() -> None:
    """A contract of one answer has no new key, and the first format."""
    contract = _contract("regression")
    assert "targets" not in contract.model_dump()["output"]
    assert '"targets"' not in contract.model_dump_json()
    assert contract.format_version == 1


@pytest.mark.parametrize(("task", "targets"), [("regression", [COST, HOURS]), ("classification", [WET, WINDY])])
def test_a_contract_with_targets_survives_its_own_json(task: Any, targets: list[dict[str, Any]]) -> None:
    """It is written in the second format, which older services refuse, and is as wide as it has targets."""
    contract = _contract(task, targets=targets)
    assert Contract.model_validate_json(contract.model_dump_json()) == contract
    assert (contract.format_version, answer_width(contract)) == (2, 2)
    assert contract.target_names == tuple(target["name"] for target in targets)


def test_labels_are_listed_by_answer() -> None:
    """Numbers have no labels, one label has its classes, and several labels have the classes of each."""
    assert _contract("regression", targets=[COST, HOURS]).output.label_sets == ()
    assert _contract("classification", classes=["a", "b"]).output.label_sets == (("a", "b"),)
    assert _contract("classification", targets=[WET, WINDY]).output.label_sets == ((0, 1), ("no", "some", "much"))


@pytest.mark.parametrize(
    ("task", "output", "message"),
    [
        ("regression", {"targets": [COST]}, "at least 2"),
        ("regression", {"targets": [COST, COST]}, "lists 'cost' twice"),
        ("classification", {"targets": [COST, WET]}, "either all or none must have `classes`"),
        ("classification", {"targets": [WET, WINDY], "classes": [0, 1]}, "`classes` is not allowed with `targets`"),
        ("classification", {"targets": [WET, WINDY], "probabilities": True}, "`probabilities` is not allowed with"),
        ("regression", {"targets": [COST, HOURS], "unit": "EUR"}, "`unit` is not allowed with `targets`"),
        ("classification", {"targets": [COST, HOURS]}, "goes with `task: classification` and only with it"),
        ("regression", {"targets": [WET, WINDY]}, "goes with `task: classification` and only with it"),
        ("regression", {"targets": [COST, {"name": "size"}]}, "the target 'size' is listed among the features"),
        ("classification", {"targets": [WET, {"name": "x", "classes": [1]}]}, "at least two labels"),
        ("classification", {"targets": [WET, {"name": "x", "classes": [1, 1.0]}]}, "lists a label twice"),
        ("classification", {"targets": [WET, {"name": "x", "classes": [1, None]}]}, "a label is a string"),
        ("classification", {"targets": [{**WET, "unit": "mm"}, WINDY]}, "`unit` is for a number"),
    ],
)
def test_targets_that_contradict_each_other_are_refused(task: Any, output: dict[str, Any], message: str) -> None:
    """The message names the key or the target."""
    with pytest.raises(ValidationError, match=message):
        _contract(task, **output)


def test_a_target_is_a_number_unless_it_has_classes() -> None:
    """Name alone is enough."""
    assert OutputTarget(name="cost").classes is None
