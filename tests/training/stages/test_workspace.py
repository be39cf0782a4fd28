"""A stage's folder is whole, old or new, whatever ends the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tabento.errors import SaveError
from training.errors import GateError
from training.stages.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace in which the stage ``fit`` has run once."""
    workspace = Workspace(tmp_path / "artifacts" / "trees")
    with workspace.writing("fit") as folder:
        (folder / "old.txt").write_text("old")
    return workspace


def names(folder: Path) -> list[str]:
    """Everything in a folder, hidden files included."""
    return sorted(path.name for path in folder.iterdir())


def test_new_output_replaces_the_old_one(workspace: Workspace) -> None:
    """After a stage only what it wrote is there, and nothing beside it."""
    with workspace.writing("fit") as folder:
        assert names(folder) == []
        (folder / "new.txt").write_text("new")
        assert names(workspace.folder("fit")) == ["old.txt"]
    assert names(workspace.folder("fit")) == ["new.txt"]
    assert names(workspace.root) == ["fit"]


@pytest.mark.parametrize("ending", [ValueError("no"), KeyboardInterrupt(), SystemExit(1)])
def test_failed_stage_leaves_the_old_output(workspace: Workspace, ending: BaseException) -> None:
    """An error and Ctrl-C leave what was there before, and no half of anything."""
    with pytest.raises(type(ending)), workspace.writing("fit") as folder:  # noqa: PT012 - half is written, then it ends
        (folder / "half.txt").write_text("ha")
        raise ending
    assert names(workspace.folder("fit")) == ["old.txt"]
    assert names(workspace.root) == ["fit"]


def test_failed_gate_leaves_its_report_for_a_look(workspace: Workspace) -> None:
    """Why a model was refused is kept, under another name, and the message says where."""
    with pytest.raises(GateError, match=r"too slow[\s\S]*fit\.failed"), workspace.writing("fit") as folder:  # noqa: PT012
        (folder / "report.html").write_text("too slow")
        raise GateError("too slow")
    assert names(workspace.folder("fit")) == ["old.txt"]
    assert names(workspace.root / "fit.failed") == ["report.html"]
    with workspace.writing("fit") as folder:
        (folder / "new.txt").write_text("new")
    assert names(workspace.root) == ["fit"]


@pytest.mark.parametrize("moment", ["before the change", "within the change", "after the change"])
def test_killed_run_is_put_right_by_the_next(workspace: Workspace, moment: str) -> None:
    """Wherever the power went out, the next run finds one whole output."""
    fit, new, old = workspace.folder("fit"), workspace.root / ".fit.new", workspace.root / ".fit.old"
    if moment != "after the change":
        new.mkdir()
    if moment == "within the change":
        fit.rename(old)
    if moment == "after the change":
        old.mkdir()
    with pytest.raises(ValueError, match="stop"), workspace.writing("fit"):
        raise ValueError("stop")
    assert names(workspace.root) == ["fit"]
    assert names(fit) == ["old.txt"]


def test_two_runs_do_not_share_a_workspace(workspace: Workspace) -> None:
    """The second is told so at once; when the first has ended, it may work."""
    other = Workspace(workspace.root)
    with workspace.locked(), pytest.raises(SaveError, match="another run uses"), other.locked():
        pass
    with other.locked():
        assert other.root.is_dir()


def test_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """Where a file blocks the folder, the error names the place and the option."""
    (tmp_path / "artifacts").write_text("in the way")
    workspace = Workspace(tmp_path / "artifacts" / "trees")
    with pytest.raises(SaveError, match=r"trees could not be written[\s\S]*--artifacts-folder"), workspace.locked():
        pass
    with pytest.raises(SaveError, match="--artifacts-folder"), workspace.writing("fit"):
        pass


def test_full_disk_inside_a_stage_is_told(workspace: Workspace) -> None:
    """An error of the file system while a stage writes becomes a message in words."""
    with pytest.raises(SaveError, match="No space left"), workspace.writing("fit"):
        raise OSError(28, "No space left on device")
    assert names(workspace.folder("fit")) == ["old.txt"]
