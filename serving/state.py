"""The state of the service: which model answers which path, and whether new requests are accepted.

The only place where a model is set and removed. Routing asks here for the model of a path. Each model has one version that
answers, the *champion*, and at most one other version, the *challenger*, see ``docs/rollout.md``.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, NamedTuple, Protocol

from serving.errors import NoRouteError, UnavailableError, stopping_error
from serving.live_model import LiveModel
from serving.routes.paths import PREDICT_PATHS, model_paths
from tabento.bundle.store import Bundle

NAMES_SHOWN = 10
"""The largest number of models that an error names."""


class UnloadedModel(NamedTuple):
    """A model that is served and not loaded."""

    state: Literal["cold", "loading", "failed"]
    """``cold``: its first request loads it; ``failed``: its last load failed, and it is tried again later."""
    tag: str | None = None
    """The version that is loaded by the next request; None if it is not known yet."""
    reason: str | None = None
    """The reason of the last failed load."""


class OnDemand(Protocol):
    """Loads the models that are served but not loaded."""

    def names(self) -> Collection[str]:
        """Return the names of the models that can be loaded."""
        ...

    async def load(self, name: str, deadline_s: float | None) -> LiveModel:
        """Return a model after its load; the state has it then.

        Args:
            name: one of ``names``.
            deadline_s: the time on the clock of ``perf_counter`` until which the request waits; None for the setting's time.

        Raises:
            ServingError: it cannot be loaded, or not in time.
        """
        ...

    def describe(self, name: str) -> UnloadedModel:
        """Return the state of one of ``names`` that is not loaded, without reading a file."""
        ...

    async def read(self, name: str) -> Bundle:
        """Return the verified bundle of one of ``names`` without loading its graph; it is read in a thread.

        Raises:
            ServingError: it cannot be read.
        """
        ...


class ServiceState:
    """One of loading (no model), ready (a model), leaving (still answers), draining (no new predictions) and stopped (no model)."""

    def __init__(self) -> None:
        self.default: str | None = None
        """The name of the model that answers the paths without a name; None before it is loaded."""
        self.models: dict[str, LiveModel] = {}
        """The loaded champions by name."""
        self.challengers: dict[str, LiveModel] = {}
        """The loaded challengers by name."""
        self.retiring: set[LiveModel] = set()
        """Models that get no new requests, and still answer the accepted ones."""
        self.on_demand: OnDemand | None = None
        """Loads further models; None if the service has no others."""
        self.is_leaving = False
        """Whether the service stops: it is not ready, and each answer closes its connection, so that clients connect elsewhere."""
        self.is_draining = False
        """Whether new predictions are refused because the service stops; the accepted ones are still answered."""
        self.admitting: dict[str, LiveModel] = {}
        """The model of each path on which new predictions are accepted: empty unless the service is ready. The fast path
        keeps this dictionary, so it is changed in place."""

    @property
    def model(self) -> LiveModel | None:
        """The default model; None while the service loads it, and after the service has stopped."""
        return None if self.default is None else self.models.get(self.default)

    def live_models(self) -> list[LiveModel]:
        """Return all models that answer requests: champions, challengers, and models that are being retired."""
        return [*self.models.values(), *self.challengers.values(), *self.retiring]

    def known_names(self) -> list[str]:
        """Return the names of all models that are loaded or can be loaded, the default one first."""
        names = dict.fromkeys([] if self.default is None else [self.default])
        if self.on_demand is not None:
            names.update(dict.fromkeys(self.on_demand.names()))  # their order does not change with the loads
        names.update(dict.fromkeys(self.models))
        return list(names)

    def knows(self, name: str) -> bool:
        """Return whether a model is among ``known_names``, without making the list."""
        return name in self.models or name == self.default or self._is_on_demand(name)

    def set_model(self, model: LiveModel) -> LiveModel | None:
        """Let a model answer as the champion of its name, from the next request on; return the model that it replaces.

        The first model of a service is its default one.
        """
        name = model.name
        if self.default is None:
            self.default = name
        replaced = self.models.get(name)
        self.models[name] = model
        if self.challengers.get(name) is model:
            del self.challengers[name]
        if not self.is_draining:
            self.admitting.update(dict.fromkeys(self._paths(name), model))
        return None if replaced is model else replaced

    def set_challenger(self, name: str, model: LiveModel | None) -> LiveModel | None:
        """Set the challenger of a model, or remove it; return the challenger before."""
        replaced = self.challengers.pop(name, None)
        if model is not None:
            self.challengers[name] = model
        return None if replaced is model else replaced

    def remove(self, name: str) -> LiveModel | None:
        """Let a model that is not the default one answer no more requests, and return it."""
        for path in self._paths(name):
            self.admitting.pop(path, None)
        return self.models.pop(name, None)

    def remove_models(self) -> list[LiveModel]:
        """Stop answering for good, and return the models that answered until now."""
        self.start_draining()
        models = self.live_models()
        self.models.clear()
        self.challengers.clear()
        self.retiring.clear()
        return models

    def start_leaving(self) -> None:
        """Be ready no longer. Predictions are answered until ``start_draining``, while load balancers notice."""
        self.is_leaving = True

    def start_draining(self) -> None:
        """Accept no more predictions."""
        self.is_leaving = self.is_draining = True
        self.admitting.clear()

    def ready_model(self, name: str | None = None, version: str | None = None) -> LiveModel:
        """Return the loaded model for a new request.

        Args:
            name: the name that the request has; None for the default model.
            version: the version that the request has; None for the champion.

        Raises:
            UnavailableError: the model is not loaded yet, or the service stops.
            NoRouteError: the service has no such model or version.
        """
        if self.is_draining:
            raise stopping_error()
        return self.started_model(name, version)

    def check_ready(self) -> None:
        """Check that the service should get new requests.

        Raises:
            UnavailableError: the model is not loaded yet, or the service stops.
        """
        if self.is_leaving:
            raise stopping_error()
        self.ready_model()

    def started_model(self, name: str | None = None, version: str | None = None) -> LiveModel:
        """Return the loaded model for a request that began before a drain; see ``ready_model``."""
        model = self.model if name is None else self.models.get(name)
        if model is None:
            raise self._no_model(name)
        if version is None or version == model.bundle.version:
            return model
        challenger = self.challengers.get(model.name)
        if challenger is not None and version == challenger.bundle.version:
            return challenger
        versions = [model.bundle.version, *([] if challenger is None else [challenger.bundle.version])]
        raise self.no_version(model.name, version, versions)

    @staticmethod
    def no_version(name: str, version: str, versions: list[str]) -> NoRouteError:
        """Return the error for a version that a model does not have.

        Args:
            name: the model.
            version: the version that the request has.
            versions: the versions of the model.
        """
        names_text = " and ".join(map(repr, versions))
        return NoRouteError(
            f"There is no version {version[:100]!r} of {name!r}; the service has the version"
            f"{'s' if len(versions) > 1 else ''} {names_text}."
        )

    def loaded_model(self, name: str | None, version: str | None, is_started: bool = False) -> LiveModel | None:
        """Return the model for a request; None if it has to be loaded first, see ``load``.

        Args:
            name: see ``ready_model``.
            version: see ``ready_model``.
            is_started: whether the request began before a drain.

        Raises:
            UnavailableError, NoRouteError: see ``ready_model``.
        """
        if name is not None and name not in self.models and not self.is_draining and self._is_on_demand(name):
            return None
        return self.started_model(name, version) if is_started else self.ready_model(name, version)

    async def load(self, name: str | None, version: str | None, deadline_s: float | None) -> LiveModel:
        """Return the model for a request after its load.

        Args:
            name: a name for which ``loaded_model`` returned None.
            version: see ``ready_model``.
            deadline_s: the time until which the request waits; see ``OnDemand.load``.

        Raises:
            UnavailableError: the model cannot be loaded now, or the service stops.
            DeadlineError: it was not loaded in time.
            NoRouteError: the service has no such version.
        """
        assert self.on_demand is not None
        assert name is not None
        await self.on_demand.load(name, deadline_s)
        return self.started_model(name, version)

    def _is_on_demand(self, name: str) -> bool:
        return self.on_demand is not None and name in self.on_demand.names()

    def _paths(self, name: str) -> tuple[str, ...]:
        return (*PREDICT_PATHS, *model_paths(name)) if name == self.default else model_paths(name)

    def _no_model(self, name: str | None) -> NoRouteError | UnavailableError:
        """Return the error for a model that is not loaded."""
        if self.model is None or (name is not None and self._is_on_demand(name)):
            return (
                stopping_error()
                if self.is_draining
                else UnavailableError("The model is not loaded yet. Try again shortly.")
            )
        assert name is not None
        names = self.known_names()
        names_text = ", ".join(map(repr, names[:NAMES_SHOWN]))
        if len(names) > NAMES_SHOWN:
            return NoRouteError(
                f"There is no model {name[:100]!r}; the service has {len(names)} models, among them {names_text}."
            )
        return NoRouteError(
            f"There is no model {name[:100]!r}; the service has the model{'s' if len(names) > 1 else ''} {names_text}."
        )
