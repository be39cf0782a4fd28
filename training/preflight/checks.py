"""The checks of a run, in two lots: what is needed even to look at the data, and what only training needs.

A model that is stored already is served without the second lot: neither its estimator's package nor the registry is
needed for that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from training.preflight.folders import room_problems, write_problem
from training.preflight.home import bentoml_home, home_problem
from training.preflight.packages import package_problems
from training.preflight.registry import registry_problem

if TYPE_CHECKING:
    from tenacity.wait import wait_base

    from training.config import ModelConfig
    from training.settings import TrainingSettings

_QUICK = ("fit", "export", "gate", "register")


def before_reading(config: ModelConfig, settings: TrainingSettings, given_data: str | None = None) -> list[str]:
    """Return what stands in the way of getting data and keeping what is made of it, a line each.

    Args:
        config: the model.
        settings: the folders, and whether data may be downloaded.
        given_data: what ``--data`` gave.
    """
    problems = [
        home_problem(),
        write_problem(
            settings.artifacts_folder, "What the stages make", "Choose another folder with --artifacts-folder"
        ),
    ]
    if _downloads(config, settings, given_data):
        problems.append(
            write_problem(settings.data_folder, "Downloaded data", "Choose another folder with --data-folder")
        )
    return [problem for problem in problems if problem]


def before_training(
    config: ModelConfig,
    settings: TrainingSettings,
    given_data: str | None = None,
    *,
    steps: Sequence[str] = _QUICK,
    wait: wait_base | None = None,
) -> list[str]:
    """Return what stands in the way of training and storing a model, a line each.

    Args:
        config: the model.
        settings: folders, and where runs are recorded.
        given_data: what ``--data`` gave.
        steps: the stages that will run.
        wait: how long to wait between attempts to reach the registry.
    """
    problems = list(package_problems(config, steps))
    folders = [settings.artifacts_folder]
    if "register" in steps:
        problems += _lines(
            write_problem(settings.runs_folder, "Reports", "Choose another folder with --runs-folder"),
        )
        home = bentoml_home()
        folders += [settings.runs_folder, *([home] if home else [])]
    problems += _lines(registry_problem(settings, wait))
    given = given_data if given_data is not None else settings.data
    return problems + room_problems(folders, _size(given and given.replace("{name}", config.name)))


def _lines(*problems: str | None) -> Iterable[str]:
    return (problem for problem in problems if problem)


def _downloads(config: ModelConfig, settings: TrainingSettings, given_data: str | None) -> bool:
    """Say whether data will be downloaded: a source that was downloaded before needs no folder that can be written."""
    given = given_data if given_data is not None else settings.data
    if given is not None:
        return given.lower().startswith(("http://", "https://"))
    if config.source is None or not settings.download:
        return False
    return not any(settings.data_folder.glob(f"{config.source.sha256}*"))


def _size(given_data: str | None) -> int:
    """Return the size of a file of data in bytes; 0 if it is not a file here, which its reader will say."""
    try:
        return Path(given_data).expanduser().stat().st_size if given_data else 0
    except (OSError, ValueError, RuntimeError):
        return 0
