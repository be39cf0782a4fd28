"""Models on demand: one load for all waiting requests, bounded waits, reasons of failures, and a memory limit that holds."""

from __future__ import annotations

import asyncio
import gc
import json
import weakref
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from benchmarks.simulation.requester import CallbackRequester
from rollout.document import Challenger, ModelRollout, RolloutDocument
from runners.work import Work
from serving.errors import DeadlineError, OverloadedError, UnavailableError
from serving.fleet.footprint import estimate_bytes
from serving.fleet.loading import ModelLoader
from serving.fleet.residents import MAX_READS, skip_in_collections
from serving.live_model import LiveModel, Variant
from serving.operations.drain import start_draining
from serving.settings import ServingSettings, SettingsError
from tabento.bundle.format import CARD_FILE
from tabento.bundle.store import Bundle, store_folder
from tests.bundles import TREE
from tests.serving.fleet.small_fleet import ANSWER, SmallFleet, apple, apple_store, small_fleet, store_apple, until

BODY = json.dumps(TREE).encode()
COUNT = 6


@pytest.fixture(autouse=True)
def _store(tmp_path: Path) -> Iterator[None]:
    """A store with six small models."""
    with apple_store(tmp_path, COUNT):
        yield


def _run(test: Callable[[SmallFleet], Coroutine[Any, Any, None]], **options: Any) -> None:
    async def run() -> None:
        async with small_fleet(**options) as fleet:
            await test(fleet)

    asyncio.run(run())


MIB = 1 << 20


