"""The cascade: the order of its sources, whole bundles only, and the faults of sources, each with its name."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import bentoml.models
import pytest

from rollout.cascade.errors import BundleMissingError, BundleUnavailableError, ForeignBundleError, StoreWriteError
from rollout.cascade.fetch import Cascade
from rollout.cascade.object_store import ObjectStore
from rollout.cascade.registry_files import RegistryFiles
from rollout.settings import RolloutSettings
from tabento.bundle.errors import BundleFormatError, BundleIntegrityError
from tabento.bundle.format import BENTOML_MODULE, MANIFEST_FILE, SIGNATURE_FILE
from tabento.bundle.signature import SignaturePolicy, sign_bundle
from tabento.bundle.signing_key import SigningKey, new_signing_key
from tabento.bundle.store import load_bundle, read_bundle
from tabento.bundle.trusted_keys import TrustedKey, TrustedKeys
from tests.retries import AT_ONCE
from tests.rollout.cascade import object_folders
from tests.rollout.cascade.mlflow_double import MlflowDouble
from tests.rollout.cascade.object_folders import TAG, manifest_sha256, publish
from tests.rollout.cascade.silent_server import silent_server

pytestmark = pytest.mark.usefixtures("model_store")


def cascade_of(*folders: Path, registry: RegistryFiles | None = None, **options: object) -> Cascade:
    """Return a cascade of folders, which fsspec reads like any object store, and of a registry."""
    stores = [ObjectStore(folder.as_uri()) for folder in folders]
    return Cascade(stores, registry, retry=AT_ONCE, **{"timeout_s": 30.0, **options})  # type: ignore[arg-type]


def sign_published(store: Path, key: SigningKey | None = None) -> Path:
    """Publish a signed bundle, and return its folder."""
    folder = publish(store)
    sign_bundle(folder, key or new_signing_key())
    return folder


def remaining_files(home: Path) -> list[str]:
    """Return all files of a BENTOML_HOME."""
    return sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file())


def test_a_bundle_is_fetched_into_the_model_store(tmp_path: Path, model_store: Path) -> None:
    """A fetched bundle is complete, BentoML finds it with its labels, and no temporary file remains."""
    source = publish(tmp_path / "store")
    cascade = cascade_of(tmp_path / "store")
    folder = cascade.fetch(TAG)
    assert read_bundle(folder, TAG).contract.name == "orchard"
    assert {path.name: path.read_bytes() for path in source.iterdir()} == {
        path.name: path.read_bytes() for path in folder.iterdir() if path.name != "model.yaml"
    }
    entry = bentoml.models.get("orchard")
    assert (str(entry.tag), entry.info.module) == (TAG, BENTOML_MODULE)
    assert entry.info.labels == {"fingerprint": "f" * 64, "data": "synthetic"}
    assert load_bundle(TAG).path == folder
    assert not list((model_store / "fetching").iterdir())
    assert cascade.counts.results == {("local", "missing"): 1, ("object_store", "delivered"): 1}
    assert cascade.counts.n_bytes == sum(path.stat().st_size for path in source.iterdir())


def test_a_stored_bundle_is_not_fetched_again(tmp_path: Path) -> None:
    """A bundle of the local store is used without its sources, also if all of them are gone."""
    folder = publish(tmp_path / "store")
    first = cascade_of(tmp_path / "store").fetch(TAG)
    (tmp_path / "store").rename(tmp_path / "gone")
    cascade = cascade_of(tmp_path / "store")
    assert cascade.fetch(TAG) == first
    assert cascade.counts.results == {("local", "delivered"): 1}
    assert not folder.exists()


def test_the_next_source_is_asked_if_one_does_not_have_the_bundle(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The sources are asked in their order, and each fallback is logged and counted."""
    (tmp_path / "empty").mkdir()
    publish(tmp_path / "full")
    cascade = cascade_of(tmp_path / "empty", tmp_path / "full")
    cascade.fetch(TAG)
    assert cascade.counts.results[("object_store", "missing")] == 1
    assert cascade.counts.results[("object_store", "delivered")] == 1
    assert "it does not have the bundle; the next source is asked" in caplog.text


