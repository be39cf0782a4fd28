"""The folder of the monitor's files can be written, or the warning names it."""

from __future__ import annotations

from pathlib import Path

from monitoring.process.folder import folder_problem


def test_a_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    """A folder that can be written has no problem and no file of the test afterwards."""
    folder = tmp_path / "runs" / "monitoring"
    assert folder_problem(folder) is None
    assert list(folder.iterdir()) == []


def test_the_warning_names_folder_cause_and_remedies(tmp_path: Path) -> None:
    """A file in the place of a folder, and a file system that takes no files."""
    (tmp_path / "file").touch()
    message = folder_problem(tmp_path / "file" / "monitoring")
    assert message is not None
    assert f"{tmp_path}/file/monitoring, cannot be written by user" in message
    assert "Not a directory" in message
    assert "TABENTO_MONITORING_FOLDER" in message
    message = folder_problem(Path("/proc"))
    assert message is not None
    assert "/proc, cannot be written" in message
