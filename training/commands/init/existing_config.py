"""An existing config: ``make serve DATA=… TARGET=…`` keeps it if it predicts the same target."""

from __future__ import annotations

from pathlib import Path

from training.commands.init.errors import InitError
from training.commands.init.source import InitRequest, open_source
from training.config import load_config
from training.progress import Progress


def keep_existing_config(request: InitRequest, progress: Progress) -> Path | None:
    """Return the data of an existing config; None if no config exists or it is to be replaced.

    The data is converted again if necessary: the file might have changed.

    Raises:
        ConfigError: the config is not valid.
        InitError: it predicts another column, or the data cannot be read.
        DataError: the data is not a well-formed table.
    """
    if request.force or not request.out.exists():
        return None
    config = load_config(request.out)
    if config.target.name != request.target:
        raise InitError(
            f"{request.out} is there already and predicts {config.target.name!r}; expected {request.target!r}. Give another"
            " name (NAME=other), or --force (ARGS=--force) to replace it."
        )
    with progress.step(f"Read {request.data.name}") as step:
        source = open_source(request)
        step.detail = f"{source.table.rows_in_file:,} rows; {request.out} is there already and is kept"
    return source.path
