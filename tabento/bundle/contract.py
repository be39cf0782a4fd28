"""The contract: the inputs and the answers of a model, as training and serving read them.

Training writes the contract from the model's config. Serving decodes requests against it and builds the OpenAPI document from it.
A packed row is float64 of shape (F,): numbers as they are, a category as its index in ``categories``, a boolean as 0 or 1, a
timestamp as seconds since 1970-01-01T00:00:00Z, a missing value as NaN. A text is 0 there; the numbers of its terms follow
after the features, see ``tabento.bundle.texts``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from tabento.bundle.boolean_text import BOOLEAN_WORDS as BOOLEAN_WORDS
from tabento.bundle.boolean_text import parse_boolean as parse_boolean
from tabento.bundle.feature import Feature as Feature
from tabento.bundle.feature import FeatureType as FeatureType
from tabento.bundle.format import FEATURES_LIMIT, FIRST_FORMAT, LATER_KEYS_FORMAT
from tabento.bundle.identifier import Identifier as Identifier
from tabento.bundle.interval import Interval as Interval
from tabento.bundle.label import Label as Label
from tabento.bundle.label import label_key as label_key
from tabento.bundle.label import require_distinct_labels, require_label_types
from tabento.bundle.letter_case import LetterCase as LetterCase
from tabento.bundle.letter_case import change_case as change_case
from tabento.bundle.letter_case import letter_spellings as letter_spellings
from tabento.bundle.numbers import LARGEST_EXACT_INTEGER as LARGEST_EXACT_INTEGER
from tabento.bundle.numbers import number_text as number_text
from tabento.bundle.output_target import TARGETS_LIMIT, require_one_kind
from tabento.bundle.output_target import OutputTarget as OutputTarget
from tabento.bundle.prediction_set import PredictionSet as PredictionSet
from tabento.bundle.strict import ExtensibleModel as ExtensibleModel
from tabento.bundle.strict import Name as Name
from tabento.bundle.strict import Number as Number
from tabento.bundle.strict import Strict as Strict
from tabento.bundle.timestamp import timestamp_seconds as timestamp_seconds
from tabento.bundle.timestamp import timestamp_text as timestamp_text

RESERVED_NAME = "instances"
"""The key under which a request sends many rows; no feature can be called so."""

UNKNOWN_CATEGORY = -1.0
"""The number of a category outside the contract, if the feature has ``unknown: ignore``; no known category has it."""

INTERVAL_GROUP_TYPES: tuple[FeatureType, ...] = ("number", "integer", "timestamp")
"""The types of features whose value can determine the group of a row's interval."""

IDENTIFIERS_LIMIT = 20
"""The largest number of identifiers in a row."""


