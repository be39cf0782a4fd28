"""The passwords and API keys of a stack: made once, then kept, each in a file of its own.

Compose mounts such a file into the containers that need it. The containers run as users of their own, so each file is
readable by all users, and the folder by its owner only: a bind mount does not pass through the folder.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from deploy.errors import StackError
from tabento.keys.changes import create_key, rotate_key
from tabento.keys.errors import KeysError
from tabento.keys.key_file import Records, change_keys
from tabento.keys.record import Scope, utc_now
from tabento.keys.secret import new_secret

SECRETS_FOLDER = "secrets"
KEYS_FILE = "keys/keys.json"
PASSWORDS = ("redis_password", "postgres_password", "feedback_password", "mlflow_password", "grafana_password")
API_KEYS: Mapping[str, tuple[Scope, ...]] = {
    "client_api_key": ("predict", "feedback"),
    "prometheus_api_key": ("read",),
    "admin_api_key": ("read", "admin"),
}
"""The scopes of each API key. The name of a file without ``_api_key`` is the id of the key."""
_PASSWORD_BYTES = 32
_SECRET_MODE = 0o444
_FOLDER_MODE = 0o700


def read_secret(folder: Path, name: str) -> str:
    """Return a secret of a prepared folder.

    Raises:
        StackError: it does not exist or cannot be read.
    """
    try:
        return (folder / SECRETS_FOLDER / name).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise StackError(
            f"{folder / SECRETS_FOLDER / name} cannot be read: {error.strerror}. Run `make compose` again."
        ) from error


def write_secret(folder: Path, name: str, value: str) -> None:
    """Write a secret; a reader sees the former or the new value, never a part.

    Raises:
        StackError: the file cannot be written.
    """
    path = folder / SECRETS_FOLDER / name
    temporary_path = path.with_name(f".{name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.parent.chmod(_FOLDER_MODE)
        temporary_path.unlink(missing_ok=True)
        temporary_path.touch(mode=0o600)
        temporary_path.write_text(value, encoding="utf-8")
        temporary_path.chmod(_SECRET_MODE)
        temporary_path.replace(path)
    except OSError as error:
        raise StackError(f"{path} cannot be written: {error.strerror}. Choose another folder.") from error


def prepare_secrets(folder: Path, redis: str, postgres: str) -> None:
    """Make the missing passwords and API keys, and write the addresses that contain passwords.

    Args:
        folder: the folder of the stack; it is made if it is missing.
        redis: the address of Redis, ``host:port``.
        postgres: the address of Postgres, ``host:port``.

    Raises:
        StackError: a file cannot be written, or the key file is damaged.
    """
    for name in PASSWORDS:
        if not (folder / SECRETS_FOLDER / name).exists():
            write_secret(folder, name, secrets.token_urlsafe(_PASSWORD_BYTES))
    password = {name: read_secret(folder, name) for name in PASSWORDS}
    write_secret(folder, "redis_auth", f"requirepass {password['redis_password']}\n")
    write_secret(folder, "tabento_redis_url", f"redis://:{password['redis_password']}@{redis}/0")
    feedback = f"feedback:{password['feedback_password']}@{postgres}/feedback"
    write_secret(folder, "tabento_feedback_url", f"postgresql://{feedback}")
    mlflow = f"mlflow:{password['mlflow_password']}@{postgres}/mlflow"
    write_secret(folder, "mlflow_backend_uri", f"postgresql+psycopg://{mlflow}")
    _prepare_api_keys(folder)


def _prepare_api_keys(folder: Path) -> None:
    path = folder / KEYS_FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.parent.chmod(0o755)
        for name in API_KEYS:
            change_keys(path, partial(_with_api_key, folder, name), creates=True)
        path.chmod(0o644)
    except KeysError as error:
        raise StackError(str(error)) from error
    except OSError as error:
        raise StackError(f"{path} cannot be written: {error.strerror}. Choose another folder.") from error


def _with_api_key(folder: Path, name: str, records: Records) -> Records:
    """Return the records with an API key whose secret is in a file. If the record or the file is missing, the secret is a new one."""
    key_id = name.removesuffix("_api_key")
    is_known = any(record.id == key_id for record in records)
    if is_known and (folder / SECRETS_FOLDER / name).exists():
        return records
    secret = new_secret()
    write_secret(folder, name, secret)
    if is_known:
        return rotate_key(records, key_id, secret, utc_now(), str(folder / KEYS_FILE))
    record = create_key(records, secret, owner=key_id, scopes=API_KEYS[name], now=utc_now(), key_id=key_id)
    return (*records, record)
