"""A decoder that is easy to check: it parses the whole body with Python's ``json`` and checks each value in sequence.

Its time and memory are not bounded. Tests compare the service's decoder with it. The benchmark measures its cost, because
it is the former decoder of the service.
"""

from __future__ import annotations

import json
import math
import struct
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NoReturn

from serving.codec.rows import Clips, Rows
from serving.errors import DETAILS_LIMIT, Detail, InvalidError, MalformedError
from tabento.bundle.contract import (
    LARGEST_EXACT_INTEGER,
    RESERVED_NAME,
    UNKNOWN_CATEGORY,
    Contract,
    Feature,
    encode_value,
    parse_boolean,
    timestamp_seconds,
)

_GOT_LIMIT = 100
"""The number of characters of a wrong value that a response repeats."""
_INTEGER_DIGITS_LIMIT = 400
"""An integer literal with more digits exceeds every float64, whose largest has 309."""


class _Pairs(list[tuple[str, Any]]):
    """An object with all its keys in order, so that a repeated key is visible."""


class _Literal(str):
    """The text of a number that JSON or float64 does not have: NaN, Infinity, 1e999."""


def _parse_float(text: str) -> float | _Literal:
    value = float(text)
    return value if math.isfinite(value) else _Literal(text)


def _parse_int(text: str) -> int | _Literal:
    return int(text) if len(text) <= _INTEGER_DIGITS_LIMIT else _Literal(text)


_json = json.JSONDecoder(
    object_pairs_hook=_Pairs, parse_float=_parse_float, parse_int=_parse_int, parse_constant=_Literal
)


