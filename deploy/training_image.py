"""``python -m deploy.training_image`` makes the OCI image that trains and scores, with the engine that this machine has.

Its content is the commit that is checked out, not the working folder: data, secrets and runs can never enter it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from deploy.base import IMAGE, make_base, pip_settings, uv_settings
from deploy.command import watch
from deploy.engine import DAEMONLESS, QUESTIONS, Engine, choose_engine
from deploy.errors import ImageError
from deploy.image import DEBOOTSTRAP
from deploy.labels import Revision, read_revision

ROOT = Path(__file__).parents[1]
DOCKERFILE = "deploy/docker/training.Dockerfile"
NAME = "tabento-training"
_UNUSED = ("tests", "docs")
"""Folders of the repository that neither training nor scoring reads."""


def export_commit(folder: Path, root: Path = ROOT) -> None:
    """Write the files of the commit that is checked out into a folder.

    Raises:
        ImageError: the folder is not a repository, or git is missing.
    """
    archive = folder.with_suffix(".tar")
    command = ["git", "-C", str(root), "archive", "--output", str(archive), "HEAD", "."]
    command += [f":(exclude){name}" for name in _UNUSED]
    try:
        process = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except OSError as error:
        raise ImageError(f"cannot run git: {error.strerror}. Install git.") from error
    if process.returncode:
        raise ImageError(
            f"git cannot export the commit of {root}: {process.stderr.strip()}. Build the image in a clone of the repository."
        )
    with tarfile.open(archive) as content:
        content.extractall(folder, filter="data")
    archive.unlink()


def build_command(
    engine: str, image: str, context: Path, revision: Revision, base: str | None = None, settings: Path | None = None
) -> list[str]:
    """Return the command that builds the image.

    Args:
        engine: docker, podman or buildah.
        image: the image's name, ``NAME:TAG``.
        context: the folder with the files of the commit.
        revision: the commit, for labels and times.
        base: the base image; None for that of the Dockerfile.
        settings: a folder with a ``uv.toml`` that the build, but not the image, sees; only podman and buildah can mount it.
    """
    command = [engine, "build", "--file", str(context / DOCKERFILE), "--tag", image]
    labels = {"title": NAME, "revision": revision.commit, "licenses": "Apache-2.0"}
    command += [
        word for name, value in labels.items() for word in ("--label", f"org.opencontainers.image.{name}={value}")
    ]
    if engine in DAEMONLESS:
        command += ["--timestamp", str(revision.epoch), "--layers", "--format", "docker"]
    if base is not None:
        command += ["--build-arg", f"BASE_IMAGE={base}"]
    if base == IMAGE:
        command.append("--pull-never")
    if settings is not None:
        command += ["--volume", f"{settings}:/etc/uv:ro"]
    return [*command, str(context)]


def build(engine: Engine, image: str, base: str | None, mirror: str | None) -> None:
    """Build the image.

    Args:
        engine: the engine.
        image: the image's name, ``NAME:TAG``.
        base: None for that of the Dockerfile, the name of an image, or ``debootstrap``.
        mirror: the mirror of Debian's packages for debootstrap.

    Raises:
        ImageError: a step failed.
    """
    environment = {}
    if base == DEBOOTSTRAP:
        environment["BUILDAH_ISOLATION"] = os.environ.get("BUILDAH_ISOLATION", "chroot")
        if not engine.holds(IMAGE):
            make_base(engine, mirror, os.environ)
        base = IMAGE
    revision = read_revision(ROOT, os.environ)
    with tempfile.TemporaryDirectory(prefix="tabento-training-") as folder:
        context = Path(folder, "context")
        context.mkdir()
        export_commit(context)
        settings = None
        if engine.name in DAEMONLESS:
            settings = Path(folder, "uv")
            settings.mkdir()
            (settings / "uv.toml").write_text(uv_settings(pip_settings())[0], encoding="utf-8")
        command = build_command(engine.name, image, context, revision, base, settings)
        watch(command, environment, "docs/images.md says what a build needs.", str(context))


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the image and return 0, or write the error to stderr and return 1."""
    parser = argparse.ArgumentParser(prog="python -m deploy.training_image", description="Make the image of training.")
    parser.add_argument(
        "--tag", metavar="NAME:TAG", default=f"{NAME}:latest", help="the image's name (default: %(default)s)"
    )
    parser.add_argument("--engine", choices=QUESTIONS, help="default: the first of these that works here")
    parser.add_argument(
        "--base", metavar="IMAGE", help="another base image; `debootstrap` makes one of Debian's packages"
    )
    parser.add_argument("--mirror", metavar="URL", help="where debootstrap finds Debian's packages")
    options = parser.parse_args(arguments)
    try:
        engine = choose_engine(options.engine, DAEMONLESS if options.base == DEBOOTSTRAP else tuple(QUESTIONS))
        print(f"engine: {engine.name} ({engine.reason})", flush=True)
        build(engine, options.tag, options.base, options.mirror)
        print(f"image: {options.tag}, {engine.size(options.tag)}", flush=True)
    except ImageError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
