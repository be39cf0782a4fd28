"""Slices: a mean over all rows can hide that the model is bad for some of them.

The test rows are sliced by one column at a time: each category, each boolean, each quantile bin of a number, and the rows
whose value is missing. The loss of a slice is divided by the loss of all rows. With dozens of slices, the worst slice looks
bad by chance alone. The limit therefore applies to the lower end of a bootstrap interval: a slice fails if it is worse than
chance explains. Slices with few rows are listed and have no limit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabento.bundle.contract import Feature, timestamp_text
from tabento.tables.texts import text_lengths
from training.config import ModelConfig, Slices
from training.gate.figures import SliceFigures
from training.gate.gate_input import GateInput
from training.gate.report import Check, disabled_check, limit_check, unlimited_check
from training.model.metrics.bootstrap import draws

GROUP = "Slices"
CONFIDENCE = 0.95
"""The confidence of a ratio's interval."""
RESAMPLES = 1000
MISSING = "missing"
_N_NAMED = 3
"""The number of slices that a check names."""


def check_slices(gate_input: GateInput) -> tuple[list[Check], tuple[SliceFigures, ...]]:
    """Check every slice of the test rows against the limit.

    Returns:
        One check and the slices, worst first. There are no slices if the config disables them.
    """
    config = gate_input.config
    slices = config.gate.slices
    if slices is None:
        return [disabled_check("slices", group=GROUP)], ()
    figures = slice_figures(config, slices, gate_input.test, row_losses(gate_input.truth, gate_input.answers))
    counted = [figure for figure in figures if figure.is_evaluated]
    loss = "mean absolute error" if config.target.classes is None else "log loss"
    if not counted:
        detail = f"no slice has {slices.rows_min} rows, so no slice was checked"
        return [unlimited_check("slices.worse_max", None, group=GROUP, detail=detail)], figures
    worst = max(counted, key=lambda figure: figure.low)
    detail = (
        f"{len(counted)} slices with at least {slices.rows_min} rows; the ratio of a slice's {loss} to the {loss} of all rows,"
        f" lower end of its {CONFIDENCE:.0%} interval. Worst: "
        + "; ".join(in_words(figure) for figure in sorted(counted, key=lambda figure: -figure.low)[:_N_NAMED])
    )
    if slices.worse_max is None:
        return [unlimited_check("slices.worse_max", worst.low, group=GROUP, detail=detail)], figures
    remedy = "find the common property of these rows, add it as a feature, add more such rows, or raise the limit"
    check = limit_check("slices.worse_max", worst.low, slices.worse_max, group=GROUP, detail=detail, remedy=remedy)
    return [check], figures


def in_words(figure: SliceFigures) -> str:
    """Return a slice and its ratio as text."""
    return (
        f"{figure.column} {figure.part} ({figure.rows:,} rows): {figure.ratio:.2f}"
        f" ({figure.low:.2f} to {figure.high:.2f})"
    )


def slice_figures(
    config: ModelConfig, slices: Slices, rows: pd.DataFrame, losses: NDArray[np.float64]
) -> tuple[SliceFigures, ...]:
    """Measure every slice.

    Args:
        config: the config with the columns, their types, and the seed of the bootstrap.
        slices: the rules by which rows are sliced.
        rows: N rows, as ``training.data.validation.validate`` types them.
        losses: the loss of each row, shape (N,).

    Returns:
        The slices by falling ratio. A slice without rows is omitted.
    """
    columns = slices.columns
    parts = [
        (feature.name, part, mask)
        for feature in config.features
        if columns is None or feature.name in columns
        for part, mask in parts_of(rows[feature.name], feature, slices.quantiles)
    ]
    if not parts or not len(rows):
        return ()
    intervals = _intervals(losses, [mask for _, _, mask in parts], config.seed)
    total = float(losses.mean())
    figures = []
    for (column, part, mask), (low, high) in zip(parts, intervals, strict=True):
        loss = float(losses[mask].mean())
        figures.append(
            SliceFigures(
                column=column,
                part=part,
                rows=int(mask.sum()),
                loss=loss,
                # A model without errors is equally good on every slice.
                ratio=loss / total if total else 1.0,
                low=low,
                high=high,
                is_evaluated=int(mask.sum()) >= slices.rows_min,
            )
        )
    return tuple(sorted(figures, key=lambda figure: -figure.ratio))


def parts_of(values: pd.Series[Any], feature: Feature, quantiles: int) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Yield the parts of one column with the mask of their rows. Every row is in exactly one part, and no part is empty.

    A number is divided at its quantiles; a value equal to a boundary is in the lower part. If a number has no more distinct
    values than quantiles, each value is a part.
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
    present = numbers[~missing]
    if len(np.unique(present)) <= quantiles:
        for value, mask in _equal(values, missing):
            yield _edge(float(value), feature), mask
        return
    edges = np.unique(np.quantile(present, np.arange(1, quantiles) / quantiles, method="inverted_cdf"))
    edges = edges[edges < present.max()]
    bins = np.searchsorted(edges, numbers, side="left")
    ends = [float(present.min()), *edges.tolist(), float(present.max())]
    for index in range(len(edges) + 1):
        low, high = _edge(ends[index], feature), _edge(ends[index + 1], feature)
        name = high if low == high else f"{'from' if index == 0 else 'above'} {low} to {high}"
        yield name, (bins == index) & ~missing


def _edge(value: float, feature: Feature) -> str:
    """Format an edge with enough digits to distinguish adjacent edges."""
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
    # The machine epsilon keeps the loss of a certain and wrong answer finite, as in scikit-learn's log loss.
    true_share = np.clip(shares[np.arange(len(truth)), truth.astype(np.intp)], np.finfo(np.float64).eps, 1.0)
    losses: NDArray[np.float64] = -np.log(true_share)
    return losses


def _equal(values: pd.Series[Any], missing: NDArray[np.bool_]) -> Iterator[tuple[Any, NDArray[np.bool_]]]:
    cells = values.to_numpy(dtype=object)
    for value in sorted(set(cells[~missing])):
        yield value, (cells == value) & ~missing


def _intervals(losses: NDArray[np.float64], masks: Sequence[NDArray[np.bool_]], seed: int) -> list[tuple[float, float]]:
    """Return the interval of the ratio of each part's mean loss to the mean loss of all rows."""
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
