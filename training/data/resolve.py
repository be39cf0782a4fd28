"""Resolution: values that a config takes from the data are filled into the config, and from there into the contract.

Classes come from the whole target column, before the split, which distributes them over its parts. Categories come from the
training part alone: a value that only the test part has must be as unknown to the model as a new value in service.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from tabento.bundle.contract import LARGEST_EXACT_INTEGER, Label
from tabento.tables.faults import DataError, Fault
from training.config import Column, ConfigError, ModelConfig, format_faults
from training.data.classes import positive_of
from training.data.validation import validate

CLASSES_MAX = 50
"""A target with more distinct values is unlikely to be a classification; its classes must be listed in the config."""
CATEGORIES_MAX = 2_000
"""Each category is a column of the pipeline and an entry of the contract; with more of them, `min_frequency` is too low."""


def resolve_and_validate(
    frame: pd.DataFrame, config: ModelConfig, warn: Callable[[str], None]
) -> tuple[ModelConfig, pd.DataFrame]:
    """Find the classes of the target, if the config leaves them to the data, and validate the rows.

    Args:
        frame: rows as they were read.
        config: the config that they are validated against.
        warn: see ``with_classes`` and ``training.data.validation.validate``.

    Returns:
        The config with the classes, and the rows as ``validate`` returns them.

    Raises:
        DataError: with every fault of the target and of the other columns.
        ConfigError: see ``with_classes``.
    """
    try:
        resolved_config = with_classes(config, frame, warn)
    except (DataError, ConfigError) as error:
        faults = error.faults if isinstance(error, DataError) else []
        try:
            validate(frame, config)
        except DataError as validation_error:
            raise DataError(f"{error}\n{validation_error}", [*faults, *validation_error.faults]) from error
        raise
    return resolved_config, validate(frame, resolved_config, warn)


def with_classes(config: ModelConfig, frame: pd.DataFrame, warn: Callable[[str], None]) -> ModelConfig:
    """Return a config with the classes of its target, which are taken from the data if it lists none.

    Args:
        config: a config.
        frame: all rows as they were read.
        warn: called with a sentence if the positive class of two had to be chosen.

    Raises:
        DataError: the target's column is missing, or has fewer than two distinct values or too many.
        ConfigError: the classes contradict another part of the config.
    """
    if config.task != "classification" or config.target.classes is not None:
        return config
    name = config.target.name
    if name not in frame.columns:
        faults = [Fault(name, "a column of this name", 1, "there is none")]
        raise DataError(f"the data has no column {name!r}, the target. Correct `target.name` in the config.", faults)
    counts = frame[name].map(_label, na_action="ignore").value_counts()
    if not 2 <= len(counts) <= CLASSES_MAX:
        got = f"{len(counts):,} distinct value{'' if len(counts) == 1 else 's'}"
        remedy = (
            "Give rows of at least two classes."
            if len(counts) < 2
            else "Write `task: regression` if it is a number, or list `target.classes` in the config."
        )
        raise DataError(
            f"{name}: expected a target with 2 to {CLASSES_MAX} classes, because the config lists none; got {got}."
            f" {remedy}",
            [Fault(name, f"2 to {CLASSES_MAX} classes", len(counts), got)],
        )
    labels = sorted(counts.index, key=lambda label: (isinstance(label, str), label))
    configured = config.target.positive
    positive = configured
    if len(labels) == 2 and configured is None:
        positive, reason = positive_of(labels, [int(counts[label]) for label in labels])
        warn(
            f"{config.name}: of the classes {labels[0]!r} and {labels[1]!r} in {name!r}, {positive!r} is treated as the"
            f" positive class, because {reason}. To decide it, add `positive: {positive}` below `target:` in the config."
        )
    target = {**config.target.model_dump(exclude={"classes"}), "classes": labels, "positive": positive}
    return _with_changes(config, {"target": target})


def with_categories(config: ModelConfig, train: pd.DataFrame) -> ModelConfig:
    """Return a config with the categories of its open columns, taken from the data, in the order of their texts.

    Args:
        config: a config.
        train: the training part, validated.

    Raises:
        DataError: a column has no value that is frequent enough, or too many.
    """
    faults: list[Fault] = []
    columns: list[Column] = []
    for column in config.features:
        if not column.is_open:
            columns.append(column)
            continue
        minimum = column.min_frequency or 1
        counts = train[column.name].dropna().value_counts()
        categories = tuple(sorted(str(value) for value in counts.index[counts.to_numpy() >= minimum]))
        if not categories:
            highest_count = int(counts.max()) if len(counts) else 0
            got = f"the most frequent has {highest_count:,}; lower `min_frequency` or drop the column"
            faults.append(Fault(column.name, f"a value with at least {minimum:,} training rows", 1, got))
        elif len(categories) > CATEGORIES_MAX:
            got = (
                f"{len(categories):,} have at least {minimum:,} training rows; raise `min_frequency` or drop the column"
            )
            faults.append(Fault(column.name, f"at most {CATEGORIES_MAX:,} categories", len(categories), got))
        else:
            columns.append(column.with_categories(categories))
    if faults:
        lines = "\n".join(f"  {fault}" for fault in faults)
        raise DataError(f"categories cannot be taken from the training data:\n{lines}", faults)
    return config.model_copy(update={"features": tuple(columns)})


def _label(cell: Any) -> Label:
    """Return a cell of the target as a label: text without surrounding blanks, numbers without fraction as integers."""
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, bool | np.bool_):
        return bool(cell)
    try:
        number = float(cell)
    except (OverflowError, TypeError, ValueError):
        return str(cell)
    return int(number) if number.is_integer() and abs(number) <= LARGEST_EXACT_INTEGER else str(cell)


def _with_changes(config: ModelConfig, changes: dict[str, Any]) -> ModelConfig:
    """Return a config with changed sections, validated again as a whole."""
    try:
        return ModelConfig.model_validate({**config.model_dump(), **changes}).with_text(config.text)
    except ValidationError as error:
        faults = format_faults(error, config.text, ModelConfig)
        raise ConfigError(f"{config.name}: the config does not fit the data:\n{faults}") from error
