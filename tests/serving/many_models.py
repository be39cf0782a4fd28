"""A service of several models: real bundles, loaded from the start or by their first request."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rollout.document import Challenger, ModelRollout, RolloutDocument
from serving.application import Application
from serving.errors import UnavailableError
from serving.http import Message, Receive, Scope, Send
from serving.live_model import LiveModel
from serving.model import ServedModel
from serving.settings import ServingSettings
from serving.state import UnloadedModel
from tabento.bundle.contract import Contract
from tabento.bundle.store import Bundle, read_bundle
from tests.bundles import write_bundle
from tests.serving.fastpath.raw_client import serving

GENEROUS = ServingSettings(slo_p99_ms=60_000, drain_s=0.0)
"""Settings of a service that shares its thread's time with its clients: nothing is refused for being slow."""


class BundleShelf:
    """Bundles that are loaded by their first request; a ``serving.state.OnDemand``.

    Args:
        application: the service.
        bundles: the bundles by the name of their model.
    """

    def __init__(self, application: Application, bundles: dict[str, Bundle]) -> None:
        self._application = application
        self._bundles = bundles
        self.faults: dict[str, str] = {}
        """The reasons why models cannot be loaded."""
        self.gate = asyncio.Event()
        """Loads wait until it is set."""
        self.gate.set()
        self.n_loads = 0

    def names(self) -> Collection[str]:
        """Return the names of the models."""
        return self._bundles.keys()

    async def load(self, name: str, deadline_s: float | None) -> LiveModel:
        """Return a model after its load."""
        self.n_loads += 1
        await self.gate.wait()
        if name in self.faults:
            raise UnavailableError(f"The model {name!r} could not be loaded: {self.faults[name]}")
        application = self._application
        model = application.make_live(ServedModel(self._bundles[name], application.settings), "champion")
        application.state.set_model(model)
        return model

    def describe(self, name: str) -> UnloadedModel:
        """Return the state of a model that is not loaded."""
        tag = self._bundles[name].tag
        return UnloadedModel("failed", tag, self.faults[name]) if name in self.faults else UnloadedModel("cold", tag)

    def add(self, bundles: dict[str, Bundle]) -> None:
        """Have further models."""
        self._bundles = self._bundles | bundles

    def remove(self, names: Collection[str]) -> None:
        """Have some models no more."""
        self._bundles = {name: bundle for name, bundle in self._bundles.items() if name not in names}

    async def read(self, name: str) -> Bundle:
        """Return a bundle."""
        return self._bundles[name]


@contextmanager
def serving_models(
    folder: Path,
    loaded: Sequence[Contract],
    cold: Sequence[Contract] = (),
    settings: ServingSettings = GENEROUS,
    challengers: Sequence[Contract] = (),
) -> Iterator[tuple[str, Application]]:
    """Serve several models, and yield the address and the application.

    Args:
        folder: for the bundles.
        loaded: the contracts of the models that are loaded at the start, the default one first; their version is ``v1``.
        cold: the contracts of the models that are loaded by their first request.
        settings: the serving settings.
        challengers: the contracts of challengers; their version is ``v2``.
    """

    def bundle_of(contract: Contract, version: str) -> Bundle:
        tag = f"{contract.name}:{version}"
        return read_bundle(write_bundle(folder / tag.replace(":", "-"), contract), tag)

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "lifespan"
        await receive()
        first, *other_models = [ServedModel(bundle_of(contract, "v1"), settings) for contract in loaded]
        application.state.on_demand = BundleShelf(
            application, {contract.name: bundle_of(contract, "v1") for contract in cold}
        )
        application.serve(first)
        for served in other_models:
            application.state.set_model(application.make_live(served, "champion"))
        for contract in challengers:
            served = ServedModel(bundle_of(contract, "v2"), settings)
            application.state.set_challenger(contract.name, application.make_live(served, "challenger"))
        started: Message = {"type": "lifespan.startup.complete"}
        await send(started)
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    # Without the document the challengers would be unwanted, and removed.
    wanted_rollouts = {
        contract.name: ModelRollout(
            champion=f"{contract.name}:v1", challenger=Challenger(tag=f"{contract.name}:v2", mode="shadow")
        )
        for contract in challengers
    }
    rollout = folder / "rollout"
    rollout.mkdir()
    (rollout / "rollout.json").write_text(RolloutDocument(models=wanted_rollouts).model_dump_json())
    settings = settings.model_copy(update={"rollout_folder": rollout})
    application = Application(inner, settings)
    with serving(application) as address:
        yield address, application


def shelf_of(application: Application) -> BundleShelf:
    """Return the models of a service that are loaded by their first request."""
    shelf = application.state.on_demand
    assert isinstance(shelf, BundleShelf)
    return shelf
