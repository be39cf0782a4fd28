"""Splits on categories as scikit-learn's histogram gradient boosting makes them: sets of the numbers of its encoder.

Here they become sets of what travels in the row, so that neither the encoder nor its order of columns is needed. The
operator's sets are sets of integers: ONNX Runtime 1.31 refuses others, and compares what it has cut off after the
point. Where a column may hold a fraction, the model's own encoder is written, and the sets are those of its numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import OrdinalEncoder

from training.export.answers import codes_of
from training.export.arrivals import arrival
from training.export.packing import is_gather
from training.export.pen import Pen
from training.export.registry import transform
from training.export.trees import LEQ, MEMBER
from training.export.values import Columns, numbers

LARGEST_MEMBER = 2**31 - 1
"""The operator's sets hold int32."""
NO_CODE = -3.0
"""A code that no string travels by: they are from ``UNKNOWN_CATEGORY`` on."""


@dataclass(frozen=True)
class Categories:
    """How the categories of one column travel, and which of them the trees know."""

    column: int
    """The column that the trees are to compare."""
    codes: NDArray[np.float64]
    """(K,) the code in that column behind each number of the model's encoder; missing is NaN."""
    known: NDArray[np.bool_]
    """(K,) whether the trees know it; what they do not know goes where missing goes."""
    missing: int | None
    """The number whose code is NaN, where the encoder counts missing as a category like others."""


@dataclass(frozen=True)
class Seen:
    """What the trees of a model see."""

    columns: Columns
    """What the ensemble is fed."""
    original: NDArray[np.int64]
    """For each column of the model's trees the column that is fed."""
    categories: Mapping[int, Categories]
    """By the column of the model's trees."""


def see(pen: Pen, model: Any, columns: Columns) -> Seen:
    """Return what the trees of a histogram gradient boosting model see.

    Args:
        pen: what writes.
        model: the fitted model. Its trees see categories first, then numbers.
        columns: what the model sees.

    Raises:
        ExportError: strings reach a column that is compared by size, or a category is known that the contract does not
            list.
    """
    if model.is_categorical_ is None:
        return Seen(columns, np.arange(columns.width, dtype=np.int64), {})
    split = np.asarray(model.is_categorical_, dtype=bool)
    sized = tuple(None if mine else code for code, mine in zip(columns.codes, split, strict=True))
    pen.require_numbers(Columns(columns.name, sized, columns.names))
    places: list[int] = np.flatnonzero(split).tolist()
    order = np.argsort(~split, kind="stable").astype(np.int64)
    plain = numbers(columns.name, columns.width)
    encoder = model._preprocessor.named_transformers_["encoder"]
    names = columns.names or tuple(str(at) for at in range(columns.width))
    codes = [
        codes_of(pen, values, columns.codes[at], names[at])
        for values, at in zip(encoder.categories_, places, strict=True)
    ]
    # None among the categories is one like the others and travels as NaN; NaN among them is encoded as NaN.
    nones = [[number for number, value in enumerate(values) if value is None] for values in encoder.categories_]
    if not all(_are_members(mine) and holds_integers(pen, columns, at) for mine, at in zip(codes, places, strict=True)):
        encoded = transform(pen, encoder, pen.pick(columns, places))
        plain = pen.join([plain, numbers(encoded.name, encoded.width)])
        order[: len(places)] = columns.width + np.arange(len(places))
        codes = [np.arange(len(mine), dtype=np.float64) for mine in codes]
        nones = [[] for _ in nones]
    bits, row_of = model._bin_mapper.make_known_categories_bitsets()
    found = {
        at: Categories(int(order[at]), mine, bit_members(bits[row_of[at]], len(mine)), none[0] if none else None)
        for at, (mine, none) in enumerate(zip(codes, nones, strict=True))
    }
    return Seen(plain, order, found)


def holds_integers(pen: Pen, columns: Columns, at: int) -> bool:
    """Say whether the contract keeps a column to integers, as far as can be told where it comes from."""
    if columns.codes[at] is not None or _is_ordinal(pen, columns.name, at):
        return True
    origin = arrival(pen.graph, columns.name, at)
    if origin is None or pen.contract.features[origin.column].type == "number":
        return False
    return origin.statistic is None or float(origin.statistic).is_integer()


