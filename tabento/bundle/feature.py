"""A feature: one column that a client sends and the model uses."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, ValidationInfo, field_validator, model_validator

from tabento.bundle.boolean_text import parse_boolean
from tabento.bundle.letter_case import LetterCase, change_case
from tabento.bundle.numbers import LARGEST_EXACT_INTEGER, number_text
from tabento.bundle.pii import PiiTreatment
from tabento.bundle.strict import ExtensibleModel, Name, Number
from tabento.bundle.timestamp import (
    FIRST_TIMESTAMP,
    LAST_TIMESTAMP,
    TIMESTAMP_EXAMPLE,
    timestamp_seconds,
    timestamp_text,
)

FeatureType = Literal["number", "integer", "boolean", "category", "timestamp", "text"]
LATER_TYPES: tuple[FeatureType, ...] = ("timestamp", "text")
"""The types that the format's first version did not have."""
MissingText = Annotated[str, StringConstraints(max_length=100)]
MISSING_TEXTS_LIMIT = 100
"""The largest number of texts of one column that are treated as missing."""
TEXT_LENGTH = 10_000
"""The largest length of a text if the contract has no other limit."""
TEXT_LENGTH_LIMIT = 50_000
"""The largest length that a contract can allow: the time to split a text grows with its length."""


_SURROGATE = re.compile("[\ud800-\udfff]")


