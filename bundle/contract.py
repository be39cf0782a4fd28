"""The contract: what a model takes and what it answers, as both sides read it.

Training writes it from the model's config, serving decodes requests against it, and the OpenAPI document is built from
it. A row travels as float64 of shape (F,): numbers as they are, a category as its index in ``categories``, a boolean as
0 or 1, a missing value as NaN.
"""

from __future__ import annotations

import json
import math
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from bundle.format import FEATURES_LIMIT

FeatureType = Literal["number", "integer", "boolean", "category"]
LetterCase = Literal["exact", "upper", "lower"]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\"\\]+$")]
Number = Annotated[float, Field(allow_inf_nan=False)]
Label = bool | int | Number | str
"""A class's label."""

LARGEST_EXACT_INTEGER = 2**53
"""Up to here every integer is a float64. A number without a range of its own is taken up to this magnitude."""

RESERVED_NAME = "instances"
"""The key under which a request sends many rows; no feature can be called so."""

UNKNOWN_CATEGORY = -1.0
"""How a category outside the contract travels where the feature says ``unknown: ignore``; it equals no known one."""


def change_case(text: str, case: LetterCase) -> str:
    """Return a text with its letters in another case, without ever making two different letters equal by accident.

    Only letters are changed whose other case is one letter that changes back to them. So a dotless i, a long s and the
    Kelvin sign do not become I, S and K, and ß does not become SS. The length never changes.
    """
    if case == "exact":
        return text
    if text.isascii():
        return text.upper() if case == "upper" else text.lower()
    return "".join(_other_case(letter, case) for letter in text)


def _other_case(letter: str, case: LetterCase) -> str:
    """Return a letter in another case, or itself if the change could not be undone."""
    other, back = (letter.upper(), str.lower) if case == "upper" else (letter.lower(), str.upper)
    return other if len(other) == 1 and back(other) == letter else letter


def letter_spellings(letter: str, case: LetterCase) -> tuple[str, ...]:
    """Return all letters that ``change_case`` turns into a letter, itself first; it must be in that case already."""
    if case == "exact":
        return (letter,)
    other = letter.lower() if case == "upper" else letter.upper()
    same = other == letter or len(other) != 1 or _other_case(other, case) != letter
    return (letter,) if same else (letter, other)


def number_text(value: float) -> str:
    """Return the shortest text that reads back as the same number, as it stands in messages: 5, 0.3, 1e+30."""
    return str(int(value)) if value.is_integer() and abs(value) <= 2 * LARGEST_EXACT_INTEGER else repr(value)


class Strict(BaseModel):
    """A frozen model that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Feature(Strict):
    """One column that a client sends."""

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
    categories: tuple[str, ...] | None = None
    """The values of a category, in the order that gives each its index."""
    unknown: Literal["refuse", "ignore"] = "refuse"
    """What happens to a value outside ``categories``: an error, or a row of which no category is true."""
    case: LetterCase = "exact"
    """The case to which a category's letters are changed before it is looked up."""

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        numeric = self.type in ("number", "integer")
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
        if not numeric and (self.minimum is not None or self.maximum is not None):
            raise ValueError(f"feature {self.name!r}: a range goes with a number or an integer, not {self.type!r}")
        if self.lower > self.upper:
            raise ValueError(
                f"feature {self.name!r}: minimum {number_text(self.lower)} is above maximum {number_text(self.upper)}"
            )
        if not self.required and not self.nullable:
            raise ValueError(f"feature {self.name!r}: a field that may be left out must be `nullable: true`")
        return self

    @property
    def lower(self) -> float:
        """The smallest number taken: the minimum, or where exact integers end."""
        return float(-LARGEST_EXACT_INTEGER) if self.minimum is None else self.minimum

    @property
    def upper(self) -> float:
        """The largest number taken: the maximum, or where exact integers end."""
        return float(LARGEST_EXACT_INTEGER) if self.maximum is None else self.maximum

    def normalise(self, value: str) -> str:
        """Return a category's value with its letters in the case that the contract asks for; see ``change_case``."""
        return change_case(value, self.case)

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
            text = "an integer" if self.type == "integer" else "a number"
            text += f" between {number_text(self.lower)} and {number_text(self.upper)}"
        return text + (" or null" if self.nullable else "")


def label_key(label: Label) -> str:
    """Return the key under which a label stands in an object: a string is its own, all else is its JSON text."""
    return label if isinstance(label, str) else json.dumps(label)


