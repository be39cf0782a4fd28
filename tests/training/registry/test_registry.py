"""The registry, against real SQLite: registering, promoting and rolling back."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from tabento.bundle.errors import BundleIntegrityError
from tabento.bundle.store import load_bundle
from tests.retries import AT_ONCE
from tests.training.mlflows import register, store_bundle
from training.config.settings import TrainingSettings
from training.registry import Registry, RegistryError
from training.registry.registry import DESCRIPTION_LIMIT
from training.registry.tracking import TrackingError


def test_registered_version_says_all_of_its_bundle(registry: Registry) -> None:
    """Number, alias, stage, tags, figures, description and run are there; the bundle lies among the run's files."""
    tag = store_bundle()
    version = registry.register(
        name="orchard",
        bundle_tag=tag,
        pipeline_tag="orchard-pipeline:1",
        run_id=None,
        metrics={"rmse": 2.25, "r2": 0.5, "odd": float("nan")},
        tags={"algorithm": "ridge", "n_features": 7},
        description_markdown="# Apple trees",
        bundle_folder=load_bundle(tag).path,
    )
    assert (version.number, version.aliases, version.stage) == (1, ("challenger",), "staging")
    assert (version.bundle_tag, version.pipeline_tag) == (tag, "orchard-pipeline:1")
    assert version.metrics == {"rmse": 2.25, "r2": 0.5}
    assert {"algorithm": "ridge", "n_features": "7", "rmse": "2.25"}.items() <= version.tags.items()
    assert version.description == "# Apple trees"
    assert str(version) == "orchard/1"
    assert registry.challenger("orchard") == version
    assert registry.champion("orchard") is None
    connection = registry._connection()
    place = version.tags["artifact_path"]
    files = connection.call("list", lambda client: client.list_artifacts(str(version.run_id), place))
    assert {file.path for file in files} == {f"{place}/{name}" for name in ("MLmodel", "bundle", "input_example.json")}


def test_newer_version_takes_the_place_of_the_challenger(registry: Registry) -> None:
    """Each version has the next number; the one before is archived."""
    first, second = (register(registry, store_bundle()) for _ in range(2))
    assert (first.number, second.number) == (1, 2)
    assert [(version.number, version.stage) for version in registry.versions("orchard")] == [
        (2, "staging"),
        (1, "archived"),
    ]


def test_bundle_is_registered_once(registry: Registry) -> None:
    """The same bundle again is the same version."""
    tag = store_bundle()
    first = register(registry, tag)
    assert register(registry, tag) == first
    assert len(registry.versions("orchard")) == 1


def test_champion_registered_again_stays_champion(registry: Registry) -> None:
    """It does not become its own challenger."""
    tag = store_bundle()
    registry.promote("orchard", register(registry, tag).number, reason="first")
    assert register(registry, tag).aliases == ("champion",)


def test_damaged_bundle_is_not_registered(registry: Registry) -> None:
    """Nothing that does not verify reaches the registry."""
    tag = store_bundle()
    folder = load_bundle(tag).path
    (folder / "card.md").write_text("other", encoding="utf-8")
    with pytest.raises(BundleIntegrityError):
        registry.register(
            name="orchard",
            bundle_tag=tag,
            pipeline_tag=None,
            run_id=None,
            metrics={},
            tags={},
            description_markdown="",
            bundle_folder=folder,
        )
    assert registry.names() == []


def test_long_description_is_cut_at_a_line(registry: Registry) -> None:
    """What databases would refuse is shortened, and says where the rest is."""
    tag = store_bundle()
    version = registry.register(
        name="orchard",
        bundle_tag=tag,
        pipeline_tag=None,
        run_id=None,
        metrics={},
        tags={},
        description_markdown="a line of text\n" * 1000,
        bundle_folder=load_bundle(tag).path,
    )
    assert len(version.description) <= DESCRIPTION_LIMIT
    assert "a line of text\n\n…" in version.description
    assert "card.md" in version.description


