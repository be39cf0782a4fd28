"""The reconciler of a worker: it makes the live versions equal to the wanted ones, without a lost request.

A version is loaded and checked beside the requests. It then answers from one request to the next: the event loop sees either the former
version or the new one. The former one answers the requests that it has accepted, and its memory is given back. A challenger that is not
wanted any more loses its traffic at once, also while another version is being loaded.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any, Protocol

from rollout.cascade.errors import BundleUnavailableError, IncompleteBundleError, StoreWriteError
from rollout.document import ModelRollout, RolloutDocument, utc_now
from rollout.registry.watch import open_registry
from rollout.store import open_store
from rollout.watch import FileSource
from runners.errors import RunnerError
from serving.errors import ServingError
from serving.fleet.loading import ModelLoader
from serving.live_model import LiveModel, Variant
from serving.settings import ServingSettings
from serving.state import ServiceState
from tabento.bundle.compatibility import breaking_changes, incomparable
from tabento.bundle.errors import BundleError, BundleSignatureError, SigningKeyError
from tabento.bundle.store import Bundle
from tabento.remote.errors import RemoteUnavailableError

logger = logging.getLogger("tabento.serving")

FIRST_RETRY_S = 2.0
"""The seconds until a version that could not be fetched is tried again; each further wait is twice as long."""
LONGEST_RETRY_S = 60.0
"""The longest of these waits."""
TEMPORARY_ERRORS = (
    *(RemoteUnavailableError, BundleUnavailableError, IncompleteBundleError, StoreWriteError, OSError, TimeoutError),
    *(BundleSignatureError, SigningKeyError),
)
"""Faults that can pass without another document: of the sources, of the disk, of time, and of keys that become trusted."""


class IncompatibleError(BundleError):
    """A version refuses requests, or answers with other meanings, than the version that it would replace."""


@dataclass(frozen=True)
class Refusal:
    """A version that is wanted and not live."""

    tag: str
    reason: str
    """The reason in words."""
    when: str
    is_temporary: bool
    """Whether it is tried again by itself."""


class Trial(Protocol):
    """A challenger with its champion: the split or the shadow, the counts, and the verdict."""

    def stop(self) -> None:
        """Take the challenger's traffic away."""
        ...

    def update(self, entry: ModelRollout) -> None:
        """Use another share, or other limits, of the same two versions."""
        ...

    def status(self) -> dict[str, Any]:
        """Return the share, the counts of both arms, and the verdict."""
        ...


StartTrial = Callable[[str, LiveModel, LiveModel, ModelRollout], Trial]
"""Starts a trial: the model's name, champion, challenger, and their entry in the document."""


