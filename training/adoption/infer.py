"""The contract of an adopted pipeline, as far as sample and fitted steps tell it; a person may edit what comes out.

A column's type, whether it may be missing, its range or its categories: each has one rule, which stands at the function
that applies it and in docs/import.md.
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

from bundle.contract import RESERVED_NAME, Feature, FeatureType, Output
from bundle.feature import TEXT_LENGTH, TEXT_LENGTH_LIMIT
from bundle.numbers import LARGEST_EXACT_INTEGER, number_text
from training.adoption.column_names import column_names
from training.adoption.columns import ColumnFacts
from training.adoption.errors import AdoptionError
from training.adoption.promises import SEVERAL_LABELS
from training.adoption.sample import Sample, present_texts, target_columns
from training.config import explain
from training.export.label_answers import answers_labels, label_sets_of
from training.ranges import value_range

Made = TypeVar("Made", Feature, Output)

_INTEGER = re.compile(r"\s*[+-]?\d+\s*", re.ASCII)
_NUMBER = re.compile(r"\s*[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|inf(inity)?)\s*", re.ASCII | re.IGNORECASE)
_BOOLEANS = {"true", "false"}
_EXACT_DIGITS = 15
"""Every integer of so many digits is a float64."""


@dataclass(frozen=True)
class Inferred:
    """A feature, and what it was inferred from."""

    feature: Feature
    narrow: Feature
    """The same without slack: the sample's own ends, and null only if the sample has missing values."""
    remark: str
    """What the sample shows of it, in words."""


