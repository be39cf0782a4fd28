"""What data a run asks for, and what identifies it before a row of it is read.

It stands before the loader and imports nothing that takes time: whether a model is stored already is decided by it. A file
is identified by its checksum, a pinned source by the checksum that the config names, and made-up rows by the config.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import urlsplit

from bundle.manifest import sha256_of
from training.config import ModelConfig, Source, Synthetic
from training.data.errors import DataError
from training.settings import TrainingSettings

SYNTHETIC = "synthetic"
"""What stands for made-up rows in the place of a path."""
KAGGLE_SCHEME = "kaggle://"
PLAIN_SUFFIX = ".csv"
_ARCHIVE_SUFFIXES = {".zip": ".zip", ".tgz": ".tgz", ".gz": ".tgz"}


@dataclass(frozen=True)
class DataIdentity:
    """What decides which rows a model learns from."""

    kind: Literal["real", "synthetic"]
    sha256: str | None
    """The checksum of the CSV file; None for made-up rows, which follow from the config's ``synthetic`` section."""


def wanted(config: ModelConfig, given_data: str | None, settings: TrainingSettings) -> str | None:
    """Return the data that a run asks for: what was given, else the setting, else None for the config's source."""
    given = given_data if given_data is not None else settings.data
    if given is not None:
        return given.replace("{name}", config.name)
    # Rows are imitated only for somebody who asks for them.
    return SYNTHETIC if not settings.download and config.synthetic is not None else None


def require_data(config: ModelConfig, given_data: str | None, settings: TrainingSettings) -> None:
    """Refuse a file that is not there before what reads files is imported.

    Raises:
        DataError: there is no such file.
    """
    given = wanted(config, given_data, settings)
    if given is None or given == SYNTHETIC or is_address(given):
        return
    path = Path(given).expanduser()
    if not path.exists():
        raise no_such_file(path)


def real_data(config: ModelConfig, given: str | None, cache_folder: Path) -> DataIdentity | None:
    """Return what identifies the real rows that a run asks for; None where only loading them can tell.

    Args:
        config: The model's config.
        given: From ``wanted``.
        cache_folder: Where downloaded files are kept.

    Raises:
        DataError: there is no such file.
    """
    if given == SYNTHETIC:
        return None
    if given is None or is_address(given):
        source = config.source
        pinned = source is not None and given in (None, source.url)
        return _of_source(source, cache_folder) if pinned and source is not None else None
    path = Path(given).expanduser()
    try:
        return DataIdentity("real", sha256_of(path))
    except FileNotFoundError:
        raise no_such_file(path) from None
    except OSError:
        return None


def _of_source(source: Source, cache_folder: Path) -> DataIdentity | None:
    """Return the checksum of a pinned source's CSV file: its own, or that of the file unpacked from its archive."""
    if cached_suffix(source.url) == PLAIN_SUFFIX:
        return DataIdentity("real", source.sha256)
    try:
        return DataIdentity("real", sha256_of(cache_folder / f"{source.sha256}{PLAIN_SUFFIX}"))
    except OSError:
        return None


def is_address(given: str) -> bool:
    """Say whether data was given as an address that is downloaded."""
    return given.lower().startswith(("http://", "https://", KAGGLE_SCHEME))


def cached_suffix(url: str) -> str:
    """Return under which suffix the file of an address lies in the cache."""
    return _ARCHIVE_SUFFIXES.get(PurePosixPath(urlsplit(url).path).suffix.lower(), PLAIN_SUFFIX)


def no_such_file(path: Path) -> DataError:
    """Return the error for a file that was named and is not there."""
    return DataError(f"there is no file {path}: expected a CSV file. Correct DATA=<path>.")


def synthetic_source(synthetic: Synthetic) -> str:
    """Return by which words made-up rows are known: the generator and its seed."""
    return f"synthetic, seed {synthetic.seed}"


def synthetic_warning(config: ModelConfig, rows: int, source: str, reason: str) -> str:
    """Return what is told of a model of made-up rows, whoever wanted it."""
    alone = "" if config.synthetic is not None else " Each column is made up by itself, so there is nothing to learn."
    return (
        f"SYNTHETIC DATA: {config.name} is trained on {rows:,} made-up rows ({source}), {reason.rstrip('.')}.{alone} The"
        " model is for trying things out, not for real answers."
    )
