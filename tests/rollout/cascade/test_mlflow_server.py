"""The cascade and a real MLflow server: its REST interface has the bundle, its checksum and its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from rollout.cascade.errors import BundleMissingError
from rollout.cascade.fetch import Cascade
from rollout.cascade.registry_files import RegistryFiles
from rollout.settings import RolloutSettings
from tabento.bundle.checksums import file_sha256
from tabento.bundle.format import MANIFEST_FILE
from tabento.bundle.store import load_bundle, read_bundle
from tests.conftest import bentoml_home
from tests.retries import AT_ONCE
from tests.rollout.cascade.processes import server_process
from tests.training.mlflows import mlflow_settings, register, store_bundle
from training.registry import Registry
from training.registry.tracking.place import DATABASE_FILE

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("model_store")]


def test_a_registered_bundle_is_fetched_by_the_rest_interface(tmp_path: Path) -> None:
    """A bundle that training registered is fetched from the server, compared with its checksum; an unknown one is missing."""
    database = mlflow_settings(tmp_path).registry_folder / DATABASE_FILE
    arguments = ["server", "--backend-store-uri", f"sqlite:///{database}", "--host", "127.0.0.1", "--port", "PORT"]
    storage = ["--artifacts-destination", str(tmp_path / "artifacts"), "--workers", "1"]
    (tmp_path / "client").mkdir()
    with server_process("mlflow", [*arguments, *storage], tmp_path / "log") as address:
        registry = Registry(mlflow_settings(tmp_path / "client", tracking_uri=address), retry=AT_ONCE)
        bundles = [load_bundle(store_bundle()) for _ in range(2)]
        for bundle in bundles:
            register(registry, bundle.tag)
        with bentoml_home(tmp_path / "elsewhere"):
            cascade = Cascade.from_settings(RolloutSettings(rollout_registry_url=address))
            cascade.prepare()
            for bundle in bundles:
                assert read_bundle(cascade.fetch(bundle.tag), bundle.tag).manifest == bundle.manifest
            assert cascade.counts.results == {("local", "missing"): 2, ("registry", "delivered"): 2}
            with pytest.raises(BundleMissingError, match="the bundle is not registered there"):
                cascade.fetch("orchard:unknown")
            with pytest.raises(BundleMissingError, match="the bundle is not registered there"):
                cascade.fetch("churn:v1")
        version = RegistryFiles(address).find(bundles[0].tag)
        assert version.manifest_sha256 == file_sha256(bundles[0].path / MANIFEST_FILE)
