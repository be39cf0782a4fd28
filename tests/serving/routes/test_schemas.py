"""What a client sends and gets, in JSON Schema's own terms."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from serving.codec.encode import Encoder
from serving.codec.identify import decoder_of
from serving.codec.intervals import IntervalEncoder
from serving.codec.labels import LabelEncoder
from serving.errors import ServingError
from serving.routes.schemas import (
    answer_schemas,
    feature_schema,
    label_schema,
    probabilities_schema,
    ranking_schema,
    row_schema,
)
from tabento.bundle.contract import Feature, Interval, Label, LetterCase, change_case
from tabento.bundle.interval import IntervalGroup
from tests.bundles import LABELS, TAGGED_TREE, classifier_contract, orchard_contract, tagged_contract, with_output
from tests.examples import examples
from tests.serving.codec.strategies import SCALARS
from tests.serving.codec.test_categories import TRICKY


@pytest.mark.parametrize(
    ("feature", "schema"),
    [
        (Feature(name="a", type="category", categories=("x", "y")), {"type": "string", "enum": ["x", "y"]}),
        (
            Feature(name="a", type="category", categories=("x",), nullable=True),
            {"type": ["string", "null"], "enum": ["x", None]},
        ),
        (Feature(name="a", type="category", categories=("x",), unknown="ignore"), {"type": "string"}),
        (Feature(name="a", type="number", minimum=0), {"type": "number", "minimum": 0, "maximum": 2**53}),
        (
            Feature(name="a", type="number", exclusive_minimum=0, exclusive_maximum=0.3),
            {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.3},
        ),
        (
            Feature(name="a", type="integer", minimum=0, maximum=9, missing=("?", "-1"), nullable=True),
            {"anyOf": [{"type": ["integer", "null"], "minimum": 0, "maximum": 9}, {"enum": ["?", "-1", -1]}]},
        ),
    ],
)
def test_a_field_becomes_json_schema(feature: Feature, schema: dict[str, Any]) -> None:
    """Each kind of field is said in JSON Schema's own terms."""
    assert feature_schema(feature) == schema


@pytest.mark.parametrize("value", ["COX", "<1H OCEAN", "A.B+C (D)", "ÉTÉ", "日本"])
def test_a_category_in_any_case_becomes_a_pattern(value: str) -> None:
    """The pattern takes the category in every letter case, and nothing else."""
    schema = feature_schema(Feature(name="a", type="category", categories=(value,), case="upper"))
    assert re.match(schema["pattern"], value)
    assert re.match(schema["pattern"], value.lower())
    assert not re.match(schema["pattern"], value + "x")


@settings(deadline=None)
@given(
    st.sampled_from(["upper", "lower"]),
    st.lists(st.text(TRICKY + '-.^$|()[]{}\\/#&~"\n😀', max_size=3), min_size=1, max_size=3),
    st.text(TRICKY, max_size=3),
    st.sampled_from([str, str.upper, str.lower, str.title]),
)
def test_a_pattern_takes_what_the_contract_takes(case: LetterCase, texts: list[str], other: str, change: Any) -> None:
    """The pattern accepts exactly the values that the contract's letter case turns into a category."""
    categories = tuple(dict.fromkeys(change_case(text, case) for text in texts))
    feature = Feature(name="a", type="category", categories=categories, case=case)
    check = jsonschema_rs.validator_for(feature_schema(feature))
    for value in (other, *texts, *map(change, texts), texts[0] + other):
        assert check.is_valid(value) == (feature.normalise(value) in categories), value


@pytest.mark.parametrize(
    ("classes", "schema"),
    [
        (("a", "b"), {"type": "string", "enum": ["a", "b"]}),
        ((False, True), {"type": "boolean", "enum": [False, True]}),
        ((0, 1, 2), {"type": "integer", "enum": [0, 1, 2]}),
        ((0.5, "none"), {"type": ["number", "string"], "enum": [0.5, "none"]}),
    ],
)
def test_a_label_is_one_of_those_that_there_are(classes: tuple[Label, ...], schema: dict[str, Any]) -> None:
    """The labels in their own type."""
    assert label_schema(classes) == schema


def test_each_class_has_a_probability() -> None:
    """All keys are there, each a number from 0 to 1, and no other."""
    schema = probabilities_schema((True, "a"))
    assert schema["required"] == ["true", "a"] == [*schema["properties"]]
    assert schema["properties"]["true"] == {"type": "number", "minimum": 0, "maximum": 1}
    assert schema["additionalProperties"] is False


def test_answers_of_each_kind_of_model() -> None:
    """A number; a label; a label with probabilities beside it, in one object and in many."""
    number = answer_schemas(orchard_contract())
    assert number["Prediction"]["properties"]["prediction"]["type"] == "number"
    assert number["Prediction"]["required"] == ["prediction", "model", "version", "request_id"]
    labels = answer_schemas(classifier_contract((False, True), probabilities=False))
    assert labels["Predictions"]["properties"]["predictions"]["items"]["enum"] == [False, True]
    assert number.keys() == labels.keys() == {"Prediction", "Predictions"}
    shares = answer_schemas(classifier_contract())
    assert [*shares["Probabilities"]["properties"]] == [*LABELS]
    assert shares["Prediction"]["required"][:2] == ["prediction", "probabilities"]
    assert shares["Predictions"]["properties"]["probabilities"]["items"] == {
        "$ref": "#/components/schemas/Probabilities"
    }


