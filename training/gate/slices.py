"""Slices: a mean over all rows can hide that the model is bad for some of them.

The test rows are sliced by one column at a time: each category, each boolean, each quantile bin of a number, and the rows
whose value is missing. A slice's loss is held against that of all rows. With dozens of slices the worst always looks bad
by chance alone, so the limit is held against the lower end of a bootstrap interval: a slice fails where it is too bad
beyond chance. Slices with few rows are shown, not judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bundle.contract import Feature, timestamp_text
from training.config import ModelConfig, Slices
from training.gate.figures import SliceFigures
from training.gate.given import GateInput
from training.gate.report import Check, judged, shown, switched_off
from training.metrics.bootstrap import draws
from training.texts import text_lengths

GROUP = "Slices"
CONFIDENCE = 0.95
"""Of a ratio's interval."""
RESAMPLES = 1000
MISSING = "missing"
_SHOWN = 3
"""How many slices a check names."""


def check_slices(given: GateInput) -> tuple[list[Check], tuple[SliceFigures, ...]]:
    """Hold every slice of the test rows against the limit.

    Returns:
        One check, and the slices, worst first. Where slices are switched off there are none.
    """
    config = given.config
    slices = config.gate.slices
    if slices is None:
        return [switched_off("slices", group=GROUP)], ()
    figures = slice_figures(config, slices, given.test, row_losses(given.truth, given.answers))
    counted = [figure for figure in figures if figure.judged]
    loss = "mean absolute error" if config.target.classes is None else "log loss"
    if not counted:
        detail = f"no slice has {slices.rows_min} rows, so none was judged"
        return [shown("slices.worse_max", None, group=GROUP, detail=detail)], figures
    worst = max(counted, key=lambda figure: figure.low)
    detail = (
        f"{len(counted)} slices with at least {slices.rows_min} rows; the ratio of a slice's {loss} to that of all rows,"
        f" lower end of its {CONFIDENCE:.0%} interval. Worst: "
        + "; ".join(in_words(figure) for figure in sorted(counted, key=lambda figure: -figure.low)[:_SHOWN])
    )
    if slices.worse_max is None:
        return [shown("slices.worse_max", worst.low, group=GROUP, detail=detail)], figures
    remedy = (
        "look for what these rows have in common, give the model a feature of it or more such rows, or raise the limit"
    )
    check = judged("slices.worse_max", worst.low, slices.worse_max, group=GROUP, detail=detail, remedy=remedy)
    return [check], figures


def in_words(figure: SliceFigures) -> str:
    """Say what a slice is and how it does."""
    return (
        f"{figure.column} {figure.part} ({figure.rows:,} rows): {figure.ratio:.2f}"
        f" ({figure.low:.2f} to {figure.high:.2f})"
    )


def slice_figures(
    config: ModelConfig, slices: Slices, rows: pd.DataFrame, losses: NDArray[np.float64]
) -> tuple[SliceFigures, ...]:
    """Measure every slice.

    Args:
        config: names the columns and their types; its seed is that of the bootstrap.
        slices: by what rows are sliced.
        rows: N rows, as ``training.data.validation.validate`` types them.
        losses: the loss of each, shape (N,).

    Returns:
        The slices by falling ratio; a slice without rows does not appear.
    """
    wanted = slices.columns
    found = [
        (feature.name, part, mask)
        for feature in config.features
        if wanted is None or feature.name in wanted
        for part, mask in parts_of(rows[feature.name], feature, slices.quantiles)
    ]
    if not found or not len(rows):
        return ()
    intervals = _intervals(losses, [mask for _, _, mask in found], config.seed)
    total = float(losses.mean())
    figures = []
    for (column, part, mask), (low, high) in zip(found, intervals, strict=True):
        loss = float(losses[mask].mean())
        figures.append(
            SliceFigures(
                column=column,
                part=part,
                rows=int(mask.sum()),
                loss=loss,
                # A model that errs nowhere errs nowhere more than elsewhere.
                ratio=loss / total if total else 1.0,
                low=low,
                high=high,
                judged=int(mask.sum()) >= slices.rows_min,
            )
        )
    return tuple(sorted(figures, key=lambda figure: -figure.ratio))


