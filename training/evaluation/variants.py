"""Variants: a config that uses a column which it drops otherwise, to show what leaving it out costs.

Such a column has no feature in the config, since no client sends it; here it gets one from its cells.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from training.config import Column, ConfigError, Decisions, ModelConfig

CATEGORIES_MAX = 50
"""A column of more distinct texts than this is taken for an identifier; as a category it would be learned by heart."""


def with_columns(
    config: ModelConfig, decisions: Decisions, names: tuple[str, ...], frame: pd.DataFrame
) -> tuple[ModelConfig, Decisions]:
    """Return a config and decisions that use dropped columns as well, behind the others.

    Args:
        config: drops the columns.
        decisions: what is decided for the others.
        names: the columns.
        frame: rows as they were read, with these columns.

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
    added = tuple(feature_of(name, frame[name]) for name in names)
    # Not validated anew: the synthetic section need not draw a column that is dropped.
    wider = config.model_copy(
        update={
            "features": (*config.features, *added),
            "drop": {name: reason for name, reason in config.drop.items() if name not in names},
        }
    )
    return wider, decisions.model_copy(update={"columns": (*decisions.columns, *names)})


def feature_of(name: str, cells: pd.Series[Any]) -> Column:
    """Return a feature that takes every cell of a column: a boolean, a number without a range, or a category.

    Raises:
        ConfigError: it holds more than ``CATEGORIES_MAX`` distinct texts.
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
