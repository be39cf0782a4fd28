"""How commands read a config: with the values of the command line, and with all faults of config and data at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from training.errors import ConfigError

if TYPE_CHECKING:
    from training.config import ModelConfig
    from training.config.settings import TrainingSettings
    from training.progress import Progress


def read_config(
    path: Path, data: str | None, overrides: Sequence[str], settings: TrainingSettings, progress: Progress
) -> ModelConfig:
    """Read the config of a command; if it is wrong, look at the data as well, so that one run reports all errors.

    Args:
        path: the config.
        data: the value of ``--data``.
        overrides: the values of ``--set``.
        settings: folders, and whether downloads are allowed.
        progress: gets warnings.

    Raises:
        ConfigError: with the faults of the config and of the data.
        DataError: a data file was given that is not there.
    """
    from training.config import load_config
    from training.data.identity import require_data

    try:
        config = load_config(path, progress.warn, overrides)
    except ConfigError as error:
        if error.usable is None:
            raise
        from training.stages.run import data_faults

        faults = data_faults(error.usable, data, settings)
        if faults is None:
            raise
        raise ConfigError(f"{error}\n{faults}") from error
    require_data(config, data, settings)
    return config
