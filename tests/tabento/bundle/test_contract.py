"""The contract: contradictions are refused, and features describe themselves as text."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from tabento.bundle.contract import (
    UNKNOWN_CATEGORY,
    Contract,
    Feature,
    Identifier,
    Label,
    LetterCase,
    Output,
    answer_width,
    change_case,
    encode_value,
    label_key,
    letter_spellings,
)
from tests.bundles import LABELS, classifier_contract, orchard_contract, with_output

SORTS = ("BOSKOOP", "COX")


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"type": "category"}, "needs `categories`"),
        ({"type": "category", "categories": ("a", "a")}, "lists a value twice"),
        ({"type": "category", "categories": ("Cox",), "case": "upper"}, "write it 'COX'"),
        ({"type": "number", "categories": ("a",)}, "goes with `type: category`"),
        ({"type": "boolean", "minimum": 0}, "a range goes with a number"),
        ({"type": "number", "minimum": 2, "maximum": 1}, "minimum 2 is above maximum 1"),
        ({"type": "number", "unknown": "ignore"}, "go with `type: category`"),
        ({"type": "number", "required": False}, "must be `nullable: true`"),
        ({"type": "number", "name": 'a"b'}, "pattern"),
        ({"type": "number", "maximum": math.inf}, "finite"),
        ({"type": "words"}, "'boolean', 'category', 'timestamp' or 'text'"),
        ({"type": "text", "minimum": 1}, "a range goes with"),
        ({"type": "text", "nullable": True, "missing": ["?"]}, "`missing` does not go with `type: text`"),
        ({"type": "text", "maximum_length": 50_001}, "less than or equal to 50000"),
        ({"type": "number", "maximum_length": 5}, "`maximum_length` goes with `type: text`"),
        ({"type": "number", "min": 1}, "Extra inputs"),
    ],
)
def test_a_feature_that_contradicts_itself_is_refused(fault: dict[str, Any], message: str) -> None:
    """Each impossible feature is refused with a message that names the fault."""
    with pytest.raises(ValidationError, match=message):
        Feature(**{"name": "a", **fault})


@pytest.mark.parametrize(
    ("names", "output", "message"),
    [
        (["a", "a"], "y", "listed twice"),
        (["a", "y"], "y", "leaks the answer"),
        (["instances"], "y", "no feature can be called"),
        ([], "y", "at least 1 item"),
    ],
)
def test_a_contract_that_contradicts_itself_is_refused(names: list[str], output: str, message: str) -> None:
    """Names must be distinct, the target no feature, and the key for many rows free."""
    features = tuple(Feature(name=name, type="number") for name in names)
    with pytest.raises(ValidationError, match=message):
        Contract(name="m", title="", description="", task="regression", features=features, output=Output(name=output))


@pytest.mark.parametrize(
    ("feature", "expected"),
    [
        (Feature(name="a", type="number", minimum=0, maximum=0.1), "a number between 0 and 0.1"),
        (Feature(name="a", type="integer", minimum=1), "an integer between 1 and 9007199254740992"),
        (Feature(name="a", type="boolean", nullable=True), "true or false or null"),
        (Feature(name="a", type="category", categories=SORTS), "one of 'BOSKOOP', 'COX'"),
        (Feature(name="a", type="category", categories=SORTS, unknown="ignore"), "a string"),
        (Feature(name="a", type="category", categories=tuple(map(str, range(25)))), "and 5 more"),
    ],
)
def test_a_feature_describes_its_values(feature: Feature, expected: str) -> None:
    """A feature describes its values as text, for error messages and documents."""
    assert expected in feature.expected()


@pytest.mark.parametrize(("case", "other"), [("upper", "lower"), ("lower", "upper")])
def test_letter_case_can_always_be_undone(case: LetterCase, other: LetterCase) -> None:
    """Over all of Unicode: a letter changes to one letter that changes back to it, or stays as it is."""
    changed = {letter: change_case(letter, case) for letter in map(chr, range(sys.maxunicode + 1))}
    for letter, other_letter in changed.items():
        if other_letter != letter:
            assert len(other_letter) == 1
            assert change_case(other_letter, other) == letter
            assert letter_spellings(other_letter, case) == (other_letter, letter)


@pytest.mark.parametrize(
    ("text", "upper", "lower"),
    [
        ("été", "ÉTÉ", "été"),
        ("Straße", "STRAßE", "straße"),
        ("\u0131\u017f", "\u0131\u017f", "\u0131\u017f"),
        ("\u0130\u212a", "\u0130\u212a", "\u0130\u212a"),
        ("Ab 1-", "AB 1-", "ab 1-"),
    ],
)
def test_similar_letters_stay_apart(text: str, upper: str, lower: str) -> None:
    """A dotless i is not I, a long s not S, ß not SS, the Kelvin sign not k."""
    assert (change_case(text, "upper"), change_case(text, "lower"), change_case(text, "exact")) == (upper, lower, text)


def test_values_travel_as_numbers() -> None:
    """A category travels as its index, a boolean as 0 or 1, a missing value as NaN, an unknown category as -1."""
    sort = Feature(name="sort", type="category", categories=SORTS, case="upper")
    assert encode_value(sort, "cox") == 1.0
    assert encode_value(sort, "gloster") == UNKNOWN_CATEGORY
    assert math.isnan(encode_value(sort, None))
    assert math.isnan(encode_value(sort, math.nan))
    assert encode_value(Feature(name="a", type="boolean"), True) == 1.0
    assert encode_value(Feature(name="a", type="number"), 7) == 7.0


def test_a_lower_case_feature_finds_its_category() -> None:
    """With ``case: lower`` letters are lowered before a category is looked up."""
    assert Feature(name="a", type="category", categories=("x",), case="lower").normalise("X") == "x"


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"classes": ("a",)}, "at least two labels"),
        ({"classes": ("a", "b", "a")}, "lists a label twice"),
        ({"classes": (True, "true")}, "lists a label twice"),
        ({"classes": (1, 1.0)}, "lists a label twice"),
        ({"classes": (1, "1")}, "lists a label twice"),
        ({"classes": (0, 2**53 + 1)}, "9007199254740993 is beyond 2"),
        ({"classes": (0.0, math.nan)}, "finite"),
        ({"classes": (0.0, None)}, "or a number, not None"),
        ({"classes": (np.int64(0), np.int64(1))}, r"or a number, not np\.int64\(0\)"),
        ({"classes": (np.False_, np.True_)}, r"or a number, not np\.False_"),
        ({"classes": "ab"}, "tuple"),
        ({"classes": ("a", "b"), "unit": "kg"}, "`unit` is for a number"),
        ({"probabilities": True}, "`probabilities`, .* need `classes`"),
        ({"ranking": True}, "`ranking` .* need `classes`"),
        ({"threshold": 0.5}, "`threshold` need `classes`"),
        ({"classes": ("a", "b"), "ranking": True}, "`ranking` needs `probabilities`"),
        ({"classes": ("a", "b", "c"), "threshold": 0.5}, "`threshold` needs two classes, got 3"),
        ({"classes": ("a", "b"), "threshold": 1.0}, "less than 1"),
        ({"classes": ("a", "b"), "threshold": 0.0}, "greater than 0"),
    ],
)
def test_an_output_that_contradicts_itself_is_refused(fault: dict[str, Any], message: str) -> None:
    """An output needs at least two labels, whose JSON keys differ too, and labels have no unit."""
    with pytest.raises(ValidationError, match=message):
        Output(**{"name": "y", **fault})


@pytest.mark.parametrize(("task", "classes"), [("regression", ("a", "b")), ("classification", None)])
def test_classes_go_with_a_classification(task: Any, classes: tuple[Label, ...] | None) -> None:
    """A number has no classes, and a label is one of them."""
    output = Output(name="y", classes=classes)
    features = (Feature(name="a", type="number"),)
    with pytest.raises(ValidationError, match="`classes` goes with `task: classification` and only with it"):
        Contract(name="m", title="", description="", task=task, features=features, output=output)


@pytest.mark.parametrize(
    ("classes", "probabilities", "width"), [(LABELS, True, 4), (LABELS, False, 1), ((False, True), True, 3)]
)
def test_a_classification_answers_an_index_and_probabilities(
    classes: tuple[Label, ...], probabilities: bool, width: int
) -> None:
    """The graph's answer has a column for the label, and with probabilities one more for each class."""
    assert answer_width(classifier_contract(classes, probabilities=probabilities)) == width
    assert answer_width(orchard_contract()) is None


