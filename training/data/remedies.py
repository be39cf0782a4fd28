"""Remedies: what to write into the config if the data is right and the config is not.

Nobody but its owner can say whether a value is a mistake. So each remedy is a line to paste for the case that it is none.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import yaml

from bundle.contract import number_text, timestamp_text
from bundle.feature import TEXT_LENGTH_LIMIT
from training.config import Column, ConfigText, ModelConfig
from training.config.faults import near
from training.config.text import Path_
from training.data.cells import parse_column
from training.data.classes import class_indices, positive_of
from training.data.date_forms import conversion
from training.data.errors import Fault

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
"""What people write, in lower case and without blanks, where there is no value."""
TEXTS_MAX = 8
"""More different texts than this are no spellings of a missing value."""
CATEGORIES_LISTED_MAX = 30
"""With more values than this the categories are better taken from the data."""
_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d{1,3}(\.?\d{3})*,\d+\s*|\s*[+-]?\d+,\d+\s*", re.ASCII)
_BOUNDS = ("minimum", "maximum", "exclusive_minimum", "exclusive_maximum")
_REASON = "say why it is left out"


def remedies_for(faults: Sequence[Fault], raw: pd.DataFrame, config: ModelConfig) -> list[str]:
    """Return lines to paste into the config, each with the place where it goes; in the order of the file.

    Args:
        faults: what a validation found.
        raw: the rows as they were read, each column once.
        config: what they were compared with.
    """
    columns = {fault.column for fault in faults}
    found: list[tuple[Path_, str]] = []
    for place, column in enumerate(config.features):
        if column.name in columns and column.name in raw.columns:
            line = _feature_remedy(column, raw[column.name])
            found += [(("features", place), line)] if line is not None else []
    found += _missing_columns(columns, raw, config)
    found += _new_columns(columns, raw, config)
    if config.target.name in columns and config.target.name in raw.columns:
        found += _target_remedies(config, raw[config.target.name])
    if any(fault.column is None and "repeat" in fault.got for fault in faults):
        found.append((("duplicates",), "duplicates: drop, if the repeated rows are mistakes; or duplicates: keep"))
    text = config.text
    return [_placed(path, line, text) for path, line in sorted(found, key=lambda item: text.line(item[0]) or 0)]


def _placed(path: Path_, line: str, text: ConfigText) -> str:
    if path in text.places:
        return f"{text.where(path)}: {line}"
    return f"{text.path}: {line}" if text.path is not None else line


def _feature_remedy(column: Column, cells: pd.Series[Any]) -> str | None:
    """Return a feature's line that takes its cells, or a remark if no line can."""
    if column.type in ("number", "integer"):
        changes = _of_number(column, cells)
    elif column.type == "boolean":
        changes = _of_boolean(column, cells)
    elif column.type == "text":
        longest = max((len(cell) for cell in cells if isinstance(cell, str)), default=0)
        changes = {"maximum_length": longest} if column.longest < longest <= TEXT_LENGTH_LIMIT else {}
    elif column.type == "timestamp":
        changes = _of_timestamp(column, cells)
    else:
        changes = _of_category(column, cells)
    if isinstance(changes, str):
        return changes
    if cells.isna().any() and not column.nullable:
        changes = {**changes, "nullable": True}
    return f"- {_flow(_written(column, changes))}" if changes else None


def _of_number(column: Column, cells: pd.Series[Any]) -> dict[str, Any] | str:
    numbers, wrong = parse_column(cells, column)
    texts = _distinct(cells[wrong])
    markers, others = _divided(texts)
    if others and all(_DECIMAL_COMMA.fullmatch(text) for text in others):
        return (
            f"{column.name}: the numbers have a decimal comma, as in {others[0]!r}; write them with a point, or make the"
            " file with `tabento init`, which converts them"
        )
    if len(others) > TEXTS_MAX or (others and not np.isfinite(numbers).any()):
        return _as_category(cells)
    changes = _missing(column, markers)
    finite = numbers[np.isfinite(numbers)]
    if len(finite) and column.type == "integer" and (finite != np.floor(finite)).any():
        changes["type"] = "number"
    changes |= _range(column.lower, column.upper, finite)
    return changes


def _range(lower: float, upper: float, finite: pd.Series[Any]) -> dict[str, Any]:
    """Return the bounds that have to be wider."""
    changes: dict[str, Any] = {}
    if len(finite) and finite.min() < lower:
        changes |= {"minimum": _plain(finite.min()), "exclusive_minimum": None}
    if len(finite) and finite.max() > upper:
        changes |= {"maximum": _plain(finite.max()), "exclusive_maximum": None}
    return changes


def _of_boolean(column: Column, cells: pd.Series[Any]) -> dict[str, Any]:
    values, wrong = parse_column(cells, column)
    wrong |= (values.notna() & ~values.isin([0.0, 1.0])).to_numpy()
    markers, others = _divided(_distinct(cells[wrong]))
    if not others:
        return _missing(column, markers)
    if all(not isinstance(cell, str) for cell in cells.dropna()):
        return {"type": "integer" if (values.dropna() == np.floor(values.dropna())).all() else "number"}
    return _as_category(cells)


