"""An image as a file: the layers, files and configuration that an engine's archive of an image holds.

docker, podman and buildah all write the format of ``docker save``, so the listing of an image (deploy/contents.py), the
comparison of two images (deploy/compare.py) and the bill of materials (deploy/sbom.py) read any engine's images.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from deploy.command import run_command
from deploy.engine import Engine, choose_engine
from deploy.errors import ImageError

SAVE_TIMEOUT_S = 600.0
_MANIFEST = "manifest.json"
_WHITEOUT = ".wh."
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class ImageFile:
    """A file, folder or link of a layer."""

    path: str
    """The path without the slash at its beginning."""
    size: int
    """Bytes of the content; 0 for folders and links."""
    description: str
    """Type, rights, owner, time and the target of a link: all that two equal layers must have in common beside the content."""
    digest: str
    """The SHA-256 of the content of a file."""


@dataclass(frozen=True)
class Layer:
    """A layer of an image."""

    digest: str
    """``sha256:`` and the digest of the layer's tar archive: its diff id."""
    created_by: str
    """The instruction of the Dockerfile that made it."""
    files: dict[str, ImageFile]
    """The files by their path, without the marks of deleted files."""

    @property
    def size(self) -> int:
        """Bytes of all files, without compression."""
        return sum(file.size for file in self.files.values())


@dataclass
class ImageArchive:
    """The content of an image."""

    config: dict[str, Any]
    """The configuration: environment, entry point, user, labels, health check."""
    layers: list[Layer] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    """The content of the files that were requested, by their path."""

    @property
    def files(self) -> dict[str, ImageFile]:
        """The files of all layers; a later layer replaces the files of a former one."""
        return {path: file for layer in self.layers for path, file in layer.files.items()}

    @property
    def size(self) -> int:
        """Bytes of all layers without compression, the base included: the size that docker prints."""
        return sum(layer.size for layer in self.layers)


def save_command(engine: str, image: str, path: Path) -> list[str]:
    """Return the command that writes an image to a file in the format of ``docker save``."""
    if engine == "buildah":
        return ["buildah", "push", "--quiet", image, f"docker-archive:{path}:{image.rpartition('/')[2]}"]
    option = ["--format", "docker-archive"] if engine == "podman" else []
    return [engine, "save", *option, "--output", str(path), image]


def _digest(content: IO[bytes]) -> str:
    sha256 = hashlib.sha256()
    while block := content.read(_BLOCK_BYTES):
        sha256.update(block)
    return sha256.hexdigest()


def _read_layer(tar: IO[bytes], suffixes: tuple[str, ...], texts: dict[str, str]) -> dict[str, ImageFile]:
    files: dict[str, ImageFile] = {}
    with tarfile.open(fileobj=tar) as layer:
        for member in layer:
            path = member.name.removeprefix("./").strip("/")
            if path.rpartition("/")[2].startswith(_WHITEOUT) or path in ("", "."):
                continue
            rights = f"{member.type!r} {member.mode:o} {member.uid}:{member.gid} {int(member.mtime)}"
            content = layer.extractfile(member) if member.isfile() else None
            digest = ""
            if content is not None:
                if path.endswith(suffixes):
                    data = content.read()
                    texts[path] = data.decode("utf-8", "replace")
                    digest = hashlib.sha256(data).hexdigest()
                else:
                    digest = _digest(content)
            files[path] = ImageFile(path, member.size, f"{rights} {member.linkname}".rstrip(), digest)
    return files


def read_archive(path: Path, suffixes: tuple[str, ...] = ()) -> ImageArchive:
    """Read the archive of an image.

    Args:
        path: a file that ``docker save`` wrote, or another engine in this format.
        suffixes: ends of the paths of the files whose content is kept as text.

    Raises:
        ImageError: the file is not such an archive.
    """
    try:
        with tarfile.open(path) as archive:

            def member(name: str) -> IO[bytes]:
                content = archive.extractfile(name)
                if content is None:
                    raise KeyError(name)
                return content

            manifest = json.load(member(_MANIFEST))[0]
            config = json.load(member(manifest["Config"]))
            image = ImageArchive(config)
            steps = [step for step in config.get("history", ()) if not step.get("empty_layer")]
            for index, (name, diff_id) in enumerate(zip(manifest["Layers"], config["rootfs"]["diff_ids"], strict=True)):
                created_by = str(steps[index].get("created_by", "")) if index < len(steps) else ""
                image.layers.append(Layer(diff_id, created_by, _read_layer(member(name), suffixes, image.texts)))
    except (OSError, tarfile.TarError, KeyError, ValueError, IndexError) as error:
        raise ImageError(f"{path} is not an archive of an image: {error!r}. Write it with `docker save`.") from error
    return image


@contextmanager
def saved_image(engine: Engine, image: str) -> Iterator[Path]:
    """Yield the path of a temporary archive of an image.

    Raises:
        ImageError: the engine does not hold the image, or the disk is full.
    """
    with tempfile.TemporaryDirectory(prefix="tabento-archive-") as folder:
        path = Path(folder, "image.tar")
        run_command(save_command(engine.name, image, path), SAVE_TIMEOUT_S)
        yield path


def read_image(engine: Engine, image: str, suffixes: tuple[str, ...] = ()) -> ImageArchive:
    """Read the content of an image of an engine's store.

    Raises:
        ImageError: the engine does not hold the image.
    """
    with saved_image(engine, image) as path:
        return read_archive(path, suffixes)


def read_named_image(name: str, engine: str | None, suffixes: tuple[str, ...] = ()) -> ImageArchive:
    """Read the image that a user names: an archive of ``docker save`` by its path, or an image of an engine's store.

    Args:
        name: the path or the name.
        engine: the name of the engine; None means the first one that works. An archive needs no engine.
        suffixes: as for ``read_archive``.

    Raises:
        ImageError: the file is not an archive, no engine works, or the engine does not hold the image.
    """
    path = Path(name)
    return read_archive(path, suffixes) if path.is_file() else read_image(choose_engine(engine), name, suffixes)
