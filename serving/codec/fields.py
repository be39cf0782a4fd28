"""Checks of single fields: from a JSON value to the model's number, or to the description of the expected value."""

from __future__ import annotations

import math
from typing import Protocol

from serving.codec.categories import CategoryTable
from serving.codec.faults import Faults
from serving.codec.shown_values import ShownValues
from serving.codec.timestamps import TimestampReader
from serving.codec.value_kinds import NULL, OTHER, kind_of_refused
from serving.codec.values import LongText, NestedValue, NumberText, Value, show_name
from tabento.bundle.contract import LARGEST_EXACT_INTEGER, Contract, Feature, Identifier, parse_boolean
from tabento.bundle.identifier import IDENTIFIER_CHARACTERS_LIMIT, IdentifierValue
from tabento.bundle.timestamp import LONGEST_TIMESTAMP

_MISSING: Value = NestedValue(is_object=False, count=0, complete=True)
"""Represents a missing field. No check accepts a nested value."""
IGNORED_FIELDS_LIMIT = 1_000
"""The largest number of ignored fields of a row: tables do not have more columns, and reading them has a cost."""
_NAMES_SHOWN = 100
"""The number of feature names that the message about an unknown field lists."""


class FieldCheck(Protocol):
    """Returns the number for a value, or None if the field does not accept it."""

    def __call__(self, value: Value) -> float | None:
        """Check one value. Null is not accepted here."""
        ...


def _boolean(value: Value) -> float | None:
    truth = None if isinstance(value, NumberText | LongText) else parse_boolean(value)
    return None if truth is None else float(truth)


def _number_check(feature: Feature) -> FieldCheck:
    lower, upper, integer = feature.lower, feature.upper, feature.type == "integer"

    def check(value: Value) -> float | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        if isinstance(value, int) and abs(value) > LARGEST_EXACT_INTEGER:
            try:
                if int(float(value)) != value:
                    return None
            except OverflowError:
                return None
        number = float(value)
        if not lower <= number <= upper or (integer and not number.is_integer()):
            return None
        return number

    return check


def _category_check(feature: Feature) -> FieldCheck:
    table = CategoryTable(feature)

    def check(value: Value) -> float | None:
        return table.code(value) if isinstance(value, str) and not isinstance(value, NumberText) else None

    return check


def _timestamp_check(feature: Feature) -> FieldCheck:
    reader = TimestampReader(feature)

    def check(value: Value) -> float | None:
        return reader.seconds(value) if isinstance(value, str) and not isinstance(value, NumberText) else None

    return check


def _text_check(feature: Feature) -> FieldCheck:
    takes = feature.takes_text

    def check(value: Value) -> float | None:
        # The text itself follows the numbers, see ``serving.codec.texts``.
        return 0.0 if isinstance(value, str) and not isinstance(value, NumberText | LongText) and takes(value) else None

    return check


def _missing_check(feature: Feature, check: FieldCheck) -> FieldCheck:
    """Return a check that accepts the feature's missing values before it calls another check."""
    texts, codes = frozenset(feature.missing), frozenset(feature.missing_numbers())

    def check_missing(value: Value) -> float | None:
        if isinstance(value, str):
            if value in texts and not isinstance(value, NumberText | LongText):
                return math.nan
        elif isinstance(value, int | float) and not isinstance(value, bool) and value in codes:
            return math.nan
        return check(value)

    return check_missing


class Field:
    """One field of a row, with its check and the texts of its messages."""

    __slots__ = ("check", "expected", "feature", "name", "nullable", "required")

    def __init__(self, feature: Feature) -> None:
        self.feature = feature
        self.name = feature.name
        self.nullable = feature.nullable
        self.required = feature.required
        self.expected = feature.expected()
        self.check: FieldCheck
        if feature.type == "boolean":
            self.check = _boolean
        elif feature.type == "category":
            self.check = _category_check(feature)
        elif feature.type == "timestamp":
            self.check = _timestamp_check(feature)
        elif feature.type == "text":
            self.check = _text_check(feature)
        else:
            self.check = _number_check(feature)
        if feature.missing:
            self.check = _missing_check(feature, self.check)


class IdentifierField:
    """One identifier of a row, with its check and the texts of its messages."""

    __slots__ = ("expected", "name", "required", "takes")

    def __init__(self, identifier: Identifier) -> None:
        self.name = identifier.name
        self.required = identifier.required
        self.expected = identifier.expected()
        self.takes = identifier.check()


