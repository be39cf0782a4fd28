"""The loader: it reads the data of a run from any source and labels it with that source.

The next step is ``validation``; before it the values are unchecked.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import pandas as pd

from tabento.remote.retry import RetryPolicy
from tabento.tables.cells import timestamp_texts
from tabento.tables.csv_table import csv_text, read_csv, read_stream
from tabento.tables.faults import DataError, DownloadError
from training.config import ModelConfig
from training.data.download import RETRY, fetch, fetch_unpinned
from training.data.identity import SYNTHETIC, is_address, no_such_file, synthetic_source, synthetic_warning
from training.data.imitation import imitated_rows
from training.data.synthetic import generate

__all__ = ["DataError", "Dataset", "csv_text", "load_dataset", "read_csv"]

MISSING = ("", "NA")
"""The texts of a missing value in a CSV file; any other text in a column of numbers is a fault of the file."""


@dataclass(frozen=True)
class Dataset:
    """Rows as they were read, and their source."""

    frame: pd.DataFrame
    """All columns of the file, index 0 … N-1; categories are strings, other columns have the types that pandas infers."""
    kind: Literal["real", "synthetic"]
    source: str
    """A file's name without its folder, an address, or the generator and its seed."""
    sha256: str
    """The checksum of the CSV file, or of the generated rows as CSV."""
    file: Path | None = None
    """The path of the file that was read; None for synthetic rows."""


def load_dataset(
    config: ModelConfig,
    requested: str | None,
    cache_folder: Path,
    warn: Callable[[str], None],
    *,
    retry: RetryPolicy = RETRY,
) -> Dataset:
    """Load the requested data, else the config's source, else synthetic rows.

    Args:
        config: The model's config.
        requested: The path of a CSV file, an http(s) or kaggle address, the word ``synthetic``, or None.
        cache_folder: The folder of downloaded files.
        warn: Called with one message if the rows are synthetic, also if they were requested.
        retry: The attempts to download.

    Raises:
        DataError: the requested data cannot be read. No other data replaces it.
        SyntheticError: the config's ``synthetic`` section is wrong.
    """
    if requested == SYNTHETIC:
        return _synthetic_dataset(config, "as requested", warn)
    if requested is not None and is_address(requested):
        pinned = config.source is not None and requested == config.source.url
        path = fetch(config.source, cache_folder, retry=retry) if pinned and config.source else None
        return _read(path or fetch_unpinned(requested, cache_folder, retry=retry), requested, config)
    if requested is not None:
        path = Path(requested).expanduser()
        return _read(path, path.name, config)
    if config.source is None:
        reason = "because the config names no source and no data was given with DATA=<path>"
        if config.synthetic is None:
            raise no_data(config, reason)
        return _synthetic_dataset(config, reason, warn)
    try:
        path = fetch(config.source, cache_folder, retry=retry)
    except DownloadError as error:
        reason = f"because the real data is not available: {error}"
        if config.synthetic is None:
            raise no_data(config, reason) from error
        return _synthetic_dataset(config, reason, warn)
    return _read(path, config.source.url, config)


def synthetic_csv(config: ModelConfig) -> tuple[bytes, str]:
    """Return the CSV file of a config's synthetic rows, which replaces a real file, and its source.

    The same config, or the same imitated model, gives the same bytes.

    Raises:
        SyntheticError: the config's ``synthetic`` section is wrong.
        DataError: the config has no such section, and no stored model can be imitated.
    """
    if config.synthetic is not None:
        frame, source = generate(config.synthetic), synthetic_source(config.synthetic)
        for feature in config.features:
            if feature.type == "timestamp" and pd.api.types.is_numeric_dtype(frame[feature.name]):
                frame[feature.name] = timestamp_texts(frame[feature.name].to_numpy(dtype=np.float64, na_value=np.nan))
    else:
        frame, tag = imitated_rows(config)
        source = f"synthetic, columns like those of {tag}"
    return frame.to_csv(index=False, lineterminator="\n").encode(), source


def _synthetic_dataset(config: ModelConfig, reason: str, warn: Callable[[str], None]) -> Dataset:
    """Generate rows and read them like a file, so that they pass the same checks as real rows."""
    content, source = synthetic_csv(config)
    frame, sha256 = _parse(io.BytesIO(content), source, config)
    warn(synthetic_warning(config, len(frame), source, reason))
    return Dataset(frame, "synthetic", source, sha256)


def no_data(config: ModelConfig, reason: str) -> DataError:
    """Return the error for a run without data if synthetic rows were not requested and cannot be generated."""
    return DataError(
        f"expected data for {config.name}, got none, {reason.rstrip('.')}; and the config has no section `synthetic` to"
        " generate it. Give a file with DATA=<path>. (After a model was trained on it, DATA=synthetic generates rows like"
        " those of the file.)"
    )


def _read(path: Path, source: str, config: ModelConfig) -> Dataset:
    """Read a CSV file."""
    try:
        with path.open("rb") as stream:
            frame, sha256 = _parse(stream, source, config)
    except FileNotFoundError:
        raise no_such_file(path) from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. Expected a CSV file at DATA=<path>.") from error
    return Dataset(frame, "real", source, sha256, path)


def _parse(stream: BinaryIO, source: str, config: ModelConfig) -> tuple[pd.DataFrame, str]:
    """Parse a CSV file with a config's categories, timestamps and identifiers as text; return the rows and the checksum."""
    text_columns = [feature.name for feature in config.features if feature.type in ("category", "timestamp", "text")]
    text_columns += [identifier.name for identifier in config.identifiers]
    return read_stream(stream, source, text_columns, _missing_texts(config))


def _missing_texts(config: ModelConfig) -> tuple[str, ...] | dict[str, tuple[str, ...]]:
    """Return the texts of a missing value: for every column, or by column if the config lists texts for one."""
    if not any(feature.missing or feature.type == "text" for feature in config.features):
        return MISSING
    other_columns = [config.target.name, *config.drop, *(identifier.name for identifier in config.identifiers)]
    # In a column of texts every text is a value, also an empty one and "NA".
    texts = {
        feature.name: () if feature.type == "text" else (*MISSING, *feature.missing) for feature in config.features
    }
    return {**dict.fromkeys(other_columns, MISSING), **texts}