def test_no_source_has_the_bundle(tmp_path: Path) -> None:
    """If all sources answer and none has the bundle, the message names them and the remedy."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(BundleMissingError, match=rf"no source has the bundle {TAG}.*/empty.*tabento models push"):
        cascade_of(tmp_path / "empty").fetch(TAG)
    with pytest.raises(BundleMissingError, match=r"no other source is set.*bundle_urls"):
        cascade_of().fetch(TAG)


FAULTS: list[tuple[Callable[[Path], None], str]] = [
    (object_folders.truncate, r"model\.onnx is damaged or another file: its \d+ bytes have sha256"),
    (object_folders.flip_byte, r"model\.onnx is damaged or another file"),
    (object_folders.lose_file, r"the bundle is incomplete: it lacks model\.onnx"),
    (object_folders.use_newer_format, "bundle format 99; this version reads the formats"),
    (object_folders.cut_manifest, r"MANIFEST\.json is malformed"),
    (object_folders.rename_model, "the bundle is of the model 'churn'"),
    (object_folders.climb_out, r"lists '\.\./outside\.txt', which is not a file of a bundle"),
    (object_folders.replace_entry, r"lists 'model\.yaml', which is not a file of a bundle"),
    (object_folders.add_many_files, "lists 5000 files, at most 100"),
]


@pytest.mark.parametrize(("fault", "message"), FAULTS, ids=[fault.__name__ for fault, _ in FAULTS])
def test_a_damaged_bundle_is_refused_by_name(
    tmp_path: Path, model_store: Path, fault: Callable[[Path], None], message: str
) -> None:
    """A damaged bundle is refused with the fault's name, leaves no file behind, and is not asked for twice."""
    fault(publish(tmp_path / "store"))
    cascade = cascade_of(tmp_path / "store")
    with pytest.raises(BundleUnavailableError, match=message):
        cascade.fetch(TAG)
    assert cascade.counts.results[("object_store", "refused")] == 1
    assert remaining_files(model_store) == []
    assert cascade.sources[0].breaker.failures == 0


def test_a_damaged_bundle_is_fetched_from_the_next_source(tmp_path: Path) -> None:
    """If one source has a damaged copy, the whole copy of the next source is used, and no file of the damaged one."""
    object_folders.flip_byte(publish(tmp_path / "damaged"))
    publish(tmp_path / "whole")
    cascade = cascade_of(tmp_path / "damaged", tmp_path / "whole")
    read_bundle(cascade.fetch(TAG), TAG)
    assert cascade.counts.results[("object_store", "refused")] == 1


def test_a_bundle_above_the_limit_is_refused(tmp_path: Path) -> None:
    """A bundle with more bytes than allowed is refused before its large files are downloaded."""
    publish(tmp_path / "store")
    with pytest.raises(BundleUnavailableError, match=r"too large: \d+ bytes, at most 2000 .*bundle_max_bytes"):
        cascade_of(tmp_path / "store", max_bytes=2000).fetch(TAG)


@pytest.mark.parametrize(
    "tag", ["orchard", "orchard:latest", "orchard:../../x", "Orchard:v1", "orchard:", "orchard:.."]
)
def test_an_invalid_tag_is_refused(tmp_path: Path, tag: str) -> None:
    """A tag that cannot be the name of a folder is refused before any source is asked."""
    with pytest.raises(BundleFormatError, match="is not the tag of a bundle"):
        cascade_of(tmp_path).fetch(tag)


def test_a_stored_bundle_with_another_manifest_is_refused(tmp_path: Path) -> None:
    """A stored bundle that is not the expected one is refused with both checksums and the remedy."""
    folder = publish(tmp_path / "store")
    cascade = cascade_of(tmp_path / "store")
    cascade.fetch(TAG, manifest_sha256(folder))
    with pytest.raises(
        ForeignBundleError, match=f"sha256 {manifest_sha256(folder)}, expected {'0' * 64}.*delete {TAG}"
    ):
        cascade.fetch(TAG, "0" * 64)


