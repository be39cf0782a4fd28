"""``python -m deploy.compare FIRST SECOND`` compares two images: their files, rights and times, layers and configurations.

Two images of one commit, bundle and Bento version must be equal; ``make image-twice`` builds both and runs this command.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from deploy.archive import ImageArchive, read_named_image
from deploy.engine import QUESTIONS
from deploy.errors import ImageError

LIMIT = 40
"""The largest number of printed differences."""

CONFIG_KEYS = ("Env", "Entrypoint", "Cmd", "User", "WorkingDir", "ExposedPorts", "Labels", "Healthcheck", "Volumes")
"""The parts of the configuration that a container uses. The rest names the machine that built the image."""


def _differences(name: str, first: dict[str, Any], second: dict[str, Any]) -> Iterator[str]:
    for key in sorted({*first, *second}):
        left, right = first.get(key), second.get(key)
        if left != right:
            yield f"{name} {key}: {left if left is not None else 'missing'} | {right if right is not None else 'missing'}"


def differences(first: ImageArchive, second: ImageArchive) -> list[str]:
    """Return the differences of two images as sentences; an empty list means that they are equal."""
    findings: list[str] = []
    if len(first.layers) != len(second.layers):
        findings.append(f"layers: {len(first.layers)} | {len(second.layers)}")
    for index, (left, right) in enumerate(zip(first.layers, second.layers, strict=False), start=1):
        files = list(
            _differences(
                f"layer {index}, file",
                {path: f"{file.description} {file.size} {file.digest}" for path, file in left.files.items()},
                {path: f"{file.description} {file.size} {file.digest}" for path, file in right.files.items()},
            )
        )
        if not files and left.digest != right.digest:
            files = [
                f"layer {index}: equal files in another order or with other headers, {left.digest} | {right.digest}"
            ]
        findings += files
    configs = [image.config.get("config", {}) for image in (first, second)]
    findings += _differences("configuration", *({key: config.get(key) for key in CONFIG_KEYS} for config in configs))
    return findings


def report(first: ImageArchive, second: ImageArchive) -> tuple[str, bool]:
    """Return the comparison of two images as text, and whether they are equal."""
    if findings := differences(first, second):
        return "\n".join([f"{len(findings)} differences", *findings[:LIMIT]]), False
    digests = "\n".join(f"  {layer.digest}  {len(layer.files)} files" for layer in first.layers)
    return f"equal: {len(first.files)} files in {len(first.layers)} layers\n{digests}", True


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the differences; return 0 if there are none and 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m deploy.compare", description="Compare two images.")
    parser.add_argument(
        "images", nargs=2, metavar="IMAGE", help="in the engine's store, or an archive of `docker save`"
    )
    parser.add_argument("--engine", choices=QUESTIONS, help="default: the first of these that works here")
    options = parser.parse_args(arguments)
    try:
        first, second = (read_named_image(image, options.engine) for image in options.images)
    except ImageError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    text, is_equal = report(first, second)
    print(text)
    return 0 if is_equal else 1


if __name__ == "__main__":
    sys.exit(main())
