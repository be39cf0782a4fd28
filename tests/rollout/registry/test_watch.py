"""The watch of the registry: moved aliases reach the document, and a registry that is gone changes nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import pytest

from rollout.changes import Author, abort
from rollout.document import RolloutDocument
from rollout.registry.state import STATE_FILE, RegistryState, read_state, try_lock, write_state
from rollout.registry.watch import RegistryWatch, open_registry
from rollout.settings import RolloutSettings
from rollout.store import DocumentStore
from tabento.remote.breakers import forget_breakers
from tests.rollout.documents import make_read_only, store_in, write
from tests.rollout.registry.registry_double import RegistryDouble, running_registry
from tests.servers import wait_until

POLLED = "2026-01-01T00:00:00Z"
"""A time that is long ago, so that the next poll is due."""


@pytest.fixture
def registry() -> Iterator[RegistryDouble]:
    """A registry with a champion."""
    with running_registry() as double:
        double.register("orchard", 1, "champion")
        yield double
    forget_breakers()


@pytest.fixture
def store(tmp_path: Path) -> DocumentStore:
    """A store without a document."""
    return store_in(tmp_path)


@pytest.fixture
def watch(registry: RegistryDouble, store: DocumentStore) -> RegistryWatch:
    """The watch of the registry, which a test polls."""
    return watch_of(registry, store)


def watch_of(registry: RegistryDouble, store: DocumentStore, poll_s: float = 30) -> RegistryWatch:
    """Return a worker's watch of a registry."""
    settings = RolloutSettings(rollout_registry_url=registry.url, rollout_registry_poll_s=poll_s)
    watch = open_registry(settings, store, lambda: {"orchard"})
    assert watch is not None
    return watch


def state_path(store: DocumentStore) -> Path:
    """Return the path of the state of the polls."""
    return store.path.with_name(STATE_FILE)


def poll_again(watch: RegistryWatch, store: DocumentStore) -> None:
    """Poll, as if the last poll was long ago."""
    path = state_path(store)
    write_state(path, read_state(path).model_copy(update={"polled": POLLED}))
    watch.poll()


def test_without_a_registry_there_is_no_watch(store: DocumentStore) -> None:
    """The default asks no registry."""
    assert open_registry(RolloutSettings(), store, lambda: {"orchard"}) is None


def test_moved_aliases_change_the_document(
    registry: RegistryDouble, store: DocumentStore, watch: RegistryWatch
) -> None:
    """The champion at the first poll, a challenger at the second, its promotion at the third; each is in the history."""
    watch.poll()
    assert store.read().models["orchard"].champion == "orchard:v1"
    registry.register("orchard", 2, "challenger")
    poll_again(watch, store)
    challenger = store.read().models["orchard"].challenger
    assert challenger is not None
    assert (challenger.tag, challenger.mode) == ("orchard:v2", "shadow")
    registry.aliases["orchard"] = {"champion": 2}
    poll_again(watch, store)
    entry = store.read().models["orchard"]
    assert (entry.champion, entry.challenger) == ("orchard:v2", None)
    changes = store.history.read("orchard")
    assert [(change.kind, change.user) for change in changes] == [("registry", "registry")] * 3
    assert changes[0].reason.startswith("the alias champion moved to orchard:v2")
    assert watch.fault is None


def test_an_aborted_challenger_does_not_begin_again(
    registry: RegistryDouble, store: DocumentStore, watch: RegistryWatch
) -> None:
    """The alias of a rolled back version stays in the registry; neither the next poll nor a restart starts it again."""
    registry.register("orchard", 2, "challenger")
    watch.poll()
    store.change(None, lambda document: abort(document, "orchard", Author("judge", "6% errors")), "roll_back")
    poll_again(watch, store)
    poll_again(watch_of(registry, store), store)
    assert store.read().models["orchard"].challenger is None
    registry.register("orchard", 3, "challenger")
    poll_again(watch, store)
    challenger = store.read().models["orchard"].challenger
    assert challenger is not None
    assert challenger.tag == "orchard:v3"


