"""A service that follows the aliases of a registry: promotion, a registry that is gone, and its end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tabento.keys.key_file import format_keys
from tabento.remote.breakers import forget_breakers
from tests.rollout.registry.registry_double import RegistryDouble, running_registry
from tests.serving.fleet.versions import VersionedService, versioned_service
from tests.serving.guards.key_records import new_key

pytestmark = pytest.mark.slow


@pytest.fixture
def registry() -> Iterator[RegistryDouble]:
    """A registry whose champion is the version that the service starts with."""
    with running_registry() as double:
        double.register("orchard", 1, "champion")
        double.register("orchard", 2)
        yield double
    forget_breakers()


def component_of(service: VersionedService) -> dict[str, object]:
    """Return the state of the registry in the service's health."""
    (component,) = [item for item in service.application.health.components() if item.name == "registry"]
    return component.describe()


def test_the_service_answers_with_the_champion_of_the_registry(registry: RegistryDouble, tmp_path: Path) -> None:
    """A moved alias becomes the live version; a registry that is gone degrades the health and stops no answer."""
    secret, record = new_key("ops", scopes=["admin", "predict"])
    keys = tmp_path / "keys.json"
    keys.write_bytes(format_keys((record,)))
    settings: dict[str, Any] = {
        "rollout_registry_url": registry.url,
        "rollout_registry_poll_s": 1,
        "api_keys_file": keys,
    }
    with versioned_service(tmp_path, **settings) as service:
        service.client.headers["x-api-key"] = secret
        service.wait_for_champion("v1")
        registry.register("orchard", 2, "champion")
        service.wait_for_champion("v2")
        assert service.predict()[0] == "v2"
        assert component_of(service)["status"] == "healthy"
        registry.failure = (503, b"")
        watch = service.application.rollout.registry
        assert watch is not None
        service.wait(lambda _: watch.fault is not None, "the fault of the registry")
        assert component_of(service)["status"] == "degraded"
        assert registry.url not in str(component_of(service))
        assert service.client.get("/admin/rollout").json()["faults"] == [watch.fault]
        assert service.predict()[0] == "v2"
    for thread in threading.enumerate():
        if thread.name == "tabento-registry":
            thread.join(10)
            assert not thread.is_alive()
