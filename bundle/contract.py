"""The contract: what a model takes and what it answers, as both sides read it.

Training writes it from the model's config, serving decodes requests against it, and the OpenAPI document is built from
it. A row travels as float64 of shape (F,): numbers as they are, a category as its index in ``categories``, a boolean as
0 or 1, a timestamp as seconds since 1970-01-01T00:00:00Z, a missing value as NaN. Behind them travel the numbers that
stand for texts, see ``bundle.texts``; in the place of the text itself is 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from bundle.feature import Feature as Feature
from bundle.feature import FeatureType as FeatureType
from bundle.format import FEATURES_LIMIT, FIRST_FORMAT, LATER_KEYS_FORMAT
from bundle.identifier import Identifier as Identifier
from bundle.label import Label as Label
from bundle.label import label_key as label_key
from bundle.label import require_distinct_labels, require_label_types
from bundle.letter_case import LetterCase as LetterCase
from bundle.letter_case import change_case as change_case
from bundle.letter_case import letter_spellings as letter_spellings
from bundle.numbers import LARGEST_EXACT_INTEGER as LARGEST_EXACT_INTEGER
from bundle.numbers import number_text as number_text
from bundle.output_target import TARGETS_LIMIT, require_one_kind
from bundle.output_target import OutputTarget as OutputTarget
from bundle.strict import Growing as Growing
from bundle.strict import Name as Name
from bundle.strict import Number as Number
from bundle.strict import Strict as Strict
from bundle.timestamp import timestamp_seconds as timestamp_seconds
from bundle.timestamp import timestamp_text as timestamp_text
from bundle.truth import TRUTH_WORDS as TRUTH_WORDS
from bundle.truth import truth_value as truth_value

RESERVED_NAME = "instances"
"""The key under which a request sends many rows; no feature can be called so."""

UNKNOWN_CATEGORY = -1.0
"""How a category outside the contract travels where the feature says ``unknown: ignore``; it equals no known one."""

IDENTIFIERS_LIMIT = 20
"""How many identifiers a row may have."""


class Output(Growing):
    """What the model answers."""

    later_keys = ("targets",)

    name: Name
    """The target's name; of several ``targets`` what they are together."""
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
    targets: Annotated[tuple[OutputTarget, ...], Field(min_length=2, max_length=TARGETS_LIMIT)] | None = None
    """Where a row gets several answers: each of them, in the order in which the graph gives them. Then the answer is an
    object with one key for each, and the other keys but ``name`` and ``description`` are not used."""

    @field_validator("classes", mode="before")
    @classmethod
    def _labels_keep_their_type(cls, classes: object) -> object:
        require_label_types(classes)
        return classes

    @property
    def label_sets(self) -> tuple[tuple[Label, ...], ...]:
        """The labels of each answer that is a label: those of ``classes``, those of each target, or none of numbers."""
        if self.targets is None:
            return () if self.classes is None else (self.classes,)
        return tuple(target.classes for target in self.targets if target.classes is not None)

    @model_validator(mode="after")
    def _classes_are_distinct(self) -> Self:
        if self.targets is not None:
            others = ("unit", "classes", "probabilities", "ranking", "threshold")
            used = [key for key in others if getattr(self, key) not in (None, False)]
            if used:
                raise ValueError(
                    f"output: `{used[0]}` does not go with `targets`: say it of each target, or leave it out"
                )
            require_one_kind(self.targets)
            return self
        if self.classes is None:
            if self.probabilities or self.ranking or self.threshold is not None:
                raise ValueError("output: `probabilities`, `ranking` and `threshold` go with `classes`")
            return self
        if self.ranking and not self.probabilities:
            raise ValueError("output: `ranking` goes with `probabilities`")
        if self.threshold is not None and len(self.classes) != 2:
            raise ValueError(f"output: `threshold` goes with two classes, got {len(self.classes)}")
        require_distinct_labels(self.classes)
        if self.unit is not None:
            raise ValueError("output: `unit` goes with a number, not with `classes`")
        return self


