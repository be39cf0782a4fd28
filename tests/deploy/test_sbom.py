"""The bill of materials: valid CycloneDX, complete, and the same for the same image."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from deploy.sbom import main
from tests.deploy.archives import layer, write_archive

PACKAGES = "app/.venv/lib/python3.11/site-packages"
STATUS = b"""Package: libssl3
Status: install ok installed
Architecture: amd64
Version: 3.0.17-1+deb12u2

Package: zlib1g
Architecture: amd64
Version: 1:1.2.13-1
"""
FILES: dict[str, bytes | str] = {
    "usr/lib/os-release": b'ID=debian\nVERSION_ID="12"\n',
    "var/lib/dpkg/status": STATUS,
    "usr/share/tabento/python-version": b"3.11.9\n",
    f"{PACKAGES}/pear-2.0.dist-info/METADATA": b"Name: Pear_Tree\nVersion: 2.0\nLicense-Expression: MIT\n\nText",
    f"{PACKAGES}/fig-1.dist-info/METADATA": (
        b"Name: fig\nVersion: 1\nClassifier: License :: OSI Approved :: MIT License\nClassifier: Topic :: Fruit\n"
    ),
    f"{PACKAGES}/plum-3.dist-info/METADATA": b"Name: plum\nVersion: 3\nLicense: " + b"long text " * 20 + b"\n",
    "home/bentoml/bento/models/california/abc/MANIFEST.json": b"{}",
}
LABELS = {
    "org.opencontainers.image.title": "tabento-california",
    "org.opencontainers.image.version": "1.0.0",
    "org.opencontainers.image.created": "2026-01-02T03:04:05+00:00",
}


def bill(path: Path, files: dict[str, bytes | str]) -> str:
    """Return the bill of materials that the command writes for an image."""
    archive = write_archive(path / "image.tar", [layer(files)], {"Labels": LABELS})
    assert main([str(archive), "--output", str(path / "out" / "bill.json")]) == 0
    return (path / "out" / "bill.json").read_text(encoding="utf-8")


def test_the_bill_is_valid_and_complete(tmp_path: Path) -> None:
    """Python and Debian packages, the interpreter of an image without Debian's, and bundles with digests; strictly valid."""
    text = bill(tmp_path, FILES)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    document = json.loads(text)
    components: dict[str, dict[str, Any]] = {component["bom-ref"]: component for component in document["components"]}
    assert sorted(components) == [
        "pkg:deb/debian/libssl3@3.0.17-1%2Bdeb12u2?arch=amd64&distro=debian-12",
        "pkg:deb/debian/zlib1g@1:1.2.13-1?arch=amd64&distro=debian-12",
        "pkg:generic/california@abc",
        "pkg:generic/debian@12",
        "pkg:generic/python@3.11.9",
        "pkg:pypi/fig@1",
        "pkg:pypi/pear-tree@2.0",
        "pkg:pypi/plum@3",
    ]
    assert components["pkg:pypi/pear-tree@2.0"]["licenses"] == [{"expression": "MIT"}]
    assert components["pkg:pypi/fig@1"]["licenses"] == [{"license": {"name": "MIT License"}}]
    assert "licenses" not in components["pkg:pypi/plum@3"]
    digest = hashlib.sha256(b"{}").hexdigest()
    assert components["pkg:generic/california@abc"]["hashes"] == [{"alg": "SHA-256", "content": digest}]
    assert document["metadata"]["timestamp"] == LABELS["org.opencontainers.image.created"]
    assert document["metadata"]["component"]["version"] == "1.0.0"


def test_debians_interpreter_is_listed_once(tmp_path: Path) -> None:
    """If a Debian package is the interpreter, no second component has it."""
    status = STATUS + b"\nPackage: python3.11-minimal\nArchitecture: amd64\nVersion: 3.11.2-6\n"
    text = bill(tmp_path, {**FILES, "var/lib/dpkg/status": status})
    assert "pkg:generic/python" not in text
    assert "pkg:deb/debian/python3.11-minimal@3.11.2-6" in text


def test_the_same_image_gives_the_same_bytes(tmp_path: Path) -> None:
    """Also the serial number, which changes with the content."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = bill(tmp_path / "a", FILES)
    assert bill(tmp_path / "b", FILES) == first
    changed = bill(tmp_path / "b", {**FILES, f"{PACKAGES}/fig-1.dist-info/METADATA": b"Name: fig\nVersion: 2\n"})
    assert json.loads(changed)["serialNumber"] != json.loads(first)["serialNumber"]


def test_errors_have_status_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is not an image, and a place that cannot be written."""
    (tmp_path / "x").write_text("x")
    assert main([str(tmp_path / "x")]) == 1
    archive = write_archive(tmp_path / "image.tar", [layer(FILES)])
    assert main([str(archive), "--output", str(tmp_path / "x" / "bill.json")]) == 1
    assert "cannot write the bill of materials" in capsys.readouterr().err
