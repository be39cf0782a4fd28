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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import bentoml
from bentoml.exceptions import BentoMLException

from deploy.archive import read_image
from deploy.base import IMAGE, make_base, pip_settings, uv_settings
from deploy.command import watch
from deploy.engine import DAEMONLESS, QUESTIONS, Engine, choose_engine
from deploy.errors import ImageError
from deploy.labels import image_labels, read_revision
from deploy.prove import prove
from deploy.sbom import TEXTS, write_bill

PREFIX = "tabento-"
"""The prefix of the model's name in the names of the Bentos that ``make bento`` builds."""

DEBOOTSTRAP = "debootstrap"
"""The value of ``--base`` that asks for a base image made here."""

ROOT_FOLDER = "/"
"""The working folder of ``bentoml containerize``: BentoML 1.4.36 and later refuse a Dockerfile template outside the working folder,
and they unpack the Bento with its template in a temporary folder (BentoML#5566)."""


@dataclass(frozen=True)
class BuildOptions:
    """The options of the build that do not come from the Bento."""

    base: str | None = None
    """The image of the build stage: None for the Bento's own, the name of an image, or ``debootstrap``."""
    mirror: str | None = None
    """The mirror of Debian's packages for debootstrap."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels of the image."""
    epoch: int = 0
    """The time of every file of the image, in seconds since 1970."""
    cached: bool = True
    """Whether the engine may use the results of steps of a former build."""


DEFAULT_OPTIONS = BuildOptions()


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


def bento_base(bento: bentoml.Bento) -> str:
    """Return the base image that a Bento names."""
    options = getattr(bento.info, "docker", None) or getattr(bento.info, "image", None)
    return str(getattr(options, "base_image", ""))


def containerize_command(
    bento: str, image: str, engine: str, options: BuildOptions = DEFAULT_OPTIONS, settings: Path | None = None
) -> list[str]:
    """Return the command that makes an image of a Bento.

    Args:
        bento: the Bento's tag.
        image: the image's name, ``NAME:TAG``.
        engine: the backend.
        options: the base, labels and time of the image.
        settings: a folder with a ``uv.toml`` that the build, but not the image, sees; only podman and buildah can mount it.
    """
    command = [sys.executable, "-m", "bentoml", "containerize", bento, "--backend", engine, "--image-tag", image]
    values = [f"label={name}={value}" for name, value in sorted(options.labels.items())]
    values.append(f"build-arg=SOURCE_DATE_EPOCH={options.epoch}")
    if engine in DAEMONLESS:
        # A layer for each COPY, so that a registry and a node store the packages once for all models.
        values += [f"timestamp={options.epoch}", "layers", "format=docker"]
    if not options.cached:
        values.append("no-cache")
    if options.base is not None:
        values.append(f"build-arg=BASE_IMAGE={options.base}")
    if options.base == IMAGE:
        # `pull=never` would become two arguments, which the engines do not take.
        values.append("pull-never")
    if settings is not None:
        values.append(f"volume={settings}:/etc/uv:ro")
    return [*command, *(part for value in values for part in ("--opt", value))]


def build_image(bento: str, image: str, engine: Engine, options: BuildOptions = DEFAULT_OPTIONS) -> None:
    """Make an image of a Bento, and its base image if it is requested and not stored yet.

    Args:
        bento: the Bento's tag.
        image: the image's name, ``NAME:TAG``.
        engine: the engine that builds the image.
        options: the base, labels and time of the image.

    Raises:
        ImageError: a step failed.
    """
    remedy = "docs/images.md says what a build needs."
    environment = {}
    if options.base == DEBOOTSTRAP:
        # A machine without a registry is usually a container itself, in which an OCI runtime cannot start another container.
        environment["BUILDAH_ISOLATION"] = os.environ.get("BUILDAH_ISOLATION", "chroot")
        if engine.holds(IMAGE):
            print(f"base image: {IMAGE}, from an earlier run (`{engine.name} rmi {IMAGE}` for a new one)", flush=True)
        else:
            print(f"base image: {IMAGE}, now made by debootstrap (a minute or two)", flush=True)
            make_base(engine, options.mirror, os.environ)
        options = replace(options, base=IMAGE)
    if engine.name not in DAEMONLESS or options.base is None:
        watch(containerize_command(bento, image, engine.name, options), environment, remedy, ROOT_FOLDER)
        return
    text, skipped_indexes = uv_settings(pip_settings())
    if skipped_indexes:
        print(f"pip's indexes on this machine's disk, not used by the build: {len(skipped_indexes)}", flush=True)
    with tempfile.TemporaryDirectory(prefix="tabento-uv-") as folder:
        Path(folder, "uv.toml").write_text(text, encoding="utf-8")
        command = containerize_command(bento, image, engine.name, options, Path(folder))
        watch(command, environment, remedy, ROOT_FOLDER)


def options_for(bento: bentoml.Bento, base: str | None = None, mirror: str | None = None) -> BuildOptions:
    """Return the options of the build of a Bento from this checkout, with the labels of its image.

    Raises:
        ImageError: SOURCE_DATE_EPOCH is not a number.
    """
    revision = read_revision(Path(__file__).parents[1], os.environ)
    base_name = IMAGE if base == DEBOOTSTRAP else base or bento_base(bento)
    return BuildOptions(base, mirror, image_labels(bento, revision, base_name), revision.epoch)


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
    parser.add_argument("--no-cache", action="store_true", help="use no step of a former build")
    parser.add_argument(
        "--sbom", type=Path, metavar="FILE", help="write the bill of materials here (CycloneDX in JSON)"
    )
    parser.add_argument("--prove", action="store_true", help="start the image and compare its answers")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the image and return 0, or write the error to stderr and return 1."""
    options = _parser().parse_args(arguments)
    try:
        engine = choose_engine(options.engine, DAEMONLESS if options.base == DEBOOTSTRAP else tuple(QUESTIONS))
        print(f"engine: {engine.name} ({engine.reason})", flush=True)
        bento = find_bento(options.bento)
        image = options.tag or str(bento.tag)
        build_options = replace(options_for(bento, options.base, options.mirror), cached=not options.no_cache)
        build_image(str(bento.tag), image, engine, build_options)
        print(
            f"image: {image}, {engine.size(image)}\ntry it: {engine.run_line(image)}\nAPI keys for other computers: docs/keys.md",
            flush=True,
        )
        if options.sbom is not None:
            count = write_bill(options.sbom, read_image(engine, image, TEXTS), image)
            print(f"bill of materials: {options.sbom}, {count} components", flush=True)
        if options.prove:
            print(f"proved: {prove(engine, image, bento)}", flush=True)
    except ImageError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
