"""The check, before the export, that a pipeline keeps its contract.

The service makes frames of float64 and text from requests, but the pipeline can be fitted on other types. So its answers to
the sample as pandas reads it are compared with its answers to the frames of the service. Then rows of the sample get each
extreme value that the contract allows: null, an unlisted category, and both ends of each range.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from tabento.adopt.columns import ColumnFacts
from tabento.adopt.errors import AdoptionError
from tabento.adopt.version_breaks import version_remedy
from tabento.bundle.contract import UNKNOWN_CATEGORY, Contract, Feature, answer_width, timestamp_seconds
from tabento.export.pipeline_answers import pipeline_answers
from tabento.parity.tolerances import differences
from tabento.tables.frames import to_frame
from tabento.transformers.category_columns import CategoryColumns
from tabento.transformers.missing_text import MissingText

SAME = 1e-9
"""The largest relative difference between two readings of one sample: the order of sums can differ."""
_CHANGED_ROWS = 3
SEVERAL_LABELS = (
    "the pipeline answers several labels a row, and the classes of each label are unknown. Fit one classifier for"
    " each of them in a MultiOutputClassifier."
)

ContractKey = Literal["nullable", "unknown", "minimum", "maximum"]


@dataclass(frozen=True)
class ContractViolation:
    """A value that the contract allows and the pipeline does not answer."""

    feature: str
    key: ContractKey
    """The feature's key in the config."""
    reason: str
    """The pipeline's error."""


def adapt_pipeline(pipeline: Any, contract: Contract, facts: Mapping[str, ColumnFacts]) -> Any:
    """Return a pipeline that takes the service's frames: missing text as NaN, unless it was fitted on None.

    If LightGBM or XGBoost was fitted on columns of pandas' category type, these are made from the texts. An estimator that
    is not a ``BaseEstimator``, such as CatBoost's, becomes a pipeline of one step: the store accepts only those.
    """
    if not isinstance(pipeline, BaseEstimator):
        pipeline = Pipeline([("model", pipeline)])
    empty = pd.DataFrame(columns=list(contract.feature_names))
    steps: list[tuple[str, Any]] = []
    categories = [feature for feature in contract.features if feature.type == "category"]
    categories_of = {name: fact.pandas_categories for name, fact in facts.items() if name in contract.feature_names}
    fitted = {name: list(values) for name, values in categories_of.items() if values is not None}
    if any(feature.nullable for feature in categories):
        texts = [feature.name for feature in categories if feature.name not in fitted]
        columns = [name for name in texts if facts[name].missing_as != "none"]
        if columns:
            steps.append(("missing_text", MissingText(columns).fit(empty)))
    if fitted:
        steps.append(("categories", CategoryColumns(fitted).fit(empty)))
    return Pipeline([*steps, ("pipeline", pipeline)]) if steps else pipeline


