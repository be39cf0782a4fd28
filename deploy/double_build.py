"""``python -m deploy.double_build MODEL`` builds Bento and image of a model twice, without the engine's cache, and compares the images.

Each round has a Bento store of its own with the models of the usual store, so both Bentos have the same version.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bentoml._internal.configuration.containers import BentoMLContainer

from deploy.archive import read_image
from deploy.command import watch
from deploy.compare import report
from deploy.engine import DAEMONLESS, QUESTIONS, choose_engine
from deploy.errors import ImageError
from deploy.image import DEBOOTSTRAP, PREFIX

VERSION = "twice"
"""The version of both Bentos."""
ROUNDS = (1, 2)


def build_round(folder: Path, model: str, image: str, engine: str, base: str | None) -> None:
    """Build the Bento and the image once.

    Args:
        folder: an empty folder, which becomes the home of BentoML.
        model: the model, ``NAME`` or ``NAME:VERSION``.
        image: the image's name.
        engine: the engine that builds the image.
        base: the base image, as ``python -m deploy.image`` takes it.

    Raises:
        ImageError: a step failed.
    """
    (folder / "models").symlink_to(Path(BentoMLContainer.model_store_dir.get()).resolve())
    environment = {"BENTOML_HOME": str(folder)}
    bento = f"{PREFIX}{model.partition(':')[0]}:{VERSION}"
    watch([sys.executable, "-m", "training", "bento", model, "--version", VERSION], environment, "See its message.")
    command = [sys.executable, "-m", "deploy.image", "--bento", bento, "--tag", image, "--engine", engine, "--no-cache"]
    watch([*command, *(["--base", base] if base else [])], environment, "See its message.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Build, compare and remove both images; return 0 if they are equal and 1 otherwise."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.double_build", description="Build an image twice and compare."
    )
    parser.add_argument("model", metavar="NAME[:VERSION]", help="a model of the store")
    parser.add_argument("--engine", choices=QUESTIONS, help="default: the first of these that works here")
    parser.add_argument("--base", metavar="IMAGE", help="as for `python -m deploy.image`")
    options = parser.parse_args(arguments)
    images: list[str] = []
    try:
        engine = choose_engine(options.engine, DAEMONLESS if options.base == DEBOOTSTRAP else tuple(QUESTIONS))
        contents = []
        try:
            for number in ROUNDS:
                image = f"localhost/tabento-twice-{os.getpid()}:{number}"
                with tempfile.TemporaryDirectory(prefix="tabento-twice-") as folder:
                    build_round(Path(folder), options.model, image, engine.name, options.base)
                images.append(image)
                contents.append(read_image(engine, image))
        finally:
            for image in images:
                subprocess.run([engine.name, "rmi", image], capture_output=True, check=False)
    except ImageError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    text, is_equal = report(*contents)
    print(text)
    return 0 if is_equal else 1


if __name__ == "__main__":
    sys.exit(main())
