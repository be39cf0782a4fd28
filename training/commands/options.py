"""The options that commands share, and the invocation that carries their values to the settings."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tabento.command_line.commands import CommandState, SectionedOption, verbose_option

if TYPE_CHECKING:
    from training.config.settings import TrainingSettings
    from training.progress import Progress

DATA_SECTION = "Data"
FOLDERS_SECTION = "Folders and tracking"
PATH = click.Path(path_type=Path)
"""A path that is not checked here: the message of a command names the remedy."""
FORMER_DATABASE = "mlflow.db"
"""The file of the registry in the runs folder of former versions, see ``training.registry.tracking.former_place``."""


@dataclass
class Invocation(CommandState):
    """One call of a command: the values of its options that are settings."""

    values: dict[str, Any] = field(default_factory=dict)
    """By the setting's name; None for an option that was not given."""

    def begin(
        self,
        config: Path | None = None,
        *,
        is_for_shell: bool = False,
        moves_registry: bool = False,
        needs_home: bool = False,
        finishes_records: bool = False,
    ) -> tuple[TrainingSettings, Progress]:
        """Read the settings and prepare what a command needs.

        Args:
            config: the config that must exist.
            is_for_shell: whether stdout is read by a program; progress then goes to stderr.
            moves_registry: whether a registry of a former version is moved to its present folder.
            needs_home: whether the model store must be writable.
            finishes_records: whether records that an earlier command left are entered into MLflow.

        Raises:
            ConfigError: the config does not exist.
            TabentoError: a setting is not valid.
            PreflightError: the model store cannot be written.
        """
        from training.errors import ConfigError

        if config is not None and not config.exists():
            raise ConfigError(f"there is no config {config}")
        from training.config.settings import load_settings
        from training.progress import Progress

        settings = load_settings(**self.values, verbose=self.verbose or None)
        self.verbose = settings.verbose
        progress = Progress(out=sys.stderr if is_for_shell else sys.stdout)
        if moves_registry:
            _move_registry(settings)
        if needs_home:
            from training.commands.preflight import require_home

            require_home()
        if finishes_records:
            from training.stages.unrecorded import finish_records

            finish_records(settings, Progress(out=sys.stderr))
        return settings, progress


def _move_registry(settings: TrainingSettings) -> None:
    """Move a registry from its folder in former versions, and report it on stderr."""
    if settings.tracking_uri is None and (settings.runs_folder / FORMER_DATABASE).is_file():
        from training.registry.tracking.former_place import move_former_registry

        if (move := move_former_registry(settings)) is not None:
            click.echo(move.in_words, err=True)


def setting_option(*declarations: str, section: str, **attributes: Any) -> SectionedOption:
    """Return an option whose value becomes the setting of its name."""

    def keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
        assert parameter.name is not None
        context.ensure_object(Invocation).values[parameter.name] = value

    return SectionedOption(declarations, section=section, expose_value=False, callback=keep, **attributes)


def config_option(*, required: bool = True) -> SectionedOption:
    """Return the option ``--config`` of commands that read a config."""
    return SectionedOption(["--config"], type=PATH, required=required, metavar="YAML", help="the model's config")


def data_folder_option(help_text: str, section: str = DATA_SECTION) -> SectionedOption:
    """Return the option ``--data-folder``."""
    return setting_option("--data-folder", type=PATH, metavar="DIR", section=section, help=help_text)


def data_options() -> list[click.Parameter]:
    """Return the options of commands that read data: its source, and values in place of the config's."""
    return [
        SectionedOption(
            ["--data"],
            metavar="CSV",
            section=DATA_SECTION,
            help="a CSV file, an http(s) address, or the word synthetic (default: the config's source, else synthetic)",
        ),
        data_folder_option("the folder of downloaded data (default: data)"),
        setting_option(
            "--download/--no-download",
            default=None,
            section=DATA_SECTION,
            help="whether the real data may be downloaded; if not, synthetic data is used (default: yes)",
        ),
        setting_option(
            "--allow-synthetic/--no-allow-synthetic",
            default=None,
            section=DATA_SECTION,
            help="whether synthetic data may be used; if not, the run fails without real data (default: yes)",
        ),
        SectionedOption(
            ["--set", "overrides"],
            multiple=True,
            metavar="KEY=VALUE",
            help="a value in place of the config's, as in --set estimator.params.max_iter=200; repeatable",
        ),
    ]


def tracking_options() -> list[click.Parameter]:
    """Return the options of commands that read or write the registry."""
    return [
        setting_option(
            "--runs-folder",
            type=PATH,
            metavar="DIR",
            section=FOLDERS_SECTION,
            help="the folder of each run's report, plots and card (default: runs)",
        ),
        setting_option(
            "--tracking-uri",
            metavar="URI",
            section=FOLDERS_SECTION,
            help="the MLflow server or database (default: in the registry folder)",
        ),
        setting_option(
            "--registry-folder",
            type=PATH,
            metavar="DIR",
            section=FOLDERS_SECTION,
            help="the folder of the registry; back it up (default: registry)",
        ),
    ]


def training_options() -> list[click.Parameter]:
    """Return the options of commands that train, besides the options of their data."""
    return [
        *tracking_options(),
        setting_option(
            "--artifacts-folder",
            type=PATH,
            metavar="DIR",
            section=FOLDERS_SECTION,
            help="the folder of the stages' outputs (default: artifacts)",
        ),
        setting_option(
            "--jobs",
            type=int,
            metavar="N",
            section=FOLDERS_SECTION,
            help="the number of processes that cross-validate (default: the number of cores)",
        ),
        setting_option(
            "--tracking/--no-tracking",
            default=None,
            section=FOLDERS_SECTION,
            help="whether the run is recorded and the model registered in MLflow (default: yes)",
        ),
    ]


def model_options() -> list[click.Parameter]:
    """Return the options of commands that train the model of a config."""
    return [config_option(), *data_options(), *training_options(), verbose_option()]
