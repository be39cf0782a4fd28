"""The models that are loaded on demand: the first request loads its model, and the least recently used ones are unloaded.

A request for a model that is not loaded waits for its load, until its deadline. All requests for one model share one load. The number
of waiting requests is bounded, and so is the number of loads at a time. A model that cannot be loaded is tried again after a pause that
grows; until then its requests are refused immediately.

The estimated memory of the loaded models stays within a limit. The last use of each model is noted about once a second, by
its count of requests, so that a request for a loaded model costs nothing here. Models that were loaded at the start, the default model and
models with a challenger are never unloaded.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field
from time import perf_counter
from typing import Protocol

from rollout.document import RolloutDocument
from serving.errors import DeadlineError, UnavailableError, overload_error, stopping_error
from serving.fleet.catalogue import Catalogue, stored_tags
from serving.fleet.footprint import estimate_bytes
from serving.fleet.load_failure import LoadFailure, TooLargeModelError, next_failure
from serving.fleet.loading import FETCHES, ModelLoader, give_back_memory
from serving.live_model import LiveModel
from serving.operations.accounting import RequestAccounting
from serving.settings import ServingSettings
from serving.state import ServiceState, UnloadedModel
from tabento.bundle.numbers import number_text
from tabento.bundle.store import Bundle

logger = logging.getLogger("tabento.serving")

LOADS = 2
"""The largest number of bundles that are opened at a time: a small model does not wait for a large one, unless there are two of them."""
LOADS_WITH_FETCHES = LOADS + FETCHES
"""The largest number of loads at a time, those included whose bundle is being fetched: a source that hangs delays no other model."""
TICK_S = 1.0
"""The seconds between two looks at which models were used."""
RESCAN_TICKS = 10
"""The number of these looks between two looks at the store, if all of its bundles are served."""
MAX_READS = 16
"""The number of descriptions of models that are not loaded which wait at most. One at a time verifies its bundle, which takes a thread
of the loads for up to a second."""
FULL_COLLECTION_LOADS = 1_000
"""The number of loads between two collections of all objects; see ``skip_in_collections``."""
WATCHED_SHARE = 0.8
"""The share of the memory limit from which on the use of models is noted: below it, no model will be unloaded soon."""
GIVE_BACK_BYTES = 64 * 1024 * 1024
"""Memory of unloaded models goes back to the operating system once it is this large; a small part is used by the next load."""


@dataclass
class _Load:
    """A load for which requests wait."""

    outcome: asyncio.Future[LiveModel | LoadFailure | None]
    """The model, or the reason why there is none; None if the service stops."""
    n_waiting: int = 0


@dataclass
class _Resident:
    """A model that was loaded on demand."""

    model: LiveModel
    n_bytes: int
    """Its estimated memory."""
    uses: int = field(default=-1)
    """Its count of requests at the last look."""


class WantedVersions(Protocol):
    """The rollout, see ``serving.fleet.reconcile.Rollout``."""

    document: RolloutDocument

    def wanted_tag(self, name: str) -> str | None:
        """Return the tag of the wanted champion of a model; None if the document does not list it."""
        ...

    def model_loaded(self, name: str) -> None:
        """Continue with a model that was loaded on demand."""
        ...


class Residents:
    """Loads models on demand; an ``OnDemand`` of the service's state.

    Args:
        state: gets the loaded models.
        loader: loads them; not used for anything else.
        catalogue: the models.
        rollout: the versions that are wanted.
        settings: the serving settings.
        accounting: counts refused requests, loads and evictions.
    """

    def __init__(
        self,
        state: ServiceState,
        loader: ModelLoader,
        catalogue: Catalogue,
        rollout: WantedVersions,
        settings: ServingSettings,
        accounting: RequestAccounting,
    ) -> None:
        self._state = state
        self._loader = loader
        self._catalogue = catalogue
        self._rollout = rollout
        self._limit_bytes = settings.models_memory_bytes
        self._timeout_s = settings.cold_load_timeout_s
        self._max_waiting = settings.cold_max_requests
        self._accounting = accounting
        self._counts = accounting.metrics.models
        self._residents: OrderedDict[str, _Resident] = OrderedDict()  # the least recently used first
        self._loads: dict[str, _Load] = {}
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._failures: dict[str, LoadFailure] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._unreturned_bytes = 0
        self._n_skips = 0
        self._n_reads = 0
        self._read_turn = asyncio.Semaphore(1)
        self._is_stopped = False
        self.n_waiting = 0
        """The number of requests that wait for a load."""
        self.loaded_bytes = 0
        """The estimated memory of the models that were loaded on demand."""

    def start(self, start_loader: ModelLoader) -> None:
        """Load the pinned models, and begin to load others on demand; called on the running event loop, before requests arrive.

        Args:
            start_loader: loads the pinned models.

        Raises:
            BundleError, RunnerError, ServingError, SettingsError, OSError: a pinned model cannot be loaded.
        """
        self._counts.reserve((*self._catalogue.pinned, *self._catalogue.names()))
        for name in self._catalogue.pinned:
            if name not in self._state.models:
                self._state.set_model(start_loader.load_now(self._tag(name), "champion"))
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._load_queued()) for _ in range(LOADS_WITH_FETCHES)]
        self._tasks.append(loop.create_task(self._look_regularly()))

    async def stop(self) -> None:
        """Refuse the requests that wait, and load nothing any more."""
        self._is_stopped = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        for load in self._loads.values():
            if not load.outcome.done():
                load.outcome.set_result(None)
        self._loads.clear()
        self._loader.close()

    def names(self) -> Collection[str]:
        """Return the names of all models that can be loaded."""
        return self._catalogue.names()

    def describe(self, name: str) -> UnloadedModel:
        """Return the state of a model that is not loaded."""
        tag = self._tag(name)
        if name in self._loads:
            return UnloadedModel("loading", tag)
        failure = self._failures.get(name)
        return UnloadedModel("cold", tag) if failure is None else UnloadedModel("failed", tag, failure.text)

    async def read(self, name: str) -> Bundle:
        """Return the verified bundle of a model, without loading its graph.

        Raises:
            UnavailableError: it cannot be read.
            OverloadedError: too many bundles are being read.
        """
        if self._n_reads >= MAX_READS:
            self._accounting.count_shed("cold")
            raise overload_error()
        tag = self._tag(name)
        self._n_reads += 1
        try:
            async with self._read_turn:
                return await self._loader.read(tag)
        except Exception as error:
            now_s = perf_counter()
            raise next_failure(name, tag, error, None, now_s).error(now_s) from error
        finally:
            self._n_reads -= 1

    async def load(self, name: str, deadline_s: float | None) -> LiveModel:
        """Return a model after its load; see ``OnDemand.load``.

        Raises:
            UnavailableError: it cannot be loaded, too many requests wait, the load takes too long, or the service stops.
            DeadlineError: the deadline of the request passed.
        """
        model = self._state.models.get(name)
        if model is not None:
            return model
        now_s = perf_counter()
        failure = self._failures.get(name)
        if failure is not None and now_s < failure.retry_s:
            raise failure.error(now_s)
        if self._is_stopped:
            raise stopping_error()
        if self.n_waiting >= self._max_waiting:
            self._accounting.count_shed("cold")
            raise overload_error()
        load = self._loads.get(name)
        if load is None:
            load = self._loads[name] = _Load(asyncio.get_running_loop().create_future())
            self._queue.put_nowait(name)
        timeout_s = self._timeout_s if deadline_s is None else max(deadline_s - now_s, 0.0)
        load.n_waiting += 1
        self.n_waiting += 1
        self._accounting.start_receiving()  # a drain waits for this request, and it is answered
        try:
            done, _ = await asyncio.wait((load.outcome,), timeout=timeout_s)
        finally:
            self._accounting.stop_receiving()
            load.n_waiting -= 1
            self.n_waiting -= 1
        if not done:
            if deadline_s is None:
                raise UnavailableError(
                    f"The model {name!r} was not loaded within {number_text(timeout_s)} s. Try again shortly."
                )
            raise DeadlineError(f"The deadline passed before the model {name!r} was loaded.")
        outcome = load.outcome.result()
        if outcome is None:
            raise stopping_error()
        if isinstance(outcome, LoadFailure):
            raise outcome.error(perf_counter())
        return outcome

    async def _load_queued(self) -> None:
        """Load the queued models, one after another."""
        while True:
            await self._load_next(await self._queue.get())

    async def _load_next(self, name: str) -> None:
        """Load a queued model, and give it, or the failure, to the requests that wait for it."""
        load = self._loads[name]
        if not load.n_waiting:
            # Nobody waits any more: all deadlines passed, or the clients have left.
            del self._loads[name]
            return
        outcome: LiveModel | LoadFailure
        tag = self._tag(name)
        try:
            outcome = await self._load_one(name, tag)
        except Exception as error:
            outcome = self._failures[name] = next_failure(name, tag, error, self._failures.get(name), perf_counter())
            self._counts.count_load(outcome.code)
        del self._loads[name]
        load.outcome.set_result(outcome)

    async def _load_one(self, name: str, tag: str) -> LiveModel:
        """Load a model, unload others if there is no room, and let it answer."""
        model = await self._loader.load(tag, "champion", self._refuse_too_large)
        self._failures.pop(name, None)
        self._counts.count_load("loaded")
        present = self._state.models.get(name)
        if present is not None:  # the rollout has loaded a version meanwhile
            self._loader.retire(self._state, model, give_back=False)
            return present
        n_bytes = estimate_bytes(model.bundle.path)
        self._make_room(n_bytes)
        self._state.set_model(model)
        self._residents[name] = _Resident(model, n_bytes)
        self.loaded_bytes += n_bytes
        self._n_skips += 1
        skip_in_collections(is_full=self._n_skips % FULL_COLLECTION_LOADS == 0)
        self._rollout.model_loaded(name)
        return model

    def _tag(self, name: str) -> str:
        """Return the tag of the version that is loaded: the wanted one, or the one of the settings."""
        return self._rollout.wanted_tag(name) or self._catalogue.tag(name)

    def _refuse_too_large(self, bundle: Bundle) -> None:
        """Refuse a model that does not fit, even if it is the only one.

        Raises:
            TooLargeModelError: its estimated memory is above the limit.
        """
        n_bytes = estimate_bytes(bundle.path)
        if n_bytes > self._limit_bytes:
            raise TooLargeModelError(
                f"{bundle.tag} takes about {n_bytes:,} bytes of memory, and models_memory_bytes is {self._limit_bytes:,}."
                " Raise it, or add the model to pinned_models."
            )

    def _make_room(self, n_bytes: int) -> None:
        """Unload the least recently used models until a new one fits into the limit."""
        if self.loaded_bytes + n_bytes <= self._limit_bytes:
            return
        self.note_uses()
        candidates = [name for name in self._residents if self._can_unload(name)]
        # A model that answers requests just now is used; it is unloaded only if there is no other.
        candidates.sort(key=lambda name: self._residents[name].model.in_flight > 0)
        for name in candidates:
            if self.loaded_bytes + n_bytes <= self._limit_bytes:
                return
            self._unload(name)

    def _can_unload(self, name: str) -> bool:
        """Return whether a model may be unloaded: not the default one, and not one whose versions are changing or are tried."""
        state, entry = self._state, self._rollout.document.models.get(name)
        if name == state.default or name in state.challengers:
            return False
        live = state.models.get(name)
        return entry is None or live is None or (entry.challenger is None and entry.champion == live.bundle.tag)

    def _unload(self, name: str) -> None:
        """Let a model answer the requests that it has, and give its memory back."""
        resident = self._residents.pop(name)
        self.loaded_bytes -= resident.n_bytes
        self._unreturned_bytes += resident.n_bytes
        model = self._state.remove(name)
        if model is not None:
            self._counts.evictions += 1
            self._loader.retire(self._state, model, give_back=False)

    def note_uses(self) -> None:
        """Move the models that were used since the last look behind the others, and notice replaced and removed ones."""
        for name, resident in list(self._residents.items()):
            model = self._state.models.get(name)
            if model is not resident.model:
                self._replace(name, resident, model)
                if model is None:
                    continue
            uses = resident.model.uses
            if uses != resident.uses or resident.model.in_flight:
                resident.uses = uses
                self._residents.move_to_end(name)

    def _replace(self, name: str, resident: _Resident, model: LiveModel | None) -> None:
        """Note that another version answers for a model, or none: the rollout has changed it."""
        self.loaded_bytes -= resident.n_bytes
        if model is None:
            del self._residents[name]
            return
        resident.model, resident.uses = model, -1
        resident.n_bytes = estimate_bytes(model.bundle.path)
        self.loaded_bytes += resident.n_bytes

    async def look_at_store(self) -> None:
        """Add the models that were stored since the last look."""
        self._catalogue.update(await self._loader.run(stored_tags))
        self._counts.reserve(self._catalogue.names())

    def forget_pauses(self) -> None:
        """Let the next request for each model that could not be loaded try it again: the cause is known to be gone."""
        for failure in self._failures.values():
            failure.retry_s = 0.0

    async def _look_regularly(self) -> None:
        """Note the use of models, look for new bundles, and give memory back."""
        n_ticks = 0
        while True:
            await asyncio.sleep(TICK_S)
            n_ticks += 1
            try:
                if self.loaded_bytes > WATCHED_SHARE * self._limit_bytes:
                    self.note_uses()
                    self._make_room(0)
                if self._unreturned_bytes > GIVE_BACK_BYTES:
                    self._unreturned_bytes = 0
                    await self._loader.run(give_back_memory)
                if self._catalogue.has_all and n_ticks % RESCAN_TICKS == 0:
                    await self.look_at_store()
            except Exception:
                logger.exception("the models that are loaded on demand could not be looked at; it is tried again")


def skip_in_collections(*, is_full: bool = False) -> None:
    """Let the garbage collector skip all present objects, after a collection of the young ones.

    A collection of everything takes some 60 ms for 1,000 small models, during which no request is answered. Models, connections and
    requests are freed without it, see ``LiveModel.free``. Other circles of objects, those of a library for instance, are skipped.

    Args:
        is_full: whether all objects are collected first, also those that were skipped before.
    """
    if is_full:
        gc.unfreeze()
        gc.collect()
    else:
        gc.collect(1)
    gc.freeze()
