"""A promotion in the registry that names a service: the service answers with the version, or nothing is promoted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rollout.document import Challenger
from tabento.bundle.contract import Contract
from tabento.keys.key_file import format_keys
from tests.bundles import orchard_contract
from tests.serving.fleet.versions import SCALES, VersionedService, store_version, versioned_service
from tests.serving.guards.key_records import new_key
from tests.training.mlflows import mlflow_settings, register
from training.__main__ import main
from training.config.settings import TrainingSettings
from training.registry.registry import Registry

pytestmark = pytest.mark.slow


class Trainer:
    """A person with a registry of the versions v1, v2, v3, of which v1 is the champion, and a service of v1."""

    def __init__(
        self, service: VersionedService, settings: TrainingSettings, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.service = service
        self.registry = Registry(settings)
        self._folder = str(settings.registry_folder)
        self._capsys = capsys
        for version in SCALES:
            register(self.registry, f"orchard:{version}")
        self.registry.promote("orchard", 1, user="ada", reason="first")

    def run(self, action: str, *words: str, code: int = 0) -> str:
        """Run an action with the service, and return its output or its error."""
        service = ["--service", self.service.address] if "--service" not in words else []
        arguments = ["models", action, "orchard", *words, "--why", "test", "--who", "ada", *service]
        assert main([*arguments, "--json", "--registry-folder", self._folder]) == code
        out, err = self._capsys.readouterr()
        return err if code else out

    @property
    def champion(self) -> int | None:
        """The number of the registry's champion."""
        champion = self.registry.champion("orchard")
        return None if champion is None else champion.number


@pytest.fixture
def trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Trainer]:
    """The registry and the service, with the key of an administrator in the environment."""
    secret, record = new_key("ci", scopes=["admin", "predict", "read"])
    keys = tmp_path / "keys.json"
    keys.write_bytes(format_keys((record,)))
    monkeypatch.setenv("TABENTO_API_KEY", secret)
    with versioned_service(tmp_path, api_keys_file=keys) as service:
        service.client.headers["x-api-key"] = secret
        yield Trainer(service, mlflow_settings(tmp_path), capsys)


def test_the_service_follows_a_promotion_and_its_rollback(trainer: Trainer) -> None:
    """The registry and the service change together, and the service's history has the person and the key."""
    answer: dict[str, Any] = json.loads(trainer.run("promote", "2"))
    assert (answer["champion"], answer["service"]) == (2, f"{trainer.service.address} answers with orchard:v2 now")
    assert trainer.service.predict()[0] == "v2"
    assert json.loads(trainer.run("rollback"))["bundle"] == "orchard:v1"
    assert trainer.service.predict()[0] == "v1"
    changes = trainer.service.application.rollout.store.history.read("orchard")
    assert [(change.kind, change.user, change.reason) for change in changes] == [
        ("champion", "ada (key ci-1)", "test"),
        ("champion", "ada (key ci-1)", "test"),
    ]


def test_the_challenger_of_the_service_becomes_its_champion(trainer: Trainer) -> None:
    """A promotion ends the rollout of the same version, and is refused while another version is tried."""
    trainer.service.want("v1", Challenger(tag="orchard:v2"))
    error = trainer.run("promote", "3", code=1)
    assert "tries orchard:v2 beside its champion" in error
    assert "The registry is unchanged" in error
    assert trainer.champion == 1
    assert "answers with orchard:v2 now" in trainer.run("promote", "2")
    trainer.service.wait_for_champion("v2")


def test_a_service_that_cannot_be_asked_stops_the_promotion(trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong address, a wrong key and no key end the command before the registry changes."""
    assert "expected an address" in trainer.run("promote", "2", "--service", "example.org", code=1)
    assert "cannot be reached" in trainer.run("promote", "2", "--service", "http://127.0.0.1:1", code=1)
    monkeypatch.setenv("TABENTO_API_KEY", "wrong")
    assert trainer.service.address in trainer.run("promote", "2", code=1)
    monkeypatch.delenv("TABENTO_API_KEY")
    assert trainer.service.address in trainer.run("promote", "2", code=1)
    assert trainer.champion == 1


def test_a_version_that_the_service_refuses_is_reported(trainer: Trainer) -> None:
    """The error names the reason of the service and the way back: the registry has the version, the service does not."""
    content = orchard_contract().model_dump()
    content["features"] = [feature for feature in content["features"] if feature["name"] != "height"]
    store_version("v4", 1.0, Contract.model_validate(content))
    register(trainer.registry, "orchard:v4")
    error = trainer.run("promote", "4", code=1)
    assert "orchard/4 is the champion of the registry now, but the service did not follow" in error
    assert "stays with orchard:v1" in error
    assert "'height' is not a field any more" in error
    assert "tabento models rollback orchard" in error
    assert trainer.service.predict()[0] == "v1"
