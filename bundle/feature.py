"""A feature: one column that a client sends and the model sees."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from bundle.letter_case import LetterCase, change_case
from bundle.numbers import LARGEST_EXACT_INTEGER, number_text
from bundle.strict import Growing, Name, Number
from bundle.truth import truth_value

FeatureType = Literal["number", "integer", "boolean", "category"]
MissingText = Annotated[str, StringConstraints(max_length=100)]
MISSING_TEXTS_LIMIT = 100
"""How many texts of one column may count as missing."""


class Feature(Growing):
    """One column that a client sends."""

    later_keys = ("exclusive_minimum", "exclusive_maximum", "missing")

    name: Name
    """The field's name in a request, and the column's name in training data."""
    type: FeatureType
    """``number``, ``integer`` (a number without a fraction), ``boolean`` or ``category`` (one of ``categories``)."""
    description: str = ""
    """One sentence for the people who fill the field in."""
    unit: str | None = None
    """The unit of a number, as it is written behind it."""
    nullable: bool = False
    """Whether ``null`` is taken, as a missing value that the pipeline imputes."""
    required: bool = True
    """Whether the field must be there. A field that may be left out counts as ``null``, so it must be nullable."""
    minimum: Number | None = None
    """The smallest value taken, inclusive."""
    maximum: Number | None = None
    """The largest value taken, inclusive."""
    exclusive_minimum: Number | None = None
    """Only values above it are taken; instead of ``minimum``."""
    exclusive_maximum: Number | None = None
    """Only values below it are taken; instead of ``maximum``."""
    categories: tuple[str, ...] | None = None
    """The values of a category, in the order that gives each its index."""
    unknown: Literal["refuse", "ignore"] = "refuse"
    """What happens to a value outside ``categories``: an error, or a row of which no category is true."""
    case: LetterCase = "exact"
    """The case to which a category's letters are changed before it is looked up."""
    missing: Annotated[tuple[MissingText, ...], Field(max_length=MISSING_TEXTS_LIMIT)] = ()
    """Texts of this column that count as ``null``, such as ``?``, in data files and in requests; with ``nullable``."""

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        self._check_categories()
        self._check_range()
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
        if not self.numeric:
            if any(bound is not None for bound in bounds):
                raise ValueError(f"feature {self.name!r}: a range goes with a number or an integer, not {self.type!r}")
            return
        for bound in ("minimum", "maximum"):
            if getattr(self, bound) is not None and getattr(self, f"exclusive_{bound}") is not None:
                raise ValueError(f"feature {self.name!r}: give `{bound}` or `exclusive_{bound}`, not both")
        if self.lower > self.upper:
            if self.exclusive_minimum is None and self.exclusive_maximum is None:
                low, high = number_text(self.lower), number_text(self.upper)
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
            if self.type == "boolean" and truth_value(text) is not None:
                raise ValueError(f"feature {self.name!r}: {text!r} under `missing` is a truth value as well")
            if self.numeric and (number := _number_of(text)) is not None and self.lower <= number <= self.upper:
                raise ValueError(
                    f"feature {self.name!r}: {text!r} under `missing` is a value that the range takes as well; narrow"
                    " the range with `minimum` or `maximum`"
                )

    @property
    def numeric(self) -> bool:
        """Whether the feature is a number or an integer."""
        return self.type in ("number", "integer")

    @property
    def lower(self) -> float:
        """The smallest number taken, inclusive: the minimum, what follows the exclusive minimum, or where exact
        integers end."""
        if self.exclusive_minimum is not None:
            return self._next_to(self.exclusive_minimum, math.inf)
        return float(-LARGEST_EXACT_INTEGER) if self.minimum is None else self.minimum

    @property
    def upper(self) -> float:
        """The largest number taken, inclusive: the maximum, what precedes the exclusive maximum, or where exact
        integers end."""
        if self.exclusive_maximum is not None:
            return self._next_to(self.exclusive_maximum, -math.inf)
        return float(LARGEST_EXACT_INTEGER) if self.maximum is None else self.maximum

    def _next_to(self, bound: float, direction: float) -> float:
        """Return the first value of the feature's type beyond a bound: with it, an inclusive comparison is exact."""
        following = math.nextafter(bound, direction)
        if self.type == "integer" and math.isfinite(following):
            following = float(math.ceil(following) if direction > 0 else math.floor(following))
        return following

    def normalise(self, value: str) -> str:
        """Return a category's value with its letters in the case that the contract asks for; see ``change_case``."""
        return change_case(value, self.case)

    def missing_numbers(self) -> tuple[float, ...]:
        """Return the numbers among the texts of ``missing``: a request may send such a code as a number, too."""
        numbers = (_number_of(text) for text in self.missing) if self.numeric else ()
        return tuple(number for number in numbers if number is not None)

    def expected(self) -> str:
        """Say in words what the field takes, for error messages."""
        if self.type == "category":
            assert self.categories is not None
            shown = ", ".join(repr(value) for value in self.categories[:20])
            more = f" and {len(self.categories) - 20} more" if len(self.categories) > 20 else ""
            text = f"one of {shown}{more}" if self.unknown == "refuse" else "a string"
        elif self.type == "boolean":
            text = "true or false"
        else:
            text = f"{'an integer' if self.type == 'integer' else 'a number'} {self._range_text()}"
        return text + (" or null" if self.nullable else "")

    def _range_text(self) -> str:
        if self.exclusive_minimum is None and self.exclusive_maximum is None:
            return f"between {number_text(self.lower)} and {number_text(self.upper)}"
        low = (
            f"of at least {number_text(self.lower)}"
            if self.exclusive_minimum is None
            else f"above {number_text(self.exclusive_minimum)}"
        )
        high = (
            f"at most {number_text(self.upper)}"
            if self.exclusive_maximum is None
            else f"below {number_text(self.exclusive_maximum)}"
        )
        return f"{low} and {high}"


def _number_of(text: str) -> float | None:
    """Return the finite number that a text stands for, or None."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
