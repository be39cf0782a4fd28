"""Remedies: lines to paste into the config if the data is right and the config is wrong.

Only the owner of the data knows whether a value is a mistake. So each remedy is a line for the case that it is correct.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import yaml

from tabento.bundle.contract import number_text, timestamp_text
from tabento.bundle.feature import TEXT_LENGTH_LIMIT
from tabento.tables.cells import parse_column
from tabento.tables.faults import Fault
from training.config import Column, ConfigText, ModelConfig
from training.config.faults import closest_name
from training.config.text import KeyPath
from training.data.classes import class_indices, positive_of
from training.data.date_forms import conversion

MISSING_MARKERS = frozenset(
    (
        "",
        "?",
        "-",
        "--",
        ".",
        "*",
        "n/a",
        "na",
        "n.a.",
        "nan",
        "none",
        "null",
        "nil",
        "missing",
        "unknown",
        "#n/a",
        "#null!",
    )
)
"""Common spellings of a missing value, in lower case and without blanks."""
TEXTS_MAX = 8
"""A column with more different texts than this does not have several spellings of a missing value."""
CATEGORIES_LISTED_MAX = 30
"""If a column has more values than this, the remedy takes the categories from the data."""
_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d{1,3}(\.?\d{3})*,\d+\s*|\s*[+-]?\d+,\d+\s*", re.ASCII)
_BOUNDS = ("minimum", "maximum", "exclusive_minimum", "exclusive_maximum")
_REASON = "write the reason for dropping it"


def remedies_for(faults: Sequence[Fault], raw: pd.DataFrame, config: ModelConfig) -> list[str]:
    """Return lines to paste into the config, each with its place, in the order of the file.

    Args:
        faults: the faults of a validation.
        raw: the rows as they were read, with unique column names.
        config: the config that the rows were validated against.
    """
    columns = {fault.column for fault in faults}
    remedies: list[tuple[KeyPath, str]] = []
    for index, column in enumerate(config.features):
        if column.name in columns and column.name in raw.columns:
            line = _feature_remedy(column, raw[column.name])
            remedies += [(("features", index), line)] if line is not None else []
    remedies += _missing_columns(columns, raw, config)
    remedies += _new_columns(columns, raw, config)
    if config.target.name in columns and config.target.name in raw.columns:
        remedies += _target_remedies(config, raw[config.target.name])
    if any(fault.column is None and "repeat" in fault.got for fault in faults):
        remedies.append((("duplicates",), "duplicates: drop, if the repeated rows are mistakes; or duplicates: keep"))
    text = config.text
    return [_with_place(path, line, text) for path, line in sorted(remedies, key=lambda item: text.line(item[0]) or 0)]


def _with_place(path: KeyPath, line: str, text: ConfigText) -> str:
    if path in text.places:
        return f"{text.where(path)}: {line}"
    return f"{text.path}: {line}" if text.path is not None else line


def _feature_remedy(column: Column, cells: pd.Series[Any]) -> str | None:
    """Return a line for a feature that accepts its cells, or a remark if no line can."""
    if column.type in ("number", "integer"):
        changes = _number_changes(column, cells)
    elif column.type == "boolean":
        changes = _boolean_changes(column, cells)
    elif column.type == "text":
        longest = max((len(cell) for cell in cells if isinstance(cell, str)), default=0)
        changes = {"maximum_length": longest} if column.longest < longest <= TEXT_LENGTH_LIMIT else {}
    elif column.type == "timestamp":
        changes = _timestamp_changes(column, cells)
    else:
        changes = _category_changes(column, cells)
    if isinstance(changes, str):
        return changes
    if cells.isna().any() and not column.nullable:
        changes = {**changes, "nullable": True}
    return f"- {_flow(_feature_keys(column, changes))}" if changes else None


def _number_changes(column: Column, cells: pd.Series[Any]) -> dict[str, Any] | str:
    numbers, wrong = parse_column(cells, column)
    texts = _distinct(cells[wrong])
    markers, remaining_texts = _split_markers(texts)
    if remaining_texts and all(_DECIMAL_COMMA.fullmatch(text) for text in remaining_texts):
        return (
            f"{column.name}: the numbers have a decimal comma, as in {remaining_texts[0]!r}; write them with a point, or make the"
            " file with `tabento init`, which converts them"
        )
    if len(remaining_texts) > TEXTS_MAX or (remaining_texts and not np.isfinite(numbers).any()):
        return _category_keys(cells)
    changes = _missing_keys(column, markers)
    finite = numbers[np.isfinite(numbers)]
    if len(finite) and column.type == "integer" and (finite != np.floor(finite)).any():
        changes["type"] = "number"
    changes |= _range(column.lower, column.upper, finite)
    return changes


def _range(lower: float, upper: float, finite: pd.Series[Any]) -> dict[str, Any]:
    """Return the bounds that must be wider."""
    changes: dict[str, Any] = {}
    if len(finite) and finite.min() < lower:
        changes |= {"minimum": _bound_value(finite.min()), "exclusive_minimum": None}
    if len(finite) and finite.max() > upper:
        changes |= {"maximum": _bound_value(finite.max()), "exclusive_maximum": None}
    return changes


def _boolean_changes(column: Column, cells: pd.Series[Any]) -> dict[str, Any]:
    values, wrong = parse_column(cells, column)
    wrong |= (values.notna() & ~values.isin([0.0, 1.0])).to_numpy()
    markers, remaining_texts = _split_markers(_distinct(cells[wrong]))
    if not remaining_texts:
        return _missing_keys(column, markers)
    if all(not isinstance(cell, str) for cell in cells.dropna()):
        return {"type": "integer" if (values.dropna() == np.floor(values.dropna())).all() else "number"}
    return _category_keys(cells)


def _timestamp_changes(column: Column, cells: pd.Series[Any]) -> dict[str, Any] | str:
    seconds, wrong = parse_column(cells, column)
    markers, remaining_texts = _split_markers(_distinct(cells[wrong]))
    if remaining_texts:
        remark = conversion(column.name, remaining_texts)
        if remark is not None:
            return remark
    if len(remaining_texts) > TEXTS_MAX or (remaining_texts and not seconds.notna().any()):
        return _category_keys(cells)
    bounds = _range(column.lower, column.upper, seconds.dropna())
    return _missing_keys(column, markers) | bounds


def _category_changes(column: Column, cells: pd.Series[Any]) -> dict[str, Any]:
    values, wrong = parse_column(cells, column)
    if wrong.any() or column.categories is None:
        return {}
    new = [str(value) for value in pd.unique(values.dropna()) if value not in column.categories]
    markers, remaining_texts = _split_markers(new)
    changes = _missing_keys(column, markers)
    if len(column.categories) + len(remaining_texts) > CATEGORIES_LISTED_MAX:
        return {**changes, "categories": "from_data", "unknown": "ignore"}
    return {**changes, "categories": [*column.categories, *sorted(remaining_texts)]} if remaining_texts else changes


def _category_keys(cells: pd.Series[Any]) -> dict[str, Any]:
    """Return the keys that make a column of any type a category."""
    values = sorted(_distinct(cells))
    bounds = dict.fromkeys((*_BOUNDS, "unit"))
    if len(values) > CATEGORIES_LISTED_MAX:
        return {**bounds, "type": "category", "categories": "from_data", "unknown": "ignore"}
    return {**bounds, "type": "category", "categories": values}


def _missing_keys(column: Column, markers: list[str]) -> dict[str, Any]:
    return {"nullable": True, "missing": [*column.missing, *markers]} if markers else {}


def _split_markers(texts: list[str]) -> tuple[list[str], list[str]]:
    """Divide texts into spellings of a missing value and remaining texts."""
    markers = [text for text in texts if text.strip().lower() in MISSING_MARKERS]
    return markers, [text for text in texts if text not in markers]


def _distinct(cells: pd.Series[Any]) -> list[str]:
    return [str(value) for value in pd.unique(cells.dropna())]


def _missing_columns(columns: set[str | None], raw: pd.DataFrame, config: ModelConfig) -> Iterator[tuple[KeyPath, str]]:
    """Yield a remedy for each column that the data does not have: the closest name, or the advice to remove it."""
    used_names = {*(column.name for column in config.features), config.target.name, *config.drop}
    unused_names = [str(name) for name in raw.columns if str(name) not in used_names]
    for index, column in enumerate(config.features):
        if column.name in columns and column.name not in raw.columns:
            match = closest_name(column.name, unused_names)
            line = (
                f"- {_flow(_feature_keys(column, {'name': match}))}"
                if match is not None
                else f"{column.name}: remove this feature, if the data does not have it"
            )
            yield ("features", index), line
    if config.target.name in columns and config.target.name not in raw.columns:
        match = closest_name(config.target.name, unused_names)
        if match is not None:
            yield ("target", "name"), f"name: {_flow(match)}"


def _new_columns(columns: set[str | None], raw: pd.DataFrame, config: ModelConfig) -> Iterator[tuple[KeyPath, str]]:
    """Yield a remedy that drops the columns that the config does not know, except other spellings of known columns."""
    names = [*(column.name for column in config.features), config.target.name]
    absent = [name for name in names if name not in raw.columns]
    known_names = {*names, *config.drop}
    known_names |= {identifier.name for identifier in config.identifiers}
    misspelt_names = {
        closest_name(name, [str(column_name) for column_name in raw.columns if str(column_name) not in known_names])
        for name in absent
    }
    new = [str(name) for name in raw.columns if str(name) in columns and str(name) not in known_names | misspelt_names]
    if new:
        yield ("drop",), f"drop: {_flow({**config.drop, **dict.fromkeys(new, _REASON)})}, or add features for them"


def _target_remedies(config: ModelConfig, cells: pd.Series[Any]) -> Iterator[tuple[KeyPath, str]]:
    target = config.target
    if cells.isna().any():
        yield ("target",), f"{target.name}: remove the rows without a label from the data; a label is never imputed"
    if target.classes is not None:
        indices = class_indices(cells, target)
        unknown = sorted(_distinct(cells[np.isnan(indices)]))
        if 0 < len(unknown) <= TEXTS_MAX:
            classes = [{"value": item.value, "label": item.label} for item in target.classes]
            if np.isnan(indices).all() and len(unknown) == len(classes) == 2:
                # The data uses other words for the same two classes.
                positive, _ = positive_of([*unknown], [int((cells.astype(str) == value).sum()) for value in unknown])
                values = sorted(unknown, key=lambda value: value == positive)
                classes = [{**item, "value": value} for item, value in zip(classes, values, strict=True)]
            else:
                classes += [{"value": value, "label": value} for value in unknown]
            yield ("target", "classes"), f"classes: {_flow(classes)}"
    elif config.task == "regression":
        label = Column(name=target.name, type="number", minimum=target.minimum, maximum=target.maximum)
        numbers, _ = parse_column(cells, label)
        for key, value in _range(label.lower, label.upper, numbers[np.isfinite(numbers)]).items():
            if value is not None:
                yield ("target", key), f"{key}: {number_text(value)}"


def _feature_keys(column: Column, changes: dict[str, Any]) -> dict[str, Any]:
    """Return the keys of a feature that differ from the defaults, with changes."""
    changed_keys = column.model_dump(mode="json", exclude_defaults=True)
    ordered = {"name": column.name, "type": column.type, **changed_keys, **changes}
    bound_text = timestamp_text if ordered["type"] == "timestamp" else _bound_value
    displayed_keys = {
        key: bound_text(value) if isinstance(value, int | float) and key in _BOUNDS else value
        for key, value in ordered.items()
    }
    return {key: value for key, value in displayed_keys.items() if value is not None}


def _bound_value(value: float) -> float | int:
    """Return a bound as an integer if it has no fraction."""
    number = float(value)
    return int(number) if number.is_integer() and math.isfinite(number) and abs(number) < 2**53 else number


def _flow(value: Any) -> str:
    """Return a value as YAML on one line."""
    text: str = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=math.inf)
    return text.removesuffix("\n").removesuffix("...").strip()
