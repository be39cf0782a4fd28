"""The contract of an adopted pipeline, inferred from the sample and the fitted steps. A user can edit the result.

A column's type, its missing values, its range and its categories have one rule each. The rules are in the docstrings of the
functions that apply them and in docs/import.md.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError
from sklearn.base import is_outlier_detector, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from tabento.adopt.column_names import column_names
from tabento.adopt.columns import ColumnFacts
from tabento.adopt.contract_check import SEVERAL_LABELS
from tabento.adopt.errors import AdoptionError
from tabento.adopt.sample import Sample, present_texts, target_columns
from tabento.bundle.contract import RESERVED_NAME, Feature, FeatureType, Output
from tabento.bundle.feature import TEXT_LENGTH, TEXT_LENGTH_LIMIT
from tabento.bundle.numbers import LARGEST_EXACT_INTEGER, number_text
from tabento.export.label_answers import answers_labels, label_sets_of
from tabento.tables.value_range import value_range

Validated = TypeVar("Validated", Feature, Output)

_INTEGER = re.compile(r"\s*[+-]?\d+\s*", re.ASCII)
_NUMBER = re.compile(r"\s*[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|inf(inity)?)\s*", re.ASCII | re.IGNORECASE)
_BOOLEANS = {"true", "false"}
_EXACT_DIGITS = 15
"""Every integer with at most this number of digits is exact in float64."""


@dataclass(frozen=True)
class InferredFeature:
    """A feature and the facts behind it."""

    feature: Feature
    narrow: Feature
    """The feature without slack: the sample's own minimum and maximum, and null only if the sample has missing values."""
    remark: str
    """A summary of its values in the sample."""


def input_names(pipeline: Any, header: Sequence[str] | None = None, *, by_name: bool = False) -> tuple[str, ...]:
    """Return the names of a fitted pipeline's input columns, in its order.

    Args:
        pipeline: the loaded object.
        header: the sample's columns without the target, if they may name the columns of a pipeline without names.
        by_name: whether ``header`` holds the names that ``--columns`` gives.

    Raises:
        AdoptionError: it is not a fitted scikit-learn classifier, regressor or outlier detector, or its columns have no names.
    """
    kind = type(pipeline).__name__
    if not (hasattr(pipeline, "get_params") and hasattr(pipeline, "fit")) or isinstance(pipeline, type):
        raise AdoptionError(
            f"the file holds a {kind}, not a scikit-learn pipeline. Save the fitted pipeline itself, not an object that contains it."
        )
    try:
        check_is_fitted(pipeline)
    except NotFittedError as error:
        raise AdoptionError(
            f"the {kind} in the file was never fitted. Call fit on the training data, then save it."
        ) from error
    except TypeError as error:
        raise AdoptionError(f"the file holds a {kind}, not a scikit-learn estimator: {error}") from error
    if is_outlier_detector(pipeline) and not hasattr(pipeline, "predict"):
        raise AdoptionError(
            f"the {kind} in the file finds outliers only among the rows that it was fitted on."
            " Fit an IsolationForest in its place."
        )
    if not (answers_labels(pipeline) or is_regressor(pipeline)) or not hasattr(pipeline, "predict"):
        raise AdoptionError(
            f"the {kind} in the file neither classifies nor gives numbers. Save the whole pipeline, its last step a"
            " classifier, a regressor or an outlier detector."
        )
    return column_names(pipeline, header, by_name=by_name)


def infer_output(
    pipeline: Any, target: str | Sequence[str] | None, count: int = 1, features: Sequence[str] = ()
) -> Output:
    """Return the output of a pipeline: a number, or one of its classes, with probabilities if it has them.

    An outlier detector answers -1 for an outlier and 1 for every other row. Several answers a row become ``targets``.

    Args:
        pipeline: fitted.
        target: the name of the answer, or one name for each of several answers.
        count: the number of numbers or labels for a row.
        features: its columns; no answer can have the name of a column.

    Raises:
        AdoptionError: the classes of its several labels are unknown, it has a single class or a class without a JSON
            value, or the number of names is not the number of answers.
    """
    names = target_columns(target)
    if names and len(names) != count:
        raise AdoptionError(
            f"--target names {_count_text(len(names), 'column')}, and the pipeline gives {_count_text(count, 'answer')} a row."
            + (
                " Give one column for each, in the pipeline's order: --target FIRST SECOND"
                if count > 1
                else " Give one."
            )
        )
    sets = label_sets_of(pipeline) if answers_labels(pipeline) else [None] * count
    if sets is None or len(sets) != count:
        raise AdoptionError(SEVERAL_LABELS)
    if count == 1 and isinstance(getattr(pipeline, "classes_", None), list):
        raise AdoptionError(
            "the pipeline was fitted on a table with one column of labels, and answers a table. Fit the classifier itself on"
            " that column: y.ravel()."
        )
    if count == 1:
        name = names[0] if names else "prediction"
        if sets[0] is None:
            return _validate(Output, "the target's name", {"name": name})
        probabilities = hasattr(pipeline, "predict_proba")
        values = {"name": name, "classes": _labels(sets[0]), "probabilities": probabilities}
        return _validate(Output, "the pipeline's classes", values)
    names = names or _numbered_names(count, features)
    targets = [
        {"name": name} if classes is None else {"name": name, "classes": _labels(classes)}
        for name, classes in zip(names, sets, strict=True)
    ]
    return _validate(Output, "the pipeline's answers", {"name": "prediction", "targets": targets})