def test_a_ranking_has_every_label_once() -> None:
    """Neither fewer labels nor one twice nor one that there is not; the example is right itself."""
    schema = ranking_schema(LABELS)
    check = jsonschema_rs.validator_for(schema)
    assert all(check.is_valid(example) for example in schema["examples"])
    assert check.is_valid([*reversed(LABELS)])
    for wrong in ([*LABELS[:2]], [LABELS[0], LABELS[0], LABELS[1]], [*LABELS, LABELS[0]], [*LABELS[:2], "ripe"]):
        assert not check.is_valid(wrong)


def test_a_ranking_is_answered_where_the_contract_says_so() -> None:
    """It is then in every answer, a list for one object and a list of lists for many; elsewhere it is not known."""
    ranked = answer_schemas(classifier_contract(ranking=True))
    assert ranked["Prediction"]["required"][:3] == ["prediction", "probabilities", "ranking"]
    assert ranked["Prediction"]["properties"]["ranking"] == {"$ref": "#/components/schemas/Ranking"}
    assert ranked["Predictions"]["properties"]["ranking"] == {
        "type": "array",
        "items": {"$ref": "#/components/schemas/Ranking"},
    }
    assert "Ranking" not in answer_schemas(classifier_contract())


def test_a_threshold_is_said_in_words() -> None:
    """Who reads the document learns that the label need not be the more probable one."""

    def description(threshold: float | None) -> str:
        schemas = answer_schemas(classifier_contract((False, True), threshold=threshold))
        text: str = schemas["Prediction"]["properties"]["prediction"]["description"]
        return text

    assert description(None) == "harvest: The expected harvest."
    assert description(0.35) == (
        "harvest: The expected harvest. It is true where the probability of true is at least 0.35, else false;"
        " this need not be the more probable of the two."
    )


TAGGED = tagged_contract()
TAGGED_DECODER = decoder_of(TAGGED, 1)
TAGGED_ROW = jsonschema_rs.validator_for(row_schema(TAGGED))


@settings(max_examples=examples(300), deadline=None)
@given(st.sampled_from(TAGGED.field_names), SCALARS)
@example("pruned", "tRuE")
@example("100% owner", "o" * 200)
@example("tag", "ééé")
def test_a_row_is_valid_if_and_only_if_it_is_taken(name: str, value: Any) -> None:
    """The document takes what the decoder takes: truth words, missing texts, exclusive bounds and identifiers."""
    # The schema library cannot be given half of a surrogate pair.
    assume(not any("\ud800" <= letter <= "\udfff" for letter in str(value)))
    row = {**TAGGED_TREE, name: value}
    try:
        accepted = TAGGED_DECODER.decode(json.dumps(row).encode()).count == 1
    except ServingError:
        accepted = False
    assert TAGGED_ROW.is_valid(row) == accepted


def test_a_row_may_have_other_fields_if_they_are_ignored() -> None:
    """The document allows other fields if the setting ignores them."""
    row = {**TAGGED_TREE, "other": {}}
    assert not TAGGED_ROW.is_valid(row)
    assert jsonschema_rs.validator_for(row_schema(TAGGED, ignore_unknown=True)).is_valid(row)


def test_identifiers_are_in_the_answer() -> None:
    """An object for one row and a list for many; elsewhere they are not known."""
    schemas = answer_schemas(TAGGED)
    assert schemas["Prediction"]["required"][1] == "identifiers"
    assert schemas["Predictions"]["properties"]["identifiers"]["type"] == "array"
    check = jsonschema_rs.validator_for(schemas["Identifiers"])
    assert check.is_valid({"tag": "T1", "100% owner": None})
    assert not check.is_valid({"tag": "T1"})
    assert "Identifiers" not in answer_schemas(orchard_contract())


def test_answers_with_intervals_and_sets() -> None:
    """An encoder's answer is valid, with one object and with many, and an answer without its interval is not."""
    interval = Interval(coverage=0.9, groups=(IntervalGroup(lower=(-1.0,), upper=(2.0,)),))
    table = {"coverage": 0.9, "thresholds": (0.5, 0.2, 0.4)}
    contracts = (
        with_output(orchard_contract(), interval=interval.model_dump()),
        with_output(classifier_contract(), prediction_set=table),
    )
    encoders: tuple[tuple[Encoder, list[Any]], ...] = (
        (IntervalEncoder("orchard", "v1", interval, None), [1.5]),
        (LabelEncoder("harvest", "v1", LABELS, True, thresholds=(0.5, 0.2, 0.4)), [[0.0, 0.7, 0.2, 0.1]]),
    )
    for contract, (encoder, values), keys in zip(contracts, encoders, (("interval",), ("set",)), strict=True):
        schemas = answer_schemas(contract)
        for name, single in (("Prediction", True), ("Predictions", False)):
            document = {**schemas[name], "components": {"schemas": schemas}}
            body = json.loads(encoder.encode(values, single, b"x"))
            assert jsonschema_rs.is_valid(document, body)
            key = keys[0] if single else f"{keys[0]}s"
            assert not jsonschema_rs.is_valid(document, {other: body[other] for other in body if other != key})
    assert "90% of all rows" in answer_schemas(contracts[0])["Interval"]["description"]
    assert not {"Interval", "Set"} & answer_schemas(orchard_contract()).keys()
