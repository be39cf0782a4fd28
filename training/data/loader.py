"""The loader: the one door through which data comes in, whatever its source, with a label that says which it was.

After it comes ``validation``; until then nothing about the values is promised.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import pandas as pd
from tenacity.wait import wait_base

from training.config import ModelConfig, Synthetic
from training.data.csv_table import csv_text, read_csv, read_stream
from training.data.download import WAIT, fetch, fetch_unpinned
from training.data.errors import DataError, DownloadError
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
        given: The path of a CSV file, an http(s) address, the word ``synthetic``, or None.
        cache_folder: Where downloaded files are kept.
        warn: Called with one message whenever the rows are synthetic, whoever wanted it.
        wait: How long to wait between attempts to download.

    Raises:
        DataError: what was given cannot be read. There is no falling back on something else then.
        SyntheticError: the config's ``synthetic`` section is wrong.
    """
    if given == "synthetic":
        return _made_up(config, "as asked for", warn)
    if given is not None and given.lower().startswith(("http://", "https://")):
        pinned = config.source is not None and given == config.source.url
        path = fetch(config.source, cache_folder, wait=wait) if pinned and config.source else None
        return _read(path or fetch_unpinned(given, cache_folder, wait=wait), given, config)
    if given is not None:
        path = Path(given).expanduser()
        return _read(path, path.name, config)
    if config.source is None:
        return _made_up(config, "because the config names no source and no data was given with DATA=<path>", warn)
    try:
        path = fetch(config.source, cache_folder, wait=wait)
    except DownloadError as error:
        return _made_up(config, f"because the real data could not be had: {error}", warn)
    return _read(path, config.source.url, config)


def synthetic_csv(config: ModelConfig) -> bytes:
    """Return a config's synthetic rows as the CSV file that is read in their place; the same config gives the same bytes.

    Raises:
        SyntheticError: the config's ``synthetic`` section is wrong.
    """
    return generate(_synthetic(config)).to_csv(index=False, lineterminator="\n").encode()


def _synthetic(config: ModelConfig, reason: str = "as asked for") -> Synthetic:
    if config.synthetic is None:
        raise DataError(
            f"expected data for {config.name}, got none: rows would have to be made up, {reason.rstrip('.')}, but the"
            " config has no section `synthetic`. Give a file with DATA=<path>, or add the section (docs/configs.md)."
        )
    return config.synthetic


def _made_up(config: ModelConfig, reason: str, warn: Callable[[str], None]) -> Dataset:
    """Generate rows and read them back as from a file, so that they pass through the same door as real ones."""
    spec = _synthetic(config, reason)
    content = synthetic_csv(config)
    source = f"synthetic, seed {spec.seed}"
    warn(
        f"SYNTHETIC DATA: {config.name} is trained on {spec.rows:,} made-up rows ({source}), {reason.rstrip('.')}."
        " The model is for trying things out, not for real answers."
    )
    frame, sha256 = _parsed(io.BytesIO(content), source, config)
    return Dataset(frame, "synthetic", source, sha256)


def _read(path: Path, source: str, config: ModelConfig) -> Dataset:
    """Read a CSV file."""
    try:
        with path.open("rb") as stream:
            frame, sha256 = _parsed(stream, source, config)
    except FileNotFoundError:
        raise DataError(f"there is no file {path}: expected a CSV file. Correct DATA=<path>.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. Expected a CSV file at DATA=<path>.") from error
    return Dataset(frame, "real", source, sha256, path)


def _parsed(stream: BinaryIO, source: str, config: ModelConfig) -> tuple[pd.DataFrame, str]:
    """Parse a CSV file with a config's categories and identifiers as text, and return its checksum beside the rows."""
    text_columns = [feature.name for feature in config.features if feature.type == "category"]
    text_columns += [identifier.name for identifier in config.identifiers]
    return read_stream(stream, source, text_columns, _missing_texts(config))


def _missing_texts(config: ModelConfig) -> tuple[str, ...] | dict[str, tuple[str, ...]]:
    """Return what stands for a missing value: in every column, or by column where the config has texts for one."""
    if not any(feature.missing for feature in config.features):
        return MISSING
    others = [config.target.name, *config.drop, *(identifier.name for identifier in config.identifiers)]
    texts = {feature.name: (*MISSING, *feature.missing) for feature in config.features}
    return {**dict.fromkeys(others, MISSING), **texts}
