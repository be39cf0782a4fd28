#!/usr/bin/env python3
"""The content of the image, chosen in the first stage of its Dockerfile from the files of that stage.

BentoML packs this file as the Bento's ``env/docker/setup_script``, so it is one file that needs only the standard
library. It writes three folders, one for each layer: ``system`` (Python, the shared libraries that Python and the
packages load, certificate authorities and the records of Debian's packages), ``packages`` (the virtual environment) and
``bento`` (code and bundles). Every file gets the same time and every ``.pyc`` file depends only on its source, so two
builds of the same input are equal byte for byte.
"""

from __future__ import annotations

import argparse
import base64
import compileall
import csv
import hashlib
import io
import os
import platform
import py_compile
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

STATE_FOLDERS = ("monitoring", "rollout")
"""The folders below the folder of the service's state; the rollout document can have a volume of its own, see deploy/compose."""
STATE_GROUP = 0
"""The group that may write the state: OpenShift runs a container as a user of its choice, who belongs to group 0."""

UNUSED_STANDARD_LIBRARY = (
    *("ensurepip", "idlelib", "lib2to3", "distutils", "pydoc_data", "test", "tkinter", "turtledemo", "venv"),
    *("site-packages", "dist-packages", "__phello__", "turtle.py", "antigravity.py", "this.py", "sitecustomize.py"),
    *("aifc.py", "asynchat.py", "asyncore.py", "cgi.py", "cgitb.py", "chunk.py", "crypt.py", "imghdr.py", "mailcap.py"),
    *("msilib", "nntplib.py", "pipes.py", "smtpd.py", "sndhdr.py", "sunau.py", "telnetlib.py", "uu.py", "xdrlib.py"),
    *("imaplib.py", "mailbox.py", "poplib.py", "tabnanny.py", "pyclbr.py", "zipapp.py", "_pyio.py"),
)
"""Parts of the standard library for development, graphics, mailboxes and the installation of packages, and modules that Python 3.13
no longer has."""

UNUSED_EXTENSIONS = re.compile(
    r"^(_tkinter|_test\w*|_ctypes_test|_xx\w*|xx\w*|_curses\w*|readline|_gdbm|_dbm|nis|ossaudiodev|audioop|_crypt|spwd)\."
)
"""Extension modules of the standard library for terminals, old databases, sound and tests."""

UNUSED_SUFFIXES = (
    *(".pyi", ".pxd", ".pyx", ".pxi", ".c", ".cc", ".cpp", ".h", ".hpp", ".a", ".f", ".f90", ".cu", ".cuh"),
    *(".pyc", ".orig", ".rst", ".md", ".map"),
)
"""Suffixes of files that only compilers, type checkers and readers use."""

UNUSED_FOLDERS = ("tests", "test", "include", "__pycache__", "docs", "doc", "examples", "benchmarks")
"""Names of folders of packages that a service never imports."""

UNUSED_PARTS = (
    *("numpy/f2py", "numpy/distutils", "numpy/_core/lib", "numpy/_core/_simd.*", "numpy/_core/_*_tests.*"),
    *("onnxruntime/transformers", "onnxruntime/quantization", "onnxruntime/tools", "onnxruntime/datasets"),
    *("onnxruntime/training", "onnxruntime/capi/libonnxruntime.so.*"),
    *(
        "pygments/lexers/[a-z]*",
        "pygments/lexers/_[a-z]*",
        "pygments/styles/[a-ce-z]*",
        "pygments/formatters/[a-su-z]*",
    ),
)
"""Parts of packages for the conversion of models, for building extensions, for C programs and for highlighting, as patterns
relative to ``site-packages``."""

USED_PARTS = (
    *("pygments/lexers/__init__.py", "pygments/lexers/_mapping.py", "pygments/lexers/python.py"),
    *("pygments/lexers/special.py", "pygments/lexers/text.py", "pygments/styles/_mapping.py"),
    *("pygments/styles/__init__.py", "pygments/formatters/__init__.py", "pygments/formatters/_mapping.py"),
)
"""Files that stay although a pattern of ``UNUSED_PARTS`` matches them."""

UNUSED_DISTRIBUTIONS = ("watchfiles", "pip_requirements_parser")
"""Packages that BentoML imports to build a Bento and to watch its sources only. Its server imports pyparsing, for a name of `typing`."""

UNUSED_BENTO_PARTS = ("env", "apis")
"""Parts of a Bento that only builds and BentoML's cloud read."""