def test_labels_keep_their_type_and_have_a_key() -> None:
    """A label is read with the type with which it was written: boolean, integer, number or string."""
    classes: tuple[Label, ...] = (False, 3, 2.0, 0.5, "", "4", "né")
    contract = classifier_contract(classes)
    read = Contract.model_validate_json(contract.model_dump_json()).output.classes
    assert read is not None
    assert [(type(label), label) for label in read] == [(type(label), label) for label in classes]
    assert [label_key(label) for label in read] == ["false", "3", "2.0", "0.5", "", "4", "né"]


def test_a_contract_survives_its_own_json() -> None:
    """Serving reads the contract that training wrote."""
    ripe = classifier_contract(("green", "ripe"), ranking=True, threshold=0.1 + 0.2)
    for contract in (orchard_contract(), classifier_contract(), ripe):
        assert Contract.model_validate_json(contract.model_dump_json()) == contract


def test_a_contract_from_before_rankings_and_thresholds_is_read() -> None:
    """A bundle that was written without the keys answers as it always did: no ranking, the most probable class."""
    content = classifier_contract().model_dump(mode="json")
    for key in ("ranking", "threshold"):
        del content["output"][key]
    assert Contract.model_validate(content) == classifier_contract()
    assert (classifier_contract().output.ranking, classifier_contract().output.threshold) == (False, None)