def _is_ordinal(pen: Pen, value: str, column: int) -> bool:
    """Say whether a column is the number of a category, or NaN, as an ``OrdinalEncoder`` in front of it gives them."""
    encoded = {
        step.result.name
        for step in pen.graph.steps
        if type(step.model) is OrdinalEncoder and isinstance(step.result, Columns) and _gives_integers(step.model)
    }
    while value not in encoded:
        node = pen.graph.producer(value)
        if node is None or not (is_gather(pen.graph, node) or node.op_type == "Concat"):
            return False
        if node.op_type == "Concat":
            widths = [pen.graph.width(part) for part in node.input]
            known = [width for width in widths if width is not None]
            if len(known) < len(widths):
                return False
            ends = np.cumsum(known)
            part = int(np.searchsorted(ends, column, side="right"))
            column -= int(ends[part - 1]) if part else 0
            value = node.input[part]
        else:
            column = int(pen.graph.constants[node.input[1]].ravel()[column])
            value = node.input[0]
    return True


def _gives_integers(encoder: OrdinalEncoder) -> bool:
    given = (encoder.encoded_missing_value, encoder.unknown_value)
    return all(number is None or np.isnan(number) or float(number).is_integer() for number in given)


def _are_members(codes: NDArray[np.float64]) -> bool:
    present = codes[~np.isnan(codes)]
    return bool((present == np.floor(present)).all() and (np.abs(present) <= LARGEST_MEMBER).all())


def bit_members(bits: NDArray[np.uint32], count: int) -> NDArray[np.bool_]:
    """Return which of the numbers 0 to count - 1 are in a set of bits, lowest first."""
    return np.unpackbits(bits.astype("<u4").view(np.uint8), bitorder="little")[:count].astype(bool)


def ask_for_categories(
    nodes: NDArray[Any], bitsets: NDArray[np.uint32], categories: Mapping[int, Categories]
) -> tuple[NDArray[np.uint8], tuple[NDArray[np.float64], ...]]:
    """Let the nodes of a tree that split on categories ask for codes, in place.

    A category that the trees do not know is none of the codes, so it takes the false side. That has to be the side of
    missing values: where those go left, the node asks which codes go right, and its sides change places.

    Args:
        nodes: the tree, of scikit-learn's ``PREDICTOR_RECORD_DTYPE``.
        bitsets: (splits, 8) for each split on categories the numbers that go left.
        categories: by the column of the tree.

    Returns:
        How each node compares, and for each of mode ``MEMBER`` the codes that go to its true side. Where these are
        none, all that is present goes one way, and the node asks whether a value is at most infinity.
    """
    modes = np.full(len(nodes), LEQ, dtype=np.uint8)
    members = []
    for at in np.flatnonzero((nodes["is_categorical"] == 1) & (nodes["is_leaf"] == 0)).tolist():
        column = categories[int(nodes["feature_idx"][at])]
        side = bit_members(bitsets[int(nodes["bitset_idx"][at])], len(column.codes))
        if nodes["missing_go_to_left"][at]:
            side = column.known & ~side
            _swap_sides(nodes, at)
        missing = column.missing is not None and bool(side[column.missing])
        codes = column.codes[side]
        codes = codes[~np.isnan(codes)]
        if len(codes):
            modes[at] = MEMBER
            # ONNX Runtime 1.31 joins a set of small codes with the next one where their true sides are equal, and
            # forgets where the next one sends NaN. With this code in it, a set stands for itself.
            members.append(np.append(codes, NO_CODE) if missing else codes)
        else:
            _swap_sides(nodes, at)
            nodes["num_threshold"][at] = np.inf
            missing = not missing
        nodes["missing_go_to_left"][at] = missing
    return modes, tuple(members)


def _swap_sides(nodes: NDArray[Any], at: int) -> None:
    nodes["left"][at], nodes["right"][at] = nodes["right"][at], nodes["left"][at]
