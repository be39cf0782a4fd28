"""Archives of small images, as ``docker save`` writes them."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def add_file(archive: tarfile.TarFile, path: str, content: bytes | str, mtime: int = 7) -> None:
    """Add a file, or a link if the content is a text: the link's target."""
    member = tarfile.TarInfo(path)
    member.mtime = mtime
    if isinstance(content, str):
        member.type, member.linkname = tarfile.SYMTYPE, content
        archive.addfile(member)
    else:
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))


def layer(files: Mapping[str, bytes | str], mtime: int = 7) -> bytes:
    """Return the tar archive of a layer."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, content in files.items():
            add_file(archive, path, content, mtime)
    return buffer.getvalue()


def write_archive(path: Path, layers: Sequence[bytes], config: Mapping[str, Any] | None = None) -> Path:
    """Write the archive of an image with some layers, and return its path."""
    diff_ids = [f"sha256:{hashlib.sha256(content).hexdigest()}" for content in layers]
    image = {
        "config": dict(config or {}),
        "rootfs": {"diff_ids": diff_ids},
        "history": [
            {"created_by": "ENV", "empty_layer": True},
            *({"created_by": f"COPY {n}"} for n, _ in enumerate(layers)),
        ],
    }
    names = [f"{n}.tar" for n, _ in enumerate(layers)]
    with tarfile.open(path, "w") as archive:
        add_file(archive, "manifest.json", json.dumps([{"Config": "c.json", "Layers": names}]).encode())
        add_file(archive, "c.json", json.dumps(image).encode())
        for name, content in zip(names, layers, strict=True):
            add_file(archive, name, content)
    return path