class Contract(Growing):
    """All that a client and a server have to agree on about one model."""

    later_keys = ("identifiers",)

    name: Annotated[str, StringConstraints(pattern=r"^[a-z]([a-z0-9_]{0,52}[a-z0-9])?$")]
    """The model's name: at most 54 lower-case letters, digits and underscores, from a letter to a letter or digit.
    With ``-pipeline`` behind it, it is still a name that the BentoML model store takes."""
    title: str
    """The model's name for people."""
    description: str
    """What the model is for, in a sentence or two."""
    task: Literal["regression", "classification"]
    """The kind of answer: a number, or one of ``output.classes``; or several of one kind, the ``output.targets``."""
    features: Annotated[tuple[Feature, ...], Field(min_length=1, max_length=FEATURES_LIMIT)]
    """The columns of a row, in the order in which they travel."""
    identifiers: Annotated[tuple[Identifier, ...], Field(max_length=IDENTIFIERS_LIMIT)] = ()
    """Fields of a row that are echoed in the answer and never given to the model."""
    output: Output
    """The answer."""
    p99_ms: Annotated[float, Field(gt=0)] = 10.0
    """The latency promise: 99% of answers leave within this many milliseconds."""

    @model_validator(mode="after")
    def _names_are_distinct(self) -> Self:
        seen: set[str] = set()
        for feature in self.features:
            if feature.name == RESERVED_NAME:
                raise ValueError(
                    f"no feature can be called {RESERVED_NAME!r}: requests send many rows under that key. Rename the"
                    " column, in the data and here"
                )
            if feature.name in seen:
                raise ValueError(f"feature {feature.name!r} is listed twice")
            seen.add(feature.name)
        for identifier in self.identifiers:
            if identifier.name == RESERVED_NAME:
                raise ValueError(
                    f"no identifier can be called {RESERVED_NAME!r}: requests send many rows under that key. Choose"
                    " another name"
                )
            if identifier.name in seen:
                raise ValueError(
                    f"identifier {identifier.name!r} is listed twice, or is a feature as well: an identifier is never"
                    " given to the model"
                )
            seen.add(identifier.name)
        if (self.task == "classification") != bool(self.output.label_sets):
            raise ValueError(f"output: `classes` goes with `task: classification` and only with it, not {self.task!r}")
        for name in self.target_names:
            if name in seen:
                raise ValueError(
                    f"the target {name!r} is listed among the features or identifiers: that leaks the answer"
                )
        return self

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the features, in order."""
        return tuple(feature.name for feature in self.features)

    @property
    def target_names(self) -> tuple[str, ...]:
        """The names of what is answered: one, or those of ``output.targets``."""
        targets = self.output.targets
        return (self.output.name,) if targets is None else tuple(target.name for target in targets)

    @property
    def texts(self) -> tuple[int, ...]:
        """The places of the features that are texts."""
        return tuple(place for place, feature in enumerate(self.features) if feature.type == "text")

    @property
    def field_names(self) -> tuple[str, ...]:
        """The names of all fields of a request's row: the features, and behind them the identifiers."""
        return self.feature_names + tuple(identifier.name for identifier in self.identifiers)

    def with_identifiers(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return a row with made-up values of the identifiers that must be there and are not, as in examples."""
        made_up = {
            identifier.name: identifier.example()
            for identifier in self.identifiers
            if identifier.required and identifier.name not in row
        }
        return {**row, **made_up}

    @property
    def format_version(self) -> int:
        """The first format of bundles in which this contract can be written; see ``bundle.format``."""
        parts: tuple[Growing, ...] = (self, self.output, *self.features)
        later = any(part.later_keys_used() for part in parts)
        return LATER_KEYS_FORMAT if later else FIRST_FORMAT


def answer_width(contract: Contract) -> int | None:
    """Return how many numbers the graph answers to a row, W: float64 of shape (N, W); None for shape (N,).

    A classification answers the index of the label and behind it, where the contract asks for them, the probabilities.
    Several targets are answered side by side, each as a number or as the index of its label.
    """
    if contract.output.targets is not None:
        return len(contract.output.targets)
    if contract.output.classes is None:
        return None
    return 1 + (len(contract.output.classes) if contract.output.probabilities else 0)


def category_codes(feature: Feature) -> dict[str, float]:
    """Return the number by which each category of a feature travels."""
    return {value: float(index) for index, value in enumerate(feature.categories or ())}


def encode_value(feature: Feature, value: object) -> float:
    """Return the number by which one already validated value travels.

    ``None``, NaN and a text of ``missing`` become NaN. A category that the contract does not know becomes
    ``UNKNOWN_CATEGORY``; whether that is allowed is decided by whoever validated the value. A text becomes 0: its numbers
    come from ``bundle.texts``.
    """
    if value is None or (isinstance(value, str) and value in feature.missing):
        return math.nan
    if feature.type == "text":
        return 0.0
    if feature.type == "category":
        if isinstance(value, float) and math.isnan(value):
            return math.nan
        return category_codes(feature).get(feature.normalise(str(value)), UNKNOWN_CATEGORY)
    if feature.type == "boolean" and (truth := truth_value(value)) is not None:
        return float(truth)
    if feature.type == "timestamp" and isinstance(value, str):
        seconds = timestamp_seconds(value)
        if seconds is None:
            raise ValueError(f"feature {feature.name!r}: expected {feature.expected()}, got {value!r}")
        return seconds
    number = float(value)  # type: ignore[arg-type]
    return math.nan if number in feature.missing_numbers() else number