@pytest.fixture
def of_one_mib(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each model is estimated at 1 MiB."""
    monkeypatch.setattr("serving.fleet.residents.estimate_bytes", lambda folder: MIB)


class HeldLoader(ModelLoader):
    """Loads only once it is released."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.released = asyncio.Event()
        self.tags: list[str] = []

    async def load(
        self,
        tag: str,
        variant: Variant,
        check: Callable[[Bundle], object] | None = None,
        expected: str | None = None,
    ) -> LiveModel:
        """See ``ModelLoader.load``."""
        self.tags.append(tag)
        await self.released.wait()
        return await super().load(tag, variant, check, expected)


def held_loader(fleet: SmallFleet) -> HeldLoader:
    """Return the loader of a fleet that holds its loads."""
    assert isinstance(fleet.loader, HeldLoader)
    return fleet.loader


def test_the_first_request_loads_its_model() -> None:
    """Until then only the default model is loaded; the answer is the model's own, and the fast path has it from then on."""

    async def test(fleet: SmallFleet) -> None:
        assert fleet.loaded == {1}
        assert fleet.residents.describe(apple(3)) == ("cold", "apple_3:v1", None)
        model = await fleet.load(3)
        assert model.served.predict(BODY)["prediction"] == 3 * ANSWER
        assert fleet.loaded == {1, 3}
        assert fleet.state.admitting["/models/apple_3/predict"] is model
        assert await fleet.load(3) is model
        assert fleet.load_counts == {"loaded": 1}
        assert fleet.rollout.loaded == [apple(3)]
        assert fleet.residents.loaded_bytes == estimate_bytes(model.bundle.path)

    _run(test)


def test_requests_for_one_cold_model_share_its_load() -> None:
    """Fifty requests at once get the same model after one load."""

    async def test(fleet: SmallFleet) -> None:
        models = await asyncio.gather(*(fleet.load(2) for _ in range(50)))
        assert set(models) == {fleet.state.models[apple(2)]}
        assert fleet.load_counts == {"loaded": 1}
        assert fleet.residents.n_waiting == fleet.accounting.metrics.in_flight == 0

    _run(test)


def test_a_request_waits_for_a_load_until_its_deadline() -> None:
    """With a deadline of its own it gets a 504, without one a 503 after the time of the settings; the load goes on for others."""

    async def test(fleet: SmallFleet) -> None:
        with pytest.raises(DeadlineError, match="before the model 'apple_2' was loaded"):
            await fleet.load(2, perf_counter() + 0.01)
        with pytest.raises(UnavailableError, match=r"was not loaded within 0\.02 s"):
            await fleet.load(2)
        assert fleet.residents.describe(apple(2)).state == "loading"
        waiting = asyncio.create_task(fleet.load(2, perf_counter() + 30))
        await asyncio.sleep(0)
        held_loader(fleet).released.set()
        assert (await waiting).name == apple(2)

    _run(test, loader_type=HeldLoader, cold_load_timeout_s=0.02)


def test_the_number_of_waiting_requests_is_bounded() -> None:
    """A request above the limit is refused immediately and counted as shed."""

    async def test(fleet: SmallFleet) -> None:
        waiting = [asyncio.create_task(fleet.load(2 + number % 2)) for number in range(3)]
        await until(lambda: fleet.residents.n_waiting == 3, "three waiting requests")
        with pytest.raises(OverloadedError):
            await fleet.load(2)
        assert fleet.accounting.metrics.shed == {"cold": 1}
        held_loader(fleet).released.set()
        await asyncio.gather(*waiting)

    _run(test, loader_type=HeldLoader, cold_max_requests=3)


def test_a_load_for_which_nobody_waits_any_more_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two loads run at a time. The client of a third one leaves before its turn, so its load never begins."""
    monkeypatch.setattr("serving.fleet.residents.LOADS_WITH_FETCHES", 2)

    async def test(fleet: SmallFleet) -> None:
        first = [asyncio.create_task(fleet.load(number)) for number in (2, 3)]
        await until(lambda: len(held_loader(fleet).tags) == 2, "two loads")
        leaving = asyncio.create_task(fleet.load(4))
        await until(lambda: fleet.residents.n_waiting == 3, "a third request")
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        held_loader(fleet).released.set()
        await asyncio.gather(*first, fleet.load(5))
        assert sorted(held_loader(fleet).tags) == ["apple_2:v1", "apple_3:v1", "apple_5:v1"]
        assert fleet.loaded == {1, 2, 3, 5}

    _run(test, loader_type=HeldLoader)


@pytest.mark.usefixtures("of_one_mib")
def test_the_least_recently_used_models_are_unloaded() -> None:
    """The estimated memory stays within the limit, models that are used stay, and an unloaded one is loaded again by a request."""

    async def test(fleet: SmallFleet) -> None:
        for number in (2, 3, 4):
            await fleet.use(number)
        used_model = fleet.state.models[apple(2)]
        fleet.residents.note_uses()
        used_model.admit_rows(1.0)
        await fleet.use(5)
        await fleet.use(6)
        assert fleet.loaded == {1, 2, 5, 6}
        assert fleet.state.models[apple(2)] is used_model
        assert "/models/apple_3/predict" not in fleet.state.admitting
        assert fleet.residents.describe(apple(3)).state == "cold"
        assert fleet.accounting.metrics.models.evictions == 2
        assert fleet.residents.loaded_bytes <= fleet.settings.models_memory_bytes
        await fleet.use(3)
        assert fleet.load_counts == {"loaded": 6}

    _run(test, models_memory_bytes=3 * MIB)


@pytest.mark.usefixtures("of_one_mib")
def test_pinned_and_tried_models_are_never_unloaded() -> None:
    """A pinned model is loaded at the start; a model with a challenger, or whose champion changes, stays loaded too."""

    async def test(fleet: SmallFleet) -> None:
        assert fleet.loaded == {1, 2}
        fleet.rollout.document = RolloutDocument(
            models={
                apple(3): ModelRollout(champion="apple_3:v1", challenger=Challenger(tag="apple_3:v2")),
                apple(4): ModelRollout(champion="apple_4:v1"),
            }
        )
        for number in (3, 4, 5, 6):
            await fleet.use(number)
        assert fleet.loaded >= {1, 2, 3, 6}
        assert 4 not in fleet.loaded

    _run(test, pinned=(apple(2),), models_memory_bytes=3 * MIB)


@pytest.mark.usefixtures("of_one_mib")
def test_an_unloaded_model_answers_the_requests_that_it_has() -> None:
    """It gets no new ones, answers, and is then freed at once, without a collection of all objects."""

    async def test(fleet: SmallFleet) -> None:
        model = await fleet.use(2)
        model.in_flight += 1
        for number in (3, 4, 5):
            await fleet.use(number)
        assert fleet.loaded == {1, 2, 4, 5}, "a model without requests goes first"
        for number in (4, 5):
            fleet.state.models[apple(number)].in_flight += 1
        await fleet.use(3)
        assert fleet.loaded == {1, 3, 4, 5}
        assert model in fleet.state.retiring
        answers: list[Any] = []
        rows = model.decoder.decode(BODY)
        now_s = perf_counter()
        requester = CallbackRequester(lambda values, error: answers.append((values, error)))
        model.submit(Work(rows.data, 1, now_s, now_s + 60, requester))
        await until(lambda: answers, "the answer")
        assert answers == [([2 * ANSWER], None)]
        model.in_flight -= 1
        await until(lambda: not fleet.state.retiring, "the end of the model")
        parts = [weakref.ref(part) for part in _parts(model)]
        gc.collect()
        gc.disable()
        try:
            del model, rows, requester
            assert [part() for part in parts] == [None] * len(parts)
        finally:
            gc.enable()

    _run(test, models_memory_bytes=3 * MIB)


def _parts(model: LiveModel) -> list[Any]:
    served = model.served
    # The batcher and its queue refer to the costs.
    return [model, served, served.decoder, served.decoder.careful, served._session, model.runner, model.batcher.costs]


def test_a_model_that_cannot_be_loaded_is_refused_with_the_reason() -> None:
    """The next requests are refused without another attempt, until the pause is over; a repaired bundle is loaded then."""
    folder = store_folder() / apple(2) / "v1"
    card = (folder / CARD_FILE).read_bytes()
    (folder / CARD_FILE).write_bytes(card + b".")

    async def test(fleet: SmallFleet) -> None:
        for _ in range(3):
            with pytest.raises(UnavailableError, match=r"its bundle is damaged \(damaged\).*Try again in 1 s") as error:
                await fleet.load(2)
            assert (b"retry-after", b"1") in error.value.headers
            assert str(folder) not in error.value.message
        assert fleet.load_counts == {"damaged": 1}
        state = fleet.residents.describe(apple(2))
        assert (state.state, state.reason) == ("failed", "its bundle is damaged")
        (folder / CARD_FILE).write_bytes(card)
        fleet.residents.forget_pauses()
        await fleet.load(2)
        assert fleet.load_counts == {"damaged": 1, "loaded": 1}
        assert fleet.residents.describe(apple(3)).state == "cold"

    _run(test)


def test_a_model_above_the_whole_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is unloaded for it."""
    monkeypatch.setattr(
        "serving.fleet.residents.estimate_bytes", lambda folder: 2 << 20 if "apple_3" in str(folder) else 9
    )

    async def test(fleet: SmallFleet) -> None:
        await fleet.load(2)
        with pytest.raises(UnavailableError, match=r"does not fit into the memory for models \(memory\)"):
            await fleet.load(3)
        assert fleet.loaded == {1, 2}

    _run(test, models_memory_bytes=MIB)


def test_the_wanted_version_is_loaded() -> None:
    """The rollout document goes before the latest stored version."""
    store_apple(2, "v2", scale=20.0)

    async def test(fleet: SmallFleet) -> None:
        fleet.rollout.document = RolloutDocument(models={apple(2): ModelRollout(champion="apple_2:v1")})
        assert (await fleet.load(2)).bundle.version == "v1"
        fleet.rollout.document = RolloutDocument()
        assert fleet.residents.describe(apple(2)).tag == "apple_2:v2"

    _run(test)


def test_the_memory_follows_versions_that_the_rollout_changes() -> None:
    """A replaced model counts with its new size, a removed one not at all."""

    async def test(fleet: SmallFleet) -> None:
        await fleet.load(2)
        await fleet.load(3)
        replaced = fleet.state.set_model(fleet.loader.load_now("apple_2:v1", "champion"))
        assert replaced is not None
        fleet.loader.retire(fleet.state, replaced)
        removed = fleet.state.remove(apple(3))
        assert removed is not None
        fleet.loader.retire(fleet.state, removed)
        fleet.residents.note_uses()
        assert fleet.residents.loaded_bytes == estimate_bytes(store_folder() / apple(2) / "v1")

    _run(test)


def test_a_version_that_the_rollout_loaded_meanwhile_answers() -> None:
    """The model that was loaded on demand is freed, and the request gets the present one."""

    async def test(fleet: SmallFleet) -> None:
        waiting = asyncio.create_task(fleet.load(2))
        await until(lambda: held_loader(fleet).tags, "the load")
        other = ModelLoader(fleet.settings, fleet.make_live)
        present = other.load_now("apple_2:v1", "champion")
        other.close()
        fleet.state.set_model(present)
        held_loader(fleet).released.set()
        assert await waiting is present
        await until(lambda: not fleet.state.retiring, "the end of the other model")

    _run(test, loader_type=HeldLoader)


def test_waiting_requests_are_refused_when_the_service_stops() -> None:
    """They do not wait for their deadline."""

    async def test(fleet: SmallFleet) -> None:
        waiting = asyncio.create_task(fleet.load(2))
        await until(lambda: held_loader(fleet).tags, "the load")
        stopping = asyncio.create_task(fleet.residents.stop())
        with pytest.raises(UnavailableError, match="stopping"):
            await waiting
        held_loader(fleet).released.set()
        await stopping

    _run(test, loader_type=HeldLoader)


def test_a_drain_waits_for_requests_that_wait_for_a_model() -> None:
    """Such a request was accepted before the drain, so it gets its model; no new request is accepted."""

    async def test(fleet: SmallFleet) -> None:
        drained: list[bool] = []
        waiting = asyncio.create_task(fleet.load(2))
        await until(lambda: held_loader(fleet).tags, "the load")
        start_draining(fleet.state, fleet.accounting, lambda: drained.append(True))
        with pytest.raises(UnavailableError, match="stopping"):
            fleet.state.loaded_model(apple(3), None)
        assert not drained
        held_loader(fleet).released.set()
        assert (await waiting).name == apple(2)
        await until(lambda: drained, "the end of the drain")
        assert not fleet.state.admitting

    _run(test, loader_type=HeldLoader)


def test_a_bundle_is_read_without_its_graph() -> None:
    """Descriptions of models that are not loaded need no session; a bundle that cannot be read is a 503 with the reason."""
    (store_folder() / apple(3) / "v1" / CARD_FILE).unlink()

    async def test(fleet: SmallFleet) -> None:
        assert (await fleet.residents.read(apple(2))).tag == "apple_2:v1"
        with pytest.raises(UnavailableError, match="damaged"):
            await fleet.residents.read(apple(3))
        assert fleet.loaded == {1}

    _run(test)


def test_a_full_collection_frees_what_was_skipped() -> None:
    """Circles that others leave behind are skipped at a load, and freed at one of a thousand."""

    class Circle:
        def __init__(self) -> None:
            self.itself = self

    circle = Circle()
    reference = weakref.ref(circle)
    try:
        skip_in_collections()
        del circle
        gc.collect()
        assert reference() is not None
        skip_in_collections(is_full=True)
        assert reference() is None
    finally:
        gc.unfreeze()


def test_descriptions_do_not_take_the_threads_of_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    """One bundle at a time is read for a description, and few wait: a load still has a thread."""
    n_running, most_running = 0, 0
    released = asyncio.Event()
    read = ModelLoader.read

    async def held_read(loader: ModelLoader, tag: str) -> Bundle:
        nonlocal n_running, most_running
        n_running += 1
        most_running = max(most_running, n_running)
        await released.wait()
        n_running -= 1
        return await read(loader, tag)

    monkeypatch.setattr(ModelLoader, "read", held_read)

    async def test(fleet: SmallFleet) -> None:
        reading = [asyncio.create_task(fleet.residents.read(apple(2))) for _ in range(MAX_READS)]
        await until(lambda: n_running == 1, "a bundle to be read")
        with pytest.raises(OverloadedError):
            await fleet.residents.read(apple(2))
        assert (await fleet.load(3)).name == apple(3)
        released.set()
        assert {bundle.tag for bundle in await asyncio.gather(*reading)} == {"apple_2:v1"}
        assert most_running == 1

    _run(test)


def test_a_pinned_model_that_cannot_be_loaded_ends_the_start() -> None:
    """As for the default model, the error names the file."""
    (store_folder() / apple(2) / "v1" / CARD_FILE).unlink()
    with pytest.raises(Exception, match=CARD_FILE):
        _run(lambda _: asyncio.sleep(0), pinned=(apple(2),))


def test_models_that_are_stored_later_are_found() -> None:
    """With all bundles of the store, a look at it finds new models, and known ones keep their version."""

    async def test(fleet: SmallFleet) -> None:
        store_apple(9)
        store_apple(2, "v2", scale=20.0)
        assert apple(9) not in fleet.residents.names()
        await fleet.residents.look_at_store()
        assert (await fleet.load(9)).name == apple(9)
        assert (await fleet.load(2)).bundle.version == "v1"

    _run(test)


def test_a_pinned_model_that_is_not_stored_is_named() -> None:
    """The message has the setting and the remedy."""
    with pytest.raises(SettingsError, match=r"models: .*no bundle pear"):
        SmallFleet(pinned=("pear",))


def test_the_settings_have_models() -> None:
    """The default is one model, without anything on demand."""
    assert ServingSettings().models == ()
