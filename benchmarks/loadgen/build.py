"""Compiles the load generator on first use; a change of its source makes a new program."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from benchmarks.process import ROOT, BenchmarkError

SOURCE = Path(__file__).with_name("loadgen.c")
ANSWERER = Path(__file__).with_name("answerer.c")
FLAGS = ("-std=c11", "-O2")


def compiler() -> str | None:
    """Return the C compiler, which is the program in the variable CC or else ``cc``; None if it is not installed."""
    return shutil.which(os.environ.get("CC") or "cc")


def build_loadgen(folder: Path | None = None, source: Path = SOURCE) -> Path:
    """Return the compiled load generator, and compile it if this source has not been compiled yet.

    Args:
        source: the program's source, the generator or ``ANSWERER``.
        folder: the folder of compiled programs; by default ``.venv/loadgen`` of the checkout, else a folder for temporary files.

    Raises:
        BenchmarkError: there is no C compiler, or it failed; the message has its output.
    """
    if folder is None:
        environment = ROOT / ".venv"
        user = os.getuid()
        temporary = Path(tempfile.gettempdir()) / f"tabento-loadgen-{user}"
        folder = environment / "loadgen" if environment.is_dir() else temporary
    parts = (source, *sorted(source.parent.glob("*.h")))
    content = b"".join(part.read_bytes() for part in parts) + " ".join(FLAGS).encode()
    program = folder / f"{source.stem}-{hashlib.sha256(content).hexdigest()[:16]}"
    if program.exists():
        return program
    cc = compiler()
    if cc is None:
        raise BenchmarkError(
            f"expected a C compiler to build {source.name}, found no '{os.environ.get('CC') or 'cc'}' on the PATH."
            " Install one (Debian and Ubuntu: apt-get install gcc libc6-dev), or name one in the variable CC."
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        # The program is built under another name and then moved, so that a parallel process never runs half a program.
        fresh = Path(scratch) / "loadgen"
        process = subprocess.run([cc, *FLAGS, "-o", str(fresh), str(source)], capture_output=True, text=True)
        if process.returncode:
            raise BenchmarkError(f"{cc} could not compile {source.name}:\n{process.stdout}{process.stderr}")
        fresh.replace(program)
    return program
