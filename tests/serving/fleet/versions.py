"""Several versions of the orchard in a model store of their own, and a server of the first one that follows a rollout document."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bentoml.models
import httpx
import pytest

from rollout.document import Challenger, ModelRollout, RolloutDocument
from serving.application import Application
from serving.http import Receive, Scope, Send
from serving.model import ServedModel
from serving.settings import ServingSettings
from tabento.bundle.contract import Contract
from tabento.bundle.format import BENTOML_MODULE
from tabento.bundle.store import read_bundle, store_folder
from tests.bundles import TREE, linear_answer, linear_model, orchard_contract, write_bundle
from tests.conftest import bentoml_home
from tests.servers import wait_until
from tests.serving.fastpath.raw_client import on_loop, serving

CONTRACT = orchard_contract()
ANSWER = linear_answer(TREE, CONTRACT)
"""The answer of the version ``v1`` to ``TREE``."""
SCALES = {"v1": 1.0, "v2": 2.0, "v3": 3.0}
"""The factor of the answers of each version."""


def store_version(version: str, scale: float, contract: Contract = CONTRACT) -> Path:
    """Store a version of the orchard whose answers are ``scale`` times those of ``v1``; return its folder."""
    with bentoml.models.create(bentoml.Tag(contract.name, version), module=BENTOML_MODULE) as stored:
        write_bundle(Path(stored.path), contract, linear_model(len(contract.features), scale=scale))
    return store_folder() / contract.name / version


@dataclass
class VersionedService:
    """A running service of ``orchard:v1``."""

    application: Application
    address: str
    client: httpx.Client

    def want(self, champion: str = "v1", challenger: Challenger | None = None) -> RolloutDocument:
        """Write a document that wants versions of the orchard."""
        entry = ModelRollout(champion=f"orchard:{champion}", challenger=challenger, who="test", why="test")
        return self.application.rollout.store.change(
            None, lambda document: document.model_copy(update={"models": {"orchard": entry}}), "test"
        )

    def status(self) -> dict[str, Any]:
        """Return the state of the orchard's versions."""
        loop = self.loop
        answer: dict[str, Any] = on_loop(loop, lambda: self.application.rollout.status("orchard"))
        return answer

    @property
    def loop(self) -> Any:
        """The event loop of the service."""
        model = self.application.state.started_model()
        return model.new_future.__self__  # type: ignore[attr-defined]

    def wait(self, condition: Callable[[dict[str, Any]], object], description: str) -> dict[str, Any]:
        """Wait until the state fulfils a condition, and return it."""
        wait_until(lambda: bool(condition(self.status())), description)
        return self.status()

    def wait_for_champion(self, version: str) -> None:
        """Wait until a version is the champion and nothing retires."""
        self.wait(
            lambda status: status["live"] == {"champion": f"orchard:{version}", "challenger": None, "retiring": []},
            f"{version} to be the only live version",
        )

    def predict(self, path: str = "/predict", **options: Any) -> tuple[str, float]:
        """Return the version that answers ``TREE``, and its answer."""
        answer = self.client.post(path, json=TREE, **options)
        assert answer.status_code == 200, answer.text
        content = answer.json()
        return content["version"], content["prediction"]


@contextmanager
def versioned_service(
    folder: Path, scales: Mapping[str, float] = SCALES, **settings: Any
) -> Iterator[VersionedService]:
    """Serve ``orchard:v1`` in a store with the given versions."""
    with bentoml_home(folder / "home"), pytest.MonkeyPatch.context() as patch:
        patch.setenv("TABENTO_ROLLOUT_FOLDER", str(folder / "rollout"))
        for version, scale in scales.items():
            store_version(version, scale)
        values = {"slo_p99_ms": 60_000, "rollout_poll_s": 0.05, **settings}
        application = application_of_store(ServingSettings.model_validate(values))
        with serving(application) as address, httpx.Client(base_url=address, timeout=30) as client:
            yield VersionedService(application, address, client)


def application_of_store(settings: ServingSettings, tag: str = "orchard:v1") -> Application:
    """Return an application that serves a stored version from its server's start on."""
    name, _, version = tag.partition(":")
    served = ServedModel(read_bundle(store_folder() / name / version, tag), settings)

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "lifespan"
        await receive()
        application.serve(served)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    application = Application(inner, settings)
    return application


def store_examples(version: str, contract: Contract, example: dict[str, Any]) -> None:
    """Store a version with another contract, and with one example that fits it."""
    with bentoml.models.create(bentoml.Tag(contract.name, version), module=BENTOML_MODULE) as stored:
        write_bundle(Path(stored.path), contract, linear_model(len(contract.features)), [example])
