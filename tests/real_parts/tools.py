"""The real programs: their packages and their paths."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

PACKAGES = {
    "nginx": "nginx-light",
    "haproxy": "haproxy",
    "curl": "curl",
    "javac": "default-jdk-headless",
    "redis-server": "redis-server",
    "postgres": "postgresql",
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "amtool": "prometheus-alertmanager",
}
"""The Debian package of each program."""
_SYSTEM_FOLDERS = ":".join(
    [
        "/usr/sbin",
        "/usr/local/sbin",
        "/sbin",
        *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)),
    ]
)
"""The folders of Debian's servers, which not every user's PATH has."""


def tool(name: str) -> str:
    """Return the path of a program; fail, with the packages to install, if it is not there."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{_SYSTEM_FOLDERS}")
    if path is None:
        pytest.fail(
            f"{name} is not installed. These tests need real parts; on Debian:"
            f" apt-get install --no-install-recommends {' '.join(dict.fromkeys(PACKAGES.values()))}"
        )
    return path
