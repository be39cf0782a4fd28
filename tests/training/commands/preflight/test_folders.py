"""Folders: what can be written is found out by trying, and nothing remains of the attempt."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from training.commands.preflight.folders import MIB, ROOM_MIB, room_problems, write_problem


def test_folder_that_is_or_can_be_made_is_fine(tmp_path: Path) -> None:
    """Neither a folder nor what would have to be made above it is changed."""
    assert write_problem(tmp_path, "Reports", "Do this") is None
    assert write_problem(tmp_path / "a" / "b c" / "ü", "Reports", "Do this") is None
    assert list(tmp_path.iterdir()) == []


def test_file_in_the_way_is_told(tmp_path: Path) -> None:
    """A file where the folder should be, or above it, is named."""
    (tmp_path / "runs").write_text("in the way")
    for folder in (tmp_path / "runs", tmp_path / "runs" / "deep"):
        line = write_problem(folder, "Reports", "Do this")
        assert line == f"Reports cannot be written to {folder} ({tmp_path / 'runs'} is not a folder). Do this."


def test_dangling_link_is_told(tmp_path: Path) -> None:
    """A link that leads nowhere is not followed to its parent."""
    (tmp_path / "runs").symlink_to(tmp_path / "gone" / "away")
    assert "is not a folder" in str(write_problem(tmp_path / "runs", "Reports", "Do this"))


def test_place_that_refuses_files_is_told() -> None:
    """A file system that cannot be written is found out although its permissions look right."""
    assert "Reports cannot be written to /proc/none" in str(write_problem(Path("/proc/none"), "Reports", "Do this"))


def test_room_is_told_once_a_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders on one disk give one line; enough free space gives none; a file system without size is ignored."""
    folders = [tmp_path, tmp_path / "new" / "folder"]
    assert room_problems(folders) == []
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(total=10 * MIB, free=9 * MIB))
    (line,) = room_problems(folders, data_bytes=10 * MIB)
    assert f"has 9 MiB free, and a run takes up to {ROOM_MIB + 30} MiB" in line
    monkeypatch.undo()
    assert room_problems([Path("/proc/none")]) == []
