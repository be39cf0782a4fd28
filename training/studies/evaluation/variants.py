"""Variants: a config that uses a column which the config drops, to show the cost of dropping it.

Such a column has no feature in the config, because no client sends it. The feature is inferred from the cells.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from training.config import Column, ConfigError, Decisions, ModelConfig

CATEGORIES_MAX = 50
"""A column with more distinct texts is treated as an identifier: as a category it would only be memorised."""


def add_columns(
    config: ModelConfig, decisions: Decisions, names: tuple[str, ...], frame: pd.DataFrame
) -> tuple[ModelConfig, Decisions]:
    """Return a config and decisions that use dropped columns as well, after the other columns.

    Args:
        config: the config that drops the columns.
        decisions: the decisions about the other columns.
        names: the dropped columns.
        frame: unvalidated rows with these columns.

    Raises:
        ConfigError: a column is not among ``drop``, is not in the data, or has too many distinct texts.
    """
    for name in names:
        if name not in config.drop:
            raise ConfigError(
                f"evaluation.also_with: expected a column under `drop`, got {name!r}; there are {sorted(config.drop)}"
            )
        if name not in frame.columns:
            raise ConfigError(
                f"evaluation.also_with: the data has no column {name!r}; it has {[str(c) for c in frame.columns]}."
                " Take it out of the list, or evaluate on data that has it."
            )
    added = tuple(infer_feature(name, frame[name]) for name in names)
    # Not validated again: the section `synthetic` is allowed to lack a dropped column.
    wider = config.model_copy(
        update={
            "features": (*config.features, *added),
            "drop": {name: reason for name, reason in config.drop.items() if name not in names},
        }
    )
    return wider, decisions.model_copy(update={"columns": (*decisions.columns, *names)})


def infer_feature(name: str, cells: pd.Series[Any]) -> Column:
    """Return a feature that accepts every cell of a column: a boolean, a number without a range, or a category.

    Raises:
        ConfigError: it has more than ``CATEGORIES_MAX`` distinct texts.
    """
    nullable = bool(cells.isna().any())
    if pd.api.types.is_bool_dtype(cells.dtype):
        return Column(name=name, type="boolean", nullable=nullable)
    if pd.api.types.is_numeric_dtype(cells.dtype):
        return Column(name=name, type="number", nullable=nullable)
    texts = sorted({str(cell) for cell in cells.dropna()})
    if len(texts) > CATEGORIES_MAX:
        raise ConfigError(
            f"evaluation.also_with: {name!r} has {len(texts):,} distinct texts, expected at most {CATEGORIES_MAX}:"
            " it looks like an identifier; take it out of the list"
        )
    return Column(name=name, type="category", categories=tuple(texts), nullable=nullable)
