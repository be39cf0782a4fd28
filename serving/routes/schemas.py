"""The JSON Schemas of requests and answers, built from the contract."""

from __future__ import annotations

import json
from typing import Any

from tabento.bundle.contract import (
    BOOLEAN_WORDS,
    Contract,
    Feature,
    Identifier,
    Interval,
    Label,
    LetterCase,
    Output,
    OutputTarget,
    PredictionSet,
    label_key,
    letter_spellings,
)
from tabento.bundle.identifier import IDENTIFIER_CHARACTERS_LIMIT, LARGEST_IDENTIFIER
from tabento.bundle.numbers import number_text

_TEXT = {"type": "string"}
_JSON_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}


def feature_schema(feature: Feature) -> dict[str, Any]:
    """Return the JSON Schema of one field."""
    schema: dict[str, Any] = {}
    if feature.type == "category":
        assert feature.categories is not None
        schema["type"] = "string"
        if feature.unknown == "refuse" and feature.case == "exact":
            schema["enum"] = [*feature.categories]
        elif feature.unknown == "refuse":
            # Letter case is free, which an enumeration cannot say.
            schema["pattern"] = f"^(?:{'|'.join(_any_case(value, feature.case) for value in feature.categories)})$"
    elif feature.type == "boolean":
        schema["type"] = "boolean"
    elif feature.type == "timestamp":
        schema |= {"type": "string", "format": "date-time"}
    elif feature.type == "text":
        schema |= {"type": "string", "maxLength": feature.longest}
    else:
        schema |= {"type": feature.type} | _range_schema(feature)
    if feature.nullable:
        schema["type"] = [schema["type"], "null"]
        if "enum" in schema:
            schema["enum"].append(None)
    alternatives: list[dict[str, Any]] = []
    if feature.type == "boolean":
        alternatives += [{"enum": [0, 1]}, {"type": "string", "pattern": _truth_pattern()}]
    if feature.missing:
        alternatives.append({"enum": [*feature.missing, *feature.missing_numbers()]})
    if alternatives:
        schema = {"anyOf": [schema, *alternatives]}
    unit = f" [{feature.unit}]" if feature.unit else ""
    note = f" {_timestamp_note(feature)}" if feature.type == "timestamp" else ""
    if feature.description or unit or note:
        schema["description"] = f"{feature.description}{unit}{note}".strip()
    return schema


def _timestamp_note(feature: Feature) -> str:
    """Describe the parts that a format of JSON Schema cannot express: a time without zone, a date alone, the range."""
    low, high = feature.value_text(feature.lower), feature.value_text(feature.upper)
    return (
        f"A date and time in ISO 8601, from {low} to {high}. Without a zone it counts as UTC; a date alone is its"
        " midnight."
    )


def _range_schema(feature: Feature) -> dict[str, float]:
    """Return the bounds of a number, in the words in which the contract gives them."""
    low, high = feature.exclusive_minimum, feature.exclusive_maximum
    return ({"minimum": feature.lower} if low is None else {"exclusiveMinimum": low}) | (
        {"maximum": feature.upper} if high is None else {"exclusiveMaximum": high}
    )


def identifier_schema(identifier: Identifier, *, in_answer: bool = False) -> dict[str, Any]:
    """Return the JSON Schema of one identifier.

    Args:
        identifier: its declaration in the contract.
        in_answer: whether the schema is for an answer.
    """
    integers = identifier.pattern is None
    types = ["string", *(["integer"] if integers else []), *([] if identifier.required else ["null"])]
    schema: dict[str, Any] = {
        "type": types[0] if len(types) == 1 else types,
        "minLength": 1,
        "maxLength": IDENTIFIER_CHARACTERS_LIMIT,
        "pattern": identifier.compiled().source,
    }
    if integers:
        schema |= {"minimum": -LARGEST_IDENTIFIER, "maximum": LARGEST_IDENTIFIER}
    note = "" if in_answer else "It is repeated in the answer, and no prediction depends on it."
    return schema | {"description": f"{identifier.description} {note}".strip()}


def identifiers_schema(contract: Contract) -> dict[str, Any]:
    """Return the JSON Schema of one row's identifiers in an answer: all of them, null for an identifier that was not sent."""
    properties = {item.name: identifier_schema(item, in_answer=True) for item in contract.identifiers}
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


