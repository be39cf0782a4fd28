"""The programs of Debian's packages that the stack runs, and the parts that have no package."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from deploy.errors import StackError

PACKAGES = {
    "postgres": "postgresql",
    "initdb": "postgresql",
    "pg_isready": "postgresql",
    "psql": "postgresql",
    "redis-server": "redis-server",
    "haproxy": "haproxy",
    "prometheus": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
}
"""The Debian package of each program."""

WITHOUT_PACKAGE = {
    "grafana": "Debian has no package of Grafana; `make compose` runs it, and `make dashboard-picture` draws its dashboard",
    "collector": "Debian has no package of the OpenTelemetry collector; `docker compose --profile tracing` runs it",
}
"""The services of compose.yaml that the stack leaves out, and the reason for each."""

POSTGRES_FOLDERS = Path("/usr/lib/postgresql")
"""Debian's folder with a folder for each version of Postgres."""
SERVER_FOLDERS = ("/usr/sbin", "/usr/local/sbin")
"""The folders of servers, which not every user's PATH has."""


def find_programs() -> dict[str, str]:
    """Return the path of each program.

    Raises:
        StackError: some are not installed; the message has the command that installs their packages.
    """
    # The newest version of Postgres is first, so that all its programs have one version.
    versions = sorted(POSTGRES_FOLDERS.glob("[0-9]*/bin"), key=lambda path: float(path.parent.name))
    folders = [*map(str, reversed(versions)), os.environ.get("PATH", ""), *SERVER_FOLDERS]
    paths = {name: shutil.which(name, path=":".join(folders)) for name in PACKAGES}
    missing = sorted({PACKAGES[name] for name, path in paths.items() if path is None})
    if missing:
        raise StackError(
            f"the stack needs programs that are not installed. On Debian: apt-get install --no-install-recommends {' '.join(missing)}"
        )
    return {name: path for name, path in paths.items() if path is not None}
