"""The source of a config."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.commands.init.files import request_for, sixty_rows
from training.commands.init.errors import InitError
from training.commands.init.source import open_source


def test_plain_file_is_its_own_source(tmp_path: Path) -> None:
    """Nothing is copied that training can read."""
    path = sixty_rows(tmp_path / "rows.csv")
    source = open_source(request_for(path))
    assert source.path is path
    assert not (tmp_path / "data").exists()


def test_other_file_is_copied(tmp_path: Path) -> None:
    """Semicolons need a copy; the given file stays as it is."""
    path = sixty_rows(tmp_path / "rows.csv", header="a;b;y", separator=";")
    before = path.read_bytes()
    source = open_source(request_for(path))
    assert source.path == tmp_path / "data" / "model.converted.csv"
    assert source.path.read_text(encoding="utf-8").startswith("a,b,y\n")
    assert path.read_bytes() == before


def test_rows_without_a_target_are_left_out_of_a_copy(tmp_path: Path) -> None:
    """Even of a file that is plain otherwise; how many is counted."""
    path = sixty_rows(tmp_path / "rows.csv")
    with path.open("a", encoding="utf-8") as file:
        file.write("1,red,\n2,blue,NA\n")
    source = open_source(request_for(path))
    assert (source.rows_without_target, len(source.table.frame)) == (2, 60)


def test_wrong_target_is_told_before_anything_is_copied(tmp_path: Path) -> None:
    """A large file is not converted in vain."""
    path = sixty_rows(tmp_path / "rows.csv", header="a;b;y", separator=";")
    with pytest.raises(InitError, match="expected a column 'z', the target"):
        open_source(request_for(path, "z"))
    assert not (tmp_path / "data").exists()
