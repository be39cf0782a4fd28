"""Checksums depend on the content and names of files, and on nothing else."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tabento.bundle.checksums import code_sha256, file_sha256, files_sha256


def test_checksum_of_a_file_is_the_sha256_of_its_bytes(tmp_path: Path) -> None:
    """A file that is longer than one block has the checksum of all its bytes."""
    content = bytes(range(256)) * 5000
    (tmp_path / "rows.csv").write_bytes(content)
    assert file_sha256(tmp_path / "rows.csv") == hashlib.sha256(content).hexdigest()


def test_checksum_of_files_covers_names_and_contents(tmp_path: Path) -> None:
    """Each name and the checksum of its content make one line; the checksum is taken of the lines."""
    (tmp_path / "a").write_text("A")
    line = f"x/a\0{hashlib.sha256(b'A').hexdigest()}\n"
    assert files_sha256({"x/a": tmp_path / "a"}) == hashlib.sha256(line.encode()).hexdigest()


def test_checksum_of_code_changes_with_content_and_name(tmp_path: Path) -> None:
    """A changed, renamed or missing template changes the checksum; bytecode and a path that does not exist do not."""
    (tmp_path / "study" / "__pycache__").mkdir(parents=True)
    page = tmp_path / "study" / "page.html.j2"
    page.write_text("a")
    sums = [code_sha256(tmp_path, ["study"])]
    (tmp_path / "study" / "__pycache__" / "page.pyc").write_text("compiled")
    assert code_sha256(tmp_path, ["study"]) == sums[0]
    page.write_text("b")
    sums.append(code_sha256(tmp_path, ["study"]))
    page.rename(tmp_path / "study" / "other.html.j2")
    sums.append(code_sha256(tmp_path, ["study"]))
    sums.append(code_sha256(tmp_path, ["nowhere.py"]))
    assert len(set(sums)) == 4
    assert code_sha256(tmp_path, ["nowhere.py", "study"]) == sums[2]


def test_checksum_of_code_does_not_depend_on_the_root(tmp_path: Path) -> None:
    """A package that is moved to another folder has the same checksum."""
    package = tmp_path / "first" / "package"
    (package / "sub").mkdir(parents=True)
    (package / "a.py").write_text("a")
    (package / "sub" / "b.py").write_text("b")
    before = code_sha256(tmp_path / "first", ["package"])
    (tmp_path / "first").rename(tmp_path / "second")
    assert code_sha256(tmp_path / "second", ["package"]) == before


def test_pattern_chooses_the_files_of_a_folder(tmp_path: Path) -> None:
    """Files whose names do not match the pattern do not change the checksum."""
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "a.py").write_text("a")
    before = code_sha256(tmp_path, ["package"], "*.py")
    (tmp_path / "package" / "notes.txt").write_text("n")
    assert code_sha256(tmp_path, ["package"], "*.py") == before
    assert code_sha256(tmp_path, ["package"]) != before
