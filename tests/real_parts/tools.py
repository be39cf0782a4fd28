"""The real programs: their paths, and a running process of one."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers import wait_until

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
_END_S = 30.0


def tool(name: str) -> str:
    """Return the path of a program; fail, with the packages to install, if it is not there."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{_SYSTEM_FOLDERS}")
    if path is None:
        pytest.fail(
            f"{name} is not installed. These tests need real parts; on Debian:"
            f" apt-get install --no-install-recommends {' '.join(dict.fromkeys(PACKAGES.values()))}"
        )
    return path


@contextmanager
def running_program(command: Sequence[str], port: int, log: Path) -> Iterator[None]:
    """Run a program until the block ends; returns once it accepts connections at a port.

    Args:
        command: does not return while the program runs.
        port: of 127.0.0.1.
        log: the file of its output.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: process.poll() is not None or _accepts(port), f"{command[0]} to listen at port {port}")
        if process.poll() is not None:
            raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{log.read_text()}")
        yield
    finally:
        process.terminate()
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
