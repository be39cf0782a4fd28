"""What CatBoost makes of categories, asked of CatBoost itself.

A split on categories looks at one category (one-hot) or at a statistic of the target for a category or for several
together, perhaps beside comparisons of numbers ("CTR"). Whatever it is, it is a function of finitely many things: so a
copy of the model whose trees are one split each is asked about all of them, and its answers become a table. A statistic
is compared with several borders: the table holds how many of them it is above, which trees then compare.

Statistics: Prokhorenkova et al., CatBoost: unbiased boosting with categorical features, 2018,
https://arxiv.org/abs/1706.09516, section 3; the hash of a category under which they are kept is described in
``catboost/libs/cat_feature``.
"""

from __future__ import annotations

import dataclasses
import json
import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bundle.contract import UNKNOWN_CATEGORY
from training.export.arrivals import arrival, refuse_missing
from training.export.links import row_sum
from training.export.pen import INT64, Pen
from training.export.trees import float32_splits
from training.export.values import Codes, Columns, largest_code, numbers

COMBINATIONS_MAX = 1 << 16
"""The largest table of one statistic: it takes 512 KiB."""
NO_ENTRY = 2**64 - 1
"""The key of an empty place in the tables of statistics."""
CATEGORY, ONE_CATEGORY, NUMBER = "cat_feature_value", "cat_feature_exact_value", "float_feature"
"""What a statistic may look at, in the words of the JSON."""
MISSING_IS_HIGH = "AsTrue"
"""How a number's ``nan_value_treatment`` says that a missing value is above all borders; else it is above none."""
MIXER = 0x4906BA494954CB65
"""What CatBoost multiplies hashes with where it keeps statistics: odd, so it can be divided by."""


@dataclass(frozen=True)
class _Digit:
    """One of the things that a split looks at, with the values that it may have."""

    value: str
    """What travels, shape (N, 1): a whole number from 0 on."""
    samples: list[tuple[int, int, Any]]
    """(number, column of the model, value that stands for it), one for each number that may travel."""
    size: int
    """How many numbers there are, used or not."""


def category_splits(
    pen: Pen, model: Any, document: Mapping[str, Any], columns: Columns, splits: Sequence[Mapping[str, Any]]
) -> tuple[Columns, dict[int, tuple[int, float]]]:
    """Add a column for each category or statistic that splits look at.

    Args:
        pen: what writes.
        model: the fitted model.
        document: the model as JSON.
        columns: what it sees, in its own order.
        splits: its splits on categories.

    Returns:
        The columns with those behind them, all of them numbers; and for each split, by its ``split_index``, the column
        that it looks at and the threshold that is exceeded on its right side.

    Raises:
        ExportError: a column of categories gets numbers or may be missing, a statistic looks at too many combinations,
            or the contract may not list all categories that the model knows.
    """
    found = {int(split["split_index"]): split for split in splits}
    plain = dataclasses.replace(numbers(columns.name, columns.width), names=columns.names)
    cat_columns = [int(at) for at in model.get_cat_feature_indices()]
    for at in cat_columns:
        _require_text(pen, model, columns, at)
    if not found:
        return plain, {}
    asked = _Asked(pen, model, document, columns)
    asked.require_listed()
    parts, places = [plain], {}
    width = columns.width
    groups = asked.groups(found)
    asker = _one_split_each(document, [found[index] for indices in groups.values() for index in indices])
    tree = 0
    for group, indices in groups.items():
        trees = range(tree, tree + len(indices))
        table_column, thresholds = asked.write(group, [found[index] for index in indices], asker, trees)
        tree = trees.stop
        parts.append(numbers(table_column, 1))
        for index, threshold in zip(indices, thresholds, strict=True):
            places[index] = (width, threshold)
        width += 1
    return pen.join(parts), places


def _require_text(pen: Pen, model: Any, columns: Columns, at: int) -> None:
    name = str(model.feature_names_[at])
    if columns.codes[at] is None:
        raise pen.refusal(
            f"its column of categories {name!r} gets numbers, which CatBoost refuses there unless they are integers",
            f"`type: category` for {name!r}, with its values as texts",
        )
    refuse_missing(pen, columns, f"CatBoost (its categories {name!r})", [at])


