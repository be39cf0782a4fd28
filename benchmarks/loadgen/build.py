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
    """Return the C compiler: what the variable CC names, else ``cc``; None where there is none."""
    return shutil.which(os.environ.get("CC") or "cc")


def build_loadgen(folder: Path | None = None, source: Path = SOURCE) -> Path:
    """Return the compiled load generator, compiling it where this source has not been compiled yet.

    Args:
        source: the program; ``ANSWERER`` is the other one.
        folder: where programs are kept; by default ``.venv/loadgen`` of the checkout, else a folder for temporary files.

    Raises:
        BenchmarkError: there is no C compiler, or it failed; with what it said.
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
        # Built aside and moved into place: two processes that build at once never run half a program.
        fresh = Path(scratch) / "loadgen"
        done = subprocess.run([cc, *FLAGS, "-o", str(fresh), str(source)], capture_output=True, text=True)
        if done.returncode:
            raise BenchmarkError(f"{cc} could not compile {source.name}:\n{done.stdout}{done.stderr}")
        fresh.replace(program)
    return program