def test_promotion_moves_the_champion_and_writes_it_down(registry: Registry) -> None:
    """The champion before is returned and archived; who, when, why, from and to stand in the history."""
    for _ in range(2):
        register(registry, store_bundle())
    assert registry.promote("orchard", 1, user="Ada", reason="the first") is None
    before = registry.promote("orchard", 2, user="Bob", reason="better")
    assert before is not None
    assert before.number == 1
    champion = registry.champion("orchard")
    assert champion is not None
    assert (champion.number, champion.stage, champion.aliases) == (2, "production", ("champion",))
    assert registry.version("orchard", 1).stage == "archived"
    events = registry.history("orchard")
    assert [(event.user, event.reason, event.before, event.after) for event in events] == [
        ("Ada", "the first", None, 1),
        ("Bob", "better", 1, 2),
    ]
    assert events[0].when < events[1].when
    assert registry.challenger("orchard") is None


def test_promotion_needs_a_version_and_a_reason(registry: Registry) -> None:
    """Without them nothing changes, and the message says what there is."""
    register(registry, store_bundle())
    with pytest.raises(RegistryError, match="no version 7; there is 1"):
        registry.promote("orchard", 7, reason="x")
    with pytest.raises(RegistryError, match="reason"):
        registry.promote("orchard", 1, reason=" ")
    with pytest.raises(RegistryError, match=r"no model 'pears' is registered; there is orchard"):
        registry.promote("pears", 1, reason="x")
    assert registry.champion("orchard") is None
    registry.promote("orchard", 1, reason="x")
    with pytest.raises(RegistryError, match="already"):
        registry.promote("orchard", 1, reason="x")


def test_rollback_goes_back_step_by_step(registry: Registry) -> None:
    """Each one puts the champion before back; after the first there is nothing to go back to."""
    for number in (1, 2, 3):
        register(registry, store_bundle())
        registry.promote("orchard", number, reason="better")
    assert registry.rollback("orchard", user="Ada", reason="complaints").number == 2
    assert registry.rollback("orchard", reason="more complaints").number == 1
    assert registry.version("orchard", 3).stage == "archived"
    with pytest.raises(RegistryError, match="no champion before version 1"):
        registry.rollback("orchard", reason="still more")
    assert registry.history("orchard")[3].action == "rollback"
    registry.promote("orchard", 3, reason="mended")
    assert registry.rollback("orchard", reason="not mended").number == 1


def test_rollback_passes_over_versions_that_are_gone(registry: Registry) -> None:
    """A version that was deleted meanwhile cannot come back."""
    for number in (1, 2, 3):
        register(registry, store_bundle())
        registry.promote("orchard", number, reason="better")
    registry._connection().call("delete", lambda client: client.delete_model_version("orchard", "2"))
    assert registry.rollback("orchard", reason="complaints").number == 1


def test_rollback_without_a_champion_is_told(registry: Registry) -> None:
    """There is nothing to roll back."""
    register(registry, store_bundle())
    with pytest.raises(RegistryError, match="has no champion"):
        registry.rollback("orchard", reason="x")


def test_promotion_that_cannot_be_written_down_does_not_happen(registry: Registry, settings: TrainingSettings) -> None:
    """A champion without a history would be a riddle: the alias goes back."""
    for _ in range(2):
        register(registry, store_bundle())
    registry.promote("orchard", 1, reason="first")
    with closing(sqlite3.connect(settings.registry_folder / "mlflow.db")) as database:
        database.execute(
            "CREATE TRIGGER no_history BEFORE INSERT ON registered_model_tags"
            " BEGIN SELECT RAISE(ABORT, 'read only'); END"
        )
    with pytest.raises(TrackingError, match="write the history"):
        registry.promote("orchard", 2, reason="better")
    champion = registry.champion("orchard")
    assert champion is not None
    assert champion.number == 1


def test_registering_fails_clearly_where_the_server_is_gone(model_store: Path) -> None:
    """Tracking may be missed, the registry may not."""
    registry = Registry(TrainingSettings(tracking_uri="sqlite:////proc/none/mlflow.db"), retry=AT_ONCE)
    with pytest.raises(TrackingError, match="cannot be used"):
        register(registry, store_bundle())


def test_a_bundle_registered_by_two_at_once_is_one_version(settings: TrainingSettings, registry: Registry) -> None:
    """Whoever registers second finds the version of the first."""
    tag = store_bundle()
    numbers: list[int] = []
    threads = [threading.Thread(target=lambda: numbers.append(register(Registry(settings), tag).number)) for _ in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert numbers == [1, 1]
    assert len(registry.versions("orchard")) == 1
