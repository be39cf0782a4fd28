"""Checksums change with content and names of source files, and with nothing else."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from training.stages import checksums
from training.stages.checksums import code_sha256, file_sha256


def test_file_is_summed_as_everybody_does(tmp_path: Path) -> None:
    """The checksum of a file longer than one block is that of its bytes."""
    content = bytes(range(256)) * 5000
    (tmp_path / "rows.csv").write_bytes(content)
    assert file_sha256(tmp_path / "rows.csv") == hashlib.sha256(content).hexdigest()


def test_code_is_summed_by_name_and_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A template counts as code does, what Python compiles does not; a path that is not there is empty."""
    monkeypatch.setattr(checksums, "ROOT", tmp_path)
    (tmp_path / "study" / "__pycache__").mkdir(parents=True)
    page = tmp_path / "study" / "page.html.j2"
    page.write_text("a")
    sums = [_fresh("study")]
    (tmp_path / "study" / "__pycache__" / "page.pyc").write_text("compiled")
    assert _fresh("study") == sums[0]
    page.write_text("b")
    sums.append(_fresh("study"))
    page.rename(tmp_path / "study" / "other.html.j2")
    sums.append(_fresh("study"))
    sums.append(_fresh("nowhere.py"))
    assert len(set(sums)) == 4
    assert _fresh("study", "nowhere.py") == sums[2]


def _fresh(*paths: str) -> str:
    code_sha256.cache_clear()
    return code_sha256(paths)