SYSTEM_FILES = (
    *("/etc/os-release", "/etc/debian_version", "/etc/nsswitch.conf", "/etc/ld.so.conf", "/etc/ld.so.conf.d"),
    *(
        "/etc/services",
        "/etc/protocols",
        "/etc/mime.types",
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/ssl/openssl.cnf",
    ),
)
"""Files that the C library, OpenSSL and Python read if they exist."""

LOADED_LIBRARIES = ("libgcc_s.so.1",)
"""Libraries that the C library loads by name when a thread is cancelled."""

_NOT_FOUND = "not found"
_LIBRARY = re.compile(r"(?:^\s*|=> )(/\S+) \(0x", re.MULTILINE)
_ELF = b"\x7fELF"


def is_elf(path: Path) -> bool:
    """Return whether a file is a program or a shared library."""
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == _ELF


class Tree:
    """A root folder that receives files of this system at their own paths."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.sources: set[str] = set()
        """The paths of the copied files of this system."""
        root.mkdir(parents=True)
        for name in ("bin", "sbin", "lib", "lib64"):
            link = Path("/", name)
            if link.is_symlink():
                (root / name).symlink_to(link.readlink())

    def path(self, path: str | Path) -> Path:
        """Return the path of a file in this tree."""
        return self.root / str(path).lstrip("/")

    def add(self, source: str | Path) -> None:
        """Copy a file, a folder or a link, and the target of a link; a missing file is skipped."""
        source = Path(source)
        source = source.parent.resolve() / source.name
        if str(source) in self.sources or not (source.exists() or source.is_symlink()):
            return
        self.sources.add(str(source))
        target = self.path(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_symlink():
            target.symlink_to(source.readlink())
            self.add(source.parent / source.readlink())
        elif source.is_dir():
            target.mkdir(exist_ok=True)
            for child in sorted(source.iterdir()):
                self.add(child)
        else:
            shutil.copy2(source, target)


def elf_files(folders: Iterable[Path]) -> Iterator[Path]:
    """Yield the programs and shared libraries of some folders."""
    for folder in folders:
        yield from (path for path in sorted(folder.rglob("*")) if is_elf(path))


def shared_libraries(files: Sequence[Path]) -> list[str]:
    """Return the paths of the libraries that the loader of this system loads for some files.

    Raises:
        SystemExit: the loader does not find a library.
    """
    command = ["ldd", *map(str, files)]
    output = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    if _NOT_FOUND in output:
        missing = sorted({line.strip() for line in output.splitlines() if _NOT_FOUND in line})
        raise SystemExit(f"error: shared libraries are missing in the build stage: {'; '.join(missing)}")
    return sorted(set(_LIBRARY.findall(output)))


def copy_standard_library(tree: Tree) -> None:
    """Copy the interpreter and the used part of its standard library."""
    library = Path(sysconfig.get_path("stdlib"))
    for child in sorted(library.iterdir()):
        if child.name in UNUSED_STANDARD_LIBRARY or child.name == "__pycache__" or child.name.startswith("config-"):
            continue
        tree.add(child)
    copied = tree.path(library)
    for path in sorted(copied.rglob("*"), reverse=True):
        is_unused = path.name in ("test", "tests", "__pycache__") and path.is_dir()
        if is_unused:
            shutil.rmtree(path)
        elif path.suffix == ".a" or (path.parent.name == "lib-dynload" and UNUSED_EXTENSIONS.match(path.name)):
            path.unlink()
    program = Path(sys.executable).resolve()
    tree.add(program)
    for name in ("python3", "python"):
        tree.add(program.parent / name)


def remove_path(path: Path) -> None:
    """Remove a file or a folder."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def read_record(record: Path) -> list[list[str]]:
    """Return the rows of a package's RECORD: path, digest and size of each of its files."""
    return list(csv.reader(io.StringIO(record.read_text(encoding="utf-8"))))


