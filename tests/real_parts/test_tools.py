"""A missing program is a failure that names the package to install."""

from __future__ import annotations

import pytest

from tests.real_parts import tools


def test_a_missing_program_names_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test fails, and is not skipped, with the command that installs all packages."""
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(tools, "_SYSTEM_FOLDERS", "/nowhere")
    with pytest.raises(
        pytest.fail.Exception,
        match=r"apt-get install .*nginx-light haproxy curl default-jdk-headless redis-server postgresql",
    ):
        tools.tool("nginx")
