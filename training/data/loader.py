"""The loader: the one door through which data comes in, whatever its source, with a label that says which it was.

After it comes ``validation``; until then nothing about the values is promised.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd
from tenacity.wait import wait_base

from training.config import ModelConfig
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


def _made_up(config: ModelConfig, reason: str, warn: Callable[[str], None]) -> Dataset:
    """Generate rows and read them back as from a file, so that they pass through the same door as real ones."""
    content = generate(config.synthetic).to_csv(index=False, lineterminator="\n").encode()
    source = f"synthetic, seed {config.synthetic.seed}"
    warn(
        f"SYNTHETIC DATA: {config.name} is trained on {config.synthetic.rows:,} made-up rows ({source}), {reason.rstrip('.')}."
        " The model is for trying things out, not for real answers."
    )
    return Dataset(_parsed(content, source, config), "synthetic", source, hashlib.sha256(content).hexdigest())


def _read(path: Path, source: str, config: ModelConfig) -> Dataset:
    """Read a CSV file."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"there is no file {path}: expected a CSV file. Correct DATA=<path>.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. Expected a CSV file at DATA=<path>.") from error
    return Dataset(_parsed(content, source, config), "real", source, hashlib.sha256(content).hexdigest())


def _parsed(content: bytes, source: str, config: ModelConfig) -> pd.DataFrame:
    """Parse a CSV file with a config's categories as text."""
    text_columns = [feature.name for feature in config.features if feature.type == "category"]
    return read_csv(csv_text(content, source), source, text_columns, MISSING)


def csv_text(content: bytes, source: str) -> str:
    """Decode a comma-separated file in UTF-8, with or without a byte order mark, and look at its header.

    Args:
        content: the file's bytes.
        source: its name, for messages.

    Raises:
        DataError: the file is empty, not UTF-8, has another delimiter or a header that repeats a name.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{source}: expected UTF-8, got byte {content[error.start]:#04x} at {error.start}.") from error
    if not text.strip():
        raise DataError(f"{source} is empty: expected a CSV file with a header and rows.")
    _check_header(next(csv.reader(io.StringIO(text))), source)
    return text


def read_csv(
    text: str, source: str, text_columns: Iterable[str], missing: Sequence[str] | Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """Parse decoded CSV, refusing what pandas would gloss over.

    Args:
        text: from ``csv_text``.
        source: the file's name, for messages.
        text_columns: columns that stay text, whatever they look like.
        missing: what stands for a missing value, in every column or by column.

    Raises:
        DataError: the rows are uneven, or there are none.
    """
    try:
        frame = pd.read_csv(
            io.StringIO(text),
            dtype=dict.fromkeys(text_columns, str),
            keep_default_na=False,
            na_values={name: list(values) for name, values in missing.items()}
            if isinstance(missing, Mapping)
            else list(missing),
            low_memory=False,
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DataError(f"{source} is no well-formed CSV file: {str(error).strip()}. Correct the file.") from error
    if not isinstance(frame.index, pd.RangeIndex):
        raise DataError(f"{source}: its rows have more values than the header has names. Correct the header.")
    if frame.empty:
        raise DataError(f"{source} has a header but no rows.")
    return frame


def _check_header(header: list[str], source: str) -> None:
    """Refuse a header that is cut at the wrong character or names a column twice."""
    for delimiter, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if len(header) == 1 and delimiter in header[0]:
            raise DataError(f"{source}: expected commas between the columns, got {name}. Save it as CSV with commas.")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise DataError(
            f"{source}: expected distinct names in the header, got {', '.join(map(repr, twice))} more than once."
            " Rename or remove the column."
        )