def prune_packages(environment: Path) -> None:
    """Remove the packages and files that a service never opens from a virtual environment."""
    site_packages = next(environment.glob("lib/python3*/site-packages"))
    for name in UNUSED_DISTRIBUTIONS:
        for information in site_packages.glob(f"{name}-*.dist-info"):
            for row in read_record(information / "RECORD"):
                (site_packages / row[0]).unlink(missing_ok=True)
            shutil.rmtree(information, ignore_errors=True)
    used = {site_packages / part for part in USED_PARTS}
    for part in UNUSED_PARTS:
        for path in sorted(site_packages.glob(part)):
            if path not in used:
                remove_path(path)
    for path in sorted(site_packages.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            if path.name in UNUSED_FOLDERS or not any(path.iterdir()):
                shutil.rmtree(path)
        elif path.suffix in UNUSED_SUFFIXES and ".dist-info" not in str(path):
            path.unlink()
    for program in (environment / "bin").iterdir():
        if not program.name.startswith(("python", "bentoml")):
            program.unlink()


def strip_libraries(folder: Path) -> None:
    """Remove the symbols and the debugging information that no loader reads from programs and shared libraries.

    The libraries of ``*.libs`` folders stay as they are: patchelf has moved their sections, and strip can break such files.
    """
    for path in elf_files((folder,)):
        if not path.parent.name.endswith(".libs"):
            subprocess.run(["strip", "--strip-unneeded", str(path)], check=True)  # noqa: S607 - of the build stage


def update_records(environment: Path) -> None:
    """Make each package's RECORD agree with its files again: without the removed ones, with the digests of the stripped ones."""
    site_packages = next(environment.glob("lib/python3*/site-packages"))
    for record in sorted(site_packages.glob("*.dist-info/RECORD")):
        rows = []
        for row in read_record(record):
            path = site_packages / row[0]
            if not path.exists():
                continue
            if path.suffix == ".so":
                content = path.read_bytes()
                digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode("ascii")
                row = [row[0], f"sha256={digest}", str(len(content))]
            rows.append(row)
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        record.write_text(text.getvalue(), encoding="utf-8")


def compile_sources(folders: Sequence[tuple[Path, str]]) -> None:
    """Compile the modules of some folders once; the service never checks or writes them again.

    Args:
        folders: each folder and its path in the image.

    Raises:
        SystemExit: a module cannot be compiled, so the service could not import it.
    """
    for folder, path in folders:
        is_compiled = compileall.compile_dir(
            str(folder),
            maxlevels=50,
            ddir=None,
            stripdir=str(folder),
            prependdir=path,
            quiet=1,
            force=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
        if not is_compiled:
            raise SystemExit(f"error: a module of {path} cannot be compiled; see the message above.")


def set_creation_time(bento_file: Path, epoch: int) -> None:
    """Replace the time at which the Bento was built with the time of the commit, so that two builds are equal."""
    time = datetime.fromtimestamp(epoch, UTC).isoformat()
    text = bento_file.read_text(encoding="utf-8")
    bento_file.write_text(re.sub(r"^creation_time: .*$", f"creation_time: '{time}'", text, flags=re.MULTILINE), "utf-8")


def write_debian_records(tree: Tree, database: Path = Path("/var/lib/dpkg")) -> None:
    """Write the records of the Debian packages of which this tree has files, with their licences, for scanners."""
    if not (database / "status").is_file():
        return
    owners = set()
    information = tree.path("/var/lib/dpkg/info")
    information.mkdir(parents=True)
    for listing in sorted((database / "info").glob("*.list")):
        paths = [Path(line) for line in listing.read_text(encoding="utf-8").splitlines()]
        real_paths = [str(path.parent.resolve() / path.name) for path in paths if not path.is_dir()]
        if copied := [path for path in real_paths if path in tree.sources]:
            owners.add(listing.stem.partition(":")[0])
            (information / listing.name).write_text("\n".join(copied) + "\n", encoding="utf-8")
    records = []
    for record in (database / "status").read_text(encoding="utf-8").split("\n\n"):
        name = re.match(r"Package: (\S+)", record)
        if name and name[1] in owners:
            records.append(record.strip("\n"))
            tree.add(f"/usr/share/doc/{name[1]}/copyright")
    status = tree.path("/var/lib/dpkg/status")
    status.write_text("\n\n".join(records) + "\n", encoding="utf-8")


def write_users(tree: Tree, user: str, uid: int) -> None:
    """Write the database of users: root, nobody and the user of the service."""
    etc = tree.path("/etc")
    etc.mkdir(exist_ok=True)
    shell = "/usr/sbin/nologin"
    (etc / "passwd").write_text(
        f"root:x:0:0:root:/root:{shell}\nnobody:x:65534:65534:nobody:/nonexistent:{shell}\n"
        f"{user}:x:{uid}:{uid}::/home/{user}:{shell}\n",
        encoding="utf-8",
    )
    (etc / "group").write_text(f"root:x:0:\nnogroup:x:65534:\n{user}:x:{uid}:\n", encoding="utf-8")
    (etc / "hosts").write_text("127.0.0.1 localhost\n::1 localhost\n", encoding="utf-8")


def make_folders(tree: Tree, user: str, uid: int, state: str) -> None:
    """Make the folders that programs expect, and the folder of the service's state."""
    for name in ("proc", "sys", "dev", "run", "root", "var/tmp", "tmp", f"home/{user}"):
        tree.path(name).mkdir(parents=True, exist_ok=True)
    for name in ("tmp", "var/tmp"):
        tree.path(name).chmod(0o1777)
    # A new volume takes owner and rights of the folder on which it is mounted, also one of these below the state.
    for folder in state_folders(tree, state):
        folder.mkdir(parents=True)
        os.chown(folder, uid, STATE_GROUP)


def state_folders(tree: Tree, state: str) -> tuple[Path, ...]:
    """Return the folders of the service's state in the tree, the outer one first."""
    return (tree.path(state), *(tree.path(state) / name for name in STATE_FOLDERS))


def set_times(folder: Path, epoch: int) -> None:
    """Set the time of every file, and rights that depend neither on this machine's umask nor on its user."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode & 0o7777
            if path.is_file():
                path.chmod(0o755 if mode & 0o100 else 0o644)
            elif not mode & 0o1000:
                path.chmod(0o755)
        os.utime(path, (epoch, epoch), follow_symlinks=False)


def assemble(options: argparse.Namespace) -> None:
    """Write the three folders."""
    target: Path = options.target
    packages, bento = target / "packages", target / "bento"
    environment = packages / str(options.environment).lstrip("/")
    shutil.copytree(options.environment, environment, symlinks=True)
    prune_packages(environment)
    strip_libraries(environment)
    update_records(environment)
    service = bento / options.bento_path.lstrip("/")
    shutil.copytree(options.bento, service)
    for name in UNUSED_BENTO_PARTS:
        remove_path(service / name)
    set_creation_time(service / "bento.yaml", options.epoch)
    system = Tree(target / "system")
    copy_standard_library(system)
    for path in SYSTEM_FILES:
        system.add(path)
    libraries = shared_libraries(list(elf_files((system.root, options.environment))))
    for library in libraries:
        if not Path(library).is_relative_to(options.environment):
            system.add(library)
    for library_folder in {Path(library).parent for library in libraries}:
        for name in LOADED_LIBRARIES:
            system.add(library_folder / name)
    strip_libraries(
        system.path("/usr/local")
    )  # an interpreter that Debian did not build, such as the one of python:3.11-slim
    write_debian_records(system)
    version = system.path("/usr/share/tabento/python-version")  # for the bill of materials
    version.parent.mkdir(parents=True)
    version.write_text(f"{platform.python_version()}\n", encoding="utf-8")
    write_users(system, options.user, options.uid)
    make_folders(system, options.user, options.uid, options.state)
    subprocess.run(["ldconfig", "-X", "-r", str(system.root)], check=True)  # noqa: S607 - of the build stage
    shutil.rmtree(system.path("/var/cache"), ignore_errors=True)
    standard_library = sysconfig.get_path("stdlib")
    compile_sources(
        (
            (system.path(standard_library), standard_library),
            (environment, str(options.environment)),
            (service, options.bento_path),
        )
    )
    for folder in (system.root, packages, bento):
        set_times(folder, options.epoch)
    for folder in state_folders(system, options.state):
        folder.chmod(0o775)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the content of the image's layers and return 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bento", type=Path, required=True, help="the folder of the Bento")
    parser.add_argument("--bento-path", required=True, help="the Bento's path in the image")
    parser.add_argument(
        "--environment", type=Path, required=True, help="the virtual environment, at its path in the image"
    )
    parser.add_argument("--state", required=True, help="the folder of the service's state in the image")
    parser.add_argument("--user", required=True)
    parser.add_argument("--uid", type=int, required=True)
    parser.add_argument("--target", type=Path, required=True, help="the folder that receives the layers")
    parser.add_argument("--epoch", type=int, required=True, help="the time of every file, in seconds since 1970")
    assemble(parser.parse_args(arguments))
    return 0


if __name__ == "__main__":
    sys.exit(main())