def _parse(body: bytes) -> Any:
    if body.startswith(b"\xef\xbb\xbf"):
        raise MalformedError("The body begins with a byte order mark (the bytes EF BB BF). Send it without.")
    if not body.strip(b" \t\n\r"):
        raise MalformedError("The body is empty; expected a JSON object of features, or one with a list of instances.")
    try:
        return _json.decode(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise MalformedError(
            f"The body is not UTF-8: byte {error.start} is {body[error.start]:#04x}. Encode it as UTF-8."
        ) from None
    except json.JSONDecodeError as error:
        raise MalformedError(
            f"The body is not JSON: {error.msg.removesuffix(' at')} at line {error.lineno}, column {error.colno}."
        ) from None
    except RecursionError:
        raise MalformedError("The body is nested too deeply; a row is a flat object.") from None


def _describe(value: Any) -> str:
    """Return a short description of a value for a message."""
    if isinstance(value, _Pairs):
        return f"an object with {len(value)} keys"
    if isinstance(value, list):
        return f"an array of {len(value)} elements"
    if isinstance(value, _Literal) or (
        isinstance(value, int) and not isinstance(value, bool) and abs(value) > LARGEST_EXACT_INTEGER
    ):
        text = str(value)
    else:
        text = json.dumps(value, ensure_ascii=False)
    if len(text) > _GOT_LIMIT:
        text = text[:_GOT_LIMIT] + "…"
    # A lone surrogate is valid in JSON's escapes but cannot be sent back as UTF-8.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _range(feature: Feature, policy: str | None) -> tuple[float, float]:
    """Return the smallest and the largest number of a feature that a request can have."""
    if policy in ("accept", "clip"):
        unbounded = Feature(name=feature.name, type=feature.type)
        return unbounded.lower, unbounded.upper
    return feature.lower, feature.upper


def _number(feature: Feature, value: Any, policy: str | None) -> float | None:
    """Return the number of a value, or None if the feature does not accept the value."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int) and abs(value) > LARGEST_EXACT_INTEGER:
        try:
            if int(float(value)) != value:
                return None
        except OverflowError:
            return None
    number = float(value)
    lower, upper = _range(feature, policy)
    if not lower <= number <= upper:
        return None
    if feature.type == "integer" and not number.is_integer():
        return None
    return number


def _value(feature: Feature, value: Any, policy: str | None) -> float | None:
    """Return the number that represents a value in a packed row, or None if the feature does not accept the value."""
    if value is None:
        return math.nan if feature.nullable else None
    if isinstance(value, _Literal | _Pairs | list):
        return None
    if isinstance(value, str) and value in feature.missing:
        return math.nan
    if not isinstance(value, str | bool) and value in feature.missing_numbers():
        return math.nan
    if feature.type == "boolean":
        truth = parse_boolean(value)
        return None if truth is None else float(truth)
    if feature.type == "category":
        if not isinstance(value, str):
            return None
        code = encode_value(feature, value)
        refuses = feature.unknown == "refuse" or policy == "reject"
        return None if code == UNKNOWN_CATEGORY and refuses else code
    if feature.type == "timestamp":
        seconds = timestamp_seconds(value) if isinstance(value, str) else None
        lower, upper = _range(feature, policy)
        return seconds if seconds is not None and lower <= seconds <= upper else None
    return _number(feature, value, policy)


def _row(
    contract: Contract,
    index: int,
    row: Any,
    details: list[Detail],
    ignore_unknown: bool,
    policies: Mapping[str, str],
    clipped: list[dict[str, Any]],
) -> tuple[list[float], dict[str, Any]]:
    """Return a row's numbers and identifiers, and add the row's errors to ``details``."""
    if not isinstance(row, _Pairs):
        details.append(Detail(index, None, "an object of features", _describe(row)))
        return [], {}
    known_names = set(contract.field_names)
    values: dict[str, Any] = {}
    for key, value in row:
        if key not in known_names and ignore_unknown:
            continue
        if key not in known_names:
            listed = any(detail.expected.startswith("no such field") for detail in details)
            names = "" if listed else f"; there are {', '.join(contract.field_names)}"
            details.append(Detail(index, _name(key), f"no such field{names}", _describe(value)))
        elif key in values:
            details.append(Detail(index, key, "the field once", f"it again, with {_describe(value)}"))
        else:
            values[key] = value
    numbers = []
    for feature in contract.features:
        if feature.name not in values:
            if feature.required:
                expected = _expected_text(feature, policies.get(feature.name))
                details.append(Detail(index, feature.name, expected, "nothing: the field is missing"))
            numbers.append(math.nan)
            continue
        policy = policies.get(feature.name)
        number = _value(feature, values[feature.name], policy)
        if number is None:
            expected = _expected_text(feature, policy)
            details.append(Detail(index, feature.name, expected, _describe(values[feature.name])))
            number = math.nan
        elif policy == "clip" and not math.isnan(number) and not feature.lower <= number <= feature.upper:
            bound = feature.lower if number < feature.lower else feature.upper
            if feature.type == "integer":
                bound = float(math.ceil(bound) if number < bound else math.floor(bound))
            sent, replacement = (
                feature.value_text(item)
                if feature.type == "timestamp"
                else int(item)
                if feature.type == "integer"
                else item
                for item in (number, bound)
            )
            clipped.append({"row": index, "field": feature.name, "from": sent, "to": replacement})
            number = bound
        numbers.append(number)
    return numbers, _identifiers(contract, index, values, details)


def _expected_text(feature: Feature, policy: str | None) -> str:
    """Return the accepted values as text."""
    if policy in ("accept", "clip") and feature.ordered:
        feature = Feature(name=feature.name, type=feature.type, nullable=feature.nullable)
    elif policy == "reject" and feature.type == "category":
        feature = feature.model_copy(update={"unknown": "refuse"})
    return feature.expected()


def _identifiers(contract: Contract, index: int, values: dict[str, Any], details: list[Detail]) -> dict[str, Any]:
    """Return a row's identifiers, and add their errors to ``details``."""
    identifiers: dict[str, Any] = {}
    for identifier in contract.identifiers:
        value = identifiers[identifier.name] = values.get(identifier.name)
        if identifier.name not in values:
            if identifier.required:
                details.append(Detail(index, identifier.name, identifier.expected(), "nothing: the field is missing"))
        elif isinstance(value, _Literal) or not identifier.check()(value):
            details.append(Detail(index, identifier.name, identifier.expected(), _describe(value)))
    return identifiers


def _name(key: str) -> str:
    """Return an unknown field's name in a form that UTF-8 can encode."""
    return key[:_GOT_LIMIT].encode("utf-8", "backslashreplace").decode("utf-8")


def _refuse(details: list[Detail], is_cut: bool = False) -> NoReturn:
    first = details[0]
    location = f"row {first.row}" if first.row is not None else "the body"
    if first.field is not None:
        location = f"{first.field!r} of {location}" if first.row is not None else repr(first.field)
    count = f"at least {len(details)}" if is_cut else str(len(details))
    subject = "1 value is" if count == "1" else f"{count} values are"
    raise InvalidError(f"{subject} wrong; first {location}: expected {first.expected}, got {first.got}.", details)


def _instances(body: _Pairs, max_rows: int) -> list[Any]:
    """Return the rows of a body that has the key ``instances``."""
    details = [
        Detail(None, _name(key), f"only {RESERVED_NAME!r} beside it", _describe(value))
        for key, value in body
        if key != RESERVED_NAME
    ]
    lists = [value for key, value in body if key == RESERVED_NAME]
    if len(lists) > 1:
        details.append(Detail(None, RESERVED_NAME, "the field once", f"it {len(lists)} times"))
    rows = lists[0]
    expected = f"a list of 1 to {max_rows} objects"
    if not isinstance(rows, list) or isinstance(rows, _Pairs):
        details.append(Detail(None, RESERVED_NAME, expected, _describe(rows)))
    elif not rows:
        details.append(Detail(None, RESERVED_NAME, expected, "an empty list"))
    elif len(rows) > max_rows:
        details = [Detail(None, RESERVED_NAME, expected, f"a list of more than {max_rows}; send several requests")]
    if details:
        _refuse(details)
    return list(rows)


def decode_straightforward(
    body: bytes,
    contract: Contract,
    max_rows: int,
    ignore_unknown: bool = False,
    policies: Mapping[str, str] = MappingProxyType({}),
) -> Rows:
    """Return the rows of a body, or raise an error that lists the wrong values.

    Args:
        body: the body of the request.
        contract: the contract of the model.
        max_rows: the largest number of rows.
        ignore_unknown: whether fields outside the contract are skipped.
        policies: the policies of features, see ``serving.codec.input_policies``.

    Raises:
        MalformedError: the body is not JSON in UTF-8.
        InvalidError: it is JSON but not rows of the contract, or has more than ``max_rows``.
    """
    content = _parse(body)
    if not isinstance(content, _Pairs):
        _refuse(
            [Detail(None, None, f"an object of features, or one with the key {RESERVED_NAME!r}", _describe(content))]
        )
    is_single = all(key != RESERVED_NAME for key, _ in content)
    rows = [content] if is_single else _instances(content, max_rows)
    details: list[Detail] = []
    packed = []
    objects = []
    clipped: list[dict[str, Any]] = []
    pack = struct.Struct(f"={len(contract.features)}d").pack
    for index, row in enumerate(rows):
        numbers, identifiers = _row(contract, index, row, details, ignore_unknown, policies, clipped)
        if len(details) > DETAILS_LIMIT:
            _refuse(details, is_cut=True)
        if not details:
            packed.append(pack(*numbers))
            objects.append(identifiers)
    if details:
        _refuse(details)
    identifiers_json = json.dumps(
        objects[0] if is_single else objects, ensure_ascii=False, separators=(",", ":")
    ).encode()
    clips = None
    if clipped:
        entries = [json.dumps(clip, ensure_ascii=False, separators=(",", ":")).encode() for clip in clipped]
        clips = Clips(entries, dict(Counter(clip["field"] for clip in clipped)))
    return Rows(b"".join(packed), len(packed), is_single, identifiers_json if contract.identifiers else b"", clips)
