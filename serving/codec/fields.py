"""Checks of single fields: from a JSON value to the number that the model gets, or to what was expected instead."""

from __future__ import annotations

import math
from typing import Protocol

from bundle.contract import LARGEST_EXACT_INTEGER, Contract, Feature
from serving.codec.categories import CategoryTable
from serving.codec.faults import Faults
from serving.codec.values import Nested, NumberText, Value, show, show_name

_MISSING: Value = Nested(is_object=False, count=0, complete=True)
"""Stands for a field that is not there. No check takes a nested value."""
_NAMES_SHOWN = 100
"""How many names of features the message about an unknown field lists."""


class FieldCheck(Protocol):
    """Returns the number by which a value travels, or None if the field does not take it."""

    def __call__(self, value: Value) -> float | None:
        """Check one value. Null is not taken here."""
        ...


def _boolean(value: Value) -> float | None:
    return float(value) if isinstance(value, bool) else None


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


class Field:
    """One field of a row, with what its check and its messages need."""

    __slots__ = ("check", "expected", "name", "nullable", "required")

    def __init__(self, feature: Feature) -> None:
        self.name = feature.name
        self.nullable = feature.nullable
        self.required = feature.required
        self.expected = feature.expected()
        self.check: FieldCheck
        if feature.type == "boolean":
            self.check = _boolean
        elif feature.type == "category":
            self.check = _category_check(feature)
        else:
            self.check = _number_check(feature)


class Fields:
    """All fields of a row.

    Args:
        contract: what the model takes.
    """

    def __init__(self, contract: Contract) -> None:
        self._fields = [Field(feature) for feature in contract.features]
        self._known = frozenset(contract.feature_names)
        names = contract.feature_names[:_NAMES_SHOWN]
        more = len(contract.features) - len(names)
        self._no_such_field = f"no such field; there are {', '.join(names)}" + (f" and {more} more" if more else "")

    def __len__(self) -> int:
        return len(self._fields)

    def knows(self, name: str) -> bool:
        """Return whether there is a field of this name."""
        return name in self._known

    def numbers(self, row: int, pairs: list[tuple[str, Value]], faults: Faults, complete: bool = True) -> list[float]:
        """Return the numbers of a row, and add what is wrong with it to ``faults``.

        Args:
            row: the index of the row in the request.
            pairs: keys and values as they were written.
            faults: where faults are added.
            complete: whether these are all the pairs of the row; if not, no field counts as missing.

        Returns:
            One number for each feature; of no meaning, and perhaps fewer, if there are faults.
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
                    faults.add(row, field.name, field.expected, show(value))
                elif field.required and complete:
                    faults.add(row, field.name, field.expected, "nothing: the field is missing")
                if faults.too_many:
                    return []
            numbers.append(number)
        return numbers

    def _known_values(self, row: int, pairs: list[tuple[str, Value]], faults: Faults) -> dict[str, Value]:
        """Return the first value of each field, and name unknown and repeated fields."""
        values: dict[str, Value] = {}
        for key, value in pairs:
            if key not in self._known:
                # The names are listed once: with a hundred features, a hundred lists of them make a large answer.
                expected = "no such field" if faults.names_listed else self._no_such_field
                faults.names_listed = True
                faults.add(row, show_name(key), expected, show(value))
            elif key in values:
                faults.add(row, key, "the field once", f"it again, with {show(value)}")
            else:
                values[key] = value
            if faults.too_many:
                break
        return values


def longest_category(contract: Contract) -> int:
    """Return the number of characters of the longest category of a contract, 0 if it has none."""
    return max((len(value) for feature in contract.features for value in feature.categories or ()), default=0)
