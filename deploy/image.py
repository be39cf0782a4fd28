"""``python -m deploy.image`` makes an OCI image of a Bento with the engine that this machine has.

The last step of the data's way: the Bento holds code, packages' names and one bundle; ``bentoml containerize`` turns
it into an image. If no registry can be reached, ``--base debootstrap`` makes the base image too (deploy/base.py),
and ``--prove`` starts the image and compares its answers (deploy/prove.py).
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import bentoml
from bentoml.exceptions import BentoMLException

from deploy.base import IMAGE, make_base, pip_settings, uv_settings
from deploy.command import watch
from deploy.engine import QUESTIONS, REPLACES_BASE, Engine, choose_engine
from deploy.errors import ImageError
from deploy.prove import prove

PREFIX = "tabento-"
"""The prefix of the model's name in the names of the Bentos that ``make bento`` builds."""

DEBOOTSTRAP = "debootstrap"
"""The value of ``--base`` that asks for a base image made here."""


def find_bento(tag: str | None) -> bentoml.Bento:
    """Return a Bento of the store.

    Args:
        tag: a tag without a version means the latest; None means the latest that ``make bento`` has built.

    Raises:
        ImageError: the store does not hold it.
    """
    if tag is None:
        bentos = [bento for bento in bentoml.list() if bento.tag.name.startswith(PREFIX)]
        if not bentos:
            raise ImageError("the Bento store holds no Bento of a model: build one with `make bento MODEL=NAME`.")
        return max(bentos, key=lambda bento: bento.creation_time)
    try:
        return bentoml.get(tag)
    except (BentoMLException, ValueError) as error:
        raise ImageError(
            f"the Bento store holds no {tag!r}: build it with `make bento`; `bentoml list` shows the stored Bentos."
        ) from error


def containerize_command(
    bento: str, image: str, engine: str, base: str | None = None, settings: Path | None = None
) -> list[str]:
    """Return the command that makes an image of a Bento.

    Args:
        bento: the Bento's tag.
        image: the image's name, ``NAME:TAG``.
        engine: the backend.
        base: the image to build on instead of the Bento's own; it must be in the engine's store already.
        settings: a folder with a ``uv.toml`` that the build, but not the image, sees.
    """
    command = [sys.executable, "-m", "bentoml", "containerize", bento, "--backend", engine, "--image-tag", image]
    if base is not None:
        # `pull=never` would become two arguments, which the engines do not take.
        command += ["--opt", f"from={base}", "--opt", "pull-never"]
    if settings is not None:
        command += ["--opt", f"volume={settings}:/etc/uv:ro"]
    return command


def build_image(bento: str, image: str, engine: Engine, base: str | None = None, mirror: str | None = None) -> None:
    """Make an image of a Bento, and its base image if it is requested and not stored yet.

    Args:
        bento: the Bento's tag.
        image: the image's name, ``NAME:TAG``.
        engine: the engine that builds the image.
        base: None for the Bento's own base image, an image of the engine's store, or ``debootstrap``.
        mirror: the mirror of Debian's packages for debootstrap.

    Raises:
        ImageError: a step failed.
    """
    remedy = "docs/images.md says what a build needs."
    if base is None:
        watch(containerize_command(bento, image, engine.name), {}, remedy)
        return
    environment = {}
    if base == DEBOOTSTRAP:
        base = IMAGE
        # A machine without a registry is usually a container itself, in which an OCI runtime cannot start another container.
        environment["BUILDAH_ISOLATION"] = os.environ.get("BUILDAH_ISOLATION", "chroot")
        if engine.holds(IMAGE):
            print(f"base image: {IMAGE}, from an earlier run (`{engine.name} rmi {IMAGE}` for a new one)", flush=True)
        else:
            print(f"base image: {IMAGE}, now made by debootstrap (a minute or two)", flush=True)
            make_base(engine, mirror, os.environ)
    text, skipped_indexes = uv_settings(pip_settings())
    if skipped_indexes:
        print(f"pip's indexes on this machine's disk, not used by the build: {len(skipped_indexes)}", flush=True)
    with tempfile.TemporaryDirectory(prefix="tabento-uv-") as folder:
        Path(folder, "uv.toml").write_text(text, encoding="utf-8")
        watch(containerize_command(bento, image, engine.name, base, Path(folder)), environment, remedy)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.image", description="Make an OCI image of a Bento.")
    parser.add_argument(
        "--bento", metavar="NAME[:VERSION]", help="the Bento; default: the latest that `make bento` built"
    )
    parser.add_argument("--tag", metavar="NAME:TAG", help="the image's name; default: the Bento's tag")
    parser.add_argument("--engine", choices=QUESTIONS, help="default: the first of these that works here")
    parser.add_argument(
        "--base",
        metavar="IMAGE",
        help="build on this image of the engine's store (podman, buildah); `debootstrap` makes one of Debian's packages",
    )
    parser.add_argument("--mirror", metavar="URL", help="where debootstrap finds Debian's packages")
    parser.add_argument("--prove", action="store_true", help="start the image and compare its answers")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the image and return 0, or write the error to stderr and return 1."""
    options = _parser().parse_args(arguments)
    try:
        engine = choose_engine(options.engine, REPLACES_BASE if options.base else tuple(QUESTIONS))
        print(f"engine: {engine.name} ({engine.reason})", flush=True)
        bento = find_bento(options.bento)
        image = options.tag or str(bento.tag)
        build_image(str(bento.tag), image, engine, options.base, options.mirror)
        print(
            f"image: {image}, {engine.size(image)}\ntry it: {engine.run_line(image)}\nAPI keys for other computers: docs/keys.md",
            flush=True,
        )
        if options.prove:
            print(f"proved: {prove(engine, image, bento)}", flush=True)
    except ImageError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