class Output(ExtensibleModel):
    """The answers of a model."""

    later_keys = ("targets", "interval", "prediction_set")

    name: Name
    """The target's name; if there are several ``targets``, the name of the group."""
    unit: str | None = None
    """The unit of a predicted number."""
    description: str = ""
    """One sentence for the readers of the answer."""
    classes: tuple[Label, ...] | None = None
    """The labels of a classification, in the order of the probabilities. A label is answered exactly as it is written here."""
    probabilities: bool = False
    """Whether a classification answers the probability of each class in addition to the label."""
    ranking: bool = False
    """Whether a classification answers its labels from the most to the least probable as well."""
    threshold: Annotated[float, Field(gt=0, lt=1)] | None = None
    """The lowest probability of the second of two classes at which that class is answered; None if the most probable class is
    answered. The threshold is part of the graph; here it is for readers."""
    targets: Annotated[tuple[OutputTarget, ...], Field(min_length=2, max_length=TARGETS_LIMIT)] | None = None
    """The targets of a model with several answers to a row, in the order of the graph; None for one answer. The answer is then an
    object with one key for each target, and of the other keys only ``name`` and ``description`` are used."""
    interval: Interval | None = None
    """The prediction intervals of a regression; None if an answer has no interval."""
    prediction_set: PredictionSet | None = None
    """The prediction sets of a classification with probabilities; None if an answer has no set."""

    @field_validator("classes", mode="before")
    @classmethod
    def _labels_keep_their_type(cls, classes: object) -> object:
        require_label_types(classes)
        return classes

    @property
    def label_sets(self) -> tuple[tuple[Label, ...], ...]:
        """The labels of each answer that is a label: ``classes``, or the classes of each target; empty for numbers."""
        if self.targets is None:
            return () if self.classes is None else (self.classes,)
        return tuple(target.classes for target in self.targets if target.classes is not None)

    @model_validator(mode="after")
    def _classes_are_distinct(self) -> Self:
        if self.targets is not None:
            single_target_keys = (
                *("unit", "classes", "probabilities", "ranking", "threshold"),
                *("interval", "prediction_set"),
            )
            used = [key for key in single_target_keys if getattr(self, key) not in (None, False)]
            if used:
                raise ValueError(
                    f"output: `{used[0]}` is not allowed with `targets`: set it for each target, or remove it"
                )
            require_one_kind(self.targets)
            return self
        if self.classes is None:
            if self.probabilities or self.ranking or self.threshold is not None:
                raise ValueError("output: `probabilities`, `ranking` and `threshold` need `classes`")
            if self.prediction_set is not None:
                raise ValueError("output: `prediction_set` needs `classes`; a number has an `interval`")
            return self
        if self.interval is not None:
            raise ValueError("output: `interval` is for a number, not for `classes`; they have a `prediction_set`")
        if self.prediction_set is not None:
            if not self.probabilities:
                raise ValueError("output: `prediction_set` needs `probabilities`")
            if len(self.prediction_set.thresholds) != len(self.classes):
                raise ValueError(
                    f"output: `prediction_set` needs a threshold for each of {len(self.classes)} classes, got"
                    f" {len(self.prediction_set.thresholds)}"
                )
        if self.ranking and not self.probabilities:
            raise ValueError("output: `ranking` needs `probabilities`")
        if self.threshold is not None and len(self.classes) != 2:
            raise ValueError(f"output: `threshold` needs two classes, got {len(self.classes)}")
        require_distinct_labels(self.classes)
        if self.unit is not None:
            raise ValueError("output: `unit` is for a number, not for `classes`")
        return self


