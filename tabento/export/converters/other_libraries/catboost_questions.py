"""Answers of a fitted CatBoost model to categories, from CatBoost itself.

A copy of the model whose trees are one split each is evaluated on rows of categories. So CatBoost's own hashes and
statistics decide, and nothing of them is computed again. ``catboost_categories`` writes the answers as tables.

The hash of a category is described in ``catboost/libs/cat_feature``.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabento.export.analysis.column_origin import column_origin
from tabento.export.graph.values import Codes, Columns
from tabento.export.graph.writer import GraphWriter

NO_ENTRY = 2**64 - 1
"""The key of an empty place in the tables of statistics."""

CATEGORY = "cat_feature_value"
"""The element of a statistic that is a category, in the words of the JSON."""

MISSING_IS_HIGH = "AsTrue"
"""The ``nan_value_treatment`` of a number whose missing values are above all borders; else they are above none."""

MIXER = 0x4906BA494954CB65
"""CatBoost's factor of hashes in the tables of statistics: odd, so it has an inverse."""


def one_split_each(document: Mapping[str, Any], splits: Sequence[Mapping[str, Any]]) -> Any:
    """Return a model whose trees have one split each; a row that goes right reaches leaf 1, else leaf 0."""
    from catboost import CatBoost

    content_without_trees = {key: value for key, value in document.items() if key not in ("trees", "oblivious_trees")}
    trees = [{"leaf_values": [0, 1], "leaf_weights": [1, 1], "splits": [dict(split)]} for split in splits]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        content = {**content_without_trees, "oblivious_trees": trees, "scale_and_bias": [1, [0]]}
        path.write_text(json.dumps(content), encoding="utf-8")
        return CatBoost().load_model(str(path), format="json")


def texts_of(code: Codes) -> dict[str, float]:
    """Return the categories that can be present, with their codes."""
    return {value: number for value, number in code.items() if isinstance(value, str)}


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value


def unknown_text(codes: Any) -> str:
    """Return a text that is not a category of any column."""
    known_texts = {str(value) for code in codes for value in code}
    value = "?"
    while value in known_texts:
        value += "?"
    return value


class CategoryQuestions:
    """A fitted model with its document, and its answers to rows of categories."""

    def __init__(self, writer: GraphWriter, model: Any, document: Mapping[str, Any], columns: Columns) -> None:
        self._writer, self._model, self._document, self._columns = writer, model, document, columns
        information = document["features_info"]
        self._categorical = {
            int(feature["feature_index"]): int(feature["flat_feature_index"])
            for feature in information.get("categorical_features") or []
        }
        self._float = {
            int(feature["feature_index"]): int(feature["flat_feature_index"])
            for feature in information.get("float_features") or []
        }
        self._missing_is_high = {
            int(feature["flat_feature_index"]): feature["nan_value_treatment"] == MISSING_IS_HIGH
            for feature in information.get("float_features") or []
        }
        self._ctrs = list(information.get("ctrs") or [])
        self._strange = unknown_text(code for code in columns.codes if code is not None)

    def _column(self, element: Mapping[str, Any]) -> int:
        if "cat_feature_index" in element:
            return self._categorical[int(element["cat_feature_index"])]
        return self._float[int(element["float_feature_index"])]

    def _evaluate(self, one_split_model: Any, trees: range, rows: Sequence[Mapping[int, Any]]) -> NDArray[np.bool_]:
        """Return whether each row, given by some of its values, goes right in some trees of one split; (rows, trees)."""
        categorical = set(self._categorical.values())
        frame = pd.DataFrame(
            {
                str(name): pd.Series(
                    [row.get(index, self._strange if index in categorical else 0.0) for row in rows],
                    dtype=object if index in categorical else np.float64,
                )
                for index, name in enumerate(self._model.feature_names_)
            }
        )
        leaves = one_split_model.calc_leaf_indexes(frame, ntree_start=trees.start, ntree_end=trees.stop, thread_count=1)
        return np.asarray(leaves).reshape(len(rows), -1).astype(bool)

    def require_listed(self) -> None:
        """Refuse a model that may know a category that the contract does not list; their hashes are compared.

        Raises:
            ExportError: the model knows such a category, or it cannot be determined.
        """
        for number, column in self._categorical.items():
            code = self._columns.codes[column]
            assert code is not None
            origin = column_origin(self._writer.graph, self._columns.name, column)
            if origin is not None and self._writer.contract.features[origin.column].unknown == "refuse":
                continue
            name = str(self._model.feature_names_[column])
            known_hashes = self._known_hashes(number)
            if known_hashes is None:
                raise self._writer.refusal(
                    f"it cannot be told which categories of {name!r} it knows, because it keeps statistics of"
                    " combinations only",
                    f"`unknown: refuse` for {name!r}, or max_ctr_complexity=1",
                )
            if known_hashes and not self._has_hashes(number, column, sorted(known_hashes), list(texts_of(code))):
                raise self._writer.refusal(
                    f"it knows a value of {name!r} that the contract does not list, which the service would take for"
                    " unknown",
                    f"`categories` of {name!r} with every value of the training rows, or `unknown: refuse`",
                )

    def _known_hashes(self, number: int) -> set[int] | None:
        """Return the hashes of a categorical feature that the model knows, as signed 32-bit numbers; None if they are not stored."""
        information = self._document["features_info"]
        (entry,) = [
            feature for feature in information["categorical_features"] if int(feature["feature_index"]) == number
        ]
        all_hashes = {_signed(int(value) % (1 << 32), 32) for value in entry.get("values") or []}
        is_alone, in_combination = False, False
        for ctr in self._ctrs:
            elements = [element for element in ctr["elements"] if element.get("cat_feature_index") == number]
            all_hashes |= {_signed(int(entry["value"]) % (1 << 32), 32) for entry in elements if "value" in entry}
            if not any(entry["combination_element"] == CATEGORY for entry in elements):
                continue
            if len(ctr["elements"]) > 1:
                in_combination = True
                continue
            table = self._document["ctr_data"][ctr["identifier"]]
            keys = [int(key) for key in table["hash_map"][:: int(table["hash_stride"])]]
            back = pow(MIXER, -2, 1 << 64)
            hashes = [_signed(key * back % (1 << 64), 64) for key in keys if key != NO_ENTRY]
            if any(abs(value) >= 1 << 32 for value in hashes):
                return None
            all_hashes |= {_signed(value % (1 << 32), 32) for value in hashes}
            is_alone = True
        return None if in_combination and not is_alone else all_hashes

    def _has_hashes(self, number: int, column: int, known_hashes: Sequence[int], texts: Sequence[str]) -> bool:
        """Return whether each hash belongs to one of the texts."""
        information = self._document["features_info"]
        # A model whose only splits test whether a category has one of these hashes.
        categorical = [
            {**feature, "values": list(known_hashes) if int(feature["feature_index"]) == number else []}
            for feature in information["categorical_features"]
        ]
        floats = [{**feature, "borders": []} for feature in information.get("float_features") or []]
        features = {**information, "categorical_features": categorical, "float_features": floats, "ctrs": []}
        splits = [
            {"split_type": "OneHotFeature", "cat_feature_index": number, "value": feature, "split_index": index}
            for index, feature in enumerate(known_hashes)
        ]
        content = {key: value for key, value in self._document.items() if key != "ctr_data"}
        one_split_model = one_split_each({**content, "features_info": features}, splits)
        goes_right = self._evaluate(one_split_model, range(len(known_hashes)), [{column: text} for text in texts])
        return bool(goes_right.any(axis=0).all())
