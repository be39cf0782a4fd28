"""Pairs of rows, halved until both are neighbours: the way to a threshold of a column that is computed, not sent."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tabento.bundle.contract import Contract
from tabento.parity.recorded_calls import as_numbers, record_calls
from tabento.parity.rows.thresholds import Threshold
from tabento.tables.frames import to_frame

HALVINGS = 120
"""The largest number of halvings of a pair: 53 bits, and more for a threshold far closer to zero than the two rows."""


@dataclass(frozen=True)
class RowPair:
    """Two rows with a threshold between them."""

    owner: Any
    """The fitted object that has the threshold."""
    column: int
    """The column of the object's input."""
    value: float
    """The double that the object distinguishes from the next larger one."""
    left: int
    """The index of a row at or below the value."""
    right: int
    """The index of a row above the value."""


def sample_indices(count: int, maximum: int, generator: np.random.Generator) -> NDArray[np.intp]:
    """Return ``maximum`` of the indices 0 to ``count`` - 1 in ascending order, or all if there are fewer."""
    if count <= maximum:
        return np.arange(count)
    return np.sort(generator.choice(count, max(maximum, 0), replace=False))


def recorded_inputs(
    pipeline: Any, contract: Contract, rows: NDArray[np.float64], owners: Sequence[Any]
) -> dict[int, NDArray[np.float64]]:
    """Return the inputs of objects inside a pipeline for some rows.

    Returns:
        By the object's identity: float64 of shape (N, its columns). An object that is not called has no entry.
    """
    if not owners or not len(rows):
        return {}
    calls = record_calls(pipeline, to_frame(rows, contract), owners)
    return {id(owner): as_numbers(call.inputs) for owner, call in zip(owners, calls, strict=True) if call is not None}


def rows_around(
    pipeline: Any, contract: Contract, rows: NDArray[np.float64], pairs: Sequence[RowPair]
) -> NDArray[np.float64]:
    """Return the two rows nearest to each threshold, one on either side, by the pipeline's own arithmetic.

    Args:
        pipeline: fitted.
        contract: the columns.
        rows: float64 of shape (N, F), the rows of the pairs.
        pairs: L pairs around thresholds of computed columns.

    Returns:
        float64 of shape (2 · L, F): first the L rows on the left, then the L rows on the right. A pair that has the
        threshold between its rows only with another category is not included.
    """
    owners = list({id(pair.owner): pair.owner for pair in pairs}.values())
    # An encoder may refuse a number that it has not met, such as an integer with a fraction: then integers stay.
    for fixed_types in (("category", "boolean", "text"), ("category", "boolean", "text", "integer")):
        with suppress(ValueError):
            return _halve_pairs(pipeline, contract, rows, owners, list(pairs), fixed_types)
    return np.empty((0, rows.shape[1]))


def _halve_pairs(
    pipeline: Any,
    contract: Contract,
    rows: NDArray[np.float64],
    owners: Sequence[Any],
    pairs: list[RowPair],
    fixed_types: tuple[str, ...],
) -> NDArray[np.float64]:
    """Halve pairs until both rows are neighbours, without changing the columns of the fixed types.

    Raises:
        ValueError: the pipeline refuses a row in between.
    """
    low, high = rows[[pair.left for pair in pairs]].copy(), rows[[pair.right for pair in pairs]].copy()
    # Fixed and missing values cannot be halved. Both rows get the left row's value, if the threshold is still between
    # them then.
    is_fixed = np.array([feature.type in fixed_types for feature in contract.features])
    high = np.where(is_fixed[np.newaxis] | np.isnan(low) | np.isnan(high), low, high)
    is_between = ~_is_left(pipeline, contract, high, owners, pairs)
    low, high = low[is_between], high[is_between]
    pairs = [pair for pair, is_kept in zip(pairs, is_between, strict=True) if is_kept]
    for _ in range(HALVINGS):
        # Half of each, then added: the sum of two large values would not be finite.
        middle = np.where(np.isnan(low), low, low / 2 + high / 2)
        moving = np.flatnonzero(((middle != low) & (middle != high) & ~np.isnan(middle)).any(axis=1))
        if not len(moving):
            break
        middle = middle[moving]
        is_left = _is_left(pipeline, contract, middle, owners, [pairs[index] for index in moving])[:, np.newaxis]
        low[moving], high[moving] = np.where(is_left, middle, low[moving]), np.where(is_left, high[moving], middle)
    return np.concatenate([low, high])


def pairs_across(
    thresholds: Sequence[Threshold],
    inputs: dict[int, NDArray[np.float64]],
    max_pairs: int,
    generator: np.random.Generator,
) -> list[RowPair]:
    """Sample thresholds, and for each a row on either side; a threshold with rows on one side only is not included.

    Args:
        thresholds: of computed columns.
        inputs: the inputs of their owners for the rows, from ``recorded_inputs``.
        max_pairs: the largest number of pairs.
        generator: the source of random numbers.
    """
    candidates = [(threshold, float(value)) for threshold in thresholds for value in threshold.boundaries()]
    pairs = []
    for index in sample_indices(len(candidates), max_pairs, generator):
        threshold, value = candidates[index]
        column = inputs[id(threshold.owner)][:, threshold.column]
        lower, upper = np.flatnonzero(column <= value), np.flatnonzero(column > value)
        if len(lower) and len(upper):
            left, right = int(generator.choice(lower)), int(generator.choice(upper))
            pairs.append(RowPair(threshold.owner, threshold.column, value, left, right))
    return pairs


def _is_left(
    pipeline: Any,
    contract: Contract,
    points: NDArray[np.float64],
    owners: Sequence[Any],
    pairs: Sequence[RowPair],
) -> NDArray[np.bool_]:
    """Return the mask of points at or below the threshold of their pair, shape (L,)."""
    inputs = recorded_inputs(pipeline, contract, points, owners)
    return np.array(
        [inputs[id(pair.owner)][index, pair.column] <= pair.value for index, pair in enumerate(pairs)], dtype=bool
    )
