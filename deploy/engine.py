"""The container engine: which of those that BentoML can drive really works on this machine.

A client without its daemon is not an engine, so each candidate runs a command that only a working engine answers.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from deploy.command import run_command
from deploy.errors import ImageError

QUESTIONS: dict[str, tuple[str, ...]] = {
    "docker": ("info", "--format", "{{.ServerVersion}}"),
    "podman": ("info", "--format", "{{.Version.Version}}"),
    "buildah": ("info", "--format", "{{.store.GraphDriverName}}"),
}
"""The command that tests each engine, in the order of preference. A line of output and status 0 mean that it works."""

DAEMONLESS = ("podman", "buildah")
"""The engines that build in their own process: they can mount a folder of this machine and can set the time of all files."""

PYTHON = "/app/.venv/bin/python"
"""The interpreter of the image."""

SERVE = (PYTHON, "/home/bentoml/bento/src/container.py", "serve")
"""ENTRYPOINT and CMD of the image. ``buildah run`` does not read them from the image, so the command line has them."""

SERVICE_PORT = 3000
"""The port on which a Bento listens in its container."""


@dataclass(frozen=True)
class Engine:
    """A container engine that answered."""

    name: str
    """One of ``QUESTIONS``: the command, and BentoML's name for the backend."""
    reason: str
    """Why this one and none of those before it, for people."""

    def size(self, image: str) -> str:
        """Return an image's size with its unit.

        Raises:
            ImageError: the engine does not hold the image.
        """
        if self.name == "buildah":
            return run_command([self.name, "images", "--format", "{{.Size}}", image]).splitlines()[0]
        return f"{int(run_command([self.name, 'image', 'inspect', '--format', '{{.Size}}', image])) / 1e6:.0f} MB"

    def holds(self, image: str) -> bool:
        """Return whether the engine's own store has an image."""
        try:
            run_command([self.name, "inspect", "--type", "image", image])
        except ImageError:
            return False
        return True

    def run_line(self, image: str) -> str:
        """Return the line for a shell that tries an image: without API keys, at port 3000 for this machine only."""
        if self.name == "buildah":
            return (
                f"buildah run --isolation chroot $(buildah from --pull-never {shlex.quote(image)}) --"
                f" {shlex.join(SERVE)} --host 127.0.0.1 --port {SERVICE_PORT}"
            )
        port = f"127.0.0.1:{SERVICE_PORT}:{SERVICE_PORT}"
        return f"{self.name} run --rm -p {port} -e TABENTO_ALLOW_NO_KEYS=true {shlex.quote(image)}"


def _fault(name: str) -> str | None:
    """Return the reason for which an engine cannot be used; None if it works."""
    if shutil.which(name) is None:
        return "is not installed"
    try:
        answer = run_command([name, *QUESTIONS[name]])
    except ImageError as error:
        return f"is installed but does not work: {error}"
    return None if answer else f"is installed but `{name} info` names no server: is its daemon running?"


def choose_engine(requested: str | None = None, candidates: Sequence[str] = tuple(QUESTIONS)) -> Engine:
    """Return the requested engine, or the first of the candidates that works.

    Raises:
        ImageError: the requested engine, or every engine, is missing or does not answer; the message names the fault of each.
    """
    if requested is not None:
        if requested not in candidates:
            raise ImageError(
                f"expected {' or '.join(candidates)}, got {requested!r}: this engine cannot build the image."
                " Leave --engine away, or name one of these."
            )
        candidates = (requested,)
    faults: list[str] = []
    for name in candidates:
        fault = _fault(name)
        if fault is None:
            return Engine(name, "the command line names it" if requested else "; ".join([*faults, f"{name} works"]))
        faults.append(f"{name} {fault}")
    raise ImageError(
        "no container engine works on this machine:\n  "
        + "\n  ".join(faults)
        + "\nInstall Docker (https://docs.docker.com/engine/install/), or on Debian `apt-get install podman`;"
        " where nothing can run as a daemon, `apt-get install buildah` (docs/images.md)."
    )
