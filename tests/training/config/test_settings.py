"""Settings are documented, have a defined precedence, and unknown settings are refused."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest
from pydantic import ValidationError

from tabento.errors import TabentoError
from tests.tabento.bundle.test_environment import SERVICES, injected_variables
from training.config.settings import ENV_PREFIX, TrainingSettings, load_settings


def test_every_setting_is_documented() -> None:
    """Each field is followed by a docstring."""
    body = ast.parse(inspect.getsource(TrainingSettings)).body[0]
    assert isinstance(body, ast.ClassDef)
    documented = {
        field.target.id
        for field, after in zip(body.body, body.body[1:], strict=False)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(after, ast.Expr)
        and isinstance(after.value, ast.Constant)
        and isinstance(after.value.value, str)
    }
    assert documented == set(TrainingSettings.model_fields)


def test_defaults_stay_in_the_working_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any setting a run writes to folders that git ignores, and downloads are allowed."""
    for name in ("ARTIFACTS_FOLDER", "REGISTRY_FOLDER", "JOBS", "TRACKING"):
        monkeypatch.delenv(f"{ENV_PREFIX}{name}", raising=False)
    settings = load_settings()
    assert (settings.data_folder, settings.runs_folder) == (Path("data"), Path("runs"))
    assert (settings.artifacts_folder, settings.registry_folder) == (Path("artifacts"), Path("registry"))
    assert settings.tracking
    assert (settings.tracking_uri, settings.data, settings.jobs) == (None, None, None)
    assert settings.download
    assert settings.allow_synthetic


def test_environment_wins_over_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable changes a setting; an empty variable is treated as absent."""
    monkeypatch.setenv(f"{ENV_PREFIX}DOWNLOAD", "false")
    monkeypatch.setenv(f"{ENV_PREFIX}RUNS_FOLDER", "")
    settings = load_settings()
    assert not settings.download
    assert settings.runs_folder == Path("runs")


def test_command_line_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """An option of the command line is used; None means that the option is absent."""
    monkeypatch.setenv(f"{ENV_PREFIX}DOWNLOAD", "false")
    monkeypatch.setenv(f"{ENV_PREFIX}RUNS_FOLDER", "elsewhere")
    settings = load_settings(download=True, runs_folder=None)
    assert settings.download
    assert settings.runs_folder == Path("elsewhere")


def test_impossible_value_names_variable_and_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that is not a boolean is an error that names the variable, the value and the remedy."""
    monkeypatch.setenv(f"{ENV_PREFIX}DOWNLOAD", "perhaps")
    with pytest.raises(TabentoError, match=r"TABENTO_TRAINING_DOWNLOAD: got 'perhaps'[\s\S]*Correct"):
        load_settings()


def test_misspelt_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown variable is an error that lists the known variables."""
    monkeypatch.setenv(f"{ENV_PREFIX}DOWNLAOD", "false")
    with pytest.raises(
        TabentoError, match=r"TABENTO_TRAINING_DOWNLAOD is not a setting; did you mean TABENTO_TRAINING_DOWNLOAD\?"
    ):
        load_settings()


@pytest.mark.parametrize("name", SERVICES)
def test_variables_of_a_kubernetes_service_are_ignored(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The injected variables of a Service whose name starts with the prefix or a setting change nothing."""
    before = load_settings()
    for variable, value in injected_variables(name).items():
        monkeypatch.setenv(variable, value)
    assert load_settings() == before


def test_an_address_is_never_the_value_of_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """If an injected variable has the name of a setting, the setting keeps its default."""
    monkeypatch.setenv(f"{ENV_PREFIX}DATA", "tcp://10.0.0.1:3000")
    assert load_settings().data is None


def test_unknown_key_is_refused() -> None:
    """Code that misspells a setting gets an error."""
    with pytest.raises(TabentoError, match="TABENTO_TRAINING_DWNLOAD"):
        load_settings(dwnload=True)


def test_settings_do_not_change() -> None:
    """Settings cannot be changed after they were read."""
    with pytest.raises(ValidationError, match="frozen"):
        load_settings().verbose = True  # type: ignore[misc]
