"""The loader: the one door through which data comes in, whatever its source, with a label that says which it was.

After it comes ``validation``; until then nothing about the values is promised.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import pandas as pd
from tenacity.wait import wait_base

from training.config import ModelConfig
from training.data.cells import timestamp_texts
from training.data.csv_table import csv_text, read_csv, read_stream
from training.data.download import WAIT, fetch, fetch_unpinned
from training.data.errors import DataError, DownloadError
from training.data.identity import SYNTHETIC, is_address, no_such_file, synthetic_source, synthetic_warning
from training.data.imitation import imitated_rows
from training.data.synthetic import generate

__all__ = ["DataError", "Dataset", "csv_text", "load_dataset", "read_csv"]

MISSING = ("", "NA")
"""What stands for a missing value in a CSV file; anything else that is no number is a fault of the file."""


@dataclass(frozen=True)
class Dataset:
    """Rows as they came, and where they came from."""

    frame: pd.DataFrame
    """All columns of the file, index 0 … N-1; categories are strings, other columns what pandas makes of them."""
    kind: Literal["real", "synthetic"]
    source: str
    """A file's name without its folder, an address, or the generator and its seed."""
    sha256: str
    """The checksum of the CSV file, or of the generated rows as CSV."""
    file: Path | None = None
    """Where the file lies that was read; None for rows that were made up."""


def load_dataset(
    config: ModelConfig,
    given: str | None,
    cache_folder: Path,
    warn: Callable[[str], None],
    *,
    wait: wait_base = WAIT,
) -> Dataset:
    """Load what was given, else the config's source, else synthetic rows.

    Args:
        config: The model's config.
        given: The path of a CSV file, an http(s) or kaggle address, the word ``synthetic``, or None.
        cache_folder: Where downloaded files are kept.
        warn: Called with one message whenever the rows are synthetic, whoever wanted it.
        wait: How long to wait between attempts to download.

    Raises:
        DataError: what was given cannot be read. There is no falling back on something else then.
        SyntheticError: the config's ``synthetic`` section is wrong.
    """
    if given == SYNTHETIC:
        return _made_up(config, "as asked for", warn)
    if given is not None and is_address(given):
        pinned = config.source is not None and given == config.source.url
        path = fetch(config.source, cache_folder, wait=wait) if pinned and config.source else None
        return _read(path or fetch_unpinned(given, cache_folder, wait=wait), given, config)
    if given is not None:
        path = Path(given).expanduser()
        return _read(path, path.name, config)
    if config.source is None:
        reason = "because the config names no source and no data was given with DATA=<path>"
        if config.synthetic is None:
            raise no_data(config, reason)
        return _made_up(config, reason, warn)
    try:
        path = fetch(config.source, cache_folder, wait=wait)
    except DownloadError as error:
        reason = f"because the real data could not be had: {error}"
        if config.synthetic is None:
            raise no_data(config, reason) from error
        return _made_up(config, reason, warn)
    return _read(path, config.source.url, config)


def synthetic_csv(config: ModelConfig) -> tuple[bytes, str]:
    """Return the CSV file of a config's synthetic rows, which is read in the place of a real one, and where it comes from.

    The same config, or the same stored model that is imitated, gives the same bytes.

    Raises:
        SyntheticError: the config's ``synthetic`` section is wrong.
        DataError: it has none, and no model is stored whose columns could be imitated.
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


def _made_up(config: ModelConfig, reason: str, warn: Callable[[str], None]) -> Dataset:
    """Generate rows and read them back as from a file, so that they pass through the same door as real ones."""
    content, source = synthetic_csv(config)
    frame, sha256 = _parsed(io.BytesIO(content), source, config)
    warn(synthetic_warning(config, len(frame), source, reason))
    return Dataset(frame, "synthetic", source, sha256)


def no_data(config: ModelConfig, reason: str) -> DataError:
    """Return the error for rows that would have to be made up although nobody asked for it."""
    return DataError(
        f"expected data for {config.name}, got none, {reason.rstrip('.')}; and the config has no section `synthetic` that"
        " says how to make it up. Give a file with DATA=<path>. (After a model was trained on it, DATA=synthetic makes up"
        " rows like those of the file.)"
    )


def _read(path: Path, source: str, config: ModelConfig) -> Dataset:
    """Read a CSV file."""
    try:
        with path.open("rb") as stream:
            frame, sha256 = _parsed(stream, source, config)
    except FileNotFoundError:
        raise no_such_file(path) from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. Expected a CSV file at DATA=<path>.") from error
    return Dataset(frame, "real", source, sha256, path)


def _parsed(stream: BinaryIO, source: str, config: ModelConfig) -> tuple[pd.DataFrame, str]:
    """Parse a CSV file with a config's categories, timestamps and identifiers as text, and return its checksum beside the rows."""
    text_columns = [feature.name for feature in config.features if feature.type in ("category", "timestamp", "text")]
    text_columns += [identifier.name for identifier in config.identifiers]
    return read_stream(stream, source, text_columns, _missing_texts(config))


def _missing_texts(config: ModelConfig) -> tuple[str, ...] | dict[str, tuple[str, ...]]:
    """Return what stands for a missing value: in every column, or by column where the config has texts for one."""
    if not any(feature.missing or feature.type == "text" for feature in config.features):
        return MISSING
    others = [config.target.name, *config.drop, *(identifier.name for identifier in config.identifiers)]
    # Any text is a value, an empty one and "NA" too.
    texts = {
        feature.name: () if feature.type == "text" else (*MISSING, *feature.missing) for feature in config.features
    }
    return {**dict.fromkeys(others, MISSING), **texts}