def parts_of(values: pd.Series[Any], feature: Feature, quantiles: int) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Give the parts of one column with the rows that belong to each, every row to exactly one; none is empty.

    A number is cut at its quantiles, a value that stands on a cut belonging to the lower part; a number with no more
    distinct values than quantiles is cut between them.
    """
    if feature.type == "text":
        values = pd.Series(text_lengths(values))
    missing = values.isna().to_numpy()
    if missing.any():
        yield MISSING, missing
    if missing.all():
        return
    if feature.type in ("category", "boolean"):
        for value, mask in _equal(values, missing):
            yield (str(value) if feature.type == "category" else "true" if value else "false"), mask
        return
    numbers = values.to_numpy(dtype=np.float64)
    there = numbers[~missing]
    if len(np.unique(there)) <= quantiles:
        for value, mask in _equal(values, missing):
            yield _edge(float(value), feature), mask
        return
    edges = np.unique(np.quantile(there, np.arange(1, quantiles) / quantiles, method="inverted_cdf"))
    edges = edges[edges < there.max()]
    bins = np.searchsorted(edges, numbers, side="left")
    ends = [float(there.min()), *edges.tolist(), float(there.max())]
    for place in range(len(edges) + 1):
        low, high = _edge(ends[place], feature), _edge(ends[place + 1], feature)
        name = high if low == high else f"{'from' if place == 0 else 'above'} {low} to {high}"
        yield name, (bins == place) & ~missing


def _edge(value: float, feature: Feature) -> str:
    """Write an edge with digits enough to tell neighbouring ones apart."""
    if feature.type == "timestamp":
        return timestamp_text(value)
    return f"{value:,.6g}"  # rounded: a quantile of the test rows


def row_losses(truth: NDArray[np.float64], answers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each row's loss, shape (N,): the absolute error, or the log loss of a classification (natural logarithm).

    Args:
        truth: numbers or indices of classes, shape (N,).
        answers: shape (N,), or (N, 1 + C).
    """
    if answers.ndim == 1:
        return np.abs(truth - answers)
    shares = answers[:, 1:] / answers[:, 1:].sum(axis=1, keepdims=True)
    # The smallest step keeps a certain and wrong answer finite, as scikit-learn's log loss does.
    true_share = np.clip(shares[np.arange(len(truth)), truth.astype(np.intp)], np.finfo(np.float64).eps, 1.0)
    losses: NDArray[np.float64] = -np.log(true_share)
    return losses


def _equal(values: pd.Series[Any], missing: NDArray[np.bool_]) -> Iterator[tuple[Any, NDArray[np.bool_]]]:
    cells = values.to_numpy(dtype=object)
    for value in sorted(set(cells[~missing])):
        yield value, (cells == value) & ~missing


def _intervals(losses: NDArray[np.float64], masks: Sequence[NDArray[np.bool_]], seed: int) -> list[tuple[float, float]]:
    """Return the interval of each part's ratio of mean loss to that of all rows."""
    members = np.array(masks, dtype=np.float64).T
    ratios = []
    for weights in draws(len(losses), RESAMPLES, seed):
        counts = weights @ members
        means = np.divide(
            weights @ (members * losses[:, np.newaxis]), counts, out=np.full_like(counts, np.nan), where=counts > 0
        )
        total = (weights @ losses / weights.sum(axis=1))[:, np.newaxis]
        ratios.append(np.divide(means, total, out=np.ones_like(means), where=total > 0))
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.nanpercentile(np.concatenate(ratios), [tail, 100 - tail], axis=0)
    return list(zip(low.tolist(), high.tolist(), strict=True))
