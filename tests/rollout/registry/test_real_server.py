"""The aliases of a real MLflow server, which training's registry moves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rollout.registry.aliases import Aliases, RegistryAliases
from rollout.registry.client import RegistryClient
from rollout.registry.watch import RegistryWatch
from tabento.bundle.signature import sign_bundle
from tabento.bundle.signing_key import new_signing_key
from tabento.bundle.trusted_keys import trust_key
from tests.conftest import bentoml_home
from tests.retries import AT_ONCE
from tests.rollout.documents import store_in
from tests.rollout.registry.real_server import mlflow_server
from tests.servers import wait_until
from tests.serving.fleet.versions import ANSWER, store_version, versioned_service
from tests.training.mlflows import register
from training.config.settings import TrainingSettings
from training.registry.registry import Registry

pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of an MLflow server."""
    (tmp_path / "mlflow").mkdir()
    with mlflow_server(tmp_path / "mlflow") as address:
        yield address


def test_promotions_in_the_registry_reach_the_document(server: str, tmp_path: Path) -> None:
    """Registering makes a challenger, promoting a champion, rolling back the former one; the document follows each."""
    store = store_in(tmp_path)
    client = RegistryClient(server)
    watch = RegistryWatch(RegistryAliases(client), store, 0, lambda: {"orchard", "plums"})

    def entry() -> tuple[str, str | None]:
        watch.poll()
        assert watch.fault is None
        model = store.read().models["orchard"]
        return model.champion, None if model.challenger is None else model.challenger.tag

    with bentoml_home(tmp_path / "bentoml"):
        registry = Registry(TrainingSettings(tracking_uri=server, registry_folder=tmp_path / "registry"), retry=AT_ONCE)
        numbers = []
        for version in ("a1", "b2"):
            store_version(version, 1.0)
            registered = register(registry, f"orchard:{version}")
            numbers.append(registered.number)
            if version == "a1":
                registry.promote("orchard", registered.number, user="ada", reason="first")
                assert entry() == ("orchard:a1", None)
        assert RegistryAliases(client).poll({"orchard"}).aliases == {
            "orchard": Aliases(champion="orchard:a1", challenger="orchard:b2")
        }
        assert entry() == ("orchard:a1", "orchard:b2")
        registry.promote("orchard", numbers[1], user="ada", reason="better")
        assert entry() == ("orchard:b2", None)
        registry.rollback("orchard", user="ada", reason="worse")
        assert entry() == ("orchard:a1", None)
        names = {f"model_{number}" for number in range(30)} | {"orchard"}
        assert RegistryAliases(client).poll(names).aliases == {"orchard": Aliases(champion="orchard:a1")}


def test_a_promotion_reaches_a_service_that_does_not_have_the_bundle(server: str, tmp_path: Path) -> None:
    """The service sees the moved alias, fetches the signed bundle from MLflow, checks its signature, and answers with it."""
    key, trusted = new_signing_key(), tmp_path / "trusted.json"
    trust_key(trusted, key.public_key, "ci", "2026-11-28T09:00:00Z")
    with bentoml_home(tmp_path / "trainer"):
        registry = Registry(TrainingSettings(tracking_uri=server, registry_folder=tmp_path / "registry"), retry=AT_ONCE)
        for version, scale in (("v2", 2.0), ("v3", 3.0)):
            folder = store_version(version, scale)
            if version == "v2":
                sign_bundle(folder, key)
            register(registry, f"orchard:{version}")
    settings: dict[str, Any] = {
        "rollout_registry_url": server,
        "rollout_registry_poll_s": 1,
        "trusted_bundle_keys_file": trusted,
        "require_signed_bundles": True,
    }
    with versioned_service(tmp_path, {"v1": 1.0}, **settings) as service:
        assert service.predict()[0] == "v1"
        registry.promote("orchard", 1, user="ada", reason="better")
        service.wait_for_champion("v2")
        assert service.predict()[1] == pytest.approx(2 * ANSWER)
        registry.promote("orchard", 2, user="ada", reason="faster")
        state = service.wait(lambda state: state["differs_because"], "the refusal of the bundle that is not signed")
        wait_until(lambda: "is not signed" in str(service.status()["differs_because"]), "the reason of the refusal")
        assert state["live"]["champion"] == "orchard:v2"
        assert service.predict()[0] == "v2"
