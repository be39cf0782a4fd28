"""The checks of a run in two groups: those for reading the data, and those for training.

A stored model is served without the second group: serving needs neither the estimator's package nor the registry.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from training.commands.preflight.folders import room_problems, write_problem
from training.commands.preflight.home import bentoml_home, home_problem
from training.commands.preflight.packages import package_problems
from training.commands.preflight.registry import registry_problem

if TYPE_CHECKING:
    from tabento.remote.retry import RetryPolicy
    from training.config import ModelConfig
    from training.config.settings import TrainingSettings

_QUICK = ("fit", "export", "gate", "register")


def before_reading(config: ModelConfig, settings: TrainingSettings, data: str | None = None) -> list[str]:
    """Return the problems that prevent reading the data and storing the stages' outputs, one line each.

    Args:
        config: the model.
        settings: the folders, and whether data may be downloaded.
        data: the value of ``--data``.
    """
    problems = [
        home_problem(),
        write_problem(
            settings.artifacts_folder, "The outputs of the stages", "Choose another folder with --artifacts-folder"
        ),
    ]
    if _downloads(config, settings, data):
        problems.append(
            write_problem(settings.data_folder, "Downloaded data", "Choose another folder with --data-folder")
        )
    return [problem for problem in problems if problem]


def before_training(
    config: ModelConfig,
    settings: TrainingSettings,
    data: str | None = None,
    *,
    steps: Sequence[str] = _QUICK,
    retry: RetryPolicy | None = None,
) -> list[str]:
    """Return the problems that prevent training and storing a model, one line each.

    Args:
        config: the model.
        settings: folders, and where runs are recorded.
        data: the value of ``--data``.
        steps: the stages that will run.
        retry: the attempts to reach the registry.
    """
    problems = list(package_problems(config, steps))
    folders = [settings.artifacts_folder]
    if "register" in steps:
        problems += _present(write_problem(settings.runs_folder, "Reports", "Choose another folder with --runs-folder"))
        problems += _present(_signing_problem(settings))
        home = bentoml_home()
        folders += [settings.runs_folder, *([home] if home else [])]
    problems += _present(registry_problem(settings, retry))
    source = data if data is not None else settings.data
    return problems + room_problems(folders, _size(source and source.replace("{name}", config.name)))


def _signing_problem(settings: TrainingSettings) -> str | None:
    from training.stages.signing import signing_problem  # a missing config is reported without this import

    return signing_problem(settings)


def _present(problem: str | None) -> list[str]:
    return [problem] if problem else []


def _downloads(config: ModelConfig, settings: TrainingSettings, data: str | None) -> bool:
    """Return whether data will be downloaded. A source that was downloaded before needs no writable folder."""
    source = data if data is not None else settings.data
    if source is not None:
        return source.lower().startswith(("http://", "https://"))
    if config.source is None or not settings.download:
        return False
    return not any(settings.data_folder.glob(f"{config.source.sha256}*"))


def _size(data: str | None) -> int:
    """Return the size of a data file in bytes; 0 if it is not a local file, which its reader will report."""
    try:
        return Path(data).expanduser().stat().st_size if data else 0
    except (OSError, ValueError, RuntimeError):
        return 0