class Output(Strict):
    """What the model answers."""

    name: Name
    """The target's name."""
    unit: str | None = None
    """The unit of a predicted number."""
    description: str = ""
    """One sentence for the people who read the answer."""
    classes: tuple[Label, ...] | None = None
    """The labels of a classification, in the order of the probabilities. A label is answered as it stands here."""
    probabilities: bool = False
    """Whether a classification answers the probability of each class beside the label."""
    ranking: bool = False
    """Whether a classification answers its labels from the most to the least probable as well."""
    threshold: Annotated[float, Field(gt=0, lt=1)] | None = None
    """The probability of the second of two classes from which on it is answered; none where the most probable class is.
    The graph has it built in: it stands here to be read."""

    @field_validator("classes", mode="before")
    @classmethod
    def _labels_keep_their_type(cls, classes: object) -> object:
        # Of a NumPy integer pydantic would silently make a number with a fraction.
        if isinstance(classes, list | tuple):
            for label in classes:
                if not isinstance(label, bool | int | float | str):
                    raise ValueError(f"a label is a string, a boolean, an integer or a number, not {label!r}")
        return classes

    @model_validator(mode="after")
    def _classes_are_distinct(self) -> Self:
        if self.classes is None:
            if self.probabilities or self.ranking or self.threshold is not None:
                raise ValueError("output: `probabilities`, `ranking` and `threshold` go with `classes`")
            return self
        if self.ranking and not self.probabilities:
            raise ValueError("output: `ranking` goes with `probabilities`")
        if self.threshold is not None and len(self.classes) != 2:
            raise ValueError(f"output: `threshold` goes with two classes, got {len(self.classes)}")
        if len(self.classes) < 2:
            raise ValueError(f"output: `classes` needs at least two labels, got {list(self.classes)}")
        numbers = [label for label in self.classes if not isinstance(label, bool | str)]
        keys = {label_key(label) for label in self.classes}
        if len(keys) != len(self.classes) or len(set(numbers)) != len(numbers):
            raise ValueError(f"output: `classes` lists a label twice, as JSON reads it: {list(self.classes)}")
        wrong = [label for label in numbers if isinstance(label, int) and abs(label) > LARGEST_EXACT_INTEGER]
        if wrong:
            raise ValueError(
                f"output: the label {wrong[0]} is beyond 2^53, where JSON's readers round; write it as a string"
            )
        if self.unit is not None:
            raise ValueError("output: `unit` goes with a number, not with `classes`")
        return self


class Contract(Strict):
    """All that a client and a server have to agree on about one model."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z]([a-z0-9_]{0,52}[a-z0-9])?$")]
    """The model's name: at most 54 lower-case letters, digits and underscores, from a letter to a letter or digit.
    With ``-pipeline`` behind it, it is still a name that the BentoML model store takes."""
    title: str
    """The model's name for people."""
    description: str
    """What the model is for, in a sentence or two."""
    task: Literal["regression", "classification"]
    """The kind of answer: a number, or one of ``output.classes``."""
    features: Annotated[tuple[Feature, ...], Field(min_length=1, max_length=FEATURES_LIMIT)]
    """The columns of a row, in the order in which they travel."""
    output: Output
    """The answer."""
    p99_ms: Annotated[float, Field(gt=0)] = 10.0
    """The latency promise: 99% of answers leave within this many milliseconds."""

    @model_validator(mode="after")
    def _names_are_distinct(self) -> Self:
        seen: set[str] = set()
        for feature in self.features:
            if feature.name == RESERVED_NAME:
                raise ValueError(f"no feature can be called {RESERVED_NAME!r}: requests send many rows under that key")
            if feature.name in seen:
                raise ValueError(f"feature {feature.name!r} is listed twice")
            seen.add(feature.name)
        if (self.task == "classification") != (self.output.classes is not None):
            raise ValueError(f"output: `classes` goes with `task: classification` and only with it, not {self.task!r}")
        if self.output.name in seen:
            raise ValueError(f"the target {self.output.name!r} is listed among the features: that leaks the answer")
        return self

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the features, in order."""
        return tuple(feature.name for feature in self.features)


def answer_width(contract: Contract) -> int | None:
    """Return how many numbers the graph answers to a row, W: float64 of shape (N, W); None for shape (N,).

    A classification answers the index of the label and behind it, where the contract asks for them, the probabilities.
    """
    if contract.output.classes is None:
        return None
    return 1 + (len(contract.output.classes) if contract.output.probabilities else 0)


def category_codes(feature: Feature) -> dict[str, float]:
    """Return the number by which each category of a feature travels."""
    return {value: float(index) for index, value in enumerate(feature.categories or ())}


def encode_value(feature: Feature, value: object) -> float:
    """Return the number by which one already validated value travels.

    ``None`` and NaN become NaN. A category that the contract does not know becomes ``UNKNOWN_CATEGORY``; whether that
    is allowed is decided by whoever validated the value.
    """
    if value is None:
        return math.nan
    if feature.type == "category":
        if isinstance(value, float) and math.isnan(value):
            return math.nan
        return category_codes(feature).get(feature.normalise(str(value)), UNKNOWN_CATEGORY)
    return float(value)  # type: ignore[arg-type]
