"""The container engine: which of those that BentoML can drive really works on this machine.

A client without its daemon is no engine, so each candidate is asked something that only a working one answers.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from deploy.command import ask
from deploy.errors import ImageError

QUESTIONS: dict[str, tuple[str, ...]] = {
    "docker": ("info", "--format", "{{.ServerVersion}}"),
    "podman": ("info", "--format", "{{.Version.Version}}"),
    "buildah": ("info", "--format", "{{.store.GraphDriverName}}"),
}
"""What each engine is asked, in the order of preference. An answer of a line and status 0 means that it works."""

REPLACES_BASE = ("podman", "buildah")
"""The engines whose ``build`` takes ``--from``, so that a Bento can be put on another base than it was built for."""

ENTRYPOINT = "/home/bentoml/bento/env/docker/entrypoint.sh"
"""What BentoML's images start. ``buildah run`` does not look into the image for it, so it has to be said."""

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
            return ask([self.name, "images", "--format", "{{.Size}}", image]).splitlines()[0]
        return f"{int(ask([self.name, 'image', 'inspect', '--format', '{{.Size}}', image])) / 1e6:.0f} MB"

    def holds(self, image: str) -> bool:
        """Say whether the engine's own store has an image."""
        try:
            ask([self.name, "inspect", "--type", "image", image])
        except ImageError:
            return False
        return True

    def run_line(self, image: str) -> str:
        """Return the line for a shell that runs an image, with the service at this machine's port 3000."""
        if self.name == "buildah":
            return (
                f"buildah run --isolation chroot $(buildah from --pull-never {shlex.quote(image)}) --"
                f" {ENTRYPOINT} serve --port {SERVICE_PORT}"
            )
        return f"{self.name} run --rm -p {SERVICE_PORT}:{SERVICE_PORT} {shlex.quote(image)}"


def _fault(name: str) -> str | None:
    """Return why an engine cannot be used, or nothing."""
    if shutil.which(name) is None:
        return "is not installed"
    try:
        answer = ask([name, *QUESTIONS[name]])
    except ImageError as error:
        return f"is installed but does not work: {error}"
    return None if answer else f"is installed but `{name} info` names no server: is its daemon running?"


def choose_engine(wanted: str | None = None, candidates: Sequence[str] = tuple(QUESTIONS)) -> Engine:
    """Return the wanted engine, or the first of the candidates that works.

    Raises:
        ImageError: the wanted one, or every one, is missing or does not answer; the message says each one's fault.
    """
    if wanted is not None:
        if wanted not in candidates:
            raise ImageError(
                f"expected {' or '.join(candidates)}, got {wanted!r}: it cannot do what is asked."
                " Leave --engine away, or name one of these."
            )
        candidates = (wanted,)
    faults: list[str] = []
    for name in candidates:
        fault = _fault(name)
        if fault is None:
            return Engine(name, "it was asked for" if wanted else "; ".join([*faults, f"{name} works"]))
        faults.append(f"{name} {fault}")
    raise ImageError(
        "no container engine works on this machine:\n  "
        + "\n  ".join(faults)
        + "\nInstall Docker (https://docs.docker.com/engine/install/), or on Debian `apt-get install podman`;"
        " where nothing can run as a daemon, `apt-get install buildah` (docs/images.md)."
    )
