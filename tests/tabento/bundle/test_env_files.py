"""Settings from `.env` and from a profile: their order, and errors with the file and the line."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from serving.settings import ENV_PREFIX as SERVING_PREFIX
from serving.settings import ServingSettings, SettingsError
from serving.settings import load_settings as load_serving
from tabento.bundle.env_files import (
    FILE_VARIABLE,
    PROFILE_VARIABLE,
    PROFILES_FOLDER,
    SECRETS_VARIABLE,
    EnvironmentFileError,
    environment_files,
    read_environment_file,
)
from tabento.errors import TabentoError
from training.config.settings import ENV_PREFIX as TRAINING_PREFIX
from training.config.settings import TrainingSettings
from training.config.settings import load_settings as load_training

ROOT = Path(__file__).parents[3]
SETTINGS: dict[str, type[BaseSettings]] = {SERVING_PREFIX: ServingSettings, TRAINING_PREFIX: TrainingSettings}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the profile `staging`, whose `.env` is read."""
    monkeypatch.delenv(FILE_VARIABLE)
    (tmp_path / PROFILES_FOLDER).mkdir(parents=True)
    (tmp_path / PROFILES_FOLDER / "staging.env").write_text("TABENTO_MAX_ROWS=30\nTABENTO_WORKERS=3\n")
    return tmp_path


