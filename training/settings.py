"""The settings of a run: what depends on the machine, not on the model. What depends on the model is in its config.

Order: command line > environment (``TABENTO_TRAINING_…``) > ``.env`` > profile > default, see ``bundle.env_files``. The serving side has ``TABENTO_…`` without
``TRAINING`` and refuses what it does not know, so that a misspelt setting is never silently lost; so does this one.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from bundle.env_files import EnvironmentFileError, environment_files
from bundle.environment import refused_variables, variables_of_settings, without_injected
from training.errors import TrainingError

ENV_PREFIX = "TABENTO_TRAINING_"


class TrainingSettings(BaseSettings):
    """Where a run keeps its files and how it gets its data."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, env_ignore_empty=True, extra="forbid", frozen=True)

    data_folder: Path = Path("data")
    """Where downloaded data is kept between runs."""
    runs_folder: Path = Path("runs")
    """Where each run leaves its report: ``<name>/<version>/``, with ``<name>/index.html`` leading to all of them."""
    registry_folder: Path = Path("registry")
    """Where the registry is if no ``tracking_uri`` is given: which versions there are, which one serves, who decided that
    and why. No command deletes it; back it up."""
    artifacts_folder: Path = Path("artifacts")
    """Where the stages of a model keep what they made: ``<name>/<stage>/``."""
    data: str | None = None
    """The data where none is given: a CSV file, an http(s) address, or the word ``synthetic``; ``{name}`` in it stands for
    the config's name."""
    download: bool = True
    """Whether the real data may be downloaded when no data is given; if not, the run uses synthetic data at once."""
    allow_synthetic: bool = True
    """Whether a run may use synthetic data at all; if not, it stops where the real data cannot be had."""
    latency_budget_s: Annotated[float, Field(gt=0, le=600)] = 3.0
    """How many seconds the measurement of latency takes; longer gives steadier figures. It is repeated, up to three times in
    all, if a busy machine leaves a limit of the gate undecided."""
    jobs: Annotated[int, Field(ge=1)] | None = None
    """How many processes fit at the same time in cross-validations; by default as many as there are cores. The figures
    do not depend on it."""
    parallel: bool = False
    """Whether the study of the data runs in a process of its own while the features are studied. What is made is the same."""
    tracking: bool = True
    """Whether runs are recorded in MLflow."""
    tracking_uri: str | None = None
    """The MLflow server or database that records runs and keeps the registry; by default SQLite in the registry folder."""
    verbose: bool = False
    """Whether an error that is told in words shows its traceback as well."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the command line first, then the environment without what an orchestrator injected, then the files."""
        assert isinstance(env_settings, EnvSettingsSource)
        assert isinstance(dotenv_settings, DotEnvSettingsSource)
        env_settings.env_vars = without_injected(env_settings.env_vars)
        dotenv_settings.env_vars = variables_of_settings(dotenv_settings.env_vars, ENV_PREFIX, cls.model_fields)
        return init_settings, env_settings, dotenv_settings


def load_settings(folder: Path = Path(), **given: Any) -> TrainingSettings:
    """Read the settings; what the command line gave wins over the environment, None stands for not given.

    Args:
        folder: where ``.env`` and ``configs/profiles`` are looked for.
        **given: what the command line gave, by the setting's name.

    Raises:
        TrainingError: a value is impossible, or a key or ``TABENTO_TRAINING_…`` variable is unknown; faults are named.
    """
    known = [ENV_PREFIX + name.upper() for name in TrainingSettings.model_fields]
    try:
        files = environment_files(folder, os.environ)
        if refused := refused_variables(os.environ, files, ENV_PREFIX, known, None):
            raise TrainingError(refused)
    except EnvironmentFileError as error:
        raise TrainingError(str(error)) from error
    try:
        return TrainingSettings(_env_file=files, **{key: value for key, value in given.items() if value is not None})
    except ValidationError as error:
        lines = [
            f"  {ENV_PREFIX}{'.'.join(map(str, fault['loc'])).upper()}: got {fault['input']!r}: {fault['msg']}"
            for fault in error.errors(include_url=False)
        ]
        raise TrainingError(
            "the settings are not valid:\n"
            + "\n".join(lines)
            + "\nCorrect the environment, "
            + "".join(f"{path}, " for path in files)
            + "or the command line."
        ) from error
