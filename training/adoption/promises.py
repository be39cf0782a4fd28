"""Whether a pipeline does what its contract promises, asked before anything is exported.

Requests become frames of float64 and text; the pipeline was fitted on whatever its owner had. So its answers to the
sample as pandas reads it are compared with those to the frames of the service. Then each promise of the contract is
tried on rows of the sample: null where a column may be null, a value that nobody listed where those are ignored, both
ends of each range.
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

from bundle.contract import UNKNOWN_CATEGORY, Contract, Feature, answer_width, timestamp_seconds
from training.adoption.columns import ColumnFacts
from training.adoption.errors import AdoptionError
from training.adoption.version_breaks import version_remedy
from training.frames import to_frame
from training.parity.answers import pipeline_answers
from training.parity.figures import differences
from training.transformers.category_columns import CategoryColumns
from training.transformers.missing_text import MissingText

SAME = 1e-9
"""Largest relative difference between two readings of one sample: sums may be added up in another order."""
_TRIED_ROWS = 3
SEVERAL_LABELS = (
    "the pipeline answers several labels a row, and which classes each of them has is not known. Fit one classifier for"
    " each of them in a MultiOutputClassifier."
)

Promise = Literal["nullable", "unknown", "minimum", "maximum"]


@dataclass(frozen=True)
class Broken:
    """A promise of the contract that the pipeline does not keep."""

    feature: str
    promise: Promise
    """The feature's key in the config."""
    reason: str
    """What the pipeline did instead of answering."""


def adapted(pipeline: Any, contract: Contract, facts: Mapping[str, ColumnFacts]) -> Any:
    """Return a pipeline that takes the service's frames: missing text as NaN, unless it was fitted on None.

    Columns of pandas' category type that LightGBM or XGBoost was fitted on are made of the texts. An estimator that is no ``BaseEstimator``, as CatBoost's are not, becomes a pipeline of one step: the store takes
    nothing else.
    """
    if not isinstance(pipeline, BaseEstimator):
        pipeline = Pipeline([("model", pipeline)])
    empty = pd.DataFrame(columns=list(contract.feature_names))
    steps: list[tuple[str, Any]] = []
    categories = [feature for feature in contract.features if feature.type == "category"]
    known = {name: fact.pandas_categories for name, fact in facts.items() if name in contract.feature_names}
    fitted = {name: list(values) for name, values in known.items() if values is not None}
    if any(feature.nullable for feature in categories):
        texts = [feature.name for feature in categories if feature.name not in fitted]
        columns = [name for name in texts if facts[name].missing_as != "none"]
        if columns:
            steps.append(("missing_text", MissingText(columns).fit(empty)))
    if fitted:
        steps.append(("categories", CategoryColumns(fitted).fit(empty)))
    return Pipeline([*steps, ("pipeline", pipeline)]) if steps else pipeline


