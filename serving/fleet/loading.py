"""The loader: it makes a bundle a live model beside the requests, and gives the memory of a former one back.

The work is done in a thread of low priority. ONNX Runtime opens a graph without Python's lock: while a forest of 158 MB is opened for more than a
second, another thread waits for at most 5 ms. The rest, reading the files of the bundle and its contract, is Python and takes some
10 ms; meanwhile threads take turns in shorter intervals, so that requests wait for a part of a millisecond.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from rollout.cascade.fetch import Cascade
from rollout.signature_policy import signature_policy
from serving.fleet.fetching import FetchThreads
from serving.live_model import LiveModel, Variant
from serving.model import ServedModel
from serving.settings import ServingSettings
from serving.state import ServiceState
from tabento.bundle.format import MODEL_FILE
from tabento.bundle.store import Bundle, read_bundle

logger = logging.getLogger("tabento.serving")

T = TypeVar("T")

NICENESS = 10
"""The niceness of the loader's thread: on a busy core it gets a tenth of the time."""
SWITCH_S = 0.0005
"""The seconds after which a Python thread that computes gives way, while a model is loaded; normally 5 ms."""
LARGE_BYTES = 4 * 1024 * 1024
"""The load of a larger graph takes most of its time without Python's lock, so a small model is loaded beside it."""
FETCHES = 4
"""The largest number of bundles that are fetched at the same time."""
RETIRE_POLL_S = 0.02
"""The seconds between two looks at whether a retiring model has answered all of its requests."""


class ModelLoader:
    """Loads models, one at a time.

    Args:
        settings: the serving settings.
        make_live: makes a loaded model a live one, on the event loop.
        cascade: finds the folder of a bundle; by default the one of the settings.
        quick: whether requests wait for the loads: the threads have the usual priority, and see ``ServedModel``.
        threads: the largest number of loads at a time.
    """

    def __init__(
        self,
        settings: ServingSettings,
        make_live: Callable[[ServedModel, Variant], LiveModel],
        cascade: Cascade | None = None,
        *,
        quick: bool = False,
        threads: int = 1,
    ) -> None:
        self._quick = quick
        self._settings = settings
        self._make_live = make_live
        self._cascade = Cascade.from_settings(settings) if cascade is None else cascade
        self._small_load = threading.Lock()
        initializer = None if quick else _lower_priority
        # A source that does not answer delays no load of a bundle that is there.
        self._fetching = FetchThreads(FETCHES)
        self._thread = ThreadPoolExecutor(threads, thread_name_prefix="tabento-loader", initializer=initializer)

    async def load(
        self,
        tag: str,
        variant: Variant,
        check: Callable[[Bundle], object] | None = None,
        expected: str | None = None,
    ) -> LiveModel:
        """Fetch, verify, try out and warm up a bundle; the model gets no requests before the state has it.

        Args:
            tag: ``name:version``.
            variant: whether it will answer as champion or as challenger.
            check: refuses the bundle by raising an error, before its graph is loaded.
            expected: the sha256 of its manifest; None if it is unknown.

        Raises:
            BundleError, RunnerError, ServingError, RemoteUnavailableError, OSError: the bundle is not available, is damaged, or cannot
                answer its examples.
        """
        folder = await self._fetching.run(lambda: self._cascade.fetch(tag, expected))
        served = await self.run(lambda: self._open(folder, tag, check))
        return self._make_live(served, variant)

    def prepare(
        self, tag: str, check: Callable[[Bundle], object] | None = None, expected: str | None = None
    ) -> ServedModel:
        """Return the loaded model of a tag; for any thread. See ``load``."""
        return self._open(self._cascade.fetch(tag, expected), tag, check)

    def _open(self, folder: Path, tag: str, check: Callable[[Bundle], object] | None) -> ServedModel:
        with self._turn(folder), short_turns():
            # The trusted keys are read again for each load, so that a revoked key is refused from now on.
            bundle = read_bundle(folder, tag, signature_policy(self._settings))
            if check is not None:
                check(bundle)
            return ServedModel(bundle, self._settings, quick=self._quick)

    def load_now(self, tag: str, variant: Variant) -> LiveModel:
        """Load a bundle while nothing else happens: at the start of the service; see ``load``."""
        return self._make_live(self.prepare(tag), variant)

    async def read(self, tag: str) -> Bundle:
        """Return a verified bundle without loading its graph; it is read in the loader's thread.

        Raises:
            BundleError, OSError: the bundle is not available, or is damaged.
        """
        folder = await self._fetching.run(lambda: self._cascade.fetch(tag))
        return await self.run(lambda: read_bundle(folder, tag, signature_policy(self._settings)))

    async def run(self, function: Callable[[], T]) -> T:
        """Return the result of a function that runs in the loader's thread."""
        return await self.begin(function)

    def begin(self, function: Callable[[], T]) -> asyncio.Future[T]:
        """Run a function in the loader's thread; return its result to come."""
        return asyncio.get_running_loop().run_in_executor(self._thread, function)

    def retire(
        self,
        state: ServiceState,
        model: LiveModel,
        done: Callable[[], object] | None = None,
        *,
        give_back: bool = True,
    ) -> None:
        """Free a model that gets no new requests, once it has answered the accepted ones.

        Args:
            state: shows the model as retiring until then.
            model: the model.
            done: called when its memory was given back.
            give_back: whether the memory goes back to the operating system; if not, later loads use it.
        """
        _Retirement(self, state, model, done, give_back).start()

    def close(self) -> None:
        """End the thread; a load that runs now ends with the process, and a fetch does not delay its end."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _turn(self, folder: Path) -> contextlib.AbstractContextManager[object]:
        """Let small models be loaded one after another: two of them at a time would take Python's lock twice as often."""
        is_large = (folder / MODEL_FILE).stat().st_size > LARGE_BYTES
        return contextlib.nullcontext() if is_large else self._small_load


