"""The quality of a model version on the joined truths of a window: all rows, and slice by slice."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitoring.feedback.answered_model import AnsweredModel
from monitoring.feedback.slicing import ABSENT, Codes, SlicedFeature
from monitoring.feedback.store import FeedbackStore, floats
from monitoring.quality.classification import classification_figures
from monitoring.quality.figures import Figure, Floats, compare, finite_figures, mean_figure
from monitoring.quality.regression import regression_figures
from monitoring.quality.windows import Window

SLICE_CONFIDENCE = 0.95


class SliceQuality(msgspec.Struct):
    """The loss of the rows of one slice: the mean absolute error, the log loss, or the share of wrong labels."""

    feature: str
    value: str
    rows: int
    loss: float
    low: float | None
    high: float | None
    ratio: float
    """The loss divided by the loss of all rows."""
    worse: bool
    """Whether the loss is above the loss of all rows beyond chance, given the number of slices."""


class TargetQuality(msgspec.Struct):
    """The quality of one target."""

    name: str
    unit: str | None
    rows: int
    """The number of truths that have this target."""
    metrics: dict[str, Figure]
    loss: str = ""
    """The loss of the slices: ``mae``, ``log_loss`` or ``error_rate``."""
    slices: list[SliceQuality] = []
    """The slices, worst first."""


class ModelQuality(msgspec.Struct):
    """The quality of one version in one role."""

    model: str
    version: str
    variant: str
    """``champion`` or ``challenger``."""
    rows: int
    """The number of truths."""
    truncated: bool
    """Whether the window has more truths than are measured; the latest are."""
    targets: list[TargetQuality]


@dataclass(frozen=True, slots=True)
class JoinedRows:
    """N joined truths of one version in one role."""

    model: AnsweredModel
    variant: str
    answers: Floats
    """The answers, shape (N, W)."""
    actual: Floats
    """The true values, shape (N, K); NaN for a target without a truth."""
    codes: Codes
    """The codes of the slices of ``model.slices``, shape (N, S)."""
    truncated: bool


def read_joined(
    store: FeedbackStore, window: Window, limit: int, model: str | None = None, version: str | None = None
) -> list[JoinedRows]:
    """Return the joined truths of a window, by version and variant.

    Args:
        store: the store of feedback.
        window: the window.
        limit: the largest number of rows of a version.
        model: the name of the model; None for all.
        version: its version; None for all.

    Raises:
        FeedbackStoreError: the store cannot be used.
    """
    versions: dict[tuple[str, str], list[tuple[int, AnsweredModel]]] = {}
    for number, description in store.models().items():
        if model in (None, description.name) and version in (None, description.version):
            versions.setdefault((description.name, description.version), []).append((number, description))
    result = []
    for descriptions in versions.values():
        newest = descriptions[-1][1]
        parts: dict[str, list[JoinedRows]] = {}
        for number, description in descriptions:
            rows = store.joined_columns(number, window.by, window.since_s, window.until_s, limit)
            is_full = len(rows) == limit
            for variant in {row[0] for row in rows}:
                selection = [row for row in rows if row[0] == variant]
                slices = np.frombuffer(b"".join(row[3] for row in selection), np.int16).reshape(len(selection), -1)
                parts.setdefault(variant, []).append(
                    JoinedRows(
                        newest,
                        variant,
                        floats([row[2] for row in selection], description.width),
                        floats([row[4] for row in selection], len(description.targets)),
                        _codes_of(newest.slices, description.slices, slices),
                        is_full,
                    )
                )
        result += [_combine(parts[variant]) for variant in sorted(parts)]
    return result


def _codes_of(slices: Sequence[SlicedFeature], stored: Sequence[SlicedFeature], codes: Codes) -> Codes:
    """Return the codes for other slices of the same version; a slice that was not stored is ``ABSENT``."""
    positions = {feature.name: index for index, feature in enumerate(stored)}
    result = np.full((len(codes), len(slices)), ABSENT, np.int16)
    for column, feature in enumerate(slices):
        if feature.name in positions:
            result[:, column] = codes[:, positions[feature.name]]
    return result


def _combine(parts: Sequence[JoinedRows]) -> JoinedRows:
    if len(parts) == 1:
        return parts[0]
    return JoinedRows(
        parts[0].model,
        parts[0].variant,
        np.concatenate([part.answers for part in parts]),
        np.concatenate([part.actual for part in parts]),
        np.concatenate([part.codes for part in parts]),
        any(part.truncated for part in parts),
    )


def measure(
    rows: JoinedRows, confidence: float, slice_rows: int | None = None, sliced: Collection[str] = ()
) -> ModelQuality:
    """Return the quality of joined rows.

    Args:
        rows: the rows, at least one.
        confidence: the confidence of the intervals.
        slice_rows: the number of rows from which a slice can be ``worse``; None to omit the slices.
        sliced: the features of the slices; none means all.
    """
    targets = []
    for index in range(len(rows.model.targets)):
        known_mask = ~np.isnan(rows.actual[:, index])
        if known_mask.any():
            with np.errstate(all="ignore"):  # figures that are not finite are omitted
                targets.append(_target(rows, index, known_mask, confidence, slice_rows, sliced))
    return ModelQuality(rows.model.name, rows.model.version, rows.variant, len(rows.actual), rows.truncated, targets)


def _target(
    rows: JoinedRows,
    index: int,
    known_mask: NDArray[np.bool_],
    confidence: float,
    slice_rows: int | None,
    sliced: Collection[str],
) -> TargetQuality:
    model = rows.model
    target = model.targets[index]
    actual, answers = rows.actual[known_mask, index], rows.answers[known_mask]
    probabilities = None
    if target.classes is None:
        figures = regression_figures(actual, answers[:, index], confidence)
        loss, losses = "mae", np.abs(actual - answers[:, index])
    else:
        indices, label = actual.astype(np.intp), answers[:, index].astype(np.intp)
        probabilities = answers[:, 1:] if target.has_probabilities else None
        figures = classification_figures(indices, label, probabilities, len(target.classes), confidence)
        loss, losses = "error_rate", (indices != label).astype(np.float64)
        if probabilities is not None:
            shares = probabilities[np.arange(len(indices)), indices] / probabilities.sum(axis=1)
            loss, losses = "log_loss", -np.log(np.clip(shares, np.finfo(np.float64).eps, 1.0))
    figures = finite_figures(figures)
    if not model.several:
        test_rows = model.metrics.get("test_rows", math.inf)
        for name, figure in figures.items():
            compare(name, figure, confidence, len(actual), model.metrics.get(name), test_rows or math.inf)
    slices = [] if slice_rows is None else _slices(model.slices, rows.codes[known_mask], losses, slice_rows, sliced)
    return TargetQuality(target.name, target.unit, len(actual), figures, loss, slices)


def _slices(
    features: Sequence[SlicedFeature], codes: Codes, losses: Floats, slice_rows: int, sliced: Collection[str]
) -> list[SliceQuality]:
    """Return the slices, worst first. The interval is corrected for their number (C. E. Bonferroni, 1936)."""
    masks = [
        (feature, int(code), codes[:, column] == code)
        for column, feature in enumerate(features)
        if not sliced or feature.name in sliced
        for code in np.unique(codes[:, column])
        if code != ABSENT
    ]
    if not masks:
        return []
    total = math.fsum(losses) / len(losses)
    confidence = 1 - (1 - SLICE_CONFIDENCE) / len(masks)
    slices = []
    for feature, code, mask in masks:
        count = int(mask.sum())
        figure = mean_figure(losses[mask], confidence)
        is_worse = count >= slice_rows and figure.low is not None and figure.low > total
        slices.append(
            SliceQuality(
                feature.name,
                feature.label(code),
                count,
                figure.value,
                figure.low,
                figure.high,
                # A model without errors is equally good on every slice.
                figure.value / total if total else 1.0,
                is_worse,
            )
        )
    return sorted(slices, key=lambda item: (-item.worse, -item.ratio))
