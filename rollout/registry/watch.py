"""The watch of the registry: a thread of each worker that polls the aliases and changes the rollout document.

The workers of a replica share one file of state. The worker that holds its lock polls; the others see the time of that poll and wait.
If the registry is gone, the last known versions stay, and ``status`` names the fault.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import UTC, datetime

from rollout.document import DocumentError, RolloutDocument, utc_now
from rollout.errors import DocumentWriteError, RolloutError
from rollout.files import FileReadError
from rollout.registry.aliases import PolledAliases, RegistryAliases
from rollout.registry.client import RegistryClient, RegistryUnavailableError
from rollout.registry.merge import USER, merge_aliases
from rollout.registry.state import STATE_FILE, RegistryState, read_state, try_lock, write_state
from rollout.settings import RolloutSettings
from rollout.store import DocumentStore
from tabento.remote.circuit_breaker import CircuitBreaker

logger = logging.getLogger("tabento.rollout")

KIND = "registry"
"""The kind of the changes in the document's history."""
YOUNG_SHARE = 0.9
"""A poll that is younger than this share of the interval is not repeated by another worker."""


class RegistryWatch:
    """The poll of a registry at intervals.

    Args:
        aliases: asks the registry.
        store: the rollout document.
        poll_s: the seconds between two polls.
        known_names: returns the names of the service's models.
        live_champion: returns the tag of the version of a model that answers now; None if it is unknown.
    """

    def __init__(
        self,
        aliases: RegistryAliases,
        store: DocumentStore,
        poll_s: float,
        known_names: Callable[[], Collection[str]],
        live_champion: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        self._aliases = aliases
        self._store = store
        self._path = store.history.path.with_name(STATE_FILE)
        self._poll_s = poll_s
        self._known_names = known_names
        self._live_champion = live_champion
        self._state = RegistryState(address=aliases.client.address)
        self._logged: tuple[str | None, dict[str, str]] = (None, {})
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def breaker(self) -> CircuitBreaker:
        """The circuit breaker of the registry, for metrics."""
        return self._aliases.client.breaker

    @property
    def status(self) -> RegistryState:
        """The state after the last poll of this replica that this worker knows."""
        return self._state

    @property
    def fault(self) -> str | None:
        """The reason why the registry's aliases are not used, or not of all models; None if they are: for the health report."""
        if self._state.fault is not None:
            return self._state.fault
        faults = [f"{name}: {fault}" for name, fault in sorted(self._state.faults.items())]
        return "; ".join(faults[:3]) + (f"; and {len(faults) - 3} more" if len(faults) > 3 else "") or None

    def start(self) -> None:
        """Poll now and at intervals, in a thread; called before the worker answers."""
        with suppress(RegistryUnavailableError):  # the first poll reports it
            self._aliases.client.prepare()
        self._thread = threading.Thread(target=self._run, name="tabento-registry", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop to poll; a poll that waits for the registry ends with the process."""
        self._closing.set()

    def poll(self) -> None:
        """Poll once, unless another worker has just done so or does so now. No error is raised."""
        try:
            with try_lock(self._path) as is_held:
                if is_held:
                    self._poll_locked()
                else:
                    self._state = read_state(self._path)  # another worker polls now
        except (DocumentWriteError, FileReadError) as error:
            self._state = self._state.model_copy(update={"fault": str(error)})
        except Exception as error:  # the thread must go on
            logger.exception("the poll of the registry failed")
            self._state = self._state.model_copy(update={"fault": f"{type(error).__name__}: {error}"})
        self._log()

    def _run(self) -> None:
        while True:
            self.poll()
            if self._closing.wait(self._poll_s):
                self._aliases.client.close()
                return

    def _poll_locked(self) -> None:
        address = self._aliases.client.address
        state = read_state(self._path)
        if state.address != address:
            state = RegistryState(address=address)
        age_s = state.seconds_since_poll(datetime.now(UTC))
        if age_s is not None and age_s < YOUNG_SHARE * self._poll_s:
            self._state = state
            return
        now = utc_now()
        try:
            polled = self._aliases.poll(frozenset(self._known_names()))
        except RegistryUnavailableError as error:
            state = state.model_copy(update={"polled": now, "fault": str(error)})
        else:
            state = self._merge(state, polled, now)
        self._state = state
        write_state(self._path, state)

    def _merge(self, state: RegistryState, polled: PolledAliases, now: str) -> RegistryState:
        """Change the document, and return the new state. If the document cannot be changed, the aliases stay unseen."""
        seen, fault = dict(state.seen), None

        def edit(document: RolloutDocument) -> RolloutDocument:
            nonlocal seen
            document, seen = merge_aliases(document, polled.aliases, state.seen, self._live_champion, now)
            return document

        try:
            self._store.change(None, edit, KIND, user=USER)
        except (RolloutError, DocumentError, FileReadError) as error:
            seen, fault = dict(state.seen), f"the registry's aliases are not used: {error}"
        update = {"polled": now, "answered": now, "fault": fault, "faults": polled.faults, "seen": seen}
        return state.model_copy(update=update)

    def _log(self) -> None:
        """Log a fault once, and its end."""
        state = (self._state.fault, self._state.faults)
        if state == self._logged:
            return
        self._logged = state
        if self.fault is None:
            logger.info("the registry %s is used again", self._state.address)
        else:
            logger.warning("registry: %s; the last known versions stay", self.fault)


def open_registry(
    settings: RolloutSettings,
    store: DocumentStore,
    known_names: Callable[[], Collection[str]],
    live_champion: Callable[[str], str | None] = lambda _: None,
) -> RegistryWatch | None:
    """Return the watch of the registry that the settings name; None if they name none.

    Args:
        settings: the settings.
        store: the rollout document.
        known_names: returns the names of the service's models.
        live_champion: returns the tag of the version of a model that answers now; None if it is unknown.
    """
    if settings.rollout_registry_url is None:
        return None
    token = settings.rollout_registry_token
    client = RegistryClient(settings.rollout_registry_url, None if token is None else token.get_secret_value())
    return RegistryWatch(RegistryAliases(client), store, settings.rollout_registry_poll_s, known_names, live_champion)
