"""The models of the service and their versions, for every route that lists or describes them.

A model that is not loaded is described without a load: its bundle is read, its graph is not opened.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from serving.live_model import LiveModel, Variant
from serving.state import ServiceState
from tabento.bundle.store import Bundle

ModelState = Literal["live", "cold", "loading", "failed"]


class LiveVersion(NamedTuple):
    """A version that answers requests."""

    version: str
    variant: Variant


class ModelEntry(NamedTuple):
    """One model of the service."""

    name: str
    state: ModelState
    versions: tuple[LiveVersion, ...]
    """The loaded versions, the champion first; empty if none is loaded."""
    title: str | None
    """The title of the contract; None if it was not read."""
    tag: str | None
    """The version that answers, or that the next request loads; None if it is unknown."""
    reason: str | None
    """The reason why a model has failed."""
    is_default: bool


class ModelEntries:
    """Describes the models of a service.

    Args:
        state: knows the models.
    """

    def __init__(self, state: ServiceState) -> None:
        self._state = state

    def names(self) -> list[str]:
        """Return the names of all models, in alphabetical order."""
        return sorted(self._state.known_names())

    def entry(self, name: str) -> ModelEntry:
        """Return a model.

        Raises:
            UnavailableError: the default model is not loaded yet, or the service stops.
            NoRouteError: the service has no such model.
        """
        state = self._state
        is_default = name == state.default
        live = state.loaded_model(name, None)
        if live is not None:
            versions = tuple(LiveVersion(model.bundle.version, model.variant) for model in self._live(live))
            return ModelEntry(name, "live", versions, live.bundle.contract.title, live.bundle.tag, None, is_default)
        assert state.on_demand is not None
        unloaded = state.on_demand.describe(name)
        return ModelEntry(name, unloaded.state, (), None, unloaded.tag, unloaded.reason, is_default)

    def live_model(self, name: str, version: str | None) -> LiveModel | None:
        """Return a loaded version; None if the model is not loaded.

        Args:
            name: the model.
            version: its version; None for the champion.

        Raises:
            UnavailableError, NoRouteError: see ``entry``; also if the model is loaded and has no such version.
        """
        return self._state.loaded_model(name, version)

    async def bundle(self, name: str, version: str | None = None) -> Bundle:
        """Return the bundle of a model, whether it is loaded or not.

        Args:
            name: the model.
            version: its version; None for the champion.

        Raises:
            UnavailableError, NoRouteError: see ``live_model``.
            ServingError: the bundle cannot be read.
        """
        live = self.live_model(name, version)
        if live is not None:
            return live.bundle
        state = self._state
        assert state.on_demand is not None
        bundle = await state.on_demand.read(name)
        if version is not None and version != bundle.version:
            raise state.no_version(name, version, [bundle.version])
        return bundle

    def _live(self, champion: LiveModel) -> list[LiveModel]:
        challenger = self._state.challengers.get(champion.name)
        return [champion] if challenger is None else [champion, challenger]
