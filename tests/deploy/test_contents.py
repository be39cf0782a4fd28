"""The listing of an image: every byte has one owner."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deploy.archive import read_archive
from deploy.contents import TEXTS, describe, kind_of, main
from tests.deploy.archives import layer, write_archive

PACKAGES = "app/.venv/lib/python3.11/site-packages"
RECORD = b"pear_tree/__init__.py,,\npear_tree/core.so,,\npear_tree-2.0.dist-info/RECORD,,\n"
SYSTEM = {
    "usr/bin/python3.11": b"x" * 7,
    "usr/lib/python3.11/os.py": b"x" * 5,
    "usr/lib/python3.11/__pycache__/os.cpython-311.pyc": b"x" * 6,
    "usr/lib/x86_64-linux-gnu/libssl.so.3": b"x" * 30,
    "var/lib/dpkg/info/libssl3:amd64.list": b"/usr/lib/x86_64-linux-gnu/libssl.so.3\n",
}
CODE = {
    f"{PACKAGES}/pear_tree/__init__.py": b"x" * 3,
    f"{PACKAGES}/pear_tree/__pycache__/__init__.cpython-311.pyc": b"x" * 4,
    f"{PACKAGES}/pear_tree/core.so": b"x" * 50,
    f"{PACKAGES}/pear_tree-2.0.dist-info/RECORD": RECORD,
    "home/bentoml/bento/src/service.py": b"x" * 9,
    "home/bentoml/bento/models/california/abc/model.onnx": b"x" * 20,
}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """An image with a system layer and a layer of packages, code and a bundle."""
    return write_archive(tmp_path / "a.tar", [layer(SYSTEM), layer(CODE)])


def test_every_file_has_an_owner(archive: Path) -> None:
    """Packages own their compiled modules too; Debian's packages, Python, code and bundle are apart; the sums agree."""
    document = describe(read_archive(archive, TEXTS))
    sizes = {share["name"]: share["size"] for share in document["packages"]}
    assert sizes == {
        "pear-tree 2.0": 57 + len(RECORD),
        "Debian libssl3": 30,
        "bundle california": 20,
        "Python: standard library": 11,
        "code of the service": 9,
        "Python: interpreter": 7,
        "other files": len(SYSTEM["var/lib/dpkg/info/libssl3:amd64.list"]),
    }
    assert next(iter(sizes)) == "pear-tree 2.0"
    assert sum(sizes.values()) == document["bytes"] == sum(part["bytes"] for part in document["layers"])
    assert sum(kind["size"] for kind in document["kinds"]) == document["bytes"]


def test_kinds_of_files() -> None:
    """A versioned shared library is one too."""
    assert kind_of("a/libx.so.1.2") == kind_of("a/x.cpython-311.so") == "shared libraries"
    assert kind_of("a/x.py") == "Python sources"
    assert kind_of("a/README") == "other files"


def test_the_table_and_the_document(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The table names the largest packages and the sum of the others; --json has all of them."""
    assert main([str(archive), "--limit", "1"]) == 0
    table = capsys.readouterr().out
    assert "pear-tree 2.0" in table
    assert "6 others" in table
    assert main([str(archive), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["packages"]) == 7


def test_a_file_that_is_no_image_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 1 and one line."""
    (tmp_path / "x").write_text("x")
    assert main([str(tmp_path / "x")]) == 1
    assert capsys.readouterr().err.startswith("error: ")
