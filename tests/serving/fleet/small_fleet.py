"""A fleet of small models in a model store of its own, and its residents on the running event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from rollout.document import RolloutDocument
from runners.clock import RunningLoop
from runners.loop_budget import LoopBudget
from serving.fleet.catalogue import LATEST_FILE, Catalogue
from serving.fleet.loading import ModelLoader
from serving.fleet.residents import Residents
from serving.live_model import LiveModel, Variant
from serving.model import ServedModel
from serving.operations.accounting import RequestAccounting
from serving.operations.metrics import Metrics
from serving.settings import ServingSettings
from serving.state import ServiceState
from tabento.bundle.manifest import BENTOML_FILE
from tabento.bundle.store import store_folder
from tests.bundles import TREE, linear_answer, linear_model, orchard_contract, write_bundle
from tests.conftest import bentoml_home

CONTRACT = orchard_contract()
ANSWER = linear_answer(TREE, CONTRACT)
"""The answer to ``TREE`` of the model with the number 1; the others answer a multiple of it."""


def apple(number: int) -> str:
    """Return the name of a model of the fleet."""
    return f"apple_{number}"


def store_apple(number: int, version: str = "v1", scale: float | None = None) -> Path:
    """Store a model that answers its number times ``ANSWER``, as BentoML stores a model; return its folder."""
    name = apple(number)
    folder = store_folder() / name / version
    contract = CONTRACT.model_copy(update={"name": name})
    write_bundle(
        folder, contract, linear_model(len(contract.features), scale=float(number) if scale is None else scale)
    )
    (folder / BENTOML_FILE).write_text("module: tabento\n", encoding="utf-8")
    (folder.parent / LATEST_FILE).write_text(version, encoding="utf-8")
    return folder


@contextmanager
def apple_store(folder: Path, count: int) -> Iterator[None]:
    """Have a model store with the apples 1 to ``count``."""
    with bentoml_home(folder / "home"):
        for number in range(1, count + 1):
            store_apple(number)
        yield


class FakeRollout:
    """The versions that a rollout wants."""

    def __init__(self) -> None:
        self.document = RolloutDocument()
        self.loaded: list[str] = []
        """The names of the models that were reported as loaded."""

    def wanted_tag(self, name: str) -> str | None:
        """Return the tag of the wanted champion of a model; None if the document does not list it."""
        model = self.document.models.get(name)
        return None if model is None else model.champion

    def model_loaded(self, name: str) -> None:
        """Note a model that was loaded on demand."""
        self.loaded.append(name)


class SmallFleet:
    """The residents of a store, with the state that they fill.

    Args:
        loader_type: the type of the loader.
        pinned: the names of pinned models.
        settings: the serving settings.
    """

    def __init__(
        self, loader_type: type[ModelLoader] = ModelLoader, pinned: tuple[str, ...] = (), **settings: Any
    ) -> None:
        self.settings = ServingSettings.model_validate({"slo_p99_ms": 60_000, "models": ["*"], **settings})
        self.accounting = RequestAccounting(Metrics(), None)
        self.state = ServiceState()
        self.rollout = FakeRollout()
        self.loader = loader_type(self.settings, self.make_live, quick=True, threads=2)
        catalogue = Catalogue(self.settings.models, pinned)
        self.residents = Residents(self.state, self.loader, catalogue, self.rollout, self.settings, self.accounting)
        self._budget: LoopBudget | None = None

    def make_live(self, served: ServedModel, variant: Variant) -> LiveModel:
        """Return a live model that shares the budget of the loop."""
        loop = asyncio.get_running_loop()
        self._budget = self._budget or LoopBudget(RunningLoop(loop))
        return LiveModel(served, self.settings, self.accounting, loop, variant=variant, budget=self._budget)

    def start(self) -> None:
        """Serve the first apple as the default model, and the others on demand."""
        start_loader = ModelLoader(self.settings, self.make_live)
        self.state.set_model(start_loader.load_now(f"{apple(1)}:v1", "champion"))
        self.residents.start(start_loader)
        self.state.on_demand = self.residents
        start_loader.close()

    async def load(self, number: int, deadline_s: float | None = None) -> LiveModel:
        """Return an apple as a request gets it."""
        model = self.state.loaded_model(apple(number), None)
        return model if model is not None else await self.state.load(apple(number), None, deadline_s)

    async def use(self, number: int) -> LiveModel:
        """Load an apple, and count a request for it."""
        model = await self.load(number)
        model.admit_rows(1.0)
        return model

    @property
    def loaded(self) -> set[int]:
        """The numbers of the loaded apples."""
        return {int(name.partition("_")[2]) for name in self.state.models}

    @property
    def load_counts(self) -> dict[str, int]:
        """The loads by result."""
        return self.accounting.metrics.models.loads


@asynccontextmanager
async def small_fleet(
    loader_type: type[ModelLoader] = ModelLoader, pinned: tuple[str, ...] = (), **settings: Any
) -> AsyncIterator[SmallFleet]:
    """Have a fleet on the running loop, and stop it."""
    fleet = SmallFleet(loader_type, pinned, **settings)
    fleet.start()
    try:
        yield fleet
    finally:
        await fleet.residents.stop()
        for model in fleet.state.remove_models():
            model.close()


async def until(condition: Any, description: str, deadline_s: float = 30.0) -> None:
    """Return as soon as a condition is true; raise TimeoutError if it is not true within the deadline."""
    loop = asyncio.get_running_loop()
    end = loop.time() + deadline_s
    while not condition():
        if loop.time() > end:
            raise TimeoutError(f"waited {deadline_s:g} s for {description}")
        await asyncio.sleep(0.005)
