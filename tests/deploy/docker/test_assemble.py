"""The content of the image's layers: what is copied, what is removed, and that two runs give the same bytes."""

from __future__ import annotations

import base64
import hashlib
import os
import stat
import sys
from pathlib import Path

import pytest

from deploy.docker.assemble import (
    Tree,
    compile_sources,
    elf_files,
    make_folders,
    prune_packages,
    set_creation_time,
    set_times,
    shared_libraries,
    strip_libraries,
    update_records,
    write_debian_records,
    write_users,
)

ELF = b"\x7fELF"


def write(folder: Path, *paths: str, content: bytes = b"x = 1\n") -> None:
    """Write files with the same content."""
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """A virtual environment with a used package, a package of the build, and parts that no service reads."""
    folder = tmp_path / "venv"
    packages = folder / "lib/python3.11/site-packages"
    write(folder, "bin/python", "bin/bentoml", "bin/rich-cli", "bin/activate")
    write(packages, "pear/__init__.py", "pear/core.py", "pear/__init__.pyi", "pear/core.c", "pear/tests/test_core.py")
    write(packages, "pear/include/pear.h", "pear/data/only.h", "numpy/f2py/f.py", "numpy/_core/_simd.cpython-311.so")
    write(packages, "numpy/_core/core.so", "pygments/lexers/python.py", "pygments/lexers/haskell.py")
    write(packages, "watchfiles/main.py", "pear-1.dist-info/licenses/LICENSE.md")
    for name, files in (
        ("pear-1", ["pear/__init__.py", "pear/core.c", "pear-1.dist-info/RECORD"]),
        ("watchfiles-1", ["watchfiles/main.py", "watchfiles-1.dist-info/RECORD"]),
        ("numpy-2", ["numpy/_core/core.so"]),
    ):
        record = "".join(f"{path},sha256=old,1\n" for path in files).encode()
        write(packages, f"{name}.dist-info/RECORD", content=record)
    return folder


def test_packages_keep_the_files_of_a_service(environment: Path) -> None:
    """Types, sources of extensions, tests, builders and programs go; modules, data of packages and licences stay."""
    prune_packages(environment)
    packages = environment / "lib/python3.11/site-packages"
    files = {path.relative_to(packages).as_posix() for path in packages.rglob("*") if path.is_file()}
    assert files == {
        "pear/__init__.py",
        "pear/core.py",
        "pear-1.dist-info/RECORD",
        "pear-1.dist-info/licenses/LICENSE.md",
        "numpy/_core/core.so",
        "numpy-2.dist-info/RECORD",
        "pygments/lexers/python.py",
    }
    assert not (packages / "pear/data").exists()
    assert {path.name for path in (environment / "bin").iterdir()} == {"python", "bentoml"}


def test_records_agree_with_the_files(environment: Path) -> None:
    """RECORD has no line for a removed file, and the digest of a stripped library is the new one."""
    prune_packages(environment)
    update_records(environment)
    packages = environment / "lib/python3.11/site-packages"
    assert (packages / "pear-1.dist-info/RECORD").read_text() == (
        "pear/__init__.py,sha256=old,1\npear-1.dist-info/RECORD,sha256=old,1\n"
    )
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"x = 1\n").digest()).decode().rstrip("=")
    assert (packages / "numpy-2.dist-info/RECORD").read_text() == f"numpy/_core/core.so,sha256={digest},6\n"


def test_a_tree_copies_links_with_their_targets(tmp_path: Path) -> None:
    """A link, its target and the target's folder are copied to their own paths; a missing file is skipped."""
    source = (tmp_path / "source").resolve()
    write(source, "lib/libx.so.1.2", "lib/folder/a")
    (source / "lib/libx.so.1").symlink_to("libx.so.1.2")
    (source / "lib/libx.so").symlink_to(source / "lib/libx.so.1")
    tree = Tree(tmp_path / "root")
    for name in ("libx.so", "folder", "missing"):
        tree.add(source / "lib" / name)
    assert tree.path(source / "lib/libx.so").resolve() == (source / "lib/libx.so.1.2").resolve()
    assert tree.path(source / "lib/libx.so.1").readlink() == Path("libx.so.1.2")
    assert tree.path(source / "lib/libx.so.1.2").read_bytes() == tree.path(source / "lib/folder/a").read_bytes()
    assert str(source / "lib/libx.so.1.2") in tree.sources


def test_libraries_of_the_interpreter_are_found() -> None:
    """The loader's own answer for a real program: the C library and the loader, by path."""
    libraries = shared_libraries([Path(sys.executable).resolve()])
    assert any("/libc.so" in path for path in libraries)
    assert any("/ld-linux" in path for path in libraries)


