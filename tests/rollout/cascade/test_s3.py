"""The cascade on a real S3-compatible server (moto's, in a process of its own), with s3fs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec
import pytest

from rollout.cascade.errors import BundleMissingError, BundleUnavailableError
from rollout.cascade.fetch import Cascade
from rollout.cascade.object_store import ObjectStore
from rollout.settings import RolloutSettings
from tabento.bundle.manifest import write_manifest
from tabento.bundle.store import load_bundle, read_bundle
from tests.conftest import bentoml_home
from tests.retries import AT_ONCE
from tests.rollout.cascade import object_folders
from tests.rollout.cascade.object_folders import TAG, publish
from tests.rollout.cascade.processes import server_process
from tests.rollout.cascade.silent_server import silent_server
from tests.training.mlflows import store_bundle
from training.registry.errors import RegistryError
from training.registry.push import push_bundle

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("model_store")]

URL = "s3://models/bundles"


@pytest.fixture(scope="module")
def s3_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an S3-compatible server."""
    log = tmp_path_factory.mktemp("s3") / "log"
    with server_process("moto.server", ["-H", "127.0.0.1", "-p", "PORT"], log) as address:
        yield address


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Credentials, as a service has them, and no kept connections of other tests."""
    values = {"AWS_ACCESS_KEY_ID": "ada", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    _forget_file_systems()
    return monkeypatch


@pytest.fixture
def bucket(s3_address: str, environment: pytest.MonkeyPatch) -> Iterator[Any]:
    """The file system of an S3 server with an empty bucket."""
    environment.setenv("AWS_ENDPOINT_URL_S3", s3_address)
    files, _ = fsspec.core.url_to_fs("s3://models")
    files.mkdir("models")
    yield files
    files.rm("models", recursive=True)
    _forget_file_systems()


def _forget_file_systems() -> None:
    """Forget fsspec's file systems, which keep the address and the credentials of their first use."""
    fsspec.get_filesystem_class("s3").clear_instance_cache()


def upload(files: Any, folder: Path, tag: str = TAG) -> None:
    """Copy a folder to the layout of the object store as it is, with its faults."""
    target = f"models/bundles/{tag.replace(':', '/')}"
    for path in folder.iterdir():
        files.put_file(str(path), f"{target}/{path.name}")


def test_a_pushed_bundle_is_fetched_by_another_computer(bucket: Any, tmp_path: Path) -> None:
    """`tabento models push` and the cascade agree on the layout, and the fetched bundle is equal to the pushed one."""
    bundle = load_bundle(store_bundle())
    pushed = push_bundle(bundle, URL, retry=AT_ONCE)
    assert pushed.uploaded
    assert not push_bundle(bundle, URL, retry=AT_ONCE).uploaded
    with bentoml_home(tmp_path / "elsewhere"):
        cascade = Cascade.from_settings(RolloutSettings(bundle_urls=(URL,)))
        cascade.prepare()
        folder = cascade.fetch(bundle.tag, pushed.manifest_sha256)
        assert folder.is_relative_to(tmp_path / "elsewhere")
        assert read_bundle(folder, bundle.tag).manifest == bundle.manifest
        assert load_bundle(bundle.tag).path == folder


def test_a_push_makes_no_bucket(bucket: Any) -> None:
    """A push to a bucket that does not exist is refused with its remedy; a mistyped name does not become a bucket."""
    bundle = load_bundle(store_bundle())
    with pytest.raises(
        RegistryError, match=r"s3://modles/bundles/orchard/.* cannot be written: .*its bucket or folder exists"
    ):
        push_bundle(bundle, "s3://modles/bundles", retry=AT_ONCE)
    assert bucket.ls("") == ["models"]


def test_a_bundle_that_is_pushed_later_is_found(bucket: Any, tmp_path: Path) -> None:
    """A bundle that the object store did not have at the first fetch is found by the second."""
    cascade = Cascade([ObjectStore(URL)], retry=AT_ONCE)
    with pytest.raises(BundleMissingError, match="no source has the bundle"):
        cascade.fetch(TAG)
    upload(bucket, publish(tmp_path / "store"))
    read_bundle(cascade.fetch(TAG), TAG)


@pytest.mark.parametrize("fault", [object_folders.truncate, object_folders.flip_byte, object_folders.use_newer_format])
def test_a_damaged_object_is_refused(bucket: Any, tmp_path: Path, model_store: Path, fault: Any) -> None:
    """A damaged object is refused by name, and no part of it remains in the model store."""
    folder = publish(tmp_path / "store")
    fault(folder)
    upload(bucket, folder)
    with pytest.raises(BundleUnavailableError, match=r"s3://models/bundles: .*(damaged|format 99)"):
        Cascade([ObjectStore(URL)], retry=AT_ONCE).fetch(TAG)
    assert not [path for path in model_store.rglob("*") if path.is_file()]


def test_a_large_object_is_read_in_parts(bucket: Any, tmp_path: Path) -> None:
    """A file that is larger than one request for a part arrives whole."""
    folder = publish(tmp_path / "store")
    manifest = read_bundle(folder, TAG).manifest
    (folder / "data_card.md").write_bytes(bytes(range(256)) * 80_000)  # 20 MB
    write_manifest(folder, "orchard", manifest.provenance, manifest.format_version)
    upload(bucket, folder)
    fetched = Cascade([ObjectStore(URL)], retry=AT_ONCE).fetch(TAG)
    assert (fetched / "data_card.md").read_bytes() == (folder / "data_card.md").read_bytes()


def test_a_bucket_that_is_missing_has_no_bundle(bucket: Any) -> None:
    """A bucket that does not exist is an object store without the bundle."""
    with pytest.raises(BundleMissingError, match="s3://nowhere/bundles"):
        Cascade([ObjectStore("s3://nowhere/bundles")], retry=AT_ONCE).fetch(TAG)


def test_an_object_store_that_hangs_is_given_up(
    environment: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """If the object store accepts connections and never answers, the next source delivers."""
    publish(tmp_path / "store")
    with silent_server() as address:
        environment.setenv("AWS_ENDPOINT_URL_S3", address)
        cascade = Cascade(
            [ObjectStore(URL), ObjectStore((tmp_path / "store").as_uri())], retry=AT_ONCE, stall_s=0.2, timeout_s=30
        )
        read_bundle(cascade.fetch(TAG), TAG)
    assert "it sent nothing for 0.2 s; the next source is asked" in caplog.text
    _forget_file_systems()


def test_an_object_store_that_is_gone_is_named(environment: pytest.MonkeyPatch) -> None:
    """If no server listens, the error names the object store and the reason, without credentials."""
    environment.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    # s3fs makes five attempts of its own, in seven seconds.
    cascade = Cascade([ObjectStore(URL)], retry=replace(AT_ONCE, attempts=1), stall_s=30)
    with pytest.raises(BundleUnavailableError, match=r"s3://models/bundles: .*127\.0\.0\.1:9") as error:
        cascade.fetch(TAG)
    assert "secret" not in str(error.value)
    _forget_file_systems()