def _any_case(value: str, case: LetterCase) -> str:
    """Return a regular expression for exactly the spellings that the contract turns into a category."""
    letters = []
    for letter in value:
        spellings = letter_spellings(letter, case)
        if len(spellings) > 1:
            letters.append(f"[{''.join(sorted(spellings))}]")
        else:
            # JSON Schema's patterns are read in Unicode mode, which accepts a backslash before these only.
            letters.append(f"\\{letter}" if letter in r"^$\.*+?()[]{}|/" else letter)
    return "".join(letters)


def _truth_pattern() -> str:
    """Return a regular expression for the texts of truth values, in any letter case."""
    return f"^(?:{'|'.join(_any_case(word, 'lower') for word in BOOLEAN_WORDS)})$"


def row_schema(contract: Contract, *, ignore_unknown: bool = False) -> dict[str, Any]:
    """Return the JSON Schema of one row.

    Args:
        contract: the contract of the model.
        ignore_unknown: whether a row may have other fields, which are ignored.
    """
    fields: tuple[Feature | Identifier, ...] = (*contract.features, *contract.identifiers)
    return {
        "type": "object",
        "properties": {
            **{feature.name: feature_schema(feature) for feature in contract.features},
            **{identifier.name: identifier_schema(identifier) for identifier in contract.identifiers},
        },
        "required": [field.name for field in fields if field.required],
        "additionalProperties": ignore_unknown,
    }


def label_schema(classes: tuple[Label, ...]) -> dict[str, Any]:
    """Return the JSON Schema of a class's label: one of the known labels."""
    types = sorted({_JSON_TYPES[type(label)] for label in classes})
    return {"type": types[0] if len(types) == 1 else types, "enum": list(classes)}


def probabilities_schema(classes: tuple[Label, ...]) -> dict[str, Any]:
    """Return the JSON Schema of one row's probabilities: an object with a key for each class."""
    share = {"type": "number", "minimum": 0, "maximum": 1}
    keys = [label_key(label) for label in classes]
    return {
        "type": "object",
        "description": "The probability of each class.",
        "properties": dict.fromkeys(keys, share),
        "required": keys,
        "additionalProperties": False,
    }


def ranking_schema(classes: tuple[Label, ...]) -> dict[str, Any]:
    """Return the JSON Schema of one row's ranking: every label once."""
    return {
        "type": "array",
        "description": "All labels from the most to the least probable; equally probable ones in the classes' order.",
        "items": label_schema(classes),
        "minItems": len(classes),
        "maxItems": len(classes),
        "uniqueItems": True,
        "examples": [[*classes]],
    }


def _threshold_in_words(output: Output) -> str:
    """Describe the rule of the answered label, if it is not always the most probable one."""
    if output.classes is None or output.threshold is None:
        return ""
    other, label = (json.dumps(value, ensure_ascii=False) for value in output.classes)
    return (
        f"It is {label} where the probability of {label} is at least {number_text(output.threshold)}, else {other};"
        " this need not be the more probable of the two."
    )


def _prediction_schema(contract: Contract) -> dict[str, Any]:
    output = contract.output
    if output.targets is not None:
        return _targets_schema(output.targets) | {"description": f"{output.name}: {output.description}".strip()}
    unit = f" [{output.unit}]" if output.unit else ""
    schema = {"type": "number"} if output.classes is None else label_schema(output.classes)
    return schema | {
        "description": f"{f'{output.name}: {output.description}{unit}'.strip()} {_threshold_in_words(output)}".strip()
    }


def _targets_schema(targets: tuple[OutputTarget, ...]) -> dict[str, Any]:
    """Return the JSON Schema of several answers to a row: an object with a key for each."""
    properties: dict[str, Any] = {}
    for target in targets:
        schema: dict[str, Any] = {"type": "number"} if target.classes is None else label_schema(target.classes)
        note = f"{target.description}{f' [{target.unit}]' if target.unit else ''}".strip()
        properties[target.name] = schema | ({"description": note} if note else {})
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


def _percent(share: float) -> str:
    return f"{100 * share:.10g}%"  # rounded: a share of two decimals is not exact in binary