@contextmanager
def quietly() -> Iterator[None]:
    """Keep a pipeline's warnings to itself: of unknown values and overflow, which are tried on purpose here."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def asked(pipeline: Any, frame: pd.DataFrame, contract: Contract) -> NDArray[np.float64]:
    """Return a pipeline's answers, shape (N,) or (N, W); its warnings are not shown.

    Raises:
        ValueError: it raises any error, or answers no finite number.
    """
    with quietly():
        try:
            answers = pipeline_answers(pipeline, frame, contract)
        except Exception as error:  # an adopted pipeline may raise anything
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
    """Compare the answers to the sample as it was read with those to the frames of the service.

    Args:
        original: as it was loaded.
        pipeline: as it will be exported.
        read: the sample as pandas reads it, the contract's columns.
        rows: the same sample, packed, float64 of shape (N, F).
        contract: what the columns mean.
        versions: the versions of scikit-learn that fitted it, as far as they are not the installed one.

    Returns:
        The answers, of shape (N,) or (N, W).

    Raises:
        AdoptionError: the pipeline cannot answer the sample, its answers have a shape that is not served, or they
            differ; the columns that make the difference are named.
    """
    try:
        expected = asked(original, read, contract)
    except ValueError as error:
        # A ValueError may come from the rows; an error of another kind comes from what the steps hold.
        remedy = version_remedy(versions, perhaps_rows=isinstance(error.__cause__, ValueError | None)) or _date_remedy(
            read
        )
        raise AdoptionError(
            f"the pipeline cannot answer the sample as pandas reads it: {error}. "
            + (remedy or "Give rows as it was fitted on, or fit it on what pandas.read_csv gives.")
        ) from error
    width = answer_width(contract)
    if expected.shape[1:] != (() if width is None else (width,)):
        raise AdoptionError(
            f"the pipeline answers {expected.shape[1] if expected.ndim == 2 else 1} numbers a row; the config says"
            f" {width or 1}. List each of them under `output.targets`."
        )
    ours = to_frame(rows, contract)
    if _same(pipeline, ours, expected, contract) is None:
        return expected
    culprits = []
    for feature in contract.features:
        mixed = read.copy()
        mixed[feature.name] = ours[feature.name].to_numpy()
        reason = _same(original, mixed, expected, contract)
        if reason is not None and (pipeline is original or _same(pipeline, mixed, expected, contract) is not None):
            kinds = f"{read[feature.name].dtype} in the sample, {ours[feature.name].dtype} from a request"
            culprits.append(f"  {feature.name} ({kinds}): {reason}")
    raise AdoptionError(
        "the pipeline answers otherwise when the sample comes as a request does (numbers and booleans as float64,"
        " categories as text):\n"
        + (
            "\n".join(culprits)
            or f"  {_same(pipeline, ours, expected, contract)}; no single column makes the difference"
        )
        + "\nFit it on columns of such types, for instance frame[column] = frame[column].astype(float)."
    )


def answers_per_row(pipeline: Any, read: pd.DataFrame) -> int:
    """Return how many numbers or labels a pipeline gives a row; 1 if it raises, which is told when all rows are asked about.

    A classifier of several labels may look like any other: its ``classes_`` may be one array, as OneVsRestClassifier's.
    """
    with quietly(), suppress(Exception):
        answers = pipeline.predict(read.iloc[:1])
        shape = answers.shape if hasattr(answers, "shape") else np.asarray(answers).shape
        return int(shape[1]) if len(shape) == 2 else 1
    return 1


def _date_remedy(read: pd.DataFrame) -> str:
    """Return what to do if columns of the sample hold dates, which pandas reads as text; empty if none does."""
    dates = [
        str(name)
        for name in read.columns
        if read[name].notna().any()
        and all(isinstance(cell, str) and timestamp_seconds(cell) is not None for cell in read[name].dropna())
    ]
    if not dates:
        return ""
    return (
        f"{', '.join(map(repr, dates))} holds dates: the service hands them on as seconds since 1970, float64, and not"
        " as datetime64. Use DateParts of training.transformers.date_parts on such seconds in place of pandas' own"
        " parts of dates, or fit the pipeline on the parts as numbers."
    )


def broken_promises(pipeline: Any, rows: NDArray[np.float64], contract: Contract) -> list[Broken]:
    """Try each promise of a contract on some rows of the sample.

    Args:
        pipeline: takes the service's frames.
        rows: packed rows that it answers, float64 of shape (N, F), at least one.
        contract: the promises.
    """
    chosen = rows[np.unique(np.linspace(0, len(rows) - 1, _TRIED_ROWS).astype(np.intp))]
    broken = []
    for position, feature in enumerate(contract.features):
        for promise, value in _promised(feature).items():
            tried = chosen.copy()
            tried[:, position] = value
            try:
                asked(pipeline, to_frame(tried, contract), contract)
            except ValueError as error:
                broken.append(Broken(feature.name, promise, str(error)))
    return broken


def require_kept(broken: list[Broken], path: str | None) -> None:
    """Let a contract through whose promises are kept.

    Args:
        broken: the promises that are not.
        path: the config that was read; None for one that is about to be written, and is as narrow as the sample.

    Raises:
        AdoptionError: with each broken promise and what to write instead.
    """
    if not broken:
        return
    if path is None:
        values = [f"  {one.feature}: {one.promise} ({one.reason})" for one in broken]
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
    lines = [f"  {one.feature}: {one.promise}: {remedies[one.promise]} ({one.reason})" for one in broken]
    raise AdoptionError(f"the pipeline does not keep what {path} promises:\n" + "\n".join(lines))


def relaxed(contract: Contract, broken: list[Broken], narrow: Mapping[str, Feature]) -> Contract:
    """Take back promises that the pipeline does not keep.

    Args:
        contract: as inferred.
        broken: what the pipeline does not keep of it.
        narrow: by name, each feature as narrow as the sample is.

    Returns:
        The contract with the narrow promise in place of each broken one.
    """
    changes: dict[str, dict[str, Any]] = {}
    for one in broken:
        value = "refuse" if one.promise == "unknown" else getattr(narrow[one.feature], one.promise)
        changes.setdefault(one.feature, {})[one.promise] = value
    features = [feature.model_copy(update=changes.get(feature.name, {})) for feature in contract.features]
    return contract.model_copy(update={"features": tuple(features)})


def _promised(feature: Feature) -> dict[Promise, float]:
    promised: dict[Promise, float] = {}
    if feature.nullable:
        promised["nullable"] = np.nan
    if feature.unknown == "ignore":
        promised["unknown"] = UNKNOWN_CATEGORY
    if feature.type in ("number", "integer"):
        promised |= {"minimum": feature.lower, "maximum": feature.upper}
    return promised


def _same(pipeline: Any, frame: pd.DataFrame, expected: NDArray[np.float64], contract: Contract) -> str | None:
    """Return None where the answers are those that were expected, else what came instead, in words."""
    try:
        got = asked(pipeline, frame, contract)
    except ValueError as error:
        return str(error)
    labels = len(contract.output.label_sets)
    if labels:
        flips = np.count_nonzero((got[:, :labels] != expected[:, :labels]).any(axis=1))
        if flips:
            return f"{flips:,} of {len(got):,} rows get another label"
    typical = np.abs(expected).mean(axis=0) if contract.output.targets is not None else float(np.abs(expected).mean())
    _, relative = differences(expected, got, typical)
    if relative.max(initial=0.0) > SAME:
        return f"answers differ by up to {relative.max():.3g} relative"
    return None