def _count_text(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _numbered_names(count: int, features: Sequence[str]) -> tuple[str, ...]:
    """Return ``output_1``, ``output_2``, …; with underscores after ``output`` if a feature has such a name."""
    stem = "output"
    while any(f"{stem}_{number}" in features for number in range(1, count + 1)):
        stem += "_"
    return tuple(f"{stem}_{number}" for number in range(1, count + 1))


def _labels(classes: Any) -> tuple[Any, ...]:
    """Return classes as values of Python.

    Raises:
        AdoptionError: a class has no JSON value.
    """
    labels = [label.item() if hasattr(label, "item") else label for label in classes]
    wrong = [label for label in labels if not isinstance(label, bool | int | float | str)]
    if wrong:
        raise AdoptionError(
            f"the class {wrong[0]!r} is a {type(wrong[0]).__name__}; expected text, numbers or booleans. Fit the"
            " pipeline on such labels."
        )
    return tuple(labels)


def infer_features(sample: Sample, names: Sequence[str], facts: Mapping[str, ColumnFacts]) -> list[InferredFeature]:
    """Return a feature for each column, in the order of the names.

    Raises:
        AdoptionError: a column's name cannot be used in a request, a column has no value in the sample, or an encoder
            has numbers with gaps between them and refuses all other numbers.
    """
    if RESERVED_NAME in names:
        raise AdoptionError(
            f"the pipeline has a column {RESERVED_NAME!r}, and no field of a request can have this name: requests send"
            " many rows under that key. Rename the column in the training data, fit the pipeline again, and rename it in"
            " the sample."
        )
    return [_feature(sample, name, facts[name]) for name in names]


def model_name(requested_name: str | None, file_stem: str) -> str:
    """Return the requested name unchanged, or else a valid name made from the file's name."""
    if requested_name is not None:
        return requested_name
    name = re.sub(r"[^a-z0-9]+", "_", file_stem.lower()).strip("_")[:54].strip("_")
    return name if name and name[0].isalpha() else f"model_{name}".strip("_")


def _feature(sample: Sample, name: str, fact: ColumnFacts) -> InferredFeature:
    texts = present_texts(sample, name, fact)
    if not texts:
        raise AdoptionError(
            f"column {name!r}: every one of the {len(sample):,} values in {sample.source} is missing. Give a sample in"
            " which it has values."
        )
    missing = len(sample) - len(texts)
    if fact.split:
        return _text_feature(name, texts)
    if fact.dates:
        raise AdoptionError(
            f"column {name!r}: an encoder knows dates (datetime64), and the service passes dates on as seconds. Fit the"
            " encoder on the column as text, frame[column].astype(str)."
        )
    kind = feature_type(texts, fact)
    values: dict[str, Any] = {"name": name, "type": kind, "nullable": missing > 0 or fact.imputed}
    narrow: dict[str, Any] = {"nullable": missing > 0}
    if kind == "category":
        values["categories"] = categories(texts, fact)
        values["unknown"] = "ignore" if fact.encoded and not fact.refuses_unknown else "refuse"
        summary = f"{len(set(texts)):,} of the {len(values['categories']):,} values"
    elif kind == "boolean":
        summary = f"true in {sum(text.strip().lower() == 'true' for text in texts) / len(texts):.1%}"
    else:
        _refuse_rounded(name, texts)
        numbers = [float(text) for text in texts if _NUMBER.fullmatch(text)]
        finite = [value for value in numbers if math.isfinite(value)]
        low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
        values["minimum"], values["maximum"] = _range_ends(name, fact, low, high, is_integer=kind == "integer")
        narrow |= {"minimum": low, "maximum": high}
        summary = f"{number_text(low)} to {number_text(high)}"
    remark = f"the sample has {summary}" + (f"; {missing / len(sample):.1%} missing" if missing else "; none missing")
    feature: Feature = _validate(Feature, f"column {name!r}", values)
    return InferredFeature(feature, feature.model_copy(update=narrow), remark)


def _refuse_rounded(name: str, texts: Sequence[str]) -> None:
    """Refuse integers that float64 and many readers of JSON round to another integer.

    Raises:
        AdoptionError: a cell has such an integer.
    """
    for text in texts:
        if len(text) <= _EXACT_DIGITS or not _INTEGER.fullmatch(text):
            continue
        number = int(text)
        if abs(number) > LARGEST_EXACT_INTEGER and int(float(number)) != number:
            raise AdoptionError(
                f"column {name!r}: {number} is beyond 2^53, where numbers in JSON and in the graph are rounded to another"
                " number. Fit the pipeline on the column as text, frame[column].astype(str), or without it."
            )


def _text_feature(name: str, texts: Sequence[str]) -> InferredFeature:
    """Return the feature of a column that a vectorizer splits; an empty cell is an empty text."""
    longest = max(map(len, texts))
    values: dict[str, Any] = {"name": name, "type": "text"}
    if longest > TEXT_LENGTH:
        values["maximum_length"] = min(2 * longest, TEXT_LENGTH_LIMIT)
    feature: Feature = _validate(Feature, f"column {name!r}", values)
    return InferredFeature(feature, feature, f"the sample has texts of up to {longest:,} characters")


def feature_type(texts: Sequence[str], fact: ColumnFacts) -> FeatureType:
    """Return a column's type.

    A column is a category if an encoder has texts for it or a step treats it as a category. Otherwise, it is a boolean if
    every cell is ``true`` or ``false``, and an integer if every cell is a number without point or exponent. If a step
    reads the column as a number, it is a number; cells that are not numbers are errors later. Any other column is a
    number if every cell is a number, and a category if not.
    """
    if fact.text or fact.categorical:
        return "category"
    if all(text.strip().lower() in _BOOLEANS for text in texts):
        return "boolean"
    if all(_INTEGER.fullmatch(text) for text in texts):
        # An encoder of 0.5, 1.5 can read a column in which the sample has only 1 and 2.
        return "integer" if all(float(value).is_integer() for value in fact.values) else "number"
    numeric = fact.number or (fact.encoded and bool(fact.values)) or all(_NUMBER.fullmatch(text) for text in texts)
    return "number" if numeric else "category"


def categories(texts: Sequence[str], fact: ColumnFacts) -> tuple[str, ...]:
    """Return a category's values: the encoders' categories in their order, then the sample's other values, sorted.

    If an encoder refuses unknown values, the sample's other values are omitted; they are errors later.
    """
    known_texts = [value for value in fact.values if isinstance(value, str)]
    known_texts += [str(value) for value in fact.pandas_categories or () if str(value) not in known_texts]
    other_texts = [] if fact.refuses_unknown else sorted(set(texts) - set(known_texts))
    return (*known_texts, *other_texts)


def _range_ends(name: str, fact: ColumnFacts, low: float, high: float, *, is_integer: bool) -> tuple[float, float]:
    """Return a number's range. If an encoder refuses all but its own numbers, it is the range of these numbers."""
    known_numbers = [float(value) for value in fact.values if isinstance(value, bool | int | float)]
    if not (fact.refuses_unknown and known_numbers):
        return value_range(low, high, is_integer=is_integer)
    ends = min(known_numbers), max(known_numbers)
    if not is_integer or len(set(known_numbers)) != ends[1] - ends[0] + 1:
        raise AdoptionError(
            f"column {name!r}: an encoder knows {len(known_numbers)} numbers from {number_text(ends[0])} to {number_text(ends[1])} and raises an"
            " error on any other; a contract cannot express that for a number. Fit the encoder with handle_unknown='ignore',"
            " or on text."
        )
    return ends


def _validate(model: type[Validated], subject: str, values: dict[str, Any]) -> Validated:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise AdoptionError(
            f"{subject} cannot be served:\n{_problem_lines(error)}\nChange it where the pipeline is fitted."
        ) from error


def _problem_lines(error: ValidationError) -> str:
    """Return each error of an invalid contract on its own line."""
    return "\n".join(
        f"  {'.'.join(str(part) for part in fault['loc'])}: {fault['msg'].removeprefix('Value error, ')}"
        for fault in error.errors()
    )