class _Retirement:
    """The end of a model; see ``ModelLoader.retire``. Nothing here refers to itself, so the model is freed with its last reference."""

    def __init__(
        self,
        loader: ModelLoader,
        state: ServiceState,
        model: LiveModel,
        done: Callable[[], object] | None,
        give_back: bool,
    ) -> None:
        self._loader = loader
        self._state = state
        self._model = model
        self._done = done
        self._give_back = give_back

    def start(self) -> None:
        """Show the model as retiring, and free it once it is idle."""
        self._state.retiring.add(self._model)
        self._look()

    def _look(self) -> None:
        if self._model.in_flight:
            asyncio.get_running_loop().call_later(RETIRE_POLL_S, self._look)
        else:
            self._model.batcher.drain(self._free)

    def _free(self) -> None:
        self._state.retiring.discard(self._model)
        self._model.free()
        done = self._done
        if self._give_back:
            future = self._loader.begin(give_back_memory)
            if done is not None:
                future.add_done_callback(lambda _: done())
        elif done is not None:
            done()


def _lower_priority() -> None:
    """Give other threads of this process and its neighbours precedence. Linux has a niceness for each thread."""
    with contextlib.suppress(AttributeError, OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


_turns_lock = threading.Lock()
_n_short_turns = 0
_usual_turn_s = 0.0


@contextlib.contextmanager
def short_turns() -> Iterator[None]:
    """Let Python's threads take turns in short intervals."""
    global _n_short_turns, _usual_turn_s
    with _turns_lock:
        if _n_short_turns == 0:
            _usual_turn_s = sys.getswitchinterval()
            sys.setswitchinterval(SWITCH_S)
        _n_short_turns += 1
    try:
        yield
    finally:
        with _turns_lock:
            _n_short_turns -= 1
            if _n_short_turns == 0:
                sys.setswitchinterval(_usual_turn_s)


def give_back_memory() -> None:
    """Return freed memory to the operating system: glibc keeps it otherwise. The call holds no Python lock."""
    gc.collect(1)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