def test_the_registrys_checksum_decides(tmp_path: Path) -> None:
    """A sealed bundle that is not the registered one is refused, and the registry delivers the registered one."""
    registered = publish(tmp_path / "registered")
    publish(tmp_path / "forged", fingerprint="e" * 64)
    with MlflowDouble(registered).running() as mlflow:
        cascade = cascade_of(tmp_path / "forged", registry=RegistryFiles(mlflow.url, "secret"))
        folder = cascade.fetch(TAG)
    assert manifest_sha256(folder) == manifest_sha256(registered)
    assert cascade.counts.results[("object_store", "refused")] == 1
    assert cascade.counts.results[("registry", "delivered")] == 1
    assert mlflow.authorization == "Bearer secret"
    assert mlflow.requests.count("search") == 1


def test_a_stored_bundle_is_compared_with_the_registry(tmp_path: Path) -> None:
    """A bundle that was stored before is also compared with the registry's checksum."""
    cascade_of(publish(tmp_path / "forged", fingerprint="e" * 64).parents[1]).fetch(TAG)
    with MlflowDouble(publish(tmp_path / "registered")).running() as mlflow, pytest.raises(ForeignBundleError):
        cascade_of(registry=RegistryFiles(mlflow.url)).fetch(TAG)


def test_the_registrys_checksum_is_remembered(tmp_path: Path) -> None:
    """A version that was compared once is compared again without the registry, also if it is gone meanwhile."""
    with MlflowDouble(publish(tmp_path / "registered")).running() as mlflow:
        cascade = cascade_of(registry=RegistryFiles(mlflow.url))
        folder = cascade.fetch(TAG)
    assert cascade.fetch(TAG) == folder
    (folder / "MANIFEST.json").write_bytes(b"{}")
    with pytest.raises(ForeignBundleError):
        cascade.fetch(TAG)
    assert cascade.counts.n_unchecked == 0
    assert mlflow.requests.count("search") == 1