class Fields:
    """All fields of a row.

    Args:
        contract: the contract of the model.
        ignore_unknown: whether fields outside the contract are skipped, instead of refused.
    """

    def __init__(self, contract: Contract, ignore_unknown: bool = False) -> None:
        self._fields = [Field(feature) for feature in contract.features]
        self._identifiers = [IdentifierField(identifier) for identifier in contract.identifiers]
        all_names = contract.field_names
        self._known = frozenset(all_names)
        self.message_values = ShownValues(contract)
        """Shows wrong values; ``serving.model`` replaces it by one that knows the private fields."""
        self.ignore_unknown = ignore_unknown
        names = all_names[:_NAMES_SHOWN]
        n_more = len(all_names) - len(names)
        self._no_such_field = f"no such field; there are {', '.join(names)}" + (f" and {n_more} more" if n_more else "")

    def __len__(self) -> int:
        return len(self._fields) + len(self._identifiers)

    def unknown_name(self, faults: Faults) -> str:
        """Return the message for a name that no field has. The names of all fields are listed once among ``faults``."""
        # With a hundred features, a hundred lists of them make a large answer.
        expected = "no such field" if faults.names_listed else self._no_such_field
        faults.names_listed = True
        return expected

    def knows(self, name: str) -> bool:
        """Return whether there is a field of this name."""
        return name in self._known

    def values(
        self, row: int, pairs: list[tuple[str, Value]], faults: Faults, complete: bool = True
    ) -> tuple[list[float], list[IdentifierValue]]:
        """Return the numbers and identifiers of a row, and add its faults to ``faults``.

        Args:
            row: the index of the row in the request.
            pairs: keys and values as they were written.
            faults: collects the faults.
            complete: whether they are all pairs of the row; if not, no field is reported as missing.

        Returns:
            One number for each feature and one value for each identifier; of no meaning, and perhaps fewer, if there
            are faults.
        """
        values = dict(pairs)
        if len(values) != len(pairs) or not values.keys() <= self._known:
            values = self._known_values(row, pairs, faults)
        numbers = []
        for field in self._fields:
            value = values.get(field.name, _MISSING)
            number = math.nan if value is None and field.nullable else field.check(value)
            if number is None:
                number = math.nan
                if value is not _MISSING:
                    faults.add(
                        row,
                        field.name,
                        field.expected,
                        self.message_values.show(field.name, value),
                        kind_of_refused(field.feature, value),
                    )
                elif field.required and complete:
                    faults.add(row, field.name, field.expected, "nothing: the field is missing", NULL)
                if faults.too_many:
                    return [], []
            numbers.append(number)
        return numbers, self._identifier_values(row, values, faults, complete) if self._identifiers else []

    def _identifier_values(
        self, row: int, values: dict[str, Value], faults: Faults, complete: bool
    ) -> list[IdentifierValue]:
        """Return the identifiers of a row, and add their faults to ``faults``."""
        identifiers: list[IdentifierValue] = []
        for field in self._identifiers:
            value = values.get(field.name, _MISSING)
            if value is _MISSING:
                if field.required and complete:
                    faults.add(row, field.name, field.expected, "nothing: the field is missing")
                identifiers.append(None)
            elif isinstance(value, NestedValue | NumberText | LongText) or not field.takes(value):
                faults.add(row, field.name, field.expected, self.message_values.show(field.name, value))
            else:
                identifiers.append(value)
            if faults.too_many:
                break
        return identifiers

    def _known_values(self, row: int, pairs: list[tuple[str, Value]], faults: Faults) -> dict[str, Value]:
        """Return the first value of each field, and name repeated fields and, unless they are ignored, unknown ones."""
        values: dict[str, Value] = {}
        ignored = 0
        for key, value in pairs:
            if key not in self._known and self.ignore_unknown:
                ignored += 1
                if isinstance(value, NestedValue) and not value.complete:
                    got = self.message_values.show(key, value)
                    faults.add(row, show_name(key), "a short value, as the field is ignored", got)
                elif ignored > IGNORED_FIELDS_LIMIT:
                    faults.add(row, None, f"at most {IGNORED_FIELDS_LIMIT} fields that are ignored", "more")
                    break
            elif key not in self._known:
                faults.add(row, show_name(key), self.unknown_name(faults), self.message_values.show(key, value))
            elif key in values:
                faults.add(row, key, "the field once", f"it again, with {self.message_values.show(key, value)}", OTHER)
            else:
                values[key] = value
            if faults.too_many:
                break
        return values


def longest_text(contract: Contract) -> int:
    """Return the largest number of characters of a value of a contract: of a category, a timestamp, a text, an identifier, or a
    missing text."""
    texts = (text for feature in contract.features for text in (*(feature.categories or ()), *feature.missing))
    longest = max(map(len, texts), default=0)
    if any(feature.type == "timestamp" for feature in contract.features):
        longest = max(longest, LONGEST_TIMESTAMP)
    longest = max([longest, *(contract.features[place].longest for place in contract.texts)])
    return max(longest, IDENTIFIER_CHARACTERS_LIMIT) if contract.identifiers else longest