class Rollout:
    """The versions of all models of this worker.

    Args:
        state: the live versions.
        loader: loads further ones.
        settings: the serving settings.
        start_trial: starts a trial of a live challenger.
    """

    def __init__(
        self,
        state: ServiceState,
        loader: ModelLoader,
        settings: ServingSettings,
        start_trial: StartTrial | None = None,
    ) -> None:
        self._state = state
        self._loader = loader
        self._settings = settings
        self.store = open_store(settings)
        """The document, its history and its overrides."""
        self.source = FileSource(self.store)
        self.registry = open_registry(settings, self.store, state.known_names, self._live_tag)
        """Changes the document as the registry's aliases move; None without a registry."""
        self.start_trial = start_trial
        self.document = RolloutDocument()
        """The document that is wanted now."""
        self.trials: dict[str, Trial] = {}
        """The running trials by model."""
        self.refusals: dict[str, Refusal] = {}
        """The versions that are wanted and cannot be live, by model."""
        self.counts: dict[str, int] = {}
        """Changes of versions by result: ``champion``, ``challenger``, ``removed``, ``refused``, ``failed``."""
        self.on_change: Callable[[], object] = do_nothing
        """Called after another version is live."""
        self._tasks: dict[str, tuple[ModelRollout, asyncio.Task[None]]] = {}
        self._watching: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Look at the document now and at intervals; called on the running event loop."""
        self._watching = asyncio.get_running_loop().create_task(self._watch())
        if self.registry is not None:
            self.registry.start()

    async def stop(self) -> None:
        """Change no more versions."""
        if self.registry is not None:
            self.registry.close()
        tasks = [task for _, task in self._tasks.values()]
        if self._watching is not None:
            tasks.append(self._watching)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for trial in self.trials.values():
            trial.stop()
        self.trials.clear()

    def _live_tag(self, name: str) -> str | None:
        live = self._state.models.get(name)
        return None if live is None else live.bundle.tag

    async def look(self) -> None:
        """Look at the document once, and begin to follow it if it has changed."""
        document = await asyncio.to_thread(self.source.poll)
        if document is not None:
            self.follow(document)

    def follow(self, document: RolloutDocument) -> None:
        """Make the versions of a document live: shares and removals at once, loads beside the requests."""
        self.document = document
        for name in dict.fromkeys([*document.models, *self._state.challengers]):
            self._follow_model(name, document.models.get(name))

    def wanted_tag(self, name: str) -> str | None:
        """Return the tag of the wanted champion of a model; None if the document does not list it."""
        entry = self.document.models.get(name)
        return None if entry is None else entry.champion

    def model_loaded(self, name: str) -> None:
        """Continue with a model that was loaded on demand: its challenger may be entry."""
        entry = self.document.models.get(name)
        if entry is not None:
            self._follow_model(name, entry)

    def status(self, name: str) -> dict[str, Any]:
        """Return the wanted and the live versions of a model, and the reason if they differ."""
        entry, live = self.document.models.get(name), self._state.models.get(name)
        challenger, trial = self._state.challengers.get(name), self.trials.get(name)
        refusal = self.refusals.get(name)
        return {
            "wanted": None if entry is None else entry.model_dump(mode="json"),
            "live": {
                "champion": None if live is None else live.bundle.tag,
                "challenger": None if challenger is None else challenger.bundle.tag,
                "retiring": [model.bundle.tag for model in self._state.retiring if model.name == name],
            },
            "differs_because": self._difference(name, entry, refusal),
            "trial": None if trial is None else trial.status(),
        }

    def live_versions(self) -> list[tuple[str, str, str]]:
        """Return the name, the champion's tag and the challenger's tag of each loaded model of the document; a missing tag is empty."""
        state, versions = self._state, []
        for name in self.document.models:
            live, challenger = state.models.get(name), state.challengers.get(name)
            if live is not None:
                versions.append((name, live.bundle.tag, "" if challenger is None else challenger.bundle.tag))
        return versions

    def _difference(self, name: str, entry: ModelRollout | None, refusal: Refusal | None) -> str | None:
        if self.source.fault is not None:
            return f"the rollout document is not used: {self.source.fault}"
        if entry is None:
            return None
        if name not in self._state.models:
            is_served = self._state.knows(name)
            return "it is loaded by its first request" if is_served else "the service does not serve this model"
        if refusal is not None:
            text = _with_tag(refusal.tag, refusal.reason, ": ")
            return text + (" It is tried again." if refusal.is_temporary else "")
        if not self._is_reached(name, entry):
            return "the version is being loaded"
        trial = self.trials.get(name)
        fault = None if trial is None else trial.status().get("fault")
        return None if fault is None else f"the challenger has no traffic: {fault}"

    def _is_reached(self, name: str, entry: ModelRollout) -> bool:
        live, challenger = self._state.models.get(name), self._state.challengers.get(name)
        wanted_challenger = None if entry.challenger is None else entry.challenger.tag
        live_challenger = None if challenger is None else challenger.bundle.tag
        return live is not None and live.bundle.tag == entry.champion and live_challenger == wanted_challenger

    async def _watch(self) -> None:
        while True:
            try:
                await self.look()
            except Exception:
                logger.exception("the rollout document could not be looked at")
            await asyncio.sleep(self._settings.rollout_poll_s)

    def _follow_model(self, name: str, entry: ModelRollout | None) -> None:
        self._end_unwanted(name, entry)
        running = self._tasks.pop(name, None)
        if running is not None:
            if running[0] == entry and not running[1].done():
                self._tasks[name] = running
                return
            running[1].cancel()
        self.refusals.pop(name, None)
        if entry is None or name not in self._state.models or self._state.is_draining:
            return
        task = asyncio.get_running_loop().create_task(self._reach(name, entry))
        self._tasks[name] = entry, task

    def _end_unwanted(self, name: str, entry: ModelRollout | None) -> None:
        """Take the traffic away from a challenger that is not entry, and retire it; change the share of one that is."""
        challenger, trial = self._state.challengers.get(name), self.trials.get(name)
        if challenger is None:
            return
        tag = challenger.bundle.tag
        is_wanted = entry is not None and entry.challenger is not None and entry.challenger.tag == tag
        live = self._state.models.get(name)
        if is_wanted and entry is not None and live is not None and live.bundle.tag == entry.champion:
            if trial is not None:
                trial.update(entry)
            return
        if trial is not None:
            trial.stop()
            del self.trials[name]
        if not is_wanted and not (entry is not None and entry.champion == tag):
            self._state.set_challenger(name, None)
            self._count("removed")
            logger.warning("rollout: %s is not a challenger any more", tag)
            self._loader.retire(self._state, challenger)
            self.on_change()

    async def _reach(self, name: str, entry: ModelRollout) -> None:
        """Load and swap until the versions are the wanted ones, or one is refused."""
        wait_s = FIRST_RETRY_S
        while True:
            tag = entry.champion
            try:
                await self._reach_champion(name, entry)
                if entry.challenger is not None:
                    tag = entry.challenger.tag
                    await self._reach_challenger(name, entry, tag)
            except Exception as error:
                is_temporary = isinstance(error, TEMPORARY_ERRORS)
                self._refuse(name, tag, error, is_temporary)
                if not is_temporary:
                    return
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, LONGEST_RETRY_S)
            else:
                self.refusals.pop(name, None)
                return

    async def _reach_champion(self, name: str, entry: ModelRollout) -> None:
        state, tag = self._state, entry.champion
        live = state.models.get(name)
        if live is None or live.bundle.tag == tag:
            return
        challenger = state.challengers.get(name)
        if challenger is not None and challenger.bundle.tag == tag:
            if state.is_draining:
                return  # it still answers requests
            model = challenger
        else:
            model = await self._load(name, tag, "champion")
            if state.is_draining:
                model.free()
                return
        self._end_trial(name)
        replaced = state.set_model(model)
        if model.variant != "champion":
            model.set_variant("champion")
        self._count("champion")
        logger.warning("rollout: %s answers instead of %s", tag, live.bundle.tag)
        if replaced is not None:
            self._loader.retire(state, replaced)
        self.on_change()

    async def _reach_challenger(self, name: str, entry: ModelRollout, tag: str) -> None:
        state = self._state
        challenger = state.challengers.get(name)
        if challenger is None or challenger.bundle.tag != tag:
            challenger = await self._load(name, tag, "challenger")
            if state.is_draining:
                challenger.free()
                return
            state.set_challenger(name, challenger)
            self._count("challenger")
            logger.warning("rollout: %s is a challenger now", tag)
            self.on_change()
        champion = state.models[name]
        if name not in self.trials and self.start_trial is not None:
            self.trials[name] = self.start_trial(name, champion, challenger, entry)

    async def _load(self, name: str, tag: str, variant: Variant) -> LiveModel:
        """Return a loaded version that may take the place of the live one.

        Raises:
            Exception: see ``ModelLoader.load``; also if the contracts do not fit.
        """
        live = self._state.models.get(name)
        started_s = monotonic()

        def check(bundle: Bundle) -> None:
            if live is not None:
                check_compatible(live.bundle, bundle)

        async with asyncio.timeout(self._settings.rollout_load_timeout_s):
            model = await self._loader.load(tag, variant, check)
        logger.info("rollout: %s was loaded and tried out in %.2f s", tag, monotonic() - started_s)
        return model

    def _end_trial(self, name: str) -> None:
        trial = self.trials.pop(name, None)
        if trial is not None:
            trial.stop()

    def _refuse(self, name: str, tag: str, error: Exception, is_temporary: bool) -> None:
        reason = reason_of(error)
        before = self.refusals.get(name)
        self.refusals[name] = Refusal(tag, reason, utc_now(), is_temporary)
        if before is None or (before.tag, before.reason) != (tag, reason):
            self._count("failed" if is_temporary else "refused")
            logger.error("rollout: %s", _with_tag(tag, reason, " is not used: "))

    def _count(self, result: str) -> None:
        self.counts[result] = self.counts.get(result, 0) + 1


def check_compatible(live: Bundle, bundle: Bundle) -> None:
    """Check that a version can take the place of the live one: every request that fits today fits then, with the same meaning.

    Raises:
        IncompatibleError: it cannot; every reason is named.
    """
    old, new = live.contract, bundle.contract
    reasons = [*incomparable(old, new), *breaking_changes(old, new)]
    if reasons:
        raise IncompatibleError(
            f"its contract does not fit the requests that {live.tag} answers: {'; '.join(reasons)}."
            " Serve it under another name, or move the clients first."
        )


def reason_of(error: Exception) -> str:
    """Return the reason of a failed load in words."""
    if isinstance(error, TimeoutError) and not str(error):
        return "it was not fetched and loaded within `rollout_load_timeout_s`"
    if isinstance(error, ServingError):
        return f"an example of the bundle does not fit its own contract: {error.message}"
    if isinstance(error, BundleError | RunnerError | RemoteUnavailableError):
        return str(error)
    return f"{type(error).__name__}: {error}"


def _with_tag(tag: str, reason: str, separator: str) -> str:
    """Return the reason of a refusal, which names the version once."""
    is_named = reason.removeprefix("the bundle ").startswith(tag)
    return reason if is_named else f"{tag}{separator}{reason}"


def do_nothing() -> None:
    """Do nothing."""