class _Asked:
    """The model's own answers to categories."""

    def __init__(self, pen: Pen, model: Any, document: Mapping[str, Any], columns: Columns) -> None:
        self._pen, self._model, self._document, self._columns = pen, model, document, columns
        information = document["features_info"]
        self._categorical = {
            int(one["feature_index"]): int(one["flat_feature_index"])
            for one in information.get("categorical_features") or []
        }
        self._float = {
            int(one["feature_index"]): int(one["flat_feature_index"]) for one in information.get("float_features") or []
        }
        self._missing_is_high = {
            int(one["flat_feature_index"]): one["nan_value_treatment"] == MISSING_IS_HIGH
            for one in information.get("float_features") or []
        }
        self._ctrs = list(information.get("ctrs") or [])
        self._strange = _other_than(code for code in columns.codes if code is not None)

    def groups(self, splits: Mapping[int, Mapping[str, Any]]) -> dict[tuple[str, int, int], list[int]]:
        """Return the splits by what they look at: ("one", category, hash) or ("ctr", statistic, 0)."""
        information = self._document["features_info"]
        start = sum(len(one.get("borders") or []) for one in information.get("float_features") or [])
        start += sum(len(one.get("values") or []) for one in information.get("categorical_features") or [])
        ends = start + np.cumsum([len(ctr["borders"]) for ctr in self._ctrs])
        found: dict[tuple[str, int, int], list[int]] = {}
        for index in sorted(splits):
            split = splits[index]
            if split["split_type"] == "OneHotFeature":
                key = ("one", int(split["cat_feature_index"]), int(split["value"]))
            else:
                number = int(np.searchsorted(ends, index, side="right"))
                begin = start if number == 0 else int(ends[number - 1])
                if number >= len(self._ctrs) or self._ctrs[number]["borders"][index - begin] != split["border"]:
                    raise self._pen.refusal(
                        "its splits on categories are numbered in another way", "an encoder in front of it"
                    )
                key = ("ctr", number, 0)
            found.setdefault(key, []).append(index)
        return found

    def write(
        self, group: tuple[str, int, int], splits: Sequence[Mapping[str, Any]], asker: Any, trees: range
    ) -> tuple[str, list[float]]:
        """Write the column that some splits look at; return it, (N, 1), and the threshold of each split.

        Args:
            group: what they look at.
            splits: those of the group.
            asker: a model with a tree for each split.
            trees: the trees of these.
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
            raise self._pen.refusal(
                f"it looks at {size:,} combinations of {names} at once, {COMBINATIONS_MAX:,} are looked up at most",
                "max_ctr_complexity=1",
            )
        index, places, rows = "", np.zeros(1, dtype=np.int64), [dict[int, Any]()]
        for digit in digits:
            index = digit.value if not index else self._more(index, digit)
            of_digit = np.array([one for one, _, _ in digit.samples], dtype=np.int64)
            places = (places[:, np.newaxis] * digit.size + of_digit).ravel()
            rows = [{**row, column: value} for row in rows for _, column, value in digit.samples]
        says = self._ask(asker, trees, rows)
        order = np.argsort([float(split.get("border", 0.0)) for split in splits], kind="stable")
        rank = says.sum(axis=1)
        # What is above a border is above all lower ones.
        if not np.array_equal(says[:, order], np.arange(len(splits)) < rank[:, np.newaxis]):
            raise self._pen.refusal("a statistic of its categories is in no order", "an encoder in front of it")
        table = np.zeros((size, 1))
        table[places, 0] = rank
        picked = self._pen.node(
            "Gather", [self._pen.constant(table, "answers"), self._pen.cast(index, INT64)], "answers", axis=0
        )
        shape = self._pen.constant(np.array([-1, 1], dtype=np.int64), "shape")
        thresholds = np.empty(len(splits))
        thresholds[order] = np.arange(len(splits)) + 0.5
        return self._pen.node("Reshape", [picked, shape], "answers"), thresholds.tolist()

    def _more(self, index: str, digit: _Digit) -> str:
        size = self._pen.constant(np.full((1, 1), float(digit.size)), "size")
        return self._pen.node("Add", [self._pen.node("Mul", [index, size]), digit.value], "combination")

    def _column(self, element: Mapping[str, Any]) -> int:
        if "cat_feature_index" in element:
            return self._categorical[int(element["cat_feature_index"])]
        return self._float[int(element["float_feature_index"])]

    def _digits(self, elements: Sequence[Mapping[str, Any]]) -> list[_Digit]:
        """Return one digit for each column that a statistic looks at."""
        strange = {str(element["combination_element"]) for element in elements} - {CATEGORY, ONE_CATEGORY, NUMBER}
        if strange:
            raise self._pen.refusal(
                f"a statistic of its categories looks at {min(strange)}",
                "max_ctr_complexity=1, or an encoder in front of it",
            )
        by_column: dict[int, list[Mapping[str, Any]]] = {}
        for element in elements:
            by_column.setdefault(self._column(element), []).append(element)
        return [
            self._category(column) if "cat_feature_index" in given[0] else self._number(column, given)
            for column, given in by_column.items()
        ]

    def _category(self, column: int) -> _Digit:
        """The category's code, from the unknown on, which comes first."""
        code = self._columns.codes[column]
        assert code is not None  # refused before
        first = self._pen.constant(np.full((1, 1), -UNKNOWN_CATEGORY), "first")
        values = {int(number - UNKNOWN_CATEGORY): value for value, number in _texts(code).items()}
        samples = [(0, column, self._strange), *((number, column, value) for number, value in values.items())]
        size = int(largest_code(code) - UNKNOWN_CATEGORY) + 1
        name = self._pen.pick(self._columns, [column]).name
        return _Digit(self._pen.node("Add", [name, first], "code"), samples, size)

    def _number(self, column: int, elements: Sequence[Mapping[str, Any]]) -> _Digit:
        """How many of some borders a number is above."""
        pen = self._pen
        borders = np.unique(np.array([element["border"] for element in elements], dtype=np.float32))
        splits = pen.constant(float32_splits(borders.astype(np.float64))[np.newaxis], "borders")
        name = pen.pick(self._columns, [column]).name
        if self._missing_is_high[column]:
            # Missing is above them all: it is not at most any.
            low = pen.cast(pen.node("LessOrEqual", [name, splits], "low"))
            above = pen.node("Sub", [pen.constant(np.ones((1, 1)), "one"), low], "above")
        else:
            above = pen.cast(pen.node("Greater", [name, splits], "above"))
        with np.errstate(over="ignore"):
            tops = [*borders, np.nextafter(borders[-1], np.float32(np.inf))]
        samples = [(rank, column, float(top)) for rank, top in enumerate(tops)]
        return _Digit(row_sum(pen, above), samples, len(samples))

    def _ask(self, asker: Any, trees: range, rows: Sequence[Mapping[int, Any]]) -> NDArray[np.bool_]:
        """Return whether each row, given by some of its values, goes right in some trees of one split; (rows, trees)."""
        categorical = set(self._categorical.values())
        frame = pd.DataFrame(
            {
                str(name): pd.Series(
                    [row.get(at, self._strange if at in categorical else 0.0) for row in rows],
                    dtype=object if at in categorical else np.float64,
                )
                for at, name in enumerate(self._model.feature_names_)
            }
        )
        leaves = asker.calc_leaf_indexes(frame, ntree_start=trees.start, ntree_end=trees.stop, thread_count=1)
        return np.asarray(leaves).reshape(len(rows), -1).astype(bool)

    def require_listed(self) -> None:
        """Refuse where the contract takes for unknown what the model may know: the hashes of both are compared.

        Raises:
            ExportError: the model knows a category that the contract does not list, or it cannot be told.
        """
        for number, column in self._categorical.items():
            code = self._columns.codes[column]
            assert code is not None
            origin = arrival(self._pen.graph, self._columns.name, column)
            if origin is not None and self._pen.contract.features[origin.column].unknown == "refuse":
                continue
            name = str(self._model.feature_names_[column])
            known = self._known_hashes(number)
            if known is None:
                raise self._pen.refusal(
                    f"it cannot be told which categories of {name!r} it knows, because it keeps statistics of"
                    " combinations only",
                    f"`unknown: refuse` for {name!r}, or max_ctr_complexity=1",
                )
            if known and not self._has_hashes(number, column, sorted(known), list(_texts(code))):
                raise self._pen.refusal(
                    f"it knows a value of {name!r} that the contract does not list, which the service would take for"
                    " unknown",
                    f"`categories` of {name!r} with every value of the training rows, or `unknown: refuse`",
                )

    def _known_hashes(self, number: int) -> set[int] | None:
        """Return the hashes that the model knows of a category, as signed 32-bit numbers; None if it cannot be told."""
        information = self._document["features_info"]
        (one,) = [found for found in information["categorical_features"] if int(found["feature_index"]) == number]
        known = {_signed(int(value) % (1 << 32), 32) for value in one.get("values") or []}
        alone, together = False, False
        for ctr in self._ctrs:
            mine = [element for element in ctr["elements"] if element.get("cat_feature_index") == number]
            known |= {_signed(int(one["value"]) % (1 << 32), 32) for one in mine if "value" in one}
            if not any(one["combination_element"] == CATEGORY for one in mine):
                continue
            if len(ctr["elements"]) > 1:
                together = True
                continue
            table = self._document["ctr_data"][ctr["identifier"]]
            keys = [int(key) for key in table["hash_map"][:: int(table["hash_stride"])]]
            back = pow(MIXER, -2, 1 << 64)
            hashes = [_signed(key * back % (1 << 64), 64) for key in keys if key != NO_ENTRY]
            if any(abs(value) >= 1 << 32 for value in hashes):
                return None
            known |= {_signed(value % (1 << 32), 32) for value in hashes}
            alone = True
        return None if together and not alone else known

    def _has_hashes(self, number: int, column: int, known: Sequence[int], texts: Sequence[str]) -> bool:
        """Say whether each hash is that of a text."""
        information = self._document["features_info"]
        # A model that splits by nothing but whether a category has one of these hashes.
        categorical = [
            {**one, "values": list(known) if int(one["feature_index"]) == number else []}
            for one in information["categorical_features"]
        ]
        floats = [{**one, "borders": []} for one in information.get("float_features") or []]
        features = {**information, "categorical_features": categorical, "float_features": floats, "ctrs": []}
        splits = [
            {"split_type": "OneHotFeature", "cat_feature_index": number, "value": one, "split_index": at}
            for at, one in enumerate(known)
        ]
        kept = {key: value for key, value in self._document.items() if key != "ctr_data"}
        asker = _one_split_each({**kept, "features_info": features}, splits)
        says = self._ask(asker, range(len(known)), [{column: text} for text in texts])
        return bool(says.any(axis=0).all())


def _one_split_each(document: Mapping[str, Any], splits: Sequence[Mapping[str, Any]]) -> Any:
    """Return a model whose trees are one split each; a row that goes right reaches leaf 1, else leaf 0."""
    from catboost import CatBoost

    kept = {key: value for key, value in document.items() if key not in ("trees", "oblivious_trees")}
    trees = [{"leaf_values": [0, 1], "leaf_weights": [1, 1], "splits": [dict(split)]} for split in splits]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        content = {**kept, "oblivious_trees": trees, "scale_and_bias": [1, [0]]}
        path.write_text(json.dumps(content), encoding="utf-8")
        return CatBoost().load_model(str(path), format="json")


def _texts(code: Codes) -> dict[str, float]:
    """Return the categories that can be present, with the numbers by which they travel."""
    return {value: number for value, number in code.items() if isinstance(value, str)}


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value


def _other_than(codes: Any) -> str:
    """Return a text that is no category of any column."""
    known = {str(value) for code in codes for value in code}
    value = "?"
    while value in known:
        value += "?"
    return value