class Contract(ExtensibleModel):
    """The agreement of client and server about one model."""

    later_keys = ("identifiers",)

    name: Annotated[str, StringConstraints(pattern=r"^[a-z]([a-z0-9_]{0,52}[a-z0-9])?$")]
    """The model's name: at most 54 lower-case letters, digits and underscores, from a letter to a letter or digit.
    With ``-pipeline`` added, the name is still valid in the BentoML model store."""
    title: str
    """The model's name for users."""
    description: str
    """The purpose of the model, in one or two sentences."""
    task: Literal["regression", "classification"]
    """The kind of answer: a number, or one of ``output.classes``; or several of one kind, the ``output.targets``."""
    features: Annotated[tuple[Feature, ...], Field(min_length=1, max_length=FEATURES_LIMIT)]
    """The columns of a row, in the order of the packed row."""
    identifiers: Annotated[tuple[Identifier, ...], Field(max_length=IDENTIFIERS_LIMIT)] = ()
    """Fields of a row that are echoed in the answer and never given to the model."""
    output: Output
    """The answer."""
    p99_ms: Annotated[float, Field(gt=0)] = 10.0
    """The p99 limit: 99% of the responses are sent within this number of milliseconds."""

    @model_validator(mode="after")
    def _names_are_distinct(self) -> Self:
        names: set[str] = set()
        for feature in self.features:
            if feature.name == RESERVED_NAME:
                raise ValueError(
                    f"no feature can be called {RESERVED_NAME!r}: requests send many rows under that key. Rename the"
                    " column, in the data and here"
                )
            if feature.name in names:
                raise ValueError(f"feature {feature.name!r} is listed twice")
            names.add(feature.name)
        for identifier in self.identifiers:
            if identifier.name == RESERVED_NAME:
                raise ValueError(
                    f"no identifier can be called {RESERVED_NAME!r}: requests send many rows under that key. Choose"
                    " another name"
                )
            if identifier.name in names:
                raise ValueError(
                    f"identifier {identifier.name!r} is listed twice, or is a feature as well: an identifier is never"
                    " given to the model"
                )
            names.add(identifier.name)
        if (self.task == "classification") != bool(self.output.label_sets):
            raise ValueError(f"output: `classes` goes with `task: classification` and only with it, not {self.task!r}")
        interval = self.output.interval
        if interval is not None and interval.by is not None:
            grouping = next((feature for feature in self.features if feature.name == interval.by), None)
            if grouping is None or grouping.type not in INTERVAL_GROUP_TYPES:
                raise ValueError(
                    f"output.interval: `by` must be a feature of type {' or '.join(INTERVAL_GROUP_TYPES)}, got"
                    f" {interval.by!r}"
                )
        for name in self.target_names:
            if name in names:
                raise ValueError(
                    f"the target {name!r} is listed among the features or identifiers: that leaks the answer"
                )
        return self

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the features, in order."""
        return tuple(feature.name for feature in self.features)

    @property
    def interval_column(self) -> int | None:
        """The index of the feature that determines the group of a row's interval; None if there is no such feature."""
        interval = self.output.interval
        return None if interval is None or interval.by is None else self.feature_names.index(interval.by)

    @property
    def target_names(self) -> tuple[str, ...]:
        """The names of the targets: one, or the names of ``output.targets``."""
        targets = self.output.targets
        return (self.output.name,) if targets is None else tuple(target.name for target in targets)

    @property
    def texts(self) -> tuple[int, ...]:
        """The indices of the features that are texts."""
        return tuple(index for index, feature in enumerate(self.features) if feature.type == "text")

    @property
    def field_names(self) -> tuple[str, ...]:
        """The names of all fields of a request's row: the features, then the identifiers."""
        return self.feature_names + tuple(identifier.name for identifier in self.identifiers)

    def with_identifiers(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return a row with example values of the required identifiers that the row does not have."""
        examples = {
            identifier.name: identifier.example()
            for identifier in self.identifiers
            if identifier.required and identifier.name not in row
        }
        return {**row, **examples}

    @property
    def format_version(self) -> int:
        """The first bundle format that has all keys of this contract; see ``tabento.bundle.format``."""
        parts: tuple[ExtensibleModel, ...] = (self, self.output, *self.features)
        uses_later_keys = any(part.later_keys_used() for part in parts)
        return LATER_KEYS_FORMAT if uses_later_keys else FIRST_FORMAT


def answer_width(contract: Contract) -> int | None:
    """Return the number of numbers in the graph's answer to a row, W: float64 of shape (N, W); None for shape (N,).

    A classification answers the index of the label, then the probabilities if the contract has them. Several targets are
    answered in one row, each as a number or as the index of its label.
    """
    if contract.output.targets is not None:
        return len(contract.output.targets)
    if contract.output.classes is None:
        return None
    return 1 + (len(contract.output.classes) if contract.output.probabilities else 0)


def category_codes(feature: Feature) -> dict[str, float]:
    """Return the number of each category of a feature in a packed row."""
    return {value: float(index) for index, value in enumerate(feature.categories or ())}


def encode_value(feature: Feature, value: object) -> float:
    """Return the number of one validated value in a packed row.

    ``None``, NaN and a text of ``missing`` become NaN. A category that the contract does not list becomes
    ``UNKNOWN_CATEGORY``; the validation decides whether that is allowed. A text becomes 0: its numbers come from
    ``tabento.bundle.texts``.
    """
    if value is None or (isinstance(value, str) and value in feature.missing):
        return math.nan
    if feature.type == "text":
        return 0.0
    if feature.type == "category":
        if isinstance(value, float) and math.isnan(value):
            return math.nan
        return category_codes(feature).get(feature.normalise(str(value)), UNKNOWN_CATEGORY)
    if feature.type == "boolean" and (truth := parse_boolean(value)) is not None:
        return float(truth)
    if feature.type == "timestamp" and isinstance(value, str):
        seconds = timestamp_seconds(value)
        if seconds is None:
            raise ValueError(f"feature {feature.name!r}: expected {feature.expected()}, got {value!r}")
        return seconds
    number = float(value)  # type: ignore[arg-type]
    return math.nan if number in feature.missing_numbers() else number
