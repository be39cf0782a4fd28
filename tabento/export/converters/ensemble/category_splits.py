"""Splits on categories in scikit-learn's histogram gradient boosting: sets of the numbers of the model's encoder.

Here they become sets of the codes that a row holds, so the graph needs neither the encoder nor its order of columns. The
sets of ``TreeEnsemble`` are sets of integers: ONNX Runtime 1.31 refuses other numbers and truncates the values that it
compares. If a column can hold a fraction, the model's own encoder is written and the sets hold the encoder's numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import OrdinalEncoder

from tabento.export.analysis.column_origin import column_origin
from tabento.export.converters.preprocessing.encoder_answers import codes_of
from tabento.export.graph.origins import is_gather
from tabento.export.graph.trees import LEQ, MEMBER
from tabento.export.graph.values import Columns, numbers
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import transform

LARGEST_MEMBER = 2**31 - 1
"""The operator's sets hold int32."""
NO_CODE = -3.0
"""A code of no string: the codes of strings start at ``UNKNOWN_CATEGORY``."""


@dataclass(frozen=True)
class Categories:
    """The categories of one column: their codes, and whether the trees know them."""

    column: int
    """The column that the trees compare."""
    codes: NDArray[np.float64]
    """(K,) the code in that column for each number of the model's encoder; missing is NaN."""
    known: NDArray[np.bool_]
    """(K,) whether the trees know it; unknown categories take the side of missing values."""
    missing: int | None
    """The number whose code is NaN, if the encoder treats missing as a category like others."""


@dataclass(frozen=True)
class TreeInputs:
    """The columns that the trees of a model compare."""

    columns: Columns
    """The inputs of the ensemble."""
    original: NDArray[np.int64]
    """For each column of the model's trees its column in the inputs."""
    categories: Mapping[int, Categories]
    """By the column of the model's trees."""


def tree_inputs(writer: GraphWriter, model: Any, columns: Columns) -> TreeInputs:
    """Return the columns that the trees of a histogram gradient boosting model compare.

    Args:
        writer: the writer of the graph.
        model: the fitted model. Its trees expect categories first, then numbers.
        columns: the inputs of the model.

    Raises:
        ExportError: strings reach a column that is compared by size, or the model knows a category that the contract
            does not list.
    """
    if model.is_categorical_ is None:
        return TreeInputs(columns, np.arange(columns.width, dtype=np.int64), {})
    is_categorical = np.asarray(model.is_categorical_, dtype=bool)
    number_codes = tuple(
        None if column_codes else code for code, column_codes in zip(columns.codes, is_categorical, strict=True)
    )
    writer.require_numbers(Columns(columns.name, number_codes, columns.names))
    category_columns: list[int] = np.flatnonzero(is_categorical).tolist()
    order = np.argsort(~is_categorical, kind="stable").astype(np.int64)
    inputs = numbers(columns.name, columns.width)
    encoder = model._preprocessor.named_transformers_["encoder"]
    names = columns.names or tuple(str(index) for index in range(columns.width))
    codes = [
        codes_of(writer, values, columns.codes[index], names[index])
        for values, index in zip(encoder.categories_, category_columns, strict=True)
    ]
    # None is a category like others, with the code NaN; the encoder turns a category NaN into NaN.
    nones = [[number for number, value in enumerate(values) if value is None] for values in encoder.categories_]
    if not all(
        _are_members(column_codes) and holds_integers(writer, columns, index)
        for column_codes, index in zip(codes, category_columns, strict=True)
    ):
        encoded = transform(writer, encoder, writer.pick(columns, category_columns))
        inputs = writer.join([inputs, numbers(encoded.name, encoded.width)])
        order[: len(category_columns)] = columns.width + np.arange(len(category_columns))
        codes = [np.arange(len(column_codes), dtype=np.float64) for column_codes in codes]
        nones = [[] for _ in nones]
    bits, row_of = model._bin_mapper.make_known_categories_bitsets()
    categories = {
        index: Categories(
            int(order[index]),
            column_codes,
            bit_members(bits[row_of[index]], len(column_codes)),
            none[0] if none else None,
        )
        for index, (column_codes, none) in enumerate(zip(codes, nones, strict=True))
    }
    return TreeInputs(inputs, order, categories)


