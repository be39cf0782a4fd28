"""``python -m deploy.sbom IMAGE`` writes the bill of materials of an image: CycloneDX 1.6 in JSON.

It lists the content of the finished image, not a lock: the Python packages, the Debian packages of which the image has files, the
interpreter, and the bundles with the digests of their manifests. The same image gives the same bytes. Specification:
https://cyclonedx.org/docs/1.6/json/.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
import uuid
from collections.abc import Iterator, Sequence
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

from deploy.archive import ImageArchive, read_named_image
from deploy.engine import QUESTIONS
from deploy.errors import ImageError

TEXTS = ("dist-info/METADATA", "var/lib/dpkg/status", "lib/os-release", "share/tabento/python-version")
"""The files whose content names components."""

Component = dict[str, Any]

_MANIFEST = re.compile(r"(?:^|/)models/([^/]+)/([^/]+)/MANIFEST\.json$")
_CLASSIFIER = "License :: OSI Approved :: "
_LONGEST_NAME = 64
"""The length of a licence's name. Some packages have the whole text of their licence in its place."""
_LABEL = "org.opencontainers.image."


def _licenses(metadata: Any) -> list[dict[str, Any]]:
    """Return the licence of a Python package: its SPDX expression, else the names that it gives."""
    if expression := metadata.get("License-Expression"):
        return [{"expression": expression}]
    names = [
        value.removeprefix(_CLASSIFIER) for value in metadata.get_all("Classifier", ()) if value.startswith(_CLASSIFIER)
    ]
    if not names and (name := (metadata.get("License") or "").strip()) and len(name) <= _LONGEST_NAME:
        names = [name]
    return [{"license": {"name": name}} for name in sorted(set(names))]


def python_packages(texts: dict[str, str]) -> Iterator[Component]:
    """Yield the Python packages of an image."""
    for path, text in texts.items():
        if path.endswith("dist-info/METADATA"):
            metadata = HeaderParser().parsestr(text)
            name, version = re.sub(r"[-_.]+", "-", metadata["Name"]).lower(), metadata["Version"]
            component = {"type": "library", "name": name, "version": version, "purl": f"pkg:pypi/{name}@{version}"}
            licenses = _licenses(metadata)
            yield {**component, "licenses": licenses} if licenses else component


def _fields(record: str) -> dict[str, str]:
    """Return the fields of a record of dpkg's database, or of a file of variables."""
    pairs = (re.match(r"([\w-]+)[:=]\s*\"?(.*?)\"?$", line) for line in record.splitlines())
    return {pair[1]: pair[2] for pair in pairs if pair}


def debian_packages(texts: dict[str, str]) -> Iterator[Component]:
    """Yield the operating system, and its packages of which the image has files."""
    system = _fields(texts.get("usr/lib/os-release", ""))
    name, release = system.get("ID", "debian"), system.get("VERSION_ID", "")
    if system:
        yield {"type": "operating-system", "name": name, "version": release, "purl": f"pkg:generic/{name}@{release}"}
    for record in texts.get("var/lib/dpkg/status", "").split("\n\n"):
        package = _fields(record)
        if "Package" in package:
            version = package["Version"]
            address = f"pkg:deb/{name}/{package['Package']}@{version.replace('+', '%2B')}"
            yield {
                "type": "library",
                "name": package["Package"],
                "version": version,
                "purl": f"{address}?arch={package.get('Architecture', '')}&distro={name}-{release}",
            }


def interpreter(texts: dict[str, str]) -> Iterator[Component]:
    """Yield the interpreter, unless a Debian package is its source."""
    if not re.search(r"^Package: python3\.\d+-minimal$", texts.get("var/lib/dpkg/status", ""), re.MULTILINE):
        for path, text in texts.items():
            if path.endswith(TEXTS[-1]):
                version = text.strip()
                yield {
                    "type": "platform",
                    "name": "python",
                    "version": version,
                    "purl": f"pkg:generic/python@{version}",
                    "cpe": f"cpe:2.3:a:python:python:{version}:*:*:*:*:*:*:*",
                }


def bundles(image: ImageArchive) -> Iterator[Component]:
    """Yield the bundles of an image."""
    for path, file in image.files.items():
        if manifest := _MANIFEST.search(path):
            name, version = manifest.groups()
            yield {
                "type": "machine-learning-model",
                "name": name,
                "version": version,
                "purl": f"pkg:generic/{name}@{version}",
                "hashes": [{"alg": "SHA-256", "content": file.digest}],
            }


def bill_of_materials(image: ImageArchive, name: str) -> dict[str, Any]:
    """Return the bill of materials of an image.

    Args:
        image: the image, read with the texts ``TEXTS``.
        name: the name of the image, if it has no label for it.
    """
    labels = image.config.get("config", {}).get("Labels") or {}
    components = [
        *python_packages(image.texts),
        *debian_packages(image.texts),
        *interpreter(image.texts),
        *bundles(image),
    ]
    for component in components:
        component["bom-ref"] = component["purl"]
    components.sort(key=lambda component: str(component["bom-ref"]))
    root = {
        "type": "container",
        "bom-ref": "image",
        "name": labels.get(f"{_LABEL}title", name),
        "version": labels.get(f"{_LABEL}version", ""),
        "properties": [
            *({"name": key, "value": value} for key, value in sorted(labels.items())),
            *({"name": "layer", "value": layer.digest} for layer in image.layers),
        ],
    }
    metadata = {"component": root}
    if created := labels.get(f"{_LABEL}created"):
        metadata["timestamp"] = created
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": metadata,
        "components": components,
        "dependencies": [{"ref": "image", "dependsOn": [component["bom-ref"] for component in components]}],
    }
    digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode("utf-8")).hexdigest()
    return {"serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, digest)}", **document}


def write_bill(path: Path, image: ImageArchive, name: str) -> int:
    """Write the bill of materials of an image to a file, and return its number of components.

    Raises:
        ImageError: the file cannot be written.
    """
    document = bill_of_materials(image, name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise ImageError(
            f"cannot write the bill of materials {path}: {error.strerror}. Choose another file."
        ) from error
    return len(document["components"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the bill of materials and return 0, or write the error to stderr and return 1."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.sbom", description="Write the bill of materials of an image."
    )
    parser.add_argument("image", help="an image of the engine's store, or the path of an archive of `docker save`")
    parser.add_argument("--engine", choices=QUESTIONS, help="default: the first of these that works here")
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: standard output")
    options = parser.parse_args(arguments)
    try:
        image = read_named_image(options.image, options.engine, TEXTS)
        if options.output is None:
            print(json.dumps(bill_of_materials(image, options.image), indent=2, ensure_ascii=False))
        else:
            print(f"{options.output}: {write_bill(options.output, image, options.image)} components")
    except ImageError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
