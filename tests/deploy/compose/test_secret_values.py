"""The secrets of a stack: made once, kept, readable by containers, and repaired if one is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.compose.secret_values import API_KEYS, KEYS_FILE, PASSWORDS, prepare_secrets, read_secret, write_secret
from deploy.errors import StackError
from serving.settings import load_settings
from tabento.keys.key_file import read_keys
from tabento.keys.secret import digest_of


def _prepare(folder: Path) -> dict[str, str]:
    prepare_secrets(folder, "redis:6379", "postgres:5432")
    return {path.name: path.read_text(encoding="utf-8") for path in (folder / "secrets").iterdir()}


def test_secrets_are_made_once(tmp_path: Path) -> None:
    """A second preparation changes no secret, since volumes contain the passwords of the first one."""
    values = _prepare(tmp_path)
    keys = (tmp_path / KEYS_FILE).read_bytes()
    assert len({values[name] for name in PASSWORDS}) == len(PASSWORDS)
    assert all(len(values[name]) >= 40 for name in PASSWORDS)
    assert _prepare(tmp_path) == values
    assert (tmp_path / KEYS_FILE).read_bytes() == keys


def test_addresses_follow_the_passwords(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service accepts the addresses of Redis and Postgres as its secrets, and other secrets do not disturb it."""
    values = _prepare(tmp_path)
    monkeypatch.setenv("TABENTO_SECRETS_FOLDER", str(tmp_path / "secrets"))
    settings = load_settings(tmp_path)
    assert settings.redis_url is not None
    assert settings.redis_url.get_secret_value() == f"redis://:{values['redis_password']}@redis:6379/0"
    assert settings.feedback_url is not None
    assert (
        settings.feedback_url.get_secret_value()
        == f"postgresql://feedback:{values['feedback_password']}@postgres:5432/feedback"
    )
    assert values["redis_auth"] == f"requirepass {values['redis_password']}\n"
    assert (
        values["mlflow_backend_uri"] == f"postgresql+psycopg://mlflow:{values['mlflow_password']}@postgres:5432/mlflow"
    )


def test_each_api_key_has_its_scopes(tmp_path: Path) -> None:
    """Clients, Prometheus and operators have keys of their own."""
    values = _prepare(tmp_path)
    records = {record.id: record for record in read_keys(tmp_path / KEYS_FILE)}
    assert set(records) == {"client", "prometheus", "admin"}
    for name, scopes in API_KEYS.items():
        record = records[name.removesuffix("_api_key")]
        assert record.scopes == frozenset(scopes)
        assert record.digest == digest_of(values[name])


def test_a_lost_key_is_replaced(tmp_path: Path) -> None:
    """A key whose secret is lost gets a new one; a lost key file is written again with new secrets."""
    values = _prepare(tmp_path)
    (tmp_path / "secrets" / "client_api_key").unlink()
    repaired = _prepare(tmp_path)
    assert repaired["client_api_key"] != values["client_api_key"]
    assert repaired["admin_api_key"] == values["admin_api_key"]
    (tmp_path / KEYS_FILE).unlink()
    renewed = _prepare(tmp_path)
    digests = {record.digest for record in read_keys(tmp_path / KEYS_FILE)}
    assert digests == {digest_of(renewed[name]) for name in API_KEYS}


def test_only_the_owner_enters_the_folder(tmp_path: Path) -> None:
    """The files can be read by the users of containers, which get them by mounts; the folder is closed to other users."""
    write_secret(tmp_path, "x", "value")
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "secrets" / "x").stat().st_mode & 0o777 == 0o444
    write_secret(tmp_path, "x", "changed")
    assert read_secret(tmp_path, "x") == "changed"
    assert [path.name for path in (tmp_path / "secrets").iterdir()] == ["x"]


def test_errors_name_the_file(tmp_path: Path) -> None:
    """A folder that cannot be written, a damaged key file and a missing secret are one error each."""
    (tmp_path / "secrets").write_text("not a folder")
    with pytest.raises(StackError, match=r"secrets/redis_password cannot be written: .*Choose another folder"):
        prepare_secrets(tmp_path, "redis:6379", "postgres:5432")
    with pytest.raises(StackError, match=r"secrets/x cannot be read: .*make compose"):
        read_secret(tmp_path, "x")
    (tmp_path / "secrets").unlink()
    (tmp_path / "keys").mkdir()
    (tmp_path / KEYS_FILE).write_text("damaged")
    with pytest.raises(StackError, match=r"keys\.json"):
        prepare_secrets(tmp_path, "redis:6379", "postgres:5432")