def holds_integers(writer: GraphWriter, columns: Columns, index: int) -> bool:
    """Return whether a column is known to hold integers only, from the contract or from the step that made it."""
    if columns.codes[index] is not None or _is_ordinal(writer, columns.name, index):
        return True
    origin = column_origin(writer.graph, columns.name, index)
    if origin is None or writer.contract.features[origin.column].type == "number":
        return False
    return origin.statistic is None or float(origin.statistic).is_integer()


def _is_ordinal(writer: GraphWriter, value: str, column: int) -> bool:
    """Return whether a column is the number of a category, or NaN, from an ``OrdinalEncoder`` upstream."""
    encoded = {
        step.result.name
        for step in writer.graph.steps
        if type(step.model) is OrdinalEncoder and isinstance(step.result, Columns) and _gives_integers(step.model)
    }
    while value not in encoded:
        node = writer.graph.producer(value)
        if node is None or not (is_gather(writer.graph, node) or node.op_type == "Concat"):
            return False
        if node.op_type == "Concat":
            widths = [writer.graph.width(part) for part in node.input]
            known_widths = [width for width in widths if width is not None]
            if len(known_widths) < len(widths):
                return False
            ends = np.cumsum(known_widths)
            part = int(np.searchsorted(ends, column, side="right"))
            column -= int(ends[part - 1]) if part else 0
            value = node.input[part]
        else:
            column = int(writer.graph.constants[node.input[1]].ravel()[column])
            value = node.input[0]
    return True


def _gives_integers(encoder: OrdinalEncoder) -> bool:
    special_codes = (encoder.encoded_missing_value, encoder.unknown_value)
    return all(number is None or np.isnan(number) or float(number).is_integer() for number in special_codes)


def _are_members(codes: NDArray[np.float64]) -> bool:
    present = codes[~np.isnan(codes)]
    return bool((present == np.floor(present)).all() and (np.abs(present) <= LARGEST_MEMBER).all())


def bit_members(bits: NDArray[np.uint32], count: int) -> NDArray[np.bool_]:
    """Return a mask of the numbers 0 to count - 1 that are in a set of bits, lowest bit first."""
    return np.unpackbits(bits.astype("<u4").view(np.uint8), bitorder="little")[:count].astype(bool)


def ask_for_categories(
    nodes: NDArray[Any], bitsets: NDArray[np.uint32], categories: Mapping[int, Categories]
) -> tuple[NDArray[np.uint8], tuple[NDArray[np.float64], ...]]:
    """Change the nodes of a tree that split on categories so that they compare codes, in place.

    A category that the trees do not know is in no set, so it goes to the false side. That side must be the side of missing
    values: if missing values go left, the set lists the codes that go right, and the two sides are swapped.

    Args:
        nodes: the tree, of scikit-learn's ``PREDICTOR_RECORD_DTYPE``.
        bitsets: (splits, 8) the numbers that go left, for each split on categories.
        categories: the categories by the column of the tree.

    Returns:
        The mode of each node, and for each node of mode ``MEMBER`` the codes that go to its true side. If there are no
        such codes, all present values go one way, and the node compares with infinity instead.
    """
    modes = np.full(len(nodes), LEQ, dtype=np.uint8)
    members = []
    for index in np.flatnonzero((nodes["is_categorical"] == 1) & (nodes["is_leaf"] == 0)).tolist():
        column = categories[int(nodes["feature_idx"][index])]
        side = bit_members(bitsets[int(nodes["bitset_idx"][index])], len(column.codes))
        if nodes["missing_go_to_left"][index]:
            side = column.known & ~side
            _swap_sides(nodes, index)
        missing = column.missing is not None and bool(side[column.missing])
        codes = column.codes[side]
        codes = codes[~np.isnan(codes)]
        if len(codes):
            modes[index] = MEMBER
            # ONNX Runtime 1.31 joins a set of small codes with the next one if their true sides are equal, and
            # ignores the side of NaN of the next one. A set with this code is not joined.
            members.append(np.append(codes, NO_CODE) if missing else codes)
        else:
            _swap_sides(nodes, index)
            nodes["num_threshold"][index] = np.inf
            missing = not missing
        nodes["missing_go_to_left"][index] = missing
    return modes, tuple(members)


def _swap_sides(nodes: NDArray[Any], index: int) -> None:
    nodes["left"][index], nodes["right"][index] = nodes["right"][index], nodes["left"][index]
