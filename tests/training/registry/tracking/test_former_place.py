"""The move of the registry out of the runs folder: nothing that people decided is lost, whatever happens."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tabento.packaging.save import remove
from tests.retries import AT_ONCE
from tests.training.mlflows import mlflow_settings, register, store_bundle
from training.config.settings import TrainingSettings
from training.registry import Registry
from training.registry.tracking import TrackingError, move_former_registry, tracking_uri
from training.registry.tracking.former_place import MOVED_FILE


def former(folder: Path) -> TrainingSettings:
    """Return settings whose runs folder holds a database, as before the move."""
    settings = mlflow_settings(folder)
    settings.registry_folder.rename(settings.runs_folder)
    return settings


@pytest.fixture
def promoted_registry(tmp_path: Path, model_store: Path) -> tuple[TrainingSettings, str]:
    """A registry in the runs folder with a champion whose bundle is in the registry alone, and the bundle's tag."""
    settings = former(tmp_path / "räume & so on")
    registry = Registry(settings.model_copy(update={"registry_folder": settings.runs_folder}), retry=AT_ONCE)
    tag = store_bundle()
    register(registry, tag)
    registry.promote("orchard", 1, user="Ada", reason="the first")
    remove(tag)
    return settings, tag


@pytest.fixture(autouse=True)
def folder_with_an_odd_name(tmp_path: Path) -> None:
    """Let the checkout have a name that addresses write with percent signs."""
    (tmp_path / "räume & so on").mkdir()


def test_champion_history_and_files_come_along(promoted_registry: tuple[TrainingSettings, str]) -> None:
    """After the move the champion, its history and the files of its bundle are found, and no address is the former one."""
    settings, tag = promoted_registry
    registry = Registry(settings, retry=AT_ONCE)
    champion = registry.champion("orchard")
    assert champion is not None
    assert champion.bundle_tag == tag
    (event,) = registry.history("orchard")
    assert (event.user, event.reason) == ("Ada", "the first")
    assert registry.ensure_local(tag) == tag
    client = MlflowClient(tracking_uri=tracking_uri(settings))
    version = client.get_model_version("orchard", "1")
    address = settings.registry_folder.resolve().as_uri()
    assert version.run_id is not None
    assert client.get_run(version.run_id).info.artifact_uri.startswith(f"{address}/")
    with closing(sqlite3.connect(settings.registry_folder / "mlflow.db")) as database:
        dump = "\n".join(database.iterdump())
    assert f"{settings.runs_folder.resolve().as_uri()}/" not in dump


def test_move_is_told_once_and_keeps_the_former_file(promoted_registry: tuple[TrainingSettings, str]) -> None:
    """The first call says what moved; the second has nothing to do; the former database has another name."""
    settings, _ = promoted_registry
    move = move_former_registry(settings)
    assert move is not None
    assert move.is_moved
    assert "1 models, 1 versions, 1 runs" in move.in_words
    assert move_former_registry(settings) is None
    assert (settings.runs_folder / MOVED_FILE).is_file()
    assert not (settings.runs_folder / "mlflow.db").exists()


def test_former_files_can_be_deleted_after_the_move(promoted_registry: tuple[TrainingSettings, str]) -> None:
    """The registry works without anything that was left in the runs folder."""
    settings, tag = promoted_registry
    move_former_registry(settings)
    shutil.rmtree(settings.runs_folder)
    assert Registry(settings, retry=AT_ONCE).ensure_local(tag) == tag


def test_move_that_was_killed_goes_on(promoted_registry: tuple[TrainingSettings, str]) -> None:
    """Files that were linked already and half a copy of the database do no harm."""
    settings, tag = promoted_registry
    place = settings.registry_folder / "mlflow-artifacts"
    settings.registry_folder.mkdir()
    (settings.registry_folder / ".mlflow.db.part").write_bytes(b"half")
    source = settings.runs_folder / "mlflow-artifacts"
    file = next(path for path in source.rglob("*") if path.is_file())
    (place / file.relative_to(source)).parent.mkdir(parents=True)
    (place / file.relative_to(source)).hardlink_to(file)
    assert Registry(settings, retry=AT_ONCE).ensure_local(tag) == tag
    assert not (settings.registry_folder / ".mlflow.db.part").exists()


