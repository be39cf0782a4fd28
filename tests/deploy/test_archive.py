"""The content of an image's archive."""

from __future__ import annotations

import hashlib
import json
import tarfile
from pathlib import Path

import pytest

from deploy.archive import read_archive, read_image, read_named_image, save_command
from deploy.engine import Engine
from deploy.errors import ImageError
from tests.deploy.archives import add_file, layer, write_archive
from tests.deploy.conftest import Programs


def test_layers_files_and_texts_are_read(tmp_path: Path) -> None:
    """A layer has its files without the marks of deleted ones, its instruction, size and digest; requested texts are kept."""
    first = layer({"./etc/hosts": b"a\n", "bin": "usr/bin"})
    second = layer({"etc/.wh.hosts": b"", "app/x.py": b"print()\n"})
    image = read_archive(write_archive(tmp_path / "a.tar", [first, second], {"User": "1034"}), (".py",))
    assert [(part.created_by, sorted(part.files), part.size) for part in image.layers] == [
        ("COPY 0", ["bin", "etc/hosts"], 2),
        ("COPY 1", ["app/x.py"], 8),
    ]
    assert image.layers[0].digest == f"sha256:{hashlib.sha256(first).hexdigest()}"
    assert image.files["etc/hosts"].digest == hashlib.sha256(b"a\n").hexdigest()
    assert image.files["bin"].description.endswith(" usr/bin")
    assert image.texts == {"app/x.py": "print()\n"}
    assert image.size == 10
    assert image.config["config"] == {"User": "1034"}


def test_a_later_layer_replaces_a_file(tmp_path: Path) -> None:
    """The size of the image counts both files, as an engine does; the listing of files has the later part."""
    image = read_archive(write_archive(tmp_path / "a.tar", [layer({"a": b"1"}), layer({"a": b"22"})]))
    assert image.files["a"].size == 2
    assert image.size == 3


@pytest.mark.parametrize("content", ["text", "tar", "short"])
def test_another_file_is_an_error_with_a_remedy(tmp_path: Path, content: str) -> None:
    """A text, an archive without a manifest, and a manifest with a missing layer are named as such."""
    path = tmp_path / "x.tar"
    if content == "text":
        path.write_text("no archive")
    else:
        with tarfile.open(path, "w") as archive:
            add_file(archive, "c.json", b'{"rootfs": {"diff_ids": ["sha256:0"]}}')
            if content == "short":
                add_file(archive, "manifest.json", json.dumps([{"Config": "c.json", "Layers": ["0.tar"]}]).encode())
    with pytest.raises(ImageError, match="is not an archive of an image") as error:
        read_archive(path)
    assert "Write it with `docker save`" in str(error.value)


def test_each_engine_writes_the_same_format() -> None:
    """buildah pushes to an archive; docker and podman save."""
    path = Path("/x.tar")
    assert save_command("docker", "a:1", path) == ["docker", "save", "--output", "/x.tar", "a:1"]
    assert save_command("podman", "a:1", path)[2:4] == ["--format", "docker-archive"]
    assert save_command("buildah", "localhost/a:1", path)[-1] == "docker-archive:/x.tar:a:1"


def test_an_image_of_an_engine_is_saved_and_read(programs: Programs, tmp_path: Path) -> None:
    """The engine writes the archive into a temporary folder, which is removed."""
    archive = write_archive(tmp_path / "a.tar", [layer({"a": b"1"})])
    programs.add("docker", f'/bin/cp {archive} "$3"')
    assert list(read_image(Engine("docker", ""), "a:1").files) == ["a"]
    assert not Path(programs.calls()[0].split()[3]).exists()


def test_a_named_file_needs_no_engine(programs: Programs, tmp_path: Path) -> None:
    """A path is read without asking an engine; any other name is an image of the first engine that works."""
    archive = write_archive(tmp_path / "a.tar", [layer({"a": b"1"})])
    assert list(read_named_image(str(archive), None).files) == ["a"]
    assert programs.calls() == []
    programs.add("docker", f'case $1 in info) echo 27.1 ;; save) /bin/cp {archive} "$3" ;; esac')
    assert list(read_named_image("a:1", None).files) == ["a"]


def test_a_missing_image_is_an_error(programs: Programs) -> None:
    """The message has the engine's words."""
    programs.add("docker", "echo 'No such image: a:1' >&2; exit 1")
    with pytest.raises(ImageError, match="No such image"):
        read_image(Engine("docker", ""), "a:1")
