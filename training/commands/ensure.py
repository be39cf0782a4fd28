"""``tabento ensure``: the tag of a stored model, which is trained first if the store does not have it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tabento.command_line.commands import SectionedCommand, SectionedOption
from training.commands import entries
from training.commands.configs import read_config
from training.commands.options import Invocation, model_options
from training.commands.preflight import before_reading, before_training, require_none
from training.commands.preflight.home import is_any_stored

if TYPE_CHECKING:
    from training.config import ModelConfig
    from training.config.settings import TrainingSettings
    from training.progress import Progress


def ensure(
    invocation: Invocation, config: Path, data: str | None, overrides: tuple[str, ...], record_later: bool
) -> None:
    """Print the tag of a stored bundle alone on stdout; train first if there is none.

    Raises:
        Exception: as for ``ensured_tag``.
    """
    settings, progress = invocation.begin(config, is_for_shell=True, moves_registry=True)
    model_config = read_config(config, data, overrides, settings, progress)
    click.echo(ensured_tag(model_config, data, settings, progress, record_later=record_later))


def ensured_tag(
    config: ModelConfig,
    data: str | None,
    settings: TrainingSettings,
    progress: Progress,
    *,
    problems: Sequence[str] = (),
    record_later: bool = False,
) -> str:
    """Return the tag of a stored bundle of a config and data; train if there is none.

    The checks of training run immediately if no version is stored. Else they run when training turns out to be needed: a
    stored model needs neither its estimator's package nor the registry.

    Args:
        config: the model.
        data: the value of ``--data``.
        settings: folders, and whether downloads and synthetic data are allowed.
        progress: gets the messages.
        problems: the problems that the caller found; they are reported together with those found here.
        record_later: whether the record in MLflow is left to ``tabento record``.

    Raises:
        PreflightError: a check found a problem; nothing was read or fitted.
        Exception: as for ``training.stages.stored_model.ensure_model``.
    """

    def training_problems() -> list[str]:
        return before_training(config, settings, data)

    all_problems = [*problems, *before_reading(config, settings, data)]
    is_stored = is_any_stored(config.name)
    require_none(all_problems if is_stored else [*all_problems, *training_problems()])
    from training.report import write_index_at_end
    from training.stages import stored_model

    with write_index_at_end(settings, config):
        return stored_model.ensure_model(
            config,
            data,
            settings,
            progress,
            before_training=lambda: require_none(training_problems() if is_stored else []),
            record_later=record_later,
        )


command = SectionedCommand(
    "ensure",
    callback=click.pass_obj(ensure),
    help=entries.ENSURE.help,
    epilog=entries.EXAMPLES,
    params=[
        *model_options(),
        SectionedOption(
            ["--record-later"],
            is_flag=True,
            help="leave the record in MLflow to `tabento record`, so that the model can be served immediately",
        ),
    ],
)
