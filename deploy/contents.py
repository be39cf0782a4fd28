"""``python -m deploy.contents IMAGE`` lists what an image is made of: bytes by layer, by package and by kind of file.

Each file belongs to one owner: a Python package (by its RECORD), a Debian package (by its list of files), the standard library, the
code of the service, or a bundle. The compiled form of a module belongs to the owner of its source.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.archive import ImageArchive, read_named_image
from deploy.engine import QUESTIONS
from deploy.errors import ImageError

TEXTS = ("dist-info/RECORD", "dist-info/METADATA", "var/lib/dpkg/status", ".list")
"""The files whose content names the owners of others."""

_BUNDLE = re.compile(r"(?:^|/)models/([^/]+)/([^/]+)/")
_COMPILED = re.compile(r"__pycache__/([^/]+)\.cpython-\d+(?:\.opt-\d)?\.pyc$")
_INTERPRETER = re.compile(r"^usr/(?:local/)?bin/python|/libpython3")
_STANDARD_LIBRARY = re.compile(r"^usr/(?:local/)?lib/python3(?:\.\d+)?/")
_DISTRIBUTION = re.compile(r"/([^/]+?)-([^/-]+)\.dist-info/RECORD$")
_KINDS = {".so": "shared libraries", ".py": "Python sources", ".pyc": "compiled Python", ".onnx": "models"}
_MEGABYTE = 1e6


@dataclass(frozen=True)
class Share:
    """A part of an image."""

    name: str
    size: int
    """Bytes without compression."""
    files: int


def source_path(path: str) -> str:
    """Return the path of the source of a compiled module, and any other path as it is."""
    return _COMPILED.sub(r"\1.py", path)


def file_owners(image: ImageArchive) -> dict[str, str]:
    """Return the owner of each file that a package's record names."""
    owners: dict[str, str] = {}
    for path, text in image.texts.items():
        if distribution := _DISTRIBUTION.search(path):
            site_packages = path.rpartition("/")[0].rpartition("/")[0]
            for row in csv.reader(text.splitlines()):
                owners[f"{site_packages}/{row[0]}"] = f"{distribution[1].replace('_', '-').lower()} {distribution[2]}"
        elif path.startswith("var/lib/dpkg/info/"):
            name = Path(path).stem.partition(":")[0]
            owners.update({line.lstrip("/"): f"Debian {name}" for line in text.splitlines()})
    return owners


def owner_of(path: str, owners: dict[str, str]) -> str:
    """Return the owner of a file."""
    if bundle := _BUNDLE.search(path):
        return f"bundle {bundle[1]}"
    if path.startswith("home/bentoml/"):
        return "code of the service"
    source = source_path(path)
    if source in owners and not owners[source].startswith("Debian"):
        return owners[source]
    if _INTERPRETER.search(path):
        return "Python: interpreter"
    if _STANDARD_LIBRARY.search(path) and "-packages/" not in path:
        return "Python: standard library"
    return owners.get(path, owners.get(f"lib/{path.removeprefix('usr/lib/')}", "other files"))


def kind_of(path: str) -> str:
    """Return the kind of a file by its name."""
    if ".so." in path or path.endswith(".so"):
        return _KINDS[".so"]
    return _KINDS.get(Path(path).suffix, "other files")


def shares(names_and_sizes: Sequence[tuple[str, int]]) -> list[Share]:
    """Return the sum for each name, the largest first."""
    sizes, counts = Counter[str](), Counter[str]()
    for name, size in names_and_sizes:
        sizes[name] += size
        counts[name] += 1
    return [
        Share(name, size, counts[name]) for name, size in sorted(sizes.items(), key=lambda item: (-item[1], item[0]))
    ]


def describe(image: ImageArchive) -> dict[str, Any]:
    """Return the listing of an image as a document: layers, packages and kinds with their bytes and number of files."""
    owners = file_owners(image)
    files = [file for file in image.files.values() if file.digest]
    return {
        "bytes": image.size,
        "files": len(files),
        "layers": [
            {"digest": layer.digest, "created_by": layer.created_by, "bytes": layer.size, "files": len(layer.files)}
            for layer in image.layers
        ],
        **{
            name: [vars(share) for share in shares([(choose(file.path), file.size) for file in files])]
            for name, choose in (("packages", lambda path: owner_of(path, owners)), ("kinds", kind_of))
        },
    }


def table(document: dict[str, Any], limit: int) -> str:
    """Return a listing as text.

    Args:
        document: the result of ``describe``.
        limit: the largest number of packages.
    """
    lines = [f"{document['bytes'] / _MEGABYTE:.1f} MB in {document['files']} files", "", "layer"]
    for layer in document["layers"]:
        created_by = layer["created_by"].removeprefix("/bin/sh -c #(nop) ")[:60]
        lines.append(f"{layer['bytes'] / _MEGABYTE:8.1f} MB  {layer['files']:6d} files  {created_by}")
    for title, name in (("package", "packages"), ("kind of file", "kinds")):
        lines += ["", title]
        listed = document[name][:limit]
        lines += [
            f"{share['size'] / _MEGABYTE:8.1f} MB  {share['files']:6d} files  {share['name']}" for share in listed
        ]
        if remaining := document[name][limit:]:
            size, files = (sum(share[key] for share in remaining) for key in ("size", "files"))
            lines.append(f"{size / _MEGABYTE:8.1f} MB  {files:6d} files  {len(remaining)} others")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the listing and return 0, or write the error to stderr and return 1."""
    parser = argparse.ArgumentParser(prog="python -m deploy.contents", description="List the content of an image.")
    parser.add_argument("image", help="an image of the engine's store, or the path of an archive of `docker save`")
    parser.add_argument("--engine", choices=QUESTIONS, help="default: the first of these that works here")
    parser.add_argument("--limit", type=int, default=30, help="the number of listed packages (default: 30)")
    parser.add_argument("--json", action="store_true", help="print the whole listing as JSON")
    options = parser.parse_args(arguments)
    try:
        image = read_named_image(options.image, options.engine, TEXTS)
    except ImageError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    document = describe(image)
    print(json.dumps(document, indent=2) if options.json else table(document, options.limit))
    return 0


if __name__ == "__main__":
    sys.exit(main())
