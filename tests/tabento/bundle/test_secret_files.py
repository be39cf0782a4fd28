"""Settings from a folder with one secret per file: their order, and errors without values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from serving.settings import SettingsError
from serving.settings import load_settings as load_serving
from tabento.bundle.env_files import FILE_VARIABLE, SECRETS_VARIABLE
from tabento.errors import TabentoError
from training.config.settings import load_settings as load_training

REDIS = "redis://:hidden@redis.example:6379/0"


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of secrets that the environment names; `.env` of the folder above is read."""
    monkeypatch.delenv(FILE_VARIABLE)
    monkeypatch.setenv(SECRETS_VARIABLE, "secrets")
    folder = tmp_path / "secrets"
    folder.mkdir()
    return folder


def test_a_secret_wins_over_env_and_not_over_the_environment(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Order: environment, secrets, `.env`. Line ends around a value are removed."""
    for name, value in {"tabento_redis_url": f"{REDIS}\n", "tabento_max_rows": "7", "tabento_workers": "3"}.items():
        (secrets / name).write_text(value)
    (secrets.parent / ".env").write_text("TABENTO_MAX_ROWS=8\nTABENTO_SLICE_ROWS=4\n")
    monkeypatch.setenv("TABENTO_WORKERS", "2")
    settings = load_serving(secrets.parent)
    assert settings.redis_url is not None
    assert settings.redis_url.get_secret_value() == REDIS
    assert (settings.max_rows, settings.slice_rows, settings.workers) == (7, 4, 2)


def test_mounted_secrets_are_links_beside_secrets_of_others(secrets: Path) -> None:
    """Kubernetes mounts links to a hidden folder; both sides share one folder, and other programs' files are ignored."""
    hidden = secrets / "..data"
    hidden.mkdir()
    values = {
        "tabento_redis_url": REDIS,
        "TABENTO_TRAINING_TRACKING_URI": "http://mlflow:5000",
        "postgres_password": "",
    }
    for name, value in values.items():
        (hidden / name).write_text(value)
        (secrets / name).symlink_to(Path("..data", name))
    assert load_serving(secrets.parent).redis_url is not None
    assert load_training(secrets.parent).tracking_uri == "http://mlflow:5000"


def test_env_can_name_the_folder(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`.env` can name the folder; an empty variable means that there is no folder."""
    (secrets / "tabento_max_rows").write_text("7")
    (secrets.parent / ".env").write_text(f"{SECRETS_VARIABLE}=secrets\n")
    monkeypatch.delenv(SECRETS_VARIABLE)
    assert load_serving(secrets.parent).max_rows == 7
    monkeypatch.setenv(SECRETS_VARIABLE, "")
    assert load_serving(secrets.parent).max_rows == 1_000


def _mistyped(folder: Path) -> None:
    (folder / "tabento_redis_ur").write_text(REDIS)


def _empty(folder: Path) -> None:
    (folder / "tabento_redis_url").write_text(" \n")


def _folder_as_file(folder: Path) -> None:
    (folder / "tabento_redis_url").mkdir()


def _binary(folder: Path) -> None:
    (folder / "tabento_redis_url").write_bytes(b"\xff\xfe")


def _write_twice(folder: Path) -> None:
    for name in ("tabento_redis_url", "TABENTO_REDIS_URL"):
        (folder / name).write_text(REDIS)


def _impossible(folder: Path) -> None:
    (folder / "tabento_redis_url").write_text("http://hidden")


def _missing(folder: Path) -> None:
    folder.rmdir()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_mistyped, r"unknown in .*secrets: TABENTO_REDIS_UR .* did you mean TABENTO_REDIS_URL"),
        (_empty, r"secrets/tabento_redis_url is empty; expected"),
        (_folder_as_file, r"secrets/tabento_redis_url cannot be read: Is a directory"),
        (_binary, r"secrets/tabento_redis_url is not UTF-8 text"),
        (_write_twice, r"has TABENTO_REDIS_URL and tabento_redis_url, which are one setting"),
        (_impossible, r"(?s)secrets.*redis_url: got a value that is not shown"),
        (_missing, r"TABENTO_SECRETS_FOLDER names .*secrets, which is not a folder"),
    ],
)
def test_a_wrong_secret_is_one_error_without_its_value(
    secrets: Path, damage: Callable[[Path], None], message: str
) -> None:
    """The error names the file and its remedy, and never contains the value."""
    damage(secrets)
    with pytest.raises(SettingsError, match=message) as error:
        load_serving(secrets.parent)
    assert "hidden" not in str(error.value)


def test_training_refuses_wrong_secrets(secrets: Path) -> None:
    """Training names a mistyped secret of its own, and ignores the secrets of serving."""
    (secrets / "tabento_max_row").write_text("7")
    load_training(secrets.parent)
    (secrets / "tabento_training_tracking_ur").write_text("http://mlflow:5000")
    with pytest.raises(TabentoError, match="did you mean TABENTO_TRAINING_TRACKING_URI"):
        load_training(secrets.parent)