def _of_timestamp(column: Column, cells: pd.Series[Any]) -> dict[str, Any] | str:
    seconds, wrong = parse_column(cells, column)
    markers, others = _divided(_distinct(cells[wrong]))
    if others:
        remark = conversion(column.name, others)
        if remark is not None:
            return remark
    if len(others) > TEXTS_MAX or (others and not seconds.notna().any()):
        return _as_category(cells)
    bounds = _range(column.lower, column.upper, seconds.dropna())
    return _missing(column, markers) | bounds


def _of_category(column: Column, cells: pd.Series[Any]) -> dict[str, Any]:
    values, wrong = parse_column(cells, column)
    if wrong.any() or column.categories is None:
        return {}
    new = [str(value) for value in pd.unique(values.dropna()) if value not in column.categories]
    markers, others = _divided(new)
    changes = _missing(column, markers)
    if len(column.categories) + len(others) > CATEGORIES_LISTED_MAX:
        return {**changes, "categories": "from_data", "unknown": "ignore"}
    return {**changes, "categories": [*column.categories, *sorted(others)]} if others else changes


def _as_category(cells: pd.Series[Any]) -> dict[str, Any]:
    """Return what makes a category of a column, whatever it is now."""
    values = sorted(_distinct(cells))
    bounds = dict.fromkeys((*_BOUNDS, "unit"))
    if len(values) > CATEGORIES_LISTED_MAX:
        return {**bounds, "type": "category", "categories": "from_data", "unknown": "ignore"}
    return {**bounds, "type": "category", "categories": values}


def _missing(column: Column, markers: list[str]) -> dict[str, Any]:
    return {"nullable": True, "missing": [*column.missing, *markers]} if markers else {}


def _divided(texts: list[str]) -> tuple[list[str], list[str]]:
    """Divide texts into spellings of a missing value and others."""
    markers = [text for text in texts if text.strip().lower() in MISSING_MARKERS]
    return markers, [text for text in texts if text not in markers]


def _distinct(cells: pd.Series[Any]) -> list[str]:
    return [str(value) for value in pd.unique(cells.dropna())]


def _missing_columns(columns: set[str | None], raw: pd.DataFrame, config: ModelConfig) -> Iterator[tuple[Path_, str]]:
    """Say of each column that the data does not have which one may be meant, or that it can go."""
    known = {*(column.name for column in config.features), config.target.name, *config.drop}
    spare = [str(name) for name in raw.columns if str(name) not in known]
    for place, column in enumerate(config.features):
        if column.name in columns and column.name not in raw.columns:
            match = near(column.name, spare)
            line = (
                f"- {_flow(_written(column, {'name': match}))}"
                if match is not None
                else f"{column.name}: remove this feature, if the data does not have it"
            )
            yield ("features", place), line
    if config.target.name in columns and config.target.name not in raw.columns:
        match = near(config.target.name, spare)
        if match is not None:
            yield ("target", "name"), f"name: {_flow(match)}"


def _new_columns(columns: set[str | None], raw: pd.DataFrame, config: ModelConfig) -> Iterator[tuple[Path_, str]]:
    """Say of each column that the config does not know how it is left out, unless it is another spelling of a known one."""
    names = [*(column.name for column in config.features), config.target.name]
    absent = [name for name in names if name not in raw.columns]
    known = {*names, *config.drop}
    known |= {identifier.name for identifier in config.identifiers}
    meant = {near(name, [str(other) for other in raw.columns if str(other) not in known]) for name in absent}
    new = [str(name) for name in raw.columns if str(name) in columns and str(name) not in known | meant]
    if new:
        yield ("drop",), f"drop: {_flow({**config.drop, **dict.fromkeys(new, _REASON)})}, or add features for them"


def _target_remedies(config: ModelConfig, cells: pd.Series[Any]) -> Iterator[tuple[Path_, str]]:
    target = config.target
    if cells.isna().any():
        yield ("target",), f"{target.name}: remove the rows without a label from the data; a label is never imputed"
    if target.classes is not None:
        indices = class_indices(cells, target)
        unknown = sorted(_distinct(cells[np.isnan(indices)]))
        if 0 < len(unknown) <= TEXTS_MAX:
            classes = [{"value": item.value, "label": item.label} for item in target.classes]
            if np.isnan(indices).all() and len(unknown) == len(classes) == 2:
                # The data has other words for the same two classes.
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


def _written(column: Column, changes: dict[str, Any]) -> dict[str, Any]:
    """Return the keys of a feature that differ from the defaults, with changes."""
    written = column.model_dump(mode="json", exclude_defaults=True)
    ordered = {"name": column.name, "type": column.type, **written, **changes}
    text = timestamp_text if ordered["type"] == "timestamp" else _plain
    plain = {
        key: text(value) if isinstance(value, int | float) and key in _BOUNDS else value
        for key, value in ordered.items()
    }
    return {key: value for key, value in plain.items() if value is not None}


def _plain(value: float) -> float | int:
    """Return a bound as people write it."""
    number = float(value)
    return int(number) if number.is_integer() and math.isfinite(number) and abs(number) < 2**53 else number


def _flow(value: Any) -> str:
    """Return a value as YAML on one line."""
    text: str = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=math.inf)
    return text.removesuffix("\n").removesuffix("...").strip()
