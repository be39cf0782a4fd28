"""Splits on categories in CatBoost, written as tables of CatBoost's own answers.

A split on categories tests one category (one-hot), or a statistic of the target for a category or for several together,
possibly with comparisons of numbers ("CTR"). In each case it is a function of finitely many inputs. So a copy of the model
whose trees have one split each is evaluated on all of them (``catboost_questions``), and its answers become a table. A
statistic is compared with several borders: the table holds the number of borders below it, which trees then compare.

Statistics: Prokhorenkova et al., CatBoost: unbiased boosting with categorical features, 2018,
https://arxiv.org/abs/1706.09516, section 3.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tabento.bundle.contract import UNKNOWN_CATEGORY
from tabento.export.analysis.column_origin import refuse_missing
from tabento.export.converters.other_libraries.catboost_questions import (
    CATEGORY,
    CategoryQuestions,
    one_split_each,
    texts_of,
)
from tabento.export.formulas.links import row_sum
from tabento.export.graph.float32_splits import float32_splits
from tabento.export.graph.values import Columns, largest_code, numbers
from tabento.export.graph.writer import INT64, GraphWriter

COMBINATIONS_MAX = 1 << 16
"""The largest table of one statistic: it takes 512 KiB."""
ONE_CATEGORY, NUMBER = "cat_feature_exact_value", "float_feature"
"""The other elements."""


@dataclass(frozen=True)
class _Digit:
    """One of the inputs of a split, with its possible values."""

    value: str
    """A value of the graph, shape (N, 1): an integer from 0 on."""
    samples: list[tuple[int, int, Any]]
    """(number, column of the model, a value with this number), for each possible number."""
    size: int
    """The number of numbers, used or not."""


def category_splits(
    writer: GraphWriter, model: Any, document: Mapping[str, Any], columns: Columns, splits: Sequence[Mapping[str, Any]]
) -> tuple[Columns, dict[int, tuple[int, float]]]:
    """Add a column for each category or statistic that splits compare.

    Args:
        writer: the writer of the graph.
        model: the fitted model.
        document: the model as JSON.
        columns: the inputs of the model, in its own order.
        splits: the splits of the model on categories.

    Returns:
        The columns followed by the new ones, all of them numbers; and for each split, by its ``split_index``, the column
        that it compares and the threshold that is exceeded on its right side.

    Raises:
        ExportError: a column of categories receives numbers or may be missing, a statistic has too many combinations,
            or the contract may not list all categories that the model knows.
    """
    split_by_index = {int(split["split_index"]): split for split in splits}
    number_columns = dataclasses.replace(numbers(columns.name, columns.width), names=columns.names)
    cat_columns = [int(position) for position in model.get_cat_feature_indices()]
    for position in cat_columns:
        _require_text(writer, model, columns, position)
    if not split_by_index:
        return number_columns, {}
    questions = _CategoryColumns(writer, model, document, columns)
    questions.require_listed()
    parts, places = [number_columns], {}
    width = columns.width
    groups = questions.groups(split_by_index)
    one_split_model = one_split_each(
        document, [split_by_index[index] for indices in groups.values() for index in indices]
    )
    tree = 0
    for group, indices in groups.items():
        trees = range(tree, tree + len(indices))
        table_column, thresholds = questions.write(
            group, [split_by_index[index] for index in indices], one_split_model, trees
        )
        tree = trees.stop
        parts.append(numbers(table_column, 1))
        for index, threshold in zip(indices, thresholds, strict=True):
            places[index] = (width, threshold)
        width += 1
    return writer.join(parts), places


def _require_text(writer: GraphWriter, model: Any, columns: Columns, index: int) -> None:
    name = str(model.feature_names_[index])
    if columns.codes[index] is None:
        raise writer.refusal(
            f"its column of categories {name!r} gets numbers, which CatBoost refuses there unless they are integers",
            f"`type: category` for {name!r}, with its values as texts",
        )
    refuse_missing(writer, columns, f"CatBoost (its categories {name!r})", [index])


class _CategoryColumns(CategoryQuestions):
    """The columns that splits on categories compare: a table of answers for each group of splits."""

    def groups(self, splits: Mapping[int, Mapping[str, Any]]) -> dict[tuple[str, int, int], list[int]]:
        """Return the splits grouped by their input: ("one", category, hash) or ("ctr", statistic, 0)."""
        information = self._document["features_info"]
        start = sum(len(feature.get("borders") or []) for feature in information.get("float_features") or [])
        start += sum(len(feature.get("values") or []) for feature in information.get("categorical_features") or [])
        ends = start + np.cumsum([len(ctr["borders"]) for ctr in self._ctrs])
        groups: dict[tuple[str, int, int], list[int]] = {}
        for index in sorted(splits):
            split = splits[index]
            if split["split_type"] == "OneHotFeature":
                key = ("one", int(split["cat_feature_index"]), int(split["value"]))
            else:
                number = int(np.searchsorted(ends, index, side="right"))
                begin = start if number == 0 else int(ends[number - 1])
                if number >= len(self._ctrs) or self._ctrs[number]["borders"][index - begin] != split["border"]:
                    raise self._writer.refusal(
                        "its splits on categories are numbered in another way", "an encoder in front of it"
                    )
                key = ("ctr", number, 0)
            groups.setdefault(key, []).append(index)
        return groups

    def write(
        self, group: tuple[str, int, int], splits: Sequence[Mapping[str, Any]], one_split_model: Any, trees: range
    ) -> tuple[str, list[float]]:
        """Write the column that a group of splits compares; return it, (N, 1), and the threshold of each split.

        Args:
            group: the input of the splits.
            splits: the splits of the group.
            one_split_model: a model with one tree for each split.
            trees: the indices of the trees of these splits.
        """
        kind, number, _ = group
        elements: Sequence[Mapping[str, Any]] = (
            [{"combination_element": CATEGORY, "cat_feature_index": number}]
            if kind == "one"
            else self._ctrs[number]["elements"]
        )
        digits = self._digits(elements)
        size = math.prod(digit.size for digit in digits)
        if size > COMBINATIONS_MAX:
            names = [str(self._model.feature_names_[column]) for column in dict.fromkeys(map(self._column, elements))]
            raise self._writer.refusal(
                f"it looks at {size:,} combinations of {names} at once, {COMBINATIONS_MAX:,} are looked up at most",
                "max_ctr_complexity=1",
            )
        index, table_rows, rows = "", np.zeros(1, dtype=np.int64), [dict[int, Any]()]
        for digit in digits:
            index = digit.value if not index else self._combine(index, digit)
            of_digit = np.array([number_of_category for number_of_category, _, _ in digit.samples], dtype=np.int64)
            table_rows = (table_rows[:, np.newaxis] * digit.size + of_digit).ravel()
            rows = [{**row, column: value} for row in rows for _, column, value in digit.samples]
        goes_right = self._evaluate(one_split_model, trees, rows)
        order = np.argsort([float(split.get("border", 0.0)) for split in splits], kind="stable")
        rank = goes_right.sum(axis=1)
        # A statistic above a border is above all lower borders.
        if not np.array_equal(goes_right[:, order], np.arange(len(splits)) < rank[:, np.newaxis]):
            raise self._writer.refusal("a statistic of its categories is in no order", "an encoder in front of it")
        table = np.zeros((size, 1))
        table[table_rows, 0] = rank
        picked = self._writer.node(
            "Gather", [self._writer.constant(table, "answers"), self._writer.cast(index, INT64)], "answers", axis=0
        )
        shape = self._writer.constant(np.array([-1, 1], dtype=np.int64), "shape")
        thresholds = np.empty(len(splits))
        thresholds[order] = np.arange(len(splits)) + 0.5
        return self._writer.node("Reshape", [picked, shape], "answers"), thresholds.tolist()

    def _combine(self, index: str, digit: _Digit) -> str:
        size = self._writer.constant(np.full((1, 1), float(digit.size)), "size")
        return self._writer.node("Add", [self._writer.node("Mul", [index, size]), digit.value], "combination")

    def _digits(self, elements: Sequence[Mapping[str, Any]]) -> list[_Digit]:
        """Return one digit for each column of a statistic."""
        unknown_elements = {str(element["combination_element"]) for element in elements} - {
            CATEGORY,
            ONE_CATEGORY,
            NUMBER,
        }
        if unknown_elements:
            raise self._writer.refusal(
                f"a statistic of its categories looks at {min(unknown_elements)}",
                "max_ctr_complexity=1, or an encoder in front of it",
            )
        by_column: dict[int, list[Mapping[str, Any]]] = {}
        for element in elements:
            by_column.setdefault(self._column(element), []).append(element)
        return [
            self._category(column)
            if "cat_feature_index" in column_elements[0]
            else self._number(column, column_elements)
            for column, column_elements in by_column.items()
        ]

    def _category(self, column: int) -> _Digit:
        """Return the digit of a category: its code, counted from the unknown category on."""
        code = self._columns.codes[column]
        assert code is not None  # refused before
        first = self._writer.constant(np.full((1, 1), -UNKNOWN_CATEGORY), "first")
        values = {int(number - UNKNOWN_CATEGORY): value for value, number in texts_of(code).items()}
        samples = [(0, column, self._strange), *((number, column, value) for number, value in values.items())]
        size = int(largest_code(code) - UNKNOWN_CATEGORY) + 1
        name = self._writer.pick(self._columns, [column]).name
        return _Digit(self._writer.node("Add", [name, first], "code"), samples, size)

    def _number(self, column: int, elements: Sequence[Mapping[str, Any]]) -> _Digit:
        """Return the digit of a number: how many of some borders it is above."""
        writer = self._writer
        borders = np.unique(np.array([element["border"] for element in elements], dtype=np.float32))
        splits = writer.constant(float32_splits(borders.astype(np.float64))[np.newaxis], "borders")
        name = writer.pick(self._columns, [column]).name
        if self._missing_is_high[column]:
            # A missing value is above all borders: NaN is not at most any of them.
            low = writer.cast(writer.node("LessOrEqual", [name, splits], "low"))
            above = writer.node("Sub", [writer.constant(np.ones((1, 1)), "one"), low], "above")
        else:
            above = writer.cast(writer.node("Greater", [name, splits], "above"))
        with np.errstate(over="ignore"):
            tops = [*borders, np.nextafter(borders[-1], np.float32(np.inf))]
        samples = [(rank, column, float(top)) for rank, top in enumerate(tops)]
        return _Digit(row_sum(writer, above), samples, len(samples))
