"""The data that a run requests, and its identity before a row is read.

This module runs before the loader and imports nothing slow, because it decides whether a model is stored already. A file is
identified by its checksum, a pinned source by the checksum in the config, and synthetic rows by the config.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import urlsplit

from tabento.bundle.checksums import file_sha256
from tabento.tables.faults import DataError
from training.config import ModelConfig, Source, Synthetic
from training.config.settings import TrainingSettings

SYNTHETIC = "synthetic"
"""The word that requests synthetic rows in place of a path."""
KAGGLE_SCHEME = "kaggle://"
PLAIN_SUFFIX = ".csv"
_ARCHIVE_SUFFIXES = {".zip": ".zip", ".tgz": ".tgz", ".gz": ".tgz"}


@dataclass(frozen=True)
class DataIdentity:
    """The identity of the rows that a model learns from."""

    kind: Literal["real", "synthetic"]
    sha256: str | None
    """The checksum of the CSV file; None for synthetic rows, which follow from the config's ``synthetic`` section."""


def requested_data(config: ModelConfig, given_data: str | None, settings: TrainingSettings) -> str | None:
    """Return the data that a run requests: the argument, else the setting, else None for the config's source."""
    requested = given_data if given_data is not None else settings.data
    if requested is not None:
        return requested.replace("{name}", config.name)
    # Rows are imitated only on request.
    return SYNTHETIC if not settings.download and config.synthetic is not None else None


def require_data(config: ModelConfig, given_data: str | None, settings: TrainingSettings) -> None:
    """Refuse a file that does not exist, before the slow imports of the loader.

    Raises:
        DataError: the file does not exist.
    """
    requested = requested_data(config, given_data, settings)
    if requested is None or requested == SYNTHETIC or is_address(requested):
        return
    path = Path(requested).expanduser()
    if not path.exists():
        raise no_such_file(path)


def real_data(config: ModelConfig, requested: str | None, cache_folder: Path) -> DataIdentity | None:
    """Return the identity of the real rows that a run requests; None if it is known only after loading them.

    Args:
        config: The model's config.
        given: From ``requested_data``.
        cache_folder: Where downloaded files are kept.

    Raises:
        DataError: the file does not exist.
    """
    if requested == SYNTHETIC:
        return None
    if requested is None or is_address(requested):
        source = config.source
        pinned = source is not None and requested in (None, source.url)
        return _source_identity(source, cache_folder) if pinned and source is not None else None
    path = Path(requested).expanduser()
    try:
        return DataIdentity("real", file_sha256(path))
    except FileNotFoundError:
        raise no_such_file(path) from None
    except OSError:
        return None


def _source_identity(source: Source, cache_folder: Path) -> DataIdentity | None:
    """Return the checksum of a pinned source's CSV file: the config's checksum, or that of the file from its archive."""
    if cached_suffix(source.url) == PLAIN_SUFFIX:
        return DataIdentity("real", source.sha256)
    try:
        return DataIdentity("real", file_sha256(cache_folder / f"{source.sha256}{PLAIN_SUFFIX}"))
    except OSError:
        return None


def is_address(data: str) -> bool:
    """Return whether data is an address that is downloaded."""
    return data.lower().startswith(("http://", "https://", KAGGLE_SCHEME))


def cached_suffix(url: str) -> str:
    """Return the suffix of the cached file of an address."""
    return _ARCHIVE_SUFFIXES.get(PurePosixPath(urlsplit(url).path).suffix.lower(), PLAIN_SUFFIX)


def no_such_file(path: Path) -> DataError:
    """Return the error for a named file that does not exist."""
    return DataError(f"there is no file {path}: expected a CSV file. Correct DATA=<path>.")


def synthetic_source(synthetic: Synthetic) -> str:
    """Return the name of synthetic rows as a data source: the generator and its seed."""
    return f"synthetic, seed {synthetic.seed}"


def synthetic_warning(config: ModelConfig, rows: int, source: str, reason: str) -> str:
    """Return the warning about a model of synthetic rows, whether they were requested or not."""
    note = "" if config.synthetic is not None else " Each column is generated alone, so there is nothing to learn."
    return (
        f"SYNTHETIC DATA: {config.name} is trained on {rows:,} synthetic rows ({source}), {reason.rstrip('.')}.{note} The"
        " model is for trying things out, not for real answers."
    )