def test_a_registry_that_is_gone_does_not_stop_a_fetch(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Without the registry a bundle of the object store is used; the missing comparison is logged and counted."""
    publish(tmp_path / "store")
    cascade = cascade_of(tmp_path / "store", registry=RegistryFiles("http://127.0.0.1:9"))
    cascade.fetch(TAG)
    assert cascade.counts.n_unchecked == 1
    assert "is not compared with the checksum of the registry http://127.0.0.1:9: ConnectError" in caplog.text


def test_a_registry_that_is_gone_is_named(tmp_path: Path) -> None:
    """If the registry is the only source and it is gone, the error names it, and its breaker opens after some fetches."""
    registry = RegistryFiles("http://127.0.0.1:9")
    cascade = cascade_of(registry=registry)
    with pytest.raises(BundleUnavailableError, match=r"http://127\.0\.0\.1:9: ConnectError"):
        cascade.fetch(TAG)
    with pytest.raises(BundleUnavailableError, match=r"is not used for \d+ s after"):
        cascade.fetch(TAG)
    assert registry.breaker.state == "open"


def test_a_download_that_is_cut_continues(tmp_path: Path) -> None:
    """A file that ends too early is downloaded again; complete files are not."""
    with MlflowDouble(publish(tmp_path / "registered")).running() as mlflow:
        mlflow.cuts.add("model.onnx")
        cascade = cascade_of(registry=RegistryFiles(mlflow.url))
        read_bundle(cascade.fetch(TAG), TAG)
    assert mlflow.requests.count("model.onnx") == 2
    assert mlflow.requests.count("MANIFEST.json") == 1


@pytest.mark.parametrize(
    ("status", "attempts", "message"), [(503, 3, "answered 503"), (403, 1, "403: check `rollout_registry_token`")]
)
def test_only_a_temporary_answer_is_asked_again(tmp_path: Path, status: int, attempts: int, message: str) -> None:
    """A server that is overloaded is asked again, and a server that refuses the token is not."""
    with MlflowDouble(publish(tmp_path / "registered")).running() as mlflow:
        mlflow.statuses = [status] * 10
        with pytest.raises(BundleUnavailableError, match=message):
            cascade_of(registry=RegistryFiles(mlflow.url)).fetch(TAG)
    assert len(mlflow.requests) == 1 + attempts  # the question for the checksum has one attempt


def test_a_server_of_another_kind_is_named(tmp_path: Path) -> None:
    """An address that is not an MLflow server gives a message that says so."""
    with MlflowDouble(publish(tmp_path / "registered")).running() as mlflow:
        cascade = cascade_of(registry=RegistryFiles(f"{mlflow.url}/elsewhere"))
        with pytest.raises(BundleUnavailableError, match="the registry answered 404"):
            cascade.fetch(TAG)


def test_a_source_that_hangs_is_given_up(tmp_path: Path) -> None:
    """A server that accepts connections and never answers is given up after the limit, and the fetch ends."""
    with silent_server() as url:
        cascade = cascade_of(registry=RegistryFiles(url), stall_s=0.1)
        with pytest.raises(BundleUnavailableError, match=r"it sent nothing for 0\.1 s"):
            cascade.fetch(TAG)
        assert cascade.sources[0].breaker.failures == 4


def test_the_time_of_a_source_is_limited(tmp_path: Path) -> None:
    """All attempts of a source together have one time limit."""
    with silent_server() as url:
        cascade = cascade_of(registry=RegistryFiles(url), stall_s=0.1, timeout_s=0.15)
        with pytest.raises(BundleUnavailableError, match=r"it did not deliver the bundle within 0\.\d+ s"):
            cascade.fetch(TAG)


def test_a_bundle_without_the_demanded_signature_is_not_stored(tmp_path: Path, model_store: Path) -> None:
    """If signatures are required, an unsigned bundle is refused and the signed one of the next source is stored."""
    publish(tmp_path / "unsigned")
    key = new_signing_key()
    sign_published(tmp_path / "signed", key)
    trusted = TrustedKeys(
        keys=(TrustedKey(id=key.id, owner="Ada", public_key=key.public_text, added="2026-01-01T00:00:00Z"),)
    )
    policy = SignaturePolicy(True, trusted)
    with pytest.raises(BundleUnavailableError, match="is not signed"):
        cascade_of(tmp_path / "unsigned", signatures=lambda: policy).fetch(TAG)
    assert remaining_files(model_store) == []
    folder = cascade_of(tmp_path / "unsigned", tmp_path / "signed", signatures=lambda: policy).fetch(TAG)
    assert read_bundle(folder, TAG, policy).manifest.signed_by == key.id


def test_nothing_large_is_downloaded_without_the_demanded_signature(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unsigned bundle costs its manifest, and a signed one of a stranger its signature as well, at each attempt."""
    publish(tmp_path / "unsigned")
    sign_published(tmp_path / "stranger")
    read_names: list[str] = []
    read_file = ObjectStore.read_file

    def recorded_read(store: ObjectStore, tag: str, file: str) -> Iterator[bytes]:
        read_names.append(file)
        return read_file(store, tag, file)

    monkeypatch.setattr(ObjectStore, "read_file", recorded_read)
    policy = SignaturePolicy(True, TrustedKeys())
    for folder, names in (("unsigned", [MANIFEST_FILE]), ("stranger", [MANIFEST_FILE, SIGNATURE_FILE])):
        with pytest.raises(BundleUnavailableError, match=r"is not (signed|trusted)"):
            cascade_of(tmp_path / folder, signatures=lambda: policy).fetch(TAG)
        assert read_names == names
        read_names.clear()


def test_a_signature_that_is_missing_is_named(tmp_path: Path) -> None:
    """A signed bundle whose signature was not copied is incomplete."""
    folder = sign_published(tmp_path / "store")
    (folder / SIGNATURE_FILE).unlink()
    with pytest.raises(BundleUnavailableError, match=rf"the bundle is incomplete: it lacks {SIGNATURE_FILE}"):
        cascade_of(tmp_path / "store").fetch(TAG)


def test_an_older_version_does_not_become_the_latest(tmp_path: Path) -> None:
    """BentoML's latest version is the one that was trained last, whichever was fetched last."""
    publish(tmp_path / "store", "orchard:new", trained_at="2026-03-01T00:00:00Z")
    publish(tmp_path / "store", "orchard:old", trained_at="2026-02-01T00:00:00Z")
    cascade = cascade_of(tmp_path / "store")
    cascade.fetch("orchard:new")
    cascade.fetch("orchard:old")
    assert str(bentoml.models.get("orchard").tag) == "orchard:new"
    assert {str(model.tag) for model in bentoml.models.list()} == {"orchard:new", "orchard:old"}


def test_workers_share_one_download(tmp_path: Path) -> None:
    """If several workers fetch a version at once, one downloads it and the others use the stored bundle."""
    with MlflowDouble(publish(tmp_path / "registered")).running() as mlflow:
        folders: list[Path] = []
        threads = [
            threading.Thread(target=lambda: folders.append(cascade_of(registry=RegistryFiles(mlflow.url)).fetch(TAG)))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert len(folders) == 4
    assert len(set(folders)) == 1
    assert mlflow.requests.count("model.onnx") == 1


def test_the_files_of_a_killed_process_are_removed(tmp_path: Path, model_store: Path) -> None:
    """The next fetch removes the folders that killed processes left behind, also those of other versions."""
    publish(tmp_path / "store")
    for name in ("orchard-at-v1", "churn-at-v7"):
        (model_store / "fetching" / name / "0" / "files").mkdir(parents=True)
        (model_store / "fetching" / name / "0" / "files" / "model.onnx").write_bytes(b"half")
    cascade_of(tmp_path / "store").fetch(TAG)
    assert not list((model_store / "fetching").iterdir())


def test_a_store_that_cannot_be_written_is_named(tmp_path: Path, model_store: Path) -> None:
    """If the bundle cannot be stored, the error names the folder and no further source is asked."""
    publish(tmp_path / "store")
    model_store.mkdir(exist_ok=True)
    (model_store / "fetching").write_bytes(b"a file")
    with pytest.raises(StoreWriteError, match=r"cannot be stored in .*fetching: .*BENTOML_HOME"):
        cascade_of(tmp_path / "store", tmp_path / "store").fetch(TAG)


def test_an_incomplete_entry_of_the_store_is_named(tmp_path: Path, model_store: Path) -> None:
    """A folder of the version that is not a bundle is neither used nor replaced; the error has the remedy."""
    publish(tmp_path / "store")
    folder = model_store / "models" / "orchard" / "v1"
    folder.mkdir(parents=True)
    with pytest.raises(BundleIntegrityError, match=r"has no MANIFEST\.json and no model\.yaml\. Remove the folder"):
        cascade_of(tmp_path / "store").fetch(TAG)
    folder.rmdir()
    cascade_of(tmp_path / "store").fetch(TAG)


def test_a_damaged_neighbour_does_not_stop_a_fetch(tmp_path: Path, model_store: Path) -> None:
    """A version is stored although another version of the model is damaged, so that BentoML cannot find the latest one."""
    publish(tmp_path / "store")
    cascade_of(tmp_path / "store").fetch(TAG)
    (model_store / "models" / "orchard" / "v1" / "model.yaml").write_bytes(b": no yaml : {")
    publish(tmp_path / "store", "orchard:v2")
    folder = cascade_of(tmp_path / "store").fetch("orchard:v2")
    read_bundle(folder, "orchard:v2")


def test_secrets_of_addresses_are_not_shown(tmp_path: Path) -> None:
    """Messages name a source without its user, password and query."""
    settings = RolloutSettings(bundle_urls=("https://ada:secret@127.0.0.1:9/bundles?sig=secret",))
    cascade = Cascade.from_settings(settings)
    assert cascade.sources[0].name == "https://127.0.0.1:9/bundles"
    assert [breaker.name for breaker in cascade.breakers] == ["https://127.0.0.1:9"]


def test_an_unknown_kind_of_address_is_named(tmp_path: Path) -> None:
    """An address whose library is not installed gives an error that names it, without further attempts."""
    cascade = Cascade([ObjectStore("nowhere://bucket/bundles")], retry=AT_ONCE)
    with pytest.raises(BundleUnavailableError, match="nowhere://bucket/bundles: ValueError: Protocol not known"):
        cascade.fetch(TAG)
