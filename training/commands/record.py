"""``tabento record``: enter into MLflow what ``tabento ensure --record-later`` has stored."""

from __future__ import annotations

from pathlib import Path

import click

from tabento.command_line.commands import SectionedCommand
from training.commands import entries
from training.commands.configs import read_config
from training.commands.options import Invocation, model_options


def record(invocation: Invocation, config: Path, data: str | None, overrides: tuple[str, ...]) -> int:
    """Record the stored models of a config; return 1 if MLflow could not be used.

    Raises:
        ConfigError, DataError: see ``training.commands.configs.read_config``.
    """
    settings, progress = invocation.begin(config)
    from training.stages.unrecorded import finish_records

    model_config = read_config(config, data, overrides, settings, progress)
    return 0 if finish_records(settings, progress, model_config.name) else 1


command = SectionedCommand(
    "record", callback=click.pass_obj(record), help=entries.RECORD.help, epilog=entries.EXAMPLES, params=model_options()
)