def test_a_missing_library_ends_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names it; an image without it would fail at its first import."""
    ldd = tmp_path / "ldd"
    ldd.write_text("#!/bin/sh\nprintf '\\tlibpear.so.1 => not found\\n'\n")
    ldd.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(SystemExit, match=r"libpear\.so\.1"):
        shared_libraries([Path("/x")])


def test_only_programs_and_libraries_are_elf_files(tmp_path: Path) -> None:
    """By their content, not by their name; a link is not a second file."""
    write(tmp_path, "a.so", "b/program", content=ELF + b"1")
    write(tmp_path, "c.so")
    (tmp_path / "d.so").symlink_to("a.so")
    assert list(elf_files((tmp_path,))) == [tmp_path / "a.so", tmp_path / "b/program"]


def test_compiled_modules_depend_on_the_source_only(tmp_path: Path) -> None:
    """Two folders, two times of the source: the same bytes, with the path in the image and without a check of the source."""
    contents = []
    for number in range(2):
        folder = tmp_path / str(number)
        write(folder, "pear/core.py", "pear/__init__.py", content=b"def f():\n    return 'pear', 1.5, (1, 2)\n")
        os.utime(folder / "pear/core.py", (number, number))
        compile_sources(((folder, "/app/code"),))
        compiled = sorted(folder.rglob("*.pyc"))
        assert [path.name.partition(".")[0] for path in compiled] == ["__init__", "core"]
        contents.append([path.read_bytes() for path in compiled])
    assert contents[0] == contents[1]
    unchecked_hash = 0b01
    assert int.from_bytes(contents[0][1][4:8], "little") == unchecked_hash
    assert b"/app/code/pear/core.py" in contents[0][1]


def test_a_module_that_cannot_be_compiled_ends_the_build(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The message names the module; an image with it would fail at its import."""
    write(tmp_path, "pear/core.py", content=b"def f(:\n")
    with pytest.raises(SystemExit, match="a module of /app/code cannot be compiled"):
        compile_sources(((tmp_path, "/app/code"),))
    assert "pear/core.py" in capsys.readouterr().out


def test_debians_records_are_those_of_the_copied_packages(tmp_path: Path) -> None:
    """A scanner sees the packages of which the image has files, with these files; each keeps its licence."""
    source = (tmp_path / "source").resolve()
    database = tmp_path / "dpkg"
    write(source, "libssl.so", "libz.so", "perl")
    write(database, "info/libssl3:amd64.list", content=f"/.\n{source}/libssl.so\n{source}/engine.so\n".encode())
    write(database, "info/perl.list", content=f"{source}/perl\n".encode())
    write(database, "status", content=b"Package: libssl3\nVersion: 3\n\nPackage: perl\nVersion: 5\n")
    tree = Tree(tmp_path / "root")
    tree.add(source / "libssl.so")
    write_debian_records(tree, database)
    assert tree.path("/var/lib/dpkg/status").read_text() == "Package: libssl3\nVersion: 3\n"
    assert [path.name for path in tree.path("/var/lib/dpkg/info").iterdir()] == ["libssl3:amd64.list"]
    assert tree.path("/var/lib/dpkg/info/libssl3:amd64.list").read_text() == f"{source}/libssl.so\n"


def test_a_base_without_dpkg_has_no_records(tmp_path: Path) -> None:
    """Nothing is written, and the build goes on."""
    tree = Tree(tmp_path / "root")
    write_debian_records(tree, tmp_path / "missing")
    assert not tree.path("/var").exists()


def test_the_creation_time_is_the_commits(tmp_path: Path) -> None:
    """Only this line of the Bento's description changes."""
    path = tmp_path / "bento.yaml"
    path.write_text("name: a\ncreation_time: '2026-11-28T12:34:30.135751+00:00'\nmodels:\n- creation_time: 'x'\n")
    set_creation_time(path, 0)
    assert path.read_text() == "name: a\ncreation_time: '1970-01-01T00:00:00+00:00'\nmodels:\n- creation_time: 'x'\n"


def test_times_and_rights_do_not_depend_on_this_machine(tmp_path: Path) -> None:
    """Every file has the same time; rights are 644 or 755, and only folders for temporary files are open to all."""
    write(tmp_path, "a/x", "b")
    (tmp_path / "b").chmod(0o700)
    (tmp_path / "a/x").chmod(0o600)
    (tmp_path / "a").chmod(0o775)
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp").chmod(0o1777)
    (tmp_path / "link").symlink_to("nowhere")
    set_times(tmp_path, 77)
    paths = {path.name: path.lstat() for path in tmp_path.rglob("*")}
    assert {name: oct(stat.S_IMODE(status.st_mode)) for name, status in paths.items() if name != "link"} == {
        "a": "0o755",
        "x": "0o644",
        "b": "0o755",
        "tmp": "0o1777",
    }
    assert {status.st_mtime for status in paths.values()} == {77}


def test_users_and_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service's user has no shell, and owns the folders of its state and nothing else; group 0 can write them too."""
    owners: list[tuple[Path, int, int]] = []
    monkeypatch.setattr(os, "chown", lambda path, user, group: owners.append((path, user, group)))
    tree = Tree(tmp_path / "root")
    write_users(tree, "bentoml", 1034)
    make_folders(tree, "bentoml", 1034, "/var/lib/tabento")
    assert "bentoml:x:1034:1034::/home/bentoml:/usr/sbin/nologin\n" in tree.path("/etc/passwd").read_text()
    state = tree.path("/var/lib/tabento")
    assert owners == [(path, 1034, 0) for path in (state, state / "monitoring", state / "rollout")]
    assert stat.S_IMODE(tree.path("tmp").stat().st_mode) == 0o1777


def test_libraries_are_stripped_but_those_that_patchelf_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """strip gets each library of packages; a folder that does not exist has none."""
    log = tmp_path / "strip.log"
    program = tmp_path / "bin" / "strip"
    write(tmp_path, "bin/strip", content=f'#!/bin/sh\necho "$@" >> {log}\n'.encode())
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    write(tmp_path, "venv/pear/core.so", "venv/pear.libs/libopenblas.so", content=ELF)
    strip_libraries(tmp_path / "venv")
    strip_libraries(tmp_path / "missing")
    assert log.read_text() == f"--strip-unneeded {tmp_path / 'venv/pear/core.so'}\n"