class Feature(ExtensibleModel):
    """One column that a client sends."""

    later_keys = ("exclusive_minimum", "exclusive_maximum", "missing", "maximum_length", "pii")

    name: Name
    """The field's name in a request, and the column's name in training data."""
    type: FeatureType
    """``number``, ``integer`` (a number without a fraction), ``boolean``, ``category`` (one of ``categories``),
    ``timestamp`` (a date and time in ISO 8601, see ``tabento.bundle.timestamp``) or ``text`` (any text, which the model splits
    into words, see ``tabento.bundle.texts``)."""
    description: str = ""
    """One sentence for the users who fill in the field."""
    unit: str | None = None
    """The unit of a number, as it is written after the number."""
    nullable: bool = False
    """Whether ``null`` is accepted, as a missing value that the pipeline imputes."""
    required: bool = True
    """Whether the field is required. A field that is not sent is treated as ``null``, so an optional field must be nullable."""
    minimum: Number | None = None
    """The smallest accepted value, inclusive. For a timestamp, a text in ISO 8601; it is stored in seconds."""
    maximum: Number | None = None
    """The largest accepted value, inclusive."""
    exclusive_minimum: Number | None = None
    """Only values above it are accepted; instead of ``minimum``."""
    exclusive_maximum: Number | None = None
    """Only values below it are accepted; instead of ``maximum``."""
    categories: tuple[str, ...] | None = None
    """The values of a category, in the order of their indices."""
    unknown: Literal["refuse", "ignore"] = "refuse"
    """The treatment of a value outside ``categories``: an error, or a row in which no category is true."""
    case: LetterCase = "exact"
    """The case to which a category's letters are changed before the lookup."""
    missing: Annotated[tuple[MissingText, ...], Field(max_length=MISSING_TEXTS_LIMIT)] = ()
    """Texts of this column that are treated as ``null``, such as ``?``, in data files and in requests; only with ``nullable``."""
    maximum_length: Annotated[int, Field(ge=1, le=TEXT_LENGTH_LIMIT)] | None = None
    """The largest length of a text in characters (code points); by default ``TEXT_LENGTH``."""
    pii: PiiTreatment | None = None
    """The treatment of personal values in everything that the service writes, see ``tabento.bundle.pii``."""

    @field_validator("minimum", "maximum", "exclusive_minimum", "exclusive_maximum", mode="before")
    @classmethod
    def _read_timestamp(cls, bound: Any, info: ValidationInfo) -> Any:
        if info.data.get("type") != "timestamp" or not isinstance(bound, str):
            return bound
        seconds = timestamp_seconds(bound)
        if seconds is None:
            raise ValueError(f"expected a date and time such as {TIMESTAMP_EXAMPLE}, got {bound!r}")
        return seconds

    def later_keys_used(self) -> tuple[str, ...]:
        """Return the keys that the format's first version did not have, or not with this value."""
        return (*super().later_keys_used(), *(("type",) if self.type in LATER_TYPES else ()))

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        self._check_categories()
        self._check_range()
        if self.type == "text" and self.missing:
            raise ValueError(f"feature {self.name!r}: `missing` does not go with `type: text`: any text is a value")
        if self.maximum_length is not None and self.type != "text":
            raise ValueError(f"feature {self.name!r}: `maximum_length` goes with `type: text`, not {self.type!r}")
        if not self.required and not self.nullable:
            raise ValueError(f"feature {self.name!r}: a field that may be left out must be `nullable: true`")
        self._check_missing()
        return self

    def _check_categories(self) -> None:
        if self.type == "category":
            if not self.categories:
                raise ValueError(f"feature {self.name!r}: a category needs `categories`, a list of at least one value")
            if len(set(self.categories)) != len(self.categories):
                raise ValueError(f"feature {self.name!r}: `categories` lists a value twice")
            wrong = [value for value in self.categories if self.normalise(value) != value]
            if wrong:
                raise ValueError(
                    f"feature {self.name!r}: with `case: {self.case}` the category {wrong[0]!r} can never be met;"
                    f" write it {self.normalise(wrong[0])!r}"
                )
        elif self.categories is not None:
            raise ValueError(f"feature {self.name!r}: `categories` goes with `type: category`, not {self.type!r}")
        elif self.unknown != "refuse" or self.case != "exact":
            raise ValueError(f"feature {self.name!r}: `unknown` and `case` go with `type: category`, not {self.type!r}")

    def _check_range(self) -> None:
        bounds = (self.minimum, self.maximum, self.exclusive_minimum, self.exclusive_maximum)
        if not self.ordered:
            if any(bound is not None for bound in bounds):
                raise ValueError(
                    f"feature {self.name!r}: a range goes with a number, an integer or a timestamp, not {self.type!r}"
                )
            return
        if self.type == "timestamp" and any(
            bound is not None and not FIRST_TIMESTAMP <= bound <= LAST_TIMESTAMP for bound in bounds
        ):
            raise ValueError(f"feature {self.name!r}: a timestamp's range is within the years 0001 to 9999")
        for bound in ("minimum", "maximum"):
            if getattr(self, bound) is not None and getattr(self, f"exclusive_{bound}") is not None:
                raise ValueError(f"feature {self.name!r}: give `{bound}` or `exclusive_{bound}`, not both")
        if self.lower > self.upper:
            if self.exclusive_minimum is None and self.exclusive_maximum is None:
                low, high = self.value_text(self.lower), self.value_text(self.upper)
                raise ValueError(f"feature {self.name!r}: minimum {low} is above maximum {high}")
            raise ValueError(f"feature {self.name!r}: there is no {self.type} {self._range_text()}")

    def _check_missing(self) -> None:
        if not self.missing:
            return
        if not self.nullable:
            raise ValueError(
                f"feature {self.name!r}: `missing` lists what counts as null, so it needs `nullable: true`"
            )
        if len(set(self.missing)) != len(self.missing):
            raise ValueError(f"feature {self.name!r}: `missing` lists a text twice")
        for text in self.missing:
            if self.type == "category" and self.normalise(text) in (self.categories or ()):
                raise ValueError(f"feature {self.name!r}: {text!r} is listed under `categories` and under `missing`")
            if self.type == "boolean" and parse_boolean(text) is not None:
                raise ValueError(f"feature {self.name!r}: {text!r} under `missing` is a truth value as well")
            number = self._value_of(text)
            if number is not None and self.lower <= number <= self.upper:
                raise ValueError(
                    f"feature {self.name!r}: {text!r} under `missing` is a value that the range takes as well; narrow"
                    " the range with `minimum` or `maximum`"
                )

    @property
    def numeric(self) -> bool:
        """Whether the feature is a number or an integer."""
        return self.type in ("number", "integer")

    @property
    def ordered(self) -> bool:
        """Whether the feature's values have an order and a range: numbers, integers and timestamps."""
        return self.numeric or self.type == "timestamp"

    @property
    def longest(self) -> int:
        """How many characters a text may have."""
        return TEXT_LENGTH if self.maximum_length is None else self.maximum_length

    def takes_text(self, text: str) -> bool:
        """Return whether a text is short enough, and can be written in UTF-8: it has no lone surrogate."""
        return len(text) <= self.longest and (text.isascii() or _SURROGATE.search(text) is None)

    @property
    def lower(self) -> float:
        """The smallest number taken, inclusive: the minimum, what follows the exclusive minimum, or where exact
        integers end. Of a timestamp the first second taken, by default the first of the year 0001."""
        if self.exclusive_minimum is not None:
            return self._next_to(self.exclusive_minimum, math.inf)
        if self.minimum is not None:
            return self.minimum
        return FIRST_TIMESTAMP if self.type == "timestamp" else float(-LARGEST_EXACT_INTEGER)

    @property
    def upper(self) -> float:
        """The largest number taken, inclusive: the maximum, what precedes the exclusive maximum, or where exact
        integers end. Of a timestamp the last second taken, by default the last of the year 9999."""
        if self.exclusive_maximum is not None:
            return self._next_to(self.exclusive_maximum, -math.inf)
        if self.maximum is not None:
            return self.maximum
        return LAST_TIMESTAMP if self.type == "timestamp" else float(LARGEST_EXACT_INTEGER)

    def _next_to(self, bound: float, direction: float) -> float:
        """Return the first value of the feature's type beyond a bound: with it, an inclusive comparison is exact."""
        following = math.nextafter(bound, direction)
        if self.type == "integer" and math.isfinite(following):
            following = float(math.ceil(following) if direction > 0 else math.floor(following))
        return following

    def normalise(self, value: str) -> str:
        """Return a category's value with its letters in the contract's case; see ``change_case``."""
        return change_case(value, self.case)

    def missing_numbers(self) -> tuple[float, ...]:
        """Return the numbers among the texts of ``missing``: a request can also send such a code as a number."""
        numbers = (_number_of(text) for text in self.missing) if self.numeric else ()
        return tuple(number for number in numbers if number is not None)

    def expected(self) -> str:
        """Return the accepted values as text, for error messages."""
        if self.type == "category":
            assert self.categories is not None
            examples = ", ".join(repr(value) for value in self.categories[:20])
            remainder = f" and {len(self.categories) - 20} more" if len(self.categories) > 20 else ""
            text = f"one of {examples}{remainder}" if self.unknown == "refuse" else "a string"
        elif self.type == "boolean":
            text = "true or false"
        elif self.type == "text":
            text = f"a text of at most {self.longest} characters"
        elif self.type == "timestamp":
            text = f"a date and time such as {TIMESTAMP_EXAMPLE}"
            if (self.lower, self.upper) != (FIRST_TIMESTAMP, LAST_TIMESTAMP):
                text += f", {self._range_text()}"
        else:
            text = f"{'an integer' if self.type == 'integer' else 'a number'} {self._range_text()}"
        return text + (" or null" if self.nullable else "")

    def _range_text(self) -> str:
        if self.exclusive_minimum is None and self.exclusive_maximum is None:
            return f"between {self.value_text(self.lower)} and {self.value_text(self.upper)}"
        low = (
            f"of at least {self.value_text(self.lower)}"
            if self.exclusive_minimum is None
            else f"above {self.value_text(self.exclusive_minimum)}"
        )
        high = (
            f"at most {self.value_text(self.upper)}"
            if self.exclusive_maximum is None
            else f"below {self.value_text(self.exclusive_maximum)}"
        )
        return f"{low} and {high}"

    def value_text(self, value: float) -> str:
        """Return a number or a timestamp as users write it."""
        return timestamp_text(value) if self.type == "timestamp" else number_text(value)

    def _value_of(self, text: str) -> float | None:
        """Return the number or the seconds that a text represents, or None."""
        if self.type == "timestamp":
            return timestamp_seconds(text)
        return _number_of(text) if self.numeric else None


def _number_of(text: str) -> float | None:
    """Return the finite number that a text represents, or None."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