def test_the_environment_wins_over_env_over_profile_over_yaml(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Order: environment, `.env`, profile, YAML, default."""
    (folder / "configs/serving.yaml").write_text("max_rows: 40\nworkers: 4\nslice_rows: 4\nonnx_threads: 4\n")
    (folder / ".env").write_text("TABENTO_PROFILE=staging\nTABENTO_MAX_ROWS=20\nTABENTO_SLICE_ROWS=2\n")
    monkeypatch.setenv("TABENTO_SLICE_ROWS", "1")
    settings = load_serving(folder)
    assert (settings.slice_rows, settings.max_rows, settings.workers, settings.onnx_threads) == (1, 20, 3, 4)


def test_training_reads_the_same_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One file contains the settings of both sides. The command line has precedence, and None means that it has no value."""
    monkeypatch.delenv("TABENTO_TRAINING_JOBS")
    (folder / ".env").write_text(
        "TABENTO_TRAINING_JOBS=7\nTABENTO_TRAINING_RUNS_FOLDER=r\nTABENTO_MAX_ROWS=5\nOTHER=1\n"
    )
    settings = load_training(folder, runs_folder=Path("given"), verbose=None)
    assert (settings.jobs, settings.runs_folder) == (7, Path("given"))
    assert load_serving(folder).max_rows == 5


def test_an_unknown_variable_is_refused_with_its_file(folder: Path) -> None:
    """A mistyped setting in a file is refused as one in the environment is, and the file is named."""
    (folder / ".env").write_text("TABENTO_MAX_ROW=5\n")
    with pytest.raises(SettingsError, match=r"unknown in .*\.env: TABENTO_MAX_ROW .* did you mean TABENTO_MAX_ROWS"):
        load_serving(folder)
    (folder / ".env").write_text("TABENTO_TRAINING_JOB=5\n")
    with pytest.raises(TabentoError, match=r"unknown in .*\.env: .* did you mean TABENTO_TRAINING_JOBS"):
        load_training(folder)


def test_an_impossible_value_names_the_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error about an impossible value names the files that can contain the setting."""
    (folder / ".env").write_text("TABENTO_WORKERS=many\n")
    with pytest.raises(SettingsError, match=r"(?s)\.env.*many"):
        load_serving(folder)
    monkeypatch.delenv("TABENTO_TRAINING_JOBS")
    (folder / ".env").write_text("TABENTO_TRAINING_JOBS=none\n")
    with pytest.raises(TabentoError, match=r"(?s)none.*\.env"):
        load_training(folder)


@pytest.mark.parametrize(
    ("text", "line"), [("A=1\nnonsense\n", 2), ("A=1\n\n\n=5\n", 4), ("A='open\n", 1)], ids=["word", "no_name", "quote"]
)
def test_a_line_that_is_no_variable_is_named_without_its_text(folder: Path, text: str, line: int) -> None:
    """The message has the number of the line but not its text, which may be a secret."""
    (folder / ".env").write_text(text)
    with pytest.raises(EnvironmentFileError, match=rf"\.env, line {line}: expected NAME=value") as error:
        read_environment_file(folder / ".env")
    message = str(error.value).replace(str(folder), "")
    assert not any(word in message for word in ("nonsense", "open", "=5"))
    with pytest.raises(SettingsError, match="expected NAME=value"):
        load_serving(folder)
    with pytest.raises(TabentoError, match="expected NAME=value"):
        load_training(folder)


def test_quotes_comments_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    """The file is read as people write such files."""
    path = tmp_path / "x.env"
    path.write_bytes(b"\xef\xbb\xbfA='one two'\r\nexport B=\"3\" # three\n# C=4\nD=\nE=${A}\n")
    assert read_environment_file(path) == {"A": "one two", "B": "3", "D": "", "E": "${A}"}


def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    """The error about a file in another encoding is a sentence."""
    path = tmp_path / "x.env"
    path.write_bytes(b"A=\xff\n")
    with pytest.raises(EnvironmentFileError, match="UTF-8"):
        read_environment_file(path)


def test_another_file_can_be_named(folder: Path) -> None:
    """TABENTO_ENV_FILE names a mounted file in place of `.env`, none if it is empty; a missing file is an error."""
    (folder / ".env").write_text("TABENTO_PROFILE=nowhere\n")
    (folder / "secret").write_text("A=1\n")
    assert environment_files(folder, {FILE_VARIABLE: "secret"}) == (folder / "secret",)
    assert environment_files(folder, {FILE_VARIABLE: ""}) == ()
    with pytest.raises(EnvironmentFileError, match=r"TABENTO_ENV_FILE names .*absent, which is not a file"):
        environment_files(folder, {FILE_VARIABLE: "absent"})


def test_an_unknown_profile_is_refused_with_the_choice(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The error lists the existing profiles, and a path is not a profile."""
    for profile in ("production", "../staging", "staging.env"):
        with pytest.raises(EnvironmentFileError, match=r"The profiles are staging\."):
            environment_files(folder, {PROFILE_VARIABLE: profile})
    with pytest.raises(EnvironmentFileError, match=r"none: .* holds no .env file"):
        environment_files(tmp_path_factory.mktemp("empty"), {PROFILE_VARIABLE: "local"})


@pytest.mark.parametrize("profile", ["local", "staging", "production"])
def test_the_shipped_profiles_load_on_both_sides(profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each profile of the repository is valid, and those for others than developers refuse synthetic data."""
    monkeypatch.setenv(PROFILE_VARIABLE, profile)
    load_serving(ROOT)
    assert load_training(ROOT).allow_synthetic == (profile == "local")


def test_the_example_shows_every_setting_at_its_default(tmp_path: Path) -> None:
    """`.env.example` names each setting of both sides once, commented out, and is valid if the comments are taken away."""
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    assert all(not line or line.startswith("#") for line in lines)
    assignments = [line.removeprefix("# ") for line in lines if line.startswith("# TABENTO_")]
    names = [line.partition("=")[0] for line in assignments]
    expected = [prefix + name.upper() for prefix, cls in SETTINGS.items() for name in cls.model_fields]
    assert sorted(names) == sorted([PROFILE_VARIABLE, SECRETS_VARIABLE, *expected])
    (tmp_path / ".env").write_text(
        "\n".join(line for line in assignments if not line.endswith("=") and PROFILE_VARIABLE not in line)
    )
    with pytest.MonkeyPatch.context() as patch:
        for name in [FILE_VARIABLE, *expected]:
            patch.delenv(name, raising=False)
        folder = tmp_path / ServingSettings().rollout_folder  # a relative path starts at the folder of the settings
        assert load_serving(tmp_path) == ServingSettings().model_copy(update={"rollout_folder": folder})
        assert load_training(tmp_path) == TrainingSettings()
