"""The settings of a run: values that depend on the computer. Values that depend on the model are in its config.

Order: command line > environment (``TABENTO_TRAINING_…``) > ``.env`` > profile > default, see ``tabento.bundle.env_files``.
The serving side has ``TABENTO_…`` without ``TRAINING``. Both sides refuse unknown settings, so that a misspelt setting is
never ignored silently.
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

from tabento.bundle.env_files import EnvironmentFileError, environment_files
from tabento.bundle.environment import refused_variables, variables_of_settings, without_injected
from tabento.bundle.secret_files import check_secret_files, secrets_folder
from tabento.errors import TabentoError

ENV_PREFIX = "TABENTO_TRAINING_"


class TrainingSettings(BaseSettings):
    """The folders of a run and the source of its data."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, env_ignore_empty=True, extra="forbid", frozen=True)

    data_folder: Path = Path("data")
    """The folder of downloaded data, which is kept between runs."""
    runs_folder: Path = Path("runs")
    """The folder of the reports of runs: ``<name>/<version>/``; ``<name>/index.html`` links to all of them."""
    registry_folder: Path = Path("registry")
    """The folder of the registry if no ``tracking_uri`` is set: the versions, the version that serves, who decided that and
    why. No command deletes it; back it up."""
    artifacts_folder: Path = Path("artifacts")
    """The folder of the results of a model's stages: ``<name>/<stage>/``."""
    data: str | None = None
    """The data if the command line names none: a CSV file, an http(s) address, or the word ``synthetic``; ``{name}`` in it
    is replaced by the config's name."""
    download: bool = True
    """Whether the real data may be downloaded if no data is given; if not, the run uses synthetic data immediately."""
    allow_synthetic: bool = True
    """Whether a run may use synthetic data at all; if not, it stops if the real data is not available."""
    latency_budget_s: Annotated[float, Field(gt=0, le=600)] = 3.0
    """The duration of the measurement of latency in seconds; a longer one gives steadier results. It is repeated, up to
    three times in total, if a busy computer leaves a limit of the gate undecided."""
    jobs: Annotated[int, Field(ge=1)] | None = None
    """The number of processes that fit at the same time in cross-validations; by default the number of cores. The metrics
    do not depend on it."""
    parallel: bool = False
    """Whether the study of the data runs in a process of its own while the features are studied. The results are the same."""
    tracking: bool = True
    """Whether runs are recorded in MLflow."""
    tracking_uri: str | None = None
    """The MLflow server or database that records runs and keeps the registry; by default SQLite in the registry folder."""
    signing_key_file: Path | None = None
    """The private key that signs each bundle that a run stores, see ``tabento sign``; null: bundles are not signed."""
    verbose: bool = False
    """Whether the message of an error is followed by its traceback."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the command line first, then the environment without injected variables, then secrets, then the files."""
        assert isinstance(env_settings, EnvSettingsSource)
        assert isinstance(dotenv_settings, DotEnvSettingsSource)
        env_settings.env_vars = without_injected(env_settings.env_vars)
        dotenv_settings.env_vars = variables_of_settings(dotenv_settings.env_vars, ENV_PREFIX, cls.model_fields)
        return init_settings, env_settings, file_secret_settings, dotenv_settings


def load_settings(folder: Path = Path(), **options: Any) -> TrainingSettings:
    """Read the settings. Options of the command line take precedence over the environment.

    Args:
        folder: the folder of ``.env`` and ``configs/profiles``.
        **options: options of the command line, by the setting's name; None means that the option is absent.

    Raises:
        TabentoError: a value is impossible, or a key or ``TABENTO_TRAINING_…`` variable is unknown; the message lists all.
    """
    known_variables = [ENV_PREFIX + name.upper() for name in TrainingSettings.model_fields]
    try:
        files = environment_files(folder, os.environ)
        if refusal := refused_variables(os.environ, files, ENV_PREFIX, known_variables, None):
            raise TabentoError(refusal)
        secrets = secrets_folder(folder, os.environ, files)
        if secrets is not None:
            check_secret_files(secrets, ENV_PREFIX, known_variables, None)
    except EnvironmentFileError as error:
        raise TabentoError(str(error)) from error
    try:
        present = {key: value for key, value in options.items() if value is not None}
        return TrainingSettings(_env_file=files, _secrets_dir=secrets, **present)
    except ValidationError as error:
        lines = [
            f"  {ENV_PREFIX}{'.'.join(map(str, fault['loc'])).upper()}: got {fault['input']!r}: {fault['msg']}"
            for fault in error.errors(include_url=False)
        ]
        raise TabentoError(
            "the settings are not valid:\n"
            + "\n".join(lines)
            + "\nCorrect the environment, "
            + "".join(f"{path}, " for path in (*files, *([secrets] if secrets else [])))
            + "or the command line."
        ) from error
