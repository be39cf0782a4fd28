"""Imitation: synthetic rows from the distributions of the training data that a stored model keeps.

The config of real data does not need a generator. Each column is sampled alone, so the columns are independent: such rows
are good for trying out a run or a service, but a model learns nothing from them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabento.bundle.contract import Contract, Feature, label_key
from tabento.bundle.reference import CategoryDistribution, NumberDistribution, Reference
from tabento.tables.cells import timestamp_texts
from tabento.tables.faults import DataError
from training.config import ModelConfig

if TYPE_CHECKING:
    from tabento.bundle.store import Bundle

ROWS_MIN, ROWS_MAX = 500, 10_000
"""The limits of the number of generated rows, which is the number of rows that the model was trained on."""
SEED = 42


def imitated_rows(config: ModelConfig) -> tuple[pd.DataFrame, str]:
    """Return rows like those on which the latest stored model of a config was trained, and its tag.

    Args:
        config: the model's config, without a section ``synthetic``.

    Returns:
        A column for each feature and the target, as in a data file. The same stored model gives the same rows.

    Raises:
        DataError: no such model is stored, or it has other columns.
    """
    bundle = _latest(config)
    return imitate(config, bundle.contract, bundle.reference, bundle.tag), bundle.tag


def imitate(config: ModelConfig, contract: Contract, reference: Reference, tag: str) -> pd.DataFrame:
    """Sample rows from a reference, each column alone.

    Args:
        config: the columns of a row, and the class values of the data.
        contract: the contract of the model with the reference.
        reference: the distributions of its training data.
        tag: the tag of the model, for messages.

    Returns:
        See ``imitated_rows``.

    Raises:
        DataError: the model has other columns.
    """
    generator = np.random.default_rng(SEED)
    absent = [feature.name for feature in config.features if feature.name not in reference.features]
    if (
        absent
        or reference.target is None
        or isinstance(reference.target, dict)
        or contract.output.name != config.target.name
    ):
        problem = f"has no column {absent[0]!r}" if absent else f"has no distribution of {config.target.name!r}"
        raise DataError(
            f"rows for {config.name} cannot be generated: the stored model {tag} {problem}. Give a file with DATA=<path>, or"
            " add a section `synthetic` to the config (docs/configs.md)."
        )
    rows = int(np.clip(reference.target.count, ROWS_MIN, ROWS_MAX))
    columns: dict[str, Any] = {
        feature.name: _sampled_cells(reference.features[feature.name], feature, rows, generator)
        for feature in config.features
    }
    columns[config.target.name] = _target(reference.target, config, rows, generator)
    return pd.DataFrame(columns)


def _latest(config: ModelConfig) -> Bundle:
    from tabento.bundle.errors import BundleError
    from tabento.bundle.store import load_bundle  # imported only on use: BentoML takes a second

    try:
        return load_bundle(config.name)
    except BundleError as error:
        raise DataError(
            f"expected data for {config.name}, got none: its config has no section `synthetic`, and no model {config.name}"
            " is stored whose columns could be imitated. Give a file with DATA=<path>. After a model was trained on it,"
            " DATA=synthetic generates rows like those of the file. Or add the section (docs/configs.md)."
        ) from error


def _sampled_cells(
    distribution: NumberDistribution | CategoryDistribution, feature: Feature, rows: int, generator: np.random.Generator
) -> Any:
    """Sample a feature's cells."""
    if feature.type == "text":
        raise DataError(
            f"rows cannot be generated: {feature.name!r} holds texts, of which only the lengths are known. Give a file with"
            " DATA=<path>."
        )
    if isinstance(distribution, NumberDistribution):
        numbers = _numbers(distribution, rows, generator)
        numbers = np.clip(
            np.round(numbers) if feature.type in ("integer", "timestamp") else numbers, feature.lower, feature.upper
        )
        sampled = np.where(generator.random(rows) < distribution.null_rate, np.nan, numbers)
        return timestamp_texts(sampled) if feature.type == "timestamp" else sampled
    cells = _words(distribution.shares, rows, generator)
    if feature.nullable:
        cells[generator.random(rows) < distribution.null_rate] = None
    return cells


def _target(
    distribution: NumberDistribution | CategoryDistribution,
    config: ModelConfig,
    rows: int,
    generator: np.random.Generator,
) -> Any:
    """Sample the labels, as the values that the data has for them."""
    if isinstance(distribution, NumberDistribution):
        return _numbers(distribution, rows, generator)
    value_of_label = {label_key(item.label): item.value for item in config.target.classes or ()}
    return [value_of_label.get(word, word) for word in _words(distribution.shares, rows, generator)]


def _numbers(distribution: NumberDistribution, rows: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Sample numbers: a bin by its share, and a uniform position inside it; shape (rows,)."""
    edges = np.array([distribution.minimum, *distribution.edges, distribution.maximum])
    bins = generator.choice(len(distribution.shares), rows, p=_normalized(distribution.shares))
    numbers: NDArray[np.float64] = edges[bins + 1] - generator.random(rows) * (edges[bins + 1] - edges[bins])
    return numbers


def _words(shares: dict[str, float], rows: int, generator: np.random.Generator) -> NDArray[np.object_]:
    return generator.choice(np.array([*shares], dtype=object), rows, p=_normalized(tuple(shares.values())))


def _normalized(shares: tuple[float, ...]) -> NDArray[np.float64]:
    values = np.array(shares, dtype=np.float64)
    normalized: NDArray[np.float64] = values / values.sum()
    return normalized
