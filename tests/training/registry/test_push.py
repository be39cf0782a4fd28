"""Pushing bundles to an object store: the layout, the order, and the refusals. A folder of this computer is the object store."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tabento.bundle.format import MANIFEST_FILE, MODEL_FILE
from tabento.bundle.manifest import BENTOML_FILE
from tabento.bundle.store import load_bundle, read_bundle
from tests.retries import AT_ONCE
from tests.training.mlflows import register, store_bundle
from training.__main__ import main
from training.config.settings import TrainingSettings
from training.registry import Registry
from training.registry.errors import RegistryError
from training.registry.push import push_bundle

pytestmark = pytest.mark.usefixtures("model_store")


def test_a_bundle_is_pushed_once(tmp_path: Path) -> None:
    """The files of the bundle are in the folder of its version, without BentoML's own; a second push uploads nothing."""
    bundle = load_bundle(store_bundle())
    url = (tmp_path / "bucket").as_uri()
    assert push_bundle(bundle, url).uploaded
    folder = tmp_path / "bucket" / "orchard" / bundle.version
    assert read_bundle(folder, bundle.tag).manifest == bundle.manifest
    assert not (folder / BENTOML_FILE).exists()
    before = (folder / MODEL_FILE).stat().st_mtime_ns
    pushed = push_bundle(bundle, url)
    assert not pushed.uploaded
    assert pushed.url == f"{url}/orchard/{bundle.version}"
    assert (folder / MODEL_FILE).stat().st_mtime_ns == before


def test_an_incomplete_push_is_completed(tmp_path: Path) -> None:
    """A push after one that was interrupted uploads the bundle completely."""
    bundle = load_bundle(store_bundle())
    folder = tmp_path / "bucket" / "orchard" / bundle.version
    push_bundle(bundle, (tmp_path / "bucket").as_uri())
    (folder / MANIFEST_FILE).unlink()
    (folder / MODEL_FILE).write_bytes(b"half")
    assert push_bundle(bundle, (tmp_path / "bucket").as_uri()).uploaded
    read_bundle(folder, bundle.tag)


def test_another_bundle_of_the_tag_is_not_replaced(tmp_path: Path) -> None:
    """A bundle under the same tag with other content stays, and the error has both checksums."""
    bundle = load_bundle(store_bundle())
    push_bundle(bundle, (tmp_path / "bucket").as_uri())
    manifest = tmp_path / "bucket" / "orchard" / bundle.version / MANIFEST_FILE
    manifest.write_bytes(manifest.read_bytes() + b"\n")
    with pytest.raises(RegistryError, match="another bundle under this tag"):
        push_bundle(bundle, (tmp_path / "bucket").as_uri())


def test_an_object_store_that_refuses_is_named_without_secrets(tmp_path: Path) -> None:
    """An address that cannot be used gives an error with the address, the reason and the remedy, but no password."""
    bundle = load_bundle(store_bundle())
    with pytest.raises(RegistryError, match=r"nowhere://bucket/x/orchard/\S+ cannot be written: .*Check the address"):
        push_bundle(bundle, "nowhere://ada:secret@bucket/x", retry=AT_ONCE)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Exception, match="file/x/orchard") as error:
        push_bundle(bundle, f"file://{tmp_path}/file/x", retry=AT_ONCE)
    assert "secret" not in str(error.value)


def test_the_command_pushes_a_tag_or_a_name(
    tmp_path: Path, settings: TrainingSettings, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    """`tabento models push` takes the tag of a stored bundle, or the name of a registered version."""
    tag = store_bundle()
    register(registry, tag)
    registry.promote("orchard", 1, user="Ada", reason="first")
    options = ["--registry-folder", str(settings.registry_folder)]
    url = (tmp_path / "bucket").as_uri()
    assert main(["models", "push", "orchard@champion", url, "--json", *options]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["bundle"], answer["uploaded"]) == (tag, True)
    assert main(["models", "push", tag, url, *options]) == 0
    assert capsys.readouterr().out.rstrip().endswith("it was there already")
