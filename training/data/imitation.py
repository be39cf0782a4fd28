"""Imitation: rows made up from the distributions that a stored model keeps of its training data.

A config of one's own data need not say how to make it up. Each column is drawn by itself, so nothing is related to
anything: such rows try out a run or a service, and teach a model nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bundle.contract import Contract, Feature, label_key
from bundle.reference import CategoryDistribution, NumberDistribution, Reference
from training.config import ModelConfig
from training.data.cells import timestamp_texts
from training.data.errors import DataError

if TYPE_CHECKING:
    from bundle.store import Bundle

ROWS_MIN, ROWS_MAX = 500, 10_000
"""So many rows are made: as many as the model was trained on, within these ends."""
SEED = 42


def imitated_rows(config: ModelConfig) -> tuple[pd.DataFrame, str]:
    """Return rows like those on which the latest stored model of a config was trained, and its tag.

    Args:
        config: names the model; has no section ``synthetic``.

    Returns:
        A column for each feature and the target, as a file would have them. The same stored model gives the same rows.

    Raises:
        DataError: no such model is stored, or it has other columns.
    """
    bundle = _latest(config)
    return imitate(config, bundle.contract, bundle.reference, bundle.tag), bundle.tag


def imitate(config: ModelConfig, contract: Contract, reference: Reference, tag: str) -> pd.DataFrame:
    """Draw rows from a reference, each column by itself.

    Args:
        config: says which columns a row has, and how the data writes its classes.
        contract: of the model whose reference it is.
        reference: how its training data was distributed.
        tag: the model's, for messages.

    Returns:
        As ``imitated_rows``.

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
        what = f"has no column {absent[0]!r}" if absent else f"does not know how {config.target.name!r} was distributed"
        raise DataError(
            f"rows for {config.name} cannot be made up: the stored model {tag} {what}. Give a file with DATA=<path>, or"
            " add a section `synthetic` to the config (docs/configs.md)."
        )
    rows = int(np.clip(reference.target.count, ROWS_MIN, ROWS_MAX))
    columns: dict[str, Any] = {
        feature.name: _drawn(reference.features[feature.name], feature, rows, generator) for feature in config.features
    }
    columns[config.target.name] = _target(reference.target, config, rows, generator)
    return pd.DataFrame(columns)


def _latest(config: ModelConfig) -> Bundle:
    from bundle.errors import BundleError
    from bundle.store import load_bundle  # only where it is wanted: BentoML takes a second to import

    try:
        return load_bundle(config.name)
    except BundleError as error:
        raise DataError(
            f"expected data for {config.name}, got none: its config has no section `synthetic`, and no model {config.name}"
            " is stored whose columns could be imitated. Give a file with DATA=<path>. After a model was trained on it,"
            " DATA=synthetic makes up rows like those of the file. Or add the section (docs/configs.md)."
        ) from error


def _drawn(
    distribution: NumberDistribution | CategoryDistribution, feature: Feature, rows: int, generator: np.random.Generator
) -> Any:
    """Draw a feature's cells."""
    if feature.type == "text":
        raise DataError(
            f"rows cannot be made up: {feature.name!r} holds texts, of which only the lengths are known. Give a file with"
            " DATA=<path>."
        )
    if isinstance(distribution, NumberDistribution):
        numbers = _numbers(distribution, rows, generator)
        numbers = np.clip(
            np.round(numbers) if feature.type in ("integer", "timestamp") else numbers, feature.lower, feature.upper
        )
        drawn = np.where(generator.random(rows) < distribution.null_rate, np.nan, numbers)
        return timestamp_texts(drawn) if feature.type == "timestamp" else drawn
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
    """Draw the labels as the data writes them."""
    if isinstance(distribution, NumberDistribution):
        return _numbers(distribution, rows, generator)
    written = {label_key(item.label): item.value for item in config.target.classes or ()}
    return [written.get(word, word) for word in _words(distribution.shares, rows, generator)]


def _numbers(distribution: NumberDistribution, rows: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Draw numbers: a bin by its share, and a place inside it; shape (rows,)."""
    edges = np.array([distribution.minimum, *distribution.edges, distribution.maximum])
    bins = generator.choice(len(distribution.shares), rows, p=_normed(distribution.shares))
    numbers: NDArray[np.float64] = edges[bins + 1] - generator.random(rows) * (edges[bins + 1] - edges[bins])
    return numbers


def _words(shares: dict[str, float], rows: int, generator: np.random.Generator) -> NDArray[np.object_]:
    return generator.choice(np.array([*shares], dtype=object), rows, p=_normed(tuple(shares.values())))


def _normed(shares: tuple[float, ...]) -> NDArray[np.float64]:
    values = np.array(shares, dtype=np.float64)
    normed: NDArray[np.float64] = values / values.sum()
    return normed