def test_move_that_ended_before_its_last_step_is_finished(promoted_registry: tuple[TrainingSettings, str]) -> None:
    """A former database of which today's has everything is put aside without a word, also if it cannot be renamed."""
    settings, _ = promoted_registry
    move_former_registry(settings)
    (settings.runs_folder / MOVED_FILE).rename(settings.runs_folder / "mlflow.db")
    (settings.runs_folder / MOVED_FILE).mkdir()
    assert move_former_registry(settings) is None
    assert (settings.runs_folder / "mlflow.db").is_file()
    (settings.runs_folder / MOVED_FILE).rmdir()
    assert move_former_registry(settings) is None
    assert (settings.runs_folder / MOVED_FILE).is_file()


def test_two_registries_are_told_and_left_alone(
    promoted_registry: tuple[TrainingSettings, str], tmp_path: Path
) -> None:
    """If both folders have a database, neither changes, and the message says how to choose."""
    settings, _ = promoted_registry
    mlflow_settings(settings.registry_folder.parent)
    before = (settings.runs_folder / "mlflow.db").read_bytes()
    move = move_former_registry(settings)
    assert move is not None
    assert not move.is_moved
    assert "--tracking-uri sqlite:///" in move.in_words
    assert (settings.runs_folder / "mlflow.db").read_bytes() == before


def test_empty_database_at_the_former_place_is_no_matter(tmp_path: Path) -> None:
    """A database that holds no record, as `mlflow ui` makes it, is not worth a word."""
    settings = former(tmp_path)
    mlflow_settings(tmp_path)
    assert move_former_registry(settings) is None


def test_other_places_are_left_alone(tmp_path: Path) -> None:
    """Where an address is given, or there is no former database, or both folders are one, nothing happens."""
    settings = former(tmp_path)
    elsewhere = settings.model_copy(update={"tracking_uri": "https://mlflow.example.org"})
    assert move_former_registry(elsewhere) is None
    assert move_former_registry(settings.model_copy(update={"registry_folder": settings.runs_folder})) is None
    assert move_former_registry(settings.model_copy(update={"runs_folder": tmp_path / "none"})) is None
    assert (settings.runs_folder / "mlflow.db").is_file()


def test_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A registry that cannot move stays where it is, and the message says what to do."""
    settings = former(tmp_path)
    settings.registry_folder.write_text("in the way")
    with pytest.raises(TrackingError, match=r"could not move .* File exists.*Nothing was changed.*--tracking-uri"):
        move_former_registry(settings)
    assert (settings.runs_folder / "mlflow.db").is_file()


def test_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    """A file of that name that is something else is not touched."""
    settings = TrainingSettings(runs_folder=tmp_path / "runs", registry_folder=tmp_path / "registry")
    settings.runs_folder.mkdir()
    (settings.runs_folder / "mlflow.db").write_text("this text is not a database" * 9)
    with pytest.raises(TrackingError, match="not a database"):
        move_former_registry(settings)


def test_rows_that_are_missing_in_the_copy_stop_the_move(
    promoted_registry: tuple[TrainingSettings, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy with fewer rows than the former database never takes its place."""
    settings, _ = promoted_registry
    monkeypatch.setattr(
        "training.registry.tracking.former_place._readdress",
        lambda database, *_: database.execute("DELETE FROM model_versions"),
    )
    with pytest.raises(TrackingError, match="table model_versions has 0 rows, expected 1"):
        move_former_registry(settings)
    assert not (settings.registry_folder / "mlflow.db").exists()
    assert (settings.runs_folder / "mlflow.db").is_file()