@contextmanager
def without_warnings() -> Iterator[None]:
    """Hide a pipeline's warnings of unknown values and overflow, which the checks cause on purpose."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def finite_answers(pipeline: Any, frame: pd.DataFrame, contract: Contract) -> NDArray[np.float64]:
    """Return a pipeline's answers, shape (N,) or (N, W); its warnings are not shown.

    Raises:
        ValueError: it raises any error, or an answer is not finite.
    """
    with without_warnings():
        try:
            answers = pipeline_answers(pipeline, frame, contract)
        except Exception as error:  # an adopted pipeline can raise any error
            raise ValueError(" ".join(str(error).split()).rstrip(".") or type(error).__name__) from error
    wrong = ~np.isfinite(answers).reshape(len(frame), -1).all(axis=1)
    if wrong.any():
        raise ValueError(f"it answers {answers[int(np.argmax(wrong))]} to row {int(np.argmax(wrong)) + 1}")
    return answers


def compare_readings(
    original: Any,
    pipeline: Any,
    read: pd.DataFrame,
    rows: NDArray[np.float64],
    contract: Contract,
    versions: Sequence[str] = (),
) -> NDArray[np.float64]:
    """Compare the answers to the sample as pandas reads it with the answers to the frames of the service.

    Args:
        original: the pipeline as loaded.
        pipeline: the pipeline for the export.
        read: the sample as pandas reads it, with the contract's columns.
        rows: the same sample, packed, float64 of shape (N, F).
        contract: the meaning of the columns.
        versions: the versions of scikit-learn that fitted it, if they are not the installed version.

    Returns:
        The answers, of shape (N,) or (N, W).

    Raises:
        AdoptionError: the pipeline cannot answer the sample, its answers have a shape that is not served, or they
            differ; the columns that make the difference are named.
    """
    try:
        expected = finite_answers(original, read, contract)
    except ValueError as error:
        # The rows can cause a ValueError; an error of another class is caused by the fitted steps.
        remedy = version_remedy(versions, perhaps_rows=isinstance(error.__cause__, ValueError | None)) or _date_remedy(
            read
        )
        raise AdoptionError(
            f"the pipeline cannot answer the sample as pandas reads it: {error}. "
            + (remedy or "Give rows as it was fitted on, or fit it on the result of pandas.read_csv.")
        ) from error
    width = answer_width(contract)
    if expected.shape[1:] != (() if width is None else (width,)):
        raise AdoptionError(
            f"the pipeline answers {expected.shape[1] if expected.ndim == 2 else 1} numbers a row; the config says"
            f" {width or 1}. List each of them under `output.targets`."
        )
    served_frame = to_frame(rows, contract)
    if _describe_difference(pipeline, served_frame, expected, contract) is None:
        return expected
    culprits = []
    for feature in contract.features:
        mixed = read.copy()
        mixed[feature.name] = served_frame[feature.name].to_numpy()
        reason = _describe_difference(original, mixed, expected, contract)
        if reason is not None and (
            pipeline is original or _describe_difference(pipeline, mixed, expected, contract) is not None
        ):
            kinds = f"{read[feature.name].dtype} in the sample, {served_frame[feature.name].dtype} from a request"
            culprits.append(f"  {feature.name} ({kinds}): {reason}")
    raise AdoptionError(
        "the pipeline gives other answers if the sample arrives as a request (numbers and booleans as float64,"
        " categories as text):\n"
        + (
            "\n".join(culprits)
            or f"  {_describe_difference(pipeline, served_frame, expected, contract)}; no single column makes the difference"
        )
        + "\nFit it on columns of such types, for instance frame[column] = frame[column].astype(float)."
    )


def answers_per_row(pipeline: Any, read: pd.DataFrame) -> int:
    """Return the number of numbers or labels that a pipeline answers for a row; 1 if it raises an error, which a later check reports.

    A classifier of several labels can look like any other: its ``classes_`` can be one array, as in OneVsRestClassifier.
    """
    with without_warnings(), suppress(Exception):
        answers = pipeline.predict(read.iloc[:1])
        shape = answers.shape if hasattr(answers, "shape") else np.asarray(answers).shape
        return int(shape[1]) if len(shape) == 2 else 1
    return 1


def _date_remedy(read: pd.DataFrame) -> str:
    """Return the remedy if columns of the sample hold dates, which pandas reads as text; otherwise an empty text."""
    dates = [
        str(name)
        for name in read.columns
        if read[name].notna().any()
        and all(isinstance(cell, str) and timestamp_seconds(cell) is not None for cell in read[name].dropna())
    ]
    if not dates:
        return ""
    return (
        f"{', '.join(map(repr, dates))} holds dates: the service passes them on as seconds since 1970, float64, and not"
        " as datetime64. Use DateParts of tabento.transformers.date_parts on such seconds in place of pandas' own"
        " parts of dates, or fit the pipeline on the parts as numbers."
    )


def contract_violations(pipeline: Any, rows: NDArray[np.float64], contract: Contract) -> list[ContractViolation]:
    """Return the extreme values of a contract that the pipeline does not answer in some rows of the sample.

    Args:
        pipeline: takes the service's frames.
        rows: packed rows that it answers, float64 of shape (N, F), at least one.
        contract: the allowed values.
    """
    sample_rows = rows[np.unique(np.linspace(0, len(rows) - 1, _CHANGED_ROWS).astype(np.intp))]
    violations = []
    for position, feature in enumerate(contract.features):
        for key, value in _extreme_values(feature).items():
            changed_rows = sample_rows.copy()
            changed_rows[:, position] = value
            try:
                finite_answers(pipeline, to_frame(changed_rows, contract), contract)
            except ValueError as error:
                violations.append(ContractViolation(feature.name, key, str(error)))
    return violations


def require_contract_kept(violations: list[ContractViolation], path: str | None) -> None:
    """Raise an error if the pipeline does not keep its contract.

    Args:
        broken: the values that are not answered, from ``contract_violations``.
        path: the config as read; None for a new config, which is as narrow as the sample.

    Raises:
        AdoptionError: with each violation and its remedy.
    """
    if not violations:
        return
    if path is None:
        values = [f"  {violation.feature}: {violation.key} ({violation.reason})" for violation in violations]
        raise AdoptionError(
            "the pipeline cannot answer rows of the sample in which one value is replaced by one that the sample has in"
            " the same column, so there is no config that it keeps:\n" + "\n".join(values) + "\nChange the pipeline so"
            " that it answers each of these values in any row."
        )
    remedies = {
        "nullable": "null cannot be answered; set it to false",
        "unknown": "an unlisted value cannot be answered; set it to refuse",
        "minimum": "this value cannot be answered; raise it",
        "maximum": "this value cannot be answered; lower it",
    }
    lines = [
        f"  {violation.feature}: {violation.key}: {remedies[violation.key]} ({violation.reason})"
        for violation in violations
    ]
    raise AdoptionError(f"the pipeline does not keep the contract of {path}:\n" + "\n".join(lines))


def relax_contract(contract: Contract, violations: list[ContractViolation], narrow: Mapping[str, Feature]) -> Contract:
    """Narrow the parts of a contract that the pipeline does not keep.

    Args:
        contract: the inferred contract.
        broken: from ``contract_violations``.
        narrow: by name, each feature as narrow as the sample.

    Returns:
        The contract with the narrow value in place of each violated value.
    """
    changes: dict[str, dict[str, Any]] = {}
    for violation in violations:
        value = "refuse" if violation.key == "unknown" else getattr(narrow[violation.feature], violation.key)
        changes.setdefault(violation.feature, {})[violation.key] = value
    features = [feature.model_copy(update=changes.get(feature.name, {})) for feature in contract.features]
    return contract.model_copy(update={"features": tuple(features)})


def _extreme_values(feature: Feature) -> dict[ContractKey, float]:
    values: dict[ContractKey, float] = {}
    if feature.nullable:
        values["nullable"] = np.nan
    if feature.unknown == "ignore":
        values["unknown"] = UNKNOWN_CATEGORY
    if feature.type in ("number", "integer"):
        values |= {"minimum": feature.lower, "maximum": feature.upper}
    return values


def _describe_difference(
    pipeline: Any, frame: pd.DataFrame, expected: NDArray[np.float64], contract: Contract
) -> str | None:
    """Return None if the answers are the expected answers, otherwise a description of the difference."""
    try:
        actual = finite_answers(pipeline, frame, contract)
    except ValueError as error:
        return str(error)
    labels = len(contract.output.label_sets)
    if labels:
        flips = np.count_nonzero((actual[:, :labels] != expected[:, :labels]).any(axis=1))
        if flips:
            return f"{flips:,} of {len(actual):,} rows get another label"
    typical = np.abs(expected).mean(axis=0) if contract.output.targets is not None else float(np.abs(expected).mean())
    _, relative = differences(expected, actual, typical)
    if relative.max(initial=0.0) > SAME:
        return f"answers differ by up to {relative.max():.3g} relative"
    return None