def interval_schema(interval: Interval, unit: str | None) -> dict[str, Any]:
    """Return the JSON Schema of one answer's prediction interval."""
    end = {"type": "number"} | ({"description": f"[{unit}]"} if unit else {})
    ranges = f", also within ranges of {interval.by}" if interval.by is not None else ""
    return {
        "type": "object",
        "description": f"The true value is expected to be inside for {_percent(interval.coverage)} of all rows{ranges}.",
        "properties": {"lower": end, "upper": end, "coverage": {"type": "number", "const": interval.coverage}},
        "required": ["lower", "upper", "coverage"],
        "additionalProperties": False,
    }


def set_schema(classes: tuple[Label, ...], prediction_set: PredictionSet) -> dict[str, Any]:
    """Return the JSON Schema of one answer's prediction set: the answered label, and others that may be true."""
    return {
        "type": "array",
        "description": (
            "The labels that may be true, in the classes' order; the answered label is one of them. The true label is"
            f" expected to be in the set for {_percent(prediction_set.coverage)} of the rows of each class."
        ),
        "items": label_schema(classes),
        "minItems": 1,
        "maxItems": len(classes),
        "uniqueItems": True,
    }


def _answer_schema(parts: dict[str, dict[str, Any]], may_clip: bool) -> dict[str, Any]:
    """Return the JSON Schema of an answer: its own parts, and the common parts of every answer."""
    properties = parts | {"model": _TEXT, "version": _TEXT, "request_id": _TEXT}
    required = [*properties]
    if may_clip:
        properties["clipped"] = {"type": "array", "items": {"$ref": "#/components/schemas/Clip"}, "minItems": 1}
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def clip_schema() -> dict[str, Any]:
    """Return the JSON Schema of one value that was moved to a bound of its feature's range."""
    value = {"type": ["number", "string"]}
    properties = {"row": {"type": "integer"}, "field": _TEXT, "from": value, "to": value}
    return {
        "type": "object",
        "description": "A value that was outside the range of its feature, and the bound that the model got instead.",
        "properties": properties,
        "required": [*properties],
        "additionalProperties": False,
    }


def answer_schemas(contract: Contract, *, may_clip: bool = False) -> dict[str, Any]:
    """Return the JSON Schemas of answers by their names in the document's components.

    ``Prediction`` answers one object and ``Predictions`` many rows; a classification that answers probabilities or a
    ranking has ``Probabilities`` and ``Ranking`` as well, a contract with intervals ``Interval``, with prediction sets ``Set``,
    and with identifiers ``Identifiers``, to which both refer.

    Args:
        contract: the contract of the model.
        may_clip: whether an answer may list values that were clipped; there is then ``Clip`` as well.
    """
    output = contract.output
    single: dict[str, Any] = {"prediction": _prediction_schema(contract)}
    batch: dict[str, Any] = {"predictions": {"type": "array", "items": _prediction_schema(contract)}}
    schemas: dict[str, Any] = {}
    if output.interval is not None:
        schemas["Interval"] = interval_schema(output.interval, output.unit)
        single["interval"] = {"$ref": "#/components/schemas/Interval"}
        batch["intervals"] = {"type": "array", "items": single["interval"]}
    if output.classes is not None and output.probabilities:
        schemas["Probabilities"] = probabilities_schema(output.classes)
        single["probabilities"] = {"$ref": "#/components/schemas/Probabilities"}
        batch["probabilities"] = {"type": "array", "items": single["probabilities"]}
    if output.classes is not None and output.ranking:
        schemas["Ranking"] = ranking_schema(output.classes)
        single["ranking"] = {"$ref": "#/components/schemas/Ranking"}
        batch["ranking"] = {"type": "array", "items": single["ranking"]}
    if output.classes is not None and output.prediction_set is not None:
        schemas["Set"] = set_schema(output.classes, output.prediction_set)
        single["set"] = {"$ref": "#/components/schemas/Set"}
        batch["sets"] = {"type": "array", "items": single["set"]}
    if contract.identifiers:
        schemas["Identifiers"] = identifiers_schema(contract)
        single["identifiers"] = {"$ref": "#/components/schemas/Identifiers"}
        batch["identifiers"] = {"type": "array", "items": single["identifiers"]}
    if may_clip:
        schemas["Clip"] = clip_schema()
    return {
        "Prediction": _answer_schema(single, may_clip),
        "Predictions": _answer_schema(batch, may_clip),
        **schemas,
    }
