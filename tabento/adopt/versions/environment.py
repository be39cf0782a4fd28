"""An environment with another version of scikit-learn, created by uv and kept between runs.

It is in the user's cache folder, not in the checkout. Its other packages are not newer than the packages installed here, so
that an old version does not run with a library that was released years later.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tabento.adopt.errors import AdoptionError

READY = "ready.json"
"""The file in an environment's folder that is written last, with the installed requirements."""
SCRIPT = Path(__file__).with_name("answers.py")
"""The script that runs in an environment."""
INSTALL_TIMEOUT_S = 600.0
ANSWER_TIMEOUT_S = 900.0
_VERSION = re.compile(r"\d{1,4}\.\d{1,4}(\.\d{1,4})?((a|b|rc)\d{1,4})?")
_NO_NEWER = ("joblib", "numpy", "scipy", "threadpoolctl")
_PANDAS_3_SINCE = (1, 8)
"""Older versions of scikit-learn were made for pandas 2, and some write to its arrays."""
_NEWEST_PYTHON = (
    ((1, 1), (3, 10)),
    ((1, 3), (3, 11)),
    ((1, 5), (3, 12)),
    ((1, 7), (3, 13)),
)
"""Up to each version (exclusive), the newest Python that scikit-learn has wheels for."""


@dataclass(frozen=True)
class Environment:
    """A folder with a Python that has another version of scikit-learn."""

    python: Path
    """The interpreter."""
    sklearn: str
    """The version of scikit-learn."""
    is_new: bool
    """Whether this call created it."""

    def answer(self, arguments: Sequence[str], paths: Sequence[str]) -> tuple[int, str]:
        """Run ``answers`` in the environment.

        Args:
            arguments: its command line.
            paths: folders of the steps' modules.

        Returns:
            Its exit code and its output on stderr.

        Raises:
            subprocess.TimeoutExpired: it took longer than ``ANSWER_TIMEOUT_S``.
        """
        inherited = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "VIRTUAL_ENV")}
        folders = os.pathsep.join([*paths, *filter(None, [os.environ.get("PYTHONPATH")])])
        process = subprocess.run(  # noqa: S603 - a fixed command without a shell
            [str(self.python), str(SCRIPT), *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=ANSWER_TIMEOUT_S,
            check=False,
            env={**inherited, "PYTHONNOUSERSITE": "1", "PYTHONPATH": folders},
            stdin=subprocess.DEVNULL,
        )
        return process.returncode, process.stderr


def checked_version(text: str) -> str:
    """Return a version of scikit-learn as the user wrote it.

    Raises:
        AdoptionError: the text is not a version.
    """
    if not _VERSION.fullmatch(text):
        raise AdoptionError(f"--sklearn {text!r} is not a version: expected auto, or a version like 1.5.2.")
    return text


def cache_folder() -> Path:
    """Return the folder that keeps the environments."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "tabento" / "scikit-learn"


def open_environment(sklearn: str, extra: Sequence[str] = (), folder: Path | None = None) -> Environment:
    """Return an environment with a version of scikit-learn; it is created if it does not exist yet.

    Args:
        sklearn: the version.
        extra: further requirements, such as ``lightgbm==4.7.0``.
        folder: the folder of the environments; by default ``cache_folder()``.

    Raises:
        AdoptionError: uv is not installed, a package cannot be installed, or the folder cannot be written.
    """
    python = python_for(sklearn)
    requirements = _requirements(sklearn, extra)
    key = hashlib.sha256(json.dumps([python, requirements]).encode()).hexdigest()[:8]
    home = (folder or cache_folder()) / f"{checked_version(sklearn)}-py{python}-{key}"
    interpreter = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    try:
        with _creation_lock(home):
            if (home / READY).exists() and interpreter.exists():
                return Environment(interpreter, sklearn, False)
            _make(home, interpreter, sklearn, python, requirements)
    except OSError as error:
        raise AdoptionError(
            f"an environment with scikit-learn {sklearn} cannot be made in {home}: {error.strerror or error}. Set"
            " XDG_CACHE_HOME to a folder that can be written."
        ) from error
    return Environment(interpreter, sklearn, True)


def python_for(sklearn: str) -> str:
    """Return the version of Python for a version of scikit-learn: the running version, or the newest with wheels for it."""
    running = sys.version_info[:2]
    for before, newest in _NEWEST_PYTHON:
        if _minor(sklearn) < before:
            return "{}.{}".format(*min(running, newest))
    return "{}.{}".format(*running)


def _minor(text: str) -> tuple[int, int]:
    major, minor = re.findall(r"\d+", text)[:2]
    return int(major), int(minor)


def _requirements(sklearn: str, extra: Sequence[str]) -> list[str]:
    bounds = [f"{name}<={version(name)}" for name in _NO_NEWER]
    pandas = f"pandas<={version('pandas')}" if _minor(sklearn) >= _PANDAS_3_SINCE else "pandas<3"
    return [f"scikit-learn=={checked_version(sklearn)}", f"skops=={version('skops')}", pandas, *bounds, *sorted(extra)]


def _make(home: Path, interpreter: Path, sklearn: str, python: str, requirements: Sequence[str]) -> None:
    uv = _uv()
    if home.exists():
        shutil.rmtree(home)  # left by a run that was stopped
    home.parent.mkdir(parents=True, exist_ok=True)
    is_running = python == "{}.{}".format(*sys.version_info[:2])
    python_choice = sys._base_executable if is_running else python  # type: ignore[attr-defined]
    _run([uv, "venv", "--quiet", "--no-project", "--python", python_choice, str(home)], sklearn)
    install = [uv, "pip", "install", "--quiet", "--only-binary", ":all:", "--python", str(interpreter), *requirements]
    _run(install, sklearn)
    (home / READY).write_text(json.dumps({"python": python, "requirements": list(requirements)}))


def _uv() -> str:
    """Return the path of uv: installed with Tabento, or else in PATH."""
    try:
        import uv

        return str(uv.find_uv_bin())
    except (ImportError, FileNotFoundError):
        path = shutil.which("uv")
    if path is None:
        raise AdoptionError("--sklearn needs uv, which is not installed here: install it, or leave --sklearn out.")
    return path


def _run(command: list[str], sklearn: str) -> None:
    try:
        process = subprocess.run(  # noqa: S603 - a fixed command without a shell
            command, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        raise AdoptionError(
            f"an environment with scikit-learn {sklearn} was not ready after {INSTALL_TIMEOUT_S:.0f} s. Try again when"
            " the package index answers faster, or leave --sklearn out."
        ) from None
    if process.returncode:
        lines = [
            line.strip() for line in process.stderr.splitlines() if line.strip() and not line.startswith("WARNING")
        ]
        raise AdoptionError(
            f"an environment with scikit-learn {sklearn} cannot be made: {' '.join(lines)[:1000] or 'uv failed'}. Without"
            " a network or such a version, leave --sklearn out, and compare some answers yourself."
        )


@contextmanager
def _creation_lock(home: Path) -> Iterator[None]:
    """Hold a lock, so that one process at a time creates an environment."""
    home.parent.mkdir(parents=True, exist_ok=True)
    with (home.parent / f"{home.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def requirement_of(distribution: str) -> str | None:
    """Return the requirement for exactly the installed version of a package, None if it is not installed."""
    try:
        return f"{distribution}=={version(distribution)}"
    except PackageNotFoundError:
        return None
