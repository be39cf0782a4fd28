"""How commands read a config: with the values of the command line, and with all faults of config and data at once."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from training.errors import ConfigError

if TYPE_CHECKING:
    from training.config import ModelConfig
    from training.progress import Progress
    from training.settings import TrainingSettings


def add_overrides(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--set``."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="overrides",
        metavar="KEY=VALUE",
        help="a value in place of the config's, as in --set estimator.params.max_iter=200; repeatable",
    )


def read_config(given: argparse.Namespace, settings: TrainingSettings, progress: Progress) -> ModelConfig:
    """Read the config of a command; if it is wrong, look at the data as well, so that one run tells everything.

    Raises:
        ConfigError: with the faults of the config and of the data.
        DataError: a data file was given that is not there.
    """
    from training.config import load_config
    from training.data.identity import require_data

    try:
        config = load_config(given.config, progress.warn, given.overrides)
    except ConfigError as error:
        if error.usable is None:
            raise
        from training.run import data_faults

        faults = data_faults(error.usable, given.data, settings)
        if faults is None:
            raise
        raise ConfigError(f"{error}\n{faults}") from error
    require_data(config, given.data, settings)
    return config