def input_names(pipeline: Any, header: Sequence[str] | None = None, *, by_name: bool = False) -> tuple[str, ...]:
    """Return the names of a fitted pipeline's input columns, in its order.

    Args:
        pipeline: what was loaded.
        header: the sample's columns without the target, if they may name columns that the pipeline has no names for.
        by_name: whether ``header`` holds the names that ``--columns`` gives.

    Raises:
        AdoptionError: it is no fitted scikit-learn classifier, regressor or outlier detector, or its columns have no names.
    """
    kind = type(pipeline).__name__
    if not (hasattr(pipeline, "get_params") and hasattr(pipeline, "fit")) or isinstance(pipeline, type):
        raise AdoptionError(
            f"the file holds a {kind}, no scikit-learn pipeline. Save the fitted pipeline itself, not what is around it."
        )
    try:
        check_is_fitted(pipeline)
    except NotFittedError as error:
        raise AdoptionError(
            f"the {kind} in the file was never fitted. Call fit on the training data, then save it."
        ) from error
    except TypeError as error:
        raise AdoptionError(f"the file holds a {kind}, no scikit-learn estimator: {error}") from error
    if is_outlier_detector(pipeline) and not hasattr(pipeline, "predict"):
        raise AdoptionError(
            f"the {kind} in the file finds outliers among the rows that it was fitted on and cannot be asked about others."
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
    """Return what a pipeline answers: a number; or one of its classes, with probabilities where it gives them.

    An outlier detector answers -1 for an outlier and 1 for the rest. Several answers a row become ``targets``.

    Args:
        pipeline: fitted.
        target: the name of the answer, or one for each of several.
        count: how many numbers or labels it gives a row.
        features: the columns that it takes, after which no answer can be called.

    Raises:
        AdoptionError: its several labels have classes that are not known, it has a single class, or a class that JSON has
            no value for; there are more or fewer names than answers.
    """
    names = target_columns(target)
    if names and len(names) != count:
        raise AdoptionError(
            f"--target names {_counted(len(names), 'column')}, and the pipeline gives {_counted(count, 'answer')} a row."
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
            return _validated(Output, "the target's name", {"name": name})
        probabilities = hasattr(pipeline, "predict_proba")
        given = {"name": name, "classes": _labels(sets[0]), "probabilities": probabilities}
        return _validated(Output, "the pipeline's classes", given)
    names = names or _numbered_names(count, features)
    targets = [
        {"name": name} if own is None else {"name": name, "classes": _labels(own)}
        for name, own in zip(names, sets, strict=True)
    ]
    return _validated(Output, "the pipeline's answers", {"name": "prediction", "targets": targets})


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _numbered_names(count: int, features: Sequence[str]) -> tuple[str, ...]:
    """Return ``output_1``, ``output_2``, …; with underscores behind ``output`` if a feature has such a name."""
    stem = "output"
    while any(f"{stem}_{number}" in features for number in range(1, count + 1)):
        stem += "_"
    return tuple(f"{stem}_{number}" for number in range(1, count + 1))


def _labels(classes: Any) -> tuple[Any, ...]:
    """Return classes as values of Python.

    Raises:
        AdoptionError: JSON has no value for one of them.
    """
    labels = [label.item() if hasattr(label, "item") else label for label in classes]
    wrong = [label for label in labels if not isinstance(label, bool | int | float | str)]
    if wrong:
        raise AdoptionError(
            f"the class {wrong[0]!r} is a {type(wrong[0]).__name__}; expected text, numbers or booleans. Fit the"
            " pipeline on such labels."
        )
    return tuple(labels)


def infer_features(sample: Sample, names: Sequence[str], facts: Mapping[str, ColumnFacts]) -> list[Inferred]:
    """Return a feature for each column, in the given order.

    Raises:
        AdoptionError: a column's name cannot stand in a request, a column has no value in the sample, or an encoder
            knows numbers with gaps between them and refuses all others.
    """
    if RESERVED_NAME in names:
        raise AdoptionError(
            f"the pipeline has a column {RESERVED_NAME!r}, and no field of a request can be called so: requests send"
            " many rows under that key. Rename the column in the training data, fit the pipeline again, and rename it in"
            " the sample."
        )
    return [_feature(sample, name, facts[name]) for name in names]


def model_name(wanted: str | None, file_stem: str) -> str:
    """Return the model's name: the wanted one as it is, else the file's name made fit."""
    if wanted is not None:
        return wanted
    name = re.sub(r"[^a-z0-9]+", "_", file_stem.lower()).strip("_")[:54].strip("_")
    return name if name and name[0].isalpha() else f"model_{name}".strip("_")


def _feature(sample: Sample, name: str, fact: ColumnFacts) -> Inferred:
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
            f"column {name!r}: an encoder knows dates (datetime64), and the service hands dates on as seconds. Fit the"
            " encoder on the column as text, frame[column].astype(str)."
        )
    kind = feature_type(texts, fact)
    given: dict[str, Any] = {"name": name, "type": kind, "nullable": missing > 0 or fact.imputed}
    narrow: dict[str, Any] = {"nullable": missing > 0}
    if kind == "category":
        given["categories"] = categories(texts, fact)
        given["unknown"] = "ignore" if fact.encoded and not fact.refuses_unknown else "refuse"
        shown = f"{len(set(texts)):,} of the {len(given['categories']):,} values"
    elif kind == "boolean":
        shown = f"true in {sum(text.strip().lower() == 'true' for text in texts) / len(texts):.1%}"
    else:
        _refuse_rounded(name, texts)
        values = [float(text) for text in texts if _NUMBER.fullmatch(text)]
        finite = [value for value in values if math.isfinite(value)]
        low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
        given["minimum"], given["maximum"] = _ends(name, fact, low, high, whole=kind == "integer")
        narrow |= {"minimum": low, "maximum": high}
        shown = f"{number_text(low)} to {number_text(high)}"
    remark = f"the sample has {shown}" + (f"; {missing / len(sample):.1%} missing" if missing else "; none missing")
    feature: Feature = _validated(Feature, f"column {name!r}", given)
    return Inferred(feature, feature.model_copy(update=narrow), remark)


def _refuse_rounded(name: str, texts: Sequence[str]) -> None:
    """Refuse integers that float64 and many readers of JSON round to another one.

    Raises:
        AdoptionError: there is one.
    """
    for text in texts:
        if len(text) <= _EXACT_DIGITS or not _INTEGER.fullmatch(text):
            continue
        number = int(text)
        if abs(number) > LARGEST_EXACT_INTEGER and int(float(number)) != number:
            raise AdoptionError(
                f"column {name!r}: {number} is beyond 2^53, where numbers in JSON and in the graph are rounded to another"
                " one. Fit the pipeline on the column as text, frame[column].astype(str), or without it."
            )


def _text_feature(name: str, texts: Sequence[str]) -> Inferred:
    """Return the feature of a column that a vectorizer splits; an empty cell is an empty text."""
    longest = max(map(len, texts))
    given: dict[str, Any] = {"name": name, "type": "text"}
    if longest > TEXT_LENGTH:
        given["maximum_length"] = min(2 * longest, TEXT_LENGTH_LIMIT)
    feature: Feature = _validated(Feature, f"column {name!r}", given)
    return Inferred(feature, feature, f"the sample has texts of up to {longest:,} characters")


def feature_type(texts: Sequence[str], fact: ColumnFacts) -> FeatureType:
    """Return a column's type.

    Text that an encoder knows makes a category, and so does what a step takes for one. Else ``true`` and ``false`` throughout make a boolean, numbers without
    point or exponent throughout an integer. What a step reads as a number is a number, even where cells are none: those
    are then named as faults. What is left is a number or, with any cell that is none, a category.
    """
    if fact.text or fact.categorical:
        return "category"
    if all(text.strip().lower() in _BOOLEANS for text in texts):
        return "boolean"
    if all(_INTEGER.fullmatch(text) for text in texts):
        # An encoder of 0.5, 1.5 reads a column of which the sample shows 1 and 2 only.
        return "integer" if all(float(value).is_integer() for value in fact.values) else "number"
    numeric = fact.number or (fact.encoded and bool(fact.values)) or all(_NUMBER.fullmatch(text) for text in texts)
    return "number" if numeric else "category"


def categories(texts: Sequence[str], fact: ColumnFacts) -> tuple[str, ...]:
    """Return a category's values: those that encoders know, in their order, then the sample's others, sorted.

    Where an encoder refuses what it does not know, the sample's others are left out, and so named as faults later.
    """
    known = [value for value in fact.values if isinstance(value, str)]
    known += [str(value) for value in fact.pandas_categories or () if str(value) not in known]
    others = [] if fact.refuses_unknown else sorted(set(texts) - set(known))
    return (*known, *others)


def _ends(name: str, fact: ColumnFacts, low: float, high: float, *, whole: bool) -> tuple[float, float]:
    """Return a number's range; where an encoder knows single numbers and refuses others, theirs."""
    known = [float(value) for value in fact.values if isinstance(value, bool | int | float)]
    if not (fact.refuses_unknown and known):
        return value_range(low, high, whole=whole)
    ends = min(known), max(known)
    if not whole or len(set(known)) != ends[1] - ends[0] + 1:
        raise AdoptionError(
            f"column {name!r}: an encoder knows {len(known)} single numbers from {number_text(ends[0])} to {number_text(ends[1])} and raises an"
            " error on any other; a contract cannot say that of a number. Fit the encoder with handle_unknown='ignore',"
            " or on text."
        )
    return ends


def _validated(model: type[Made], what: str, given: dict[str, Any]) -> Made:
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise AdoptionError(
            f"{what} cannot be served:\n{explain(error)}\nChange it where the pipeline is fitted."
        ) from error
