"""The data folder of Postgres: made once, with the same settings and the same SQL file as in compose.yaml."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.compose.secret_values import SECRETS_FOLDER, read_secret
from deploy.errors import StackError

SQL_FILE = Path(__file__).parents[1] / "compose" / "databases.sql"
FOLDER_VARIABLE = "INIT_FOLDER"
"""The variable from which the SQL file learns the folder of the passwords."""
INITDB_ARGUMENTS = ("--auth-host=scram-sha-256", "--auth-local=scram-sha-256", "--encoding=UTF8", "--locale=C")
_TIMEOUT_S = 120.0
_DONE_FILE = "databases.done"


def postgres_user() -> str | None:
    """Return the user that runs Postgres: root may not, so root takes the user of Debian's package; else None.

    Raises:
        StackError: this is root, and the user does not exist.
    """
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError as error:
        raise StackError(
            "Postgres does not run as root, and the user `postgres` is missing. Install the package postgresql."
        ) from error


def make_data_folder(folder: Path, programs: Mapping[str, str]) -> Path:
    """Return the data folder of Postgres, made by `initdb` if it is missing.

    Args:
        folder: the folder of the stack, with its secrets.
        programs: the path of each program.

    Raises:
        StackError: `initdb` failed.
    """
    home = folder / "postgres"
    data, user = home / "data", postgres_user()
    if (data / "PG_VERSION").exists():
        return data
    password_file = home / "password"
    home.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(data, ignore_errors=True)  # the rest of an interrupted initdb
    password_file.touch(mode=0o600)
    password_file.write_text(read_secret(folder, "postgres_password"), encoding="utf-8")
    if user is not None:
        for path in (home, password_file):
            shutil.chown(path, user)
        _check_reachable(home, user)
    _run(
        [
            *(programs["initdb"], "--pgdata", str(data), "--username=postgres", f"--pwfile={password_file}"),
            *INITDB_ARGUMENTS,
        ],
        {},
        user,
    )
    password_file.unlink()
    return data


def make_databases(folder: Path, programs: Mapping[str, str], port: int) -> None:
    """Run the SQL file once in a server that answers.

    Raises:
        StackError: it failed.
    """
    done_file = folder / "postgres" / _DONE_FILE
    if done_file.exists():
        return
    environment = {
        "PGPASSWORD": read_secret(folder, "postgres_password"),
        FOLDER_VARIABLE: str((folder / SECRETS_FOLDER).resolve()),
    }
    address = ["--host=127.0.0.1", f"--port={port}", "--username=postgres", "--no-psqlrc", "--quiet"]
    _run([programs["psql"], *address, f"--file={SQL_FILE}"], environment, None)
    done_file.touch()


def _check_reachable(path: Path, user: str) -> None:
    """Check that the user of Postgres can enter a folder.

    Raises:
        StackError: a folder above it is closed to other users.
    """
    for parent in path.resolve().parents:
        if not parent.stat().st_mode & 0o001:
            raise StackError(
                f"the user {user} runs Postgres and cannot enter {parent}. Choose another folder with --folder, or run"
                f" `chmod o+x {parent}`."
            )


def _run(command: Sequence[str], environment: Mapping[str, str], user: str | None) -> None:
    try:
        process = subprocess.run(
            command,
            cwd="/",
            env={**os.environ, **environment},
            user=user,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StackError(f"{Path(command[0]).name} did not run: {error}") from error
    if process.returncode:
        output = (process.stderr or process.stdout).strip()
        raise StackError(f"{Path(command[0]).name} ended with status {process.returncode}: {output}")