IDENTIFIER = Identifier(name="user_id", pattern="USR[0-9]+")


@pytest.mark.parametrize(
    ("identifiers", "message"),
    [
        ((IDENTIFIER, IDENTIFIER), "identifier 'user_id' is listed twice"),
        ((Identifier(name="sort"),), "identifier 'sort' is listed twice, or is a feature as well"),
        ((Identifier(name="instances"),), "no identifier can be called"),
        ((Identifier(name="harvest"),), "leaks the answer"),
        (tuple(Identifier(name=f"i{index}") for index in range(21)), "at most 20 items"),
    ],
)
def test_identifiers_have_names_of_their_own(identifiers: tuple[Identifier, ...], message: str) -> None:
    """The name of an identifier differs from the features, the target and the key of many rows."""
    with pytest.raises(ValidationError, match=message):
        Contract.model_validate(classifier_contract().model_dump() | {"identifiers": identifiers})


def test_a_contract_without_later_keys_is_written_in_the_first_format() -> None:
    """A contract without the second format's keys is readable by services that know the first format only."""
    contract = orchard_contract()
    assert contract.format_version == 1
    assert "identifiers" not in contract.model_dump()
    later = Contract.model_validate({**contract.model_dump(), "identifiers": [IDENTIFIER]})
    assert (later.format_version, later.identifiers) == (2, (IDENTIFIER,))
    assert Contract.model_validate_json(later.model_dump_json()) == later
    features = (contract.features[0].model_copy(update={"maximum": None, "exclusive_maximum": 500.0}),)
    assert contract.model_copy(update={"features": features}).format_version == 2


INTERVAL: dict[str, Any] = {"coverage": 0.9, "groups": [{"lower": [-1.0], "upper": [2.0]}]}
PREDICTION_SET = {"coverage": 0.9, "thresholds": [0.1, 0.2, 0.3]}


@pytest.mark.parametrize(
    ("contract", "output", "message"),
    [
        (classifier_contract(), {"interval": INTERVAL}, "`interval` is for a number"),
        (orchard_contract(), {"prediction_set": PREDICTION_SET}, "`prediction_set` needs `classes`"),
        (classifier_contract(probabilities=False), {"prediction_set": PREDICTION_SET}, "needs `probabilities`"),
        (
            classifier_contract(("no", "yes")),
            {"prediction_set": PREDICTION_SET},
            "a threshold for each of 2 classes, got 3",
        ),
        (
            orchard_contract(),
            {"interval": INTERVAL, "targets": [{"name": "kg"}, {"name": "days"}], "unit": None},
            "`interval` is not allowed with `targets`",
        ),
        *(
            (
                orchard_contract(),
                {"interval": {**INTERVAL, "by": name, "groups": INTERVAL["groups"] * 2}},
                "`by` must be",
            )
            for name in ("sort", "pruned", "shoe size")
        ),
    ],
)
def test_impossible_intervals_are_refused(contract: Contract, output: dict[str, object], message: str) -> None:
    """Intervals go with one number, sets with probabilities, and the groups with a feature that has an order."""
    with pytest.raises(ValidationError, match=message):
        with_output(contract, **output)


def test_intervals_are_keys_of_the_second_format() -> None:
    """A contract without them is written as before, and one with them in the second format, with the column of the groups."""
    plain = orchard_contract()
    assert not {"interval", "prediction_set"} & plain.model_dump()["output"].keys()
    assert plain.interval_column is None
    grouped = with_output(plain, interval={**INTERVAL, "by": "height", "groups": INTERVAL["groups"] * 2})
    assert (grouped.format_version, grouped.interval_column) == (2, 2)
    assert with_output(plain, interval=INTERVAL).interval_column is None
    assert Contract.model_validate_json(grouped.model_dump_json()) == grouped
    sets = with_output(classifier_contract(), prediction_set=PREDICTION_SET)
    assert sets.format_version == 2
    assert Contract.model_validate_json(sets.model_dump_json()) == sets