def test_a_registry_that_is_gone_changes_nothing(
    registry: RegistryDouble, store: DocumentStore, watch: RegistryWatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The last known versions stay, the fault is named once in the log and until the registry answers again."""
    watch.poll()
    document, last_answer = store.read(), watch.status.answered
    registry.failure = (503, b"")
    with caplog.at_level(logging.INFO, "tabento.rollout"):
        poll_again(watch, store)
        poll_again(watch, store)
        assert store.read() == document
        assert watch.fault == f"the registry {registry.url} answered 503"
        assert watch.status.answered == last_answer
        registry.failure = None
        poll_again(watch, store)
    assert read_state(state_path(store)).fault is None
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "the last known versions stay" in caplog.text


def test_a_fault_of_a_model_is_named(registry: RegistryDouble, store: DocumentStore, watch: RegistryWatch) -> None:
    """A version that is not a bundle leaves the document as it is, and is in the state for every worker."""
    registry.bundles["orchard", 1] = None
    watch.poll()
    assert store.read() == RolloutDocument()
    assert watch.fault is not None
    assert watch.fault.startswith("orchard: orchard/1, the champion, has no tag")
    other = watch_of(registry, store)
    other.poll()
    assert other.fault == watch.fault


def test_workers_share_one_poll(registry: RegistryDouble, store: DocumentStore, watch: RegistryWatch) -> None:
    """A worker leaves the poll to the one that polls now, and does not repeat a young one."""
    with try_lock(state_path(store)) as is_held:
        assert is_held
        watch.poll()
    assert registry.questions == []
    watch.poll()
    n_questions = len(registry.questions)
    other = watch_of(registry, store)
    other.poll()
    assert len(registry.questions) == n_questions
    assert other.status == watch.status
    assert other.status.polled is not None


def _damage_document(store: DocumentStore) -> None:
    write(store, "{")


def _lock_document(store: DocumentStore) -> None:
    make_read_only(store)


@pytest.mark.parametrize(
    ("attack", "message"), [(_damage_document, "is not a rollout document"), (_lock_document, "cannot be written")]
)
def test_a_document_that_cannot_be_changed_is_named(
    registry: RegistryDouble,
    store: DocumentStore,
    watch: RegistryWatch,
    attack: Callable[[DocumentStore], None],
    message: str,
) -> None:
    """The aliases stay unseen, so that they are merged once the document can be changed."""
    attack(store)
    watch.poll()
    assert watch.fault is not None
    assert message in watch.fault
    assert watch.status.seen == {}


def test_a_folder_that_cannot_be_written_is_named(registry: RegistryDouble, tmp_path: Path) -> None:
    """A rollout folder that is a file is a fault, and no error."""
    (tmp_path / "runs").write_text("", encoding="utf-8")
    watch = watch_of(registry, store_in(tmp_path))
    watch.poll()
    assert watch.fault is not None
    assert "cannot be written" in watch.fault
    assert registry.questions == []


@pytest.mark.parametrize("content", ["{", '{"format": 2}', '{"seen": {"orchard": {"champion": "x y"}}}'])
def test_a_damaged_state_is_written_again(
    registry: RegistryDouble, store: DocumentStore, watch: RegistryWatch, content: str
) -> None:
    """Without a state the aliases are seen for the first time."""
    state_path(store).parent.mkdir(parents=True)
    state_path(store).write_text(content, encoding="utf-8")
    watch.poll()
    assert watch.fault is None
    assert read_state(state_path(store)).seen.keys() == {"orchard"}


def test_another_registry_is_seen_for_the_first_time(
    registry: RegistryDouble, store: DocumentStore, watch: RegistryWatch
) -> None:
    """The aliases of a former registry do not hide those of the present one."""
    write_state_of_another = RegistryState(address="http://former.example", polled=POLLED)
    state_path(store).parent.mkdir(parents=True)
    write_state(state_path(store), write_state_of_another)
    watch.poll()
    assert read_state(state_path(store)).address == registry.url
    assert store.read().models["orchard"].champion == "orchard:v1"


def test_the_thread_polls_until_it_is_closed(registry: RegistryDouble, store: DocumentStore) -> None:
    """A moved alias reaches the document without a call, and a poll with an unexpected error does not end the thread."""
    fails = Event()

    def known_names() -> set[str]:
        if fails.is_set():
            raise ValueError("unexpected")
        return {"orchard"}

    settings = RolloutSettings(rollout_registry_url=registry.url, rollout_registry_poll_s=1)
    watch = open_registry(settings, store, known_names)
    assert watch is not None
    watch._poll_s = 0.01
    watch.start()
    try:
        wait_until(lambda: "orchard" in store.read().models, "the first poll")
        fails.set()
        wait_until(lambda: watch.fault == "ValueError: unexpected", "the error")
        fails.clear()
        registry.register("orchard", 2, "champion")
        wait_until(lambda: store.read().models["orchard"].champion == "orchard:v2", "the moved alias")
    finally:
        watch.close()
    assert watch._thread is not None
    watch._thread.join(10)
    assert not watch._thread.is_alive()
