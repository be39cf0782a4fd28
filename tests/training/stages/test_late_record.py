"""A model that is served before it is recorded is recorded as well as any other, once, whatever interrupts it."""

from __future__ import annotations

import io
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import bentoml
import pytest
from mlflow import MlflowClient

from tests.conftest import bentoml_home
from tests.training.mlflows import mlflow_settings
from tests.training.stages.small import small_config
from training.config import Limit
from training.config.settings import TrainingSettings
from training.errors import GateError
from training.progress import Progress, silence
from training.registry import Registry
from training.registry.tracking import TrackingError, tracking_uri
from training.stages import late_record
from training.stages.journal import read_journal
from training.stages.stored_model import ensure_model
from training.stages.table import QUICK_STAGES
from training.stages.unrecorded import find_unrecorded, finish_records

RECORDED = QUICK_STAGES[2:]
"""The stages that are recorded: the first is ``validate``."""


@dataclass(frozen=True)
class StoredModel:
    """A model that was stored and not recorded."""

    tag: str
    home: Path
    settings: TrainingSettings


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoredModel]:
    """One run whose record is left for later."""
    folder = tmp_path_factory.mktemp("late")
    settings = mlflow_settings(folder, artifacts_folder=folder / "artifacts")
    with bentoml_home(folder / "bentoml"):
        yield StoredModel(
            ensure_model(small_config(), None, settings, silence(), record_later=True), folder / "bentoml", settings
        )


@pytest.fixture
def stored_model(first_run: StoredModel, tmp_path: Path) -> Iterator[StoredModel]:
    """A copy of it that a test may record."""
    settings = mlflow_settings(tmp_path, artifacts_folder=tmp_path / "artifacts")
    shutil.copytree(first_run.settings.artifacts_folder, settings.artifacts_folder)
    shutil.copytree(first_run.home, tmp_path / "bentoml")
    with bentoml_home(tmp_path / "bentoml"):
        yield StoredModel(first_run.tag, tmp_path / "bentoml", settings)


def runs(settings: TrainingSettings) -> list[str]:
    """Return the stages that are recorded, in any order, with how they ended."""
    client = MlflowClient(tracking_uri(settings))
    experiment = client.get_experiment_by_name("orchard")
    if experiment is None:
        return []
    recorded = client.search_runs([experiment.experiment_id])
    return sorted(f"{run.data.tags['stage']} {run.info.status}" for run in recorded if "stage" in run.data.tags)


def test_model_is_stored_before_anything_is_recorded(first_run: StoredModel) -> None:
    """The store has the model, MLflow knows nothing, and what there is to record is kept."""
    assert bentoml.models.get(first_run.tag).tag.name == "orchard"
    (folder,) = find_unrecorded(first_run.settings, "orchard")
    assert [entry.stage for entry in read_journal(folder)] == list(RECORDED)
    assert runs(first_run.settings) == []
    assert Registry(first_run.settings).challenger("orchard") is None


def test_late_record_is_whole(stored_model: StoredModel) -> None:
    """Every stage has its run, the model is the challenger with its run, and nothing is left to do."""
    assert finish_records(stored_model.settings, silence())
    assert runs(stored_model.settings) == sorted(f"{stage} FINISHED" for stage in RECORDED)
    challenger = Registry(stored_model.settings).challenger("orchard")
    assert challenger is not None
    assert challenger.bundle_tag == stored_model.tag
    parent = MlflowClient(tracking_uri(stored_model.settings)).get_run(challenger.run_id or "")
    assert parent.info.status == "FINISHED"
    assert parent.data.metrics["rmse"] == challenger.metrics["rmse"]
    assert parent.data.tags["data_kind"] == "synthetic"
    assert find_unrecorded(stored_model.settings) == []
    assert not stored_model.settings.artifacts_folder.exists()
    assert finish_records(stored_model.settings, silence())


def test_interrupted_record_goes_on_where_it_stopped(
    stored_model: StoredModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record that fails is told and kept; the next command finishes it and records nothing twice."""
    err = io.StringIO()
    with monkeypatch.context() as patch:

        def refuse(*arguments: object) -> str:
            raise TrackingError("MLflow is gone")

        patch.setattr(late_record, "enter_version", refuse)
        assert not finish_records(stored_model.settings, Progress(io.StringIO(), err))
    assert "MLflow is gone" in err.getvalue()
    assert "tabento record" in err.getvalue()
    assert len(find_unrecorded(stored_model.settings)) == 1
    assert ensure_model(small_config(), None, stored_model.settings, silence()) == stored_model.tag
    assert find_unrecorded(stored_model.settings) == []
    assert runs(stored_model.settings) == sorted(f"{stage} FINISHED" for stage in RECORDED)
    assert len(Registry(stored_model.settings).versions("orchard")) == 1


def test_version_is_registered_once(stored_model: StoredModel, tmp_path: Path) -> None:
    """A record that was killed after the registration and before its end does not register the model again."""
    (folder,) = find_unrecorded(stored_model.settings)
    shutil.copytree(folder, tmp_path / "copy")
    assert finish_records(stored_model.settings, silence())
    shutil.copytree(tmp_path / "copy", folder)
    assert finish_records(stored_model.settings, silence())
    assert len(Registry(stored_model.settings).versions("orchard")) == 1


def test_model_that_was_deleted_is_not_recorded(stored_model: StoredModel) -> None:
    """A model that is no longer in the store is not recorded, and a warning says so."""
    bentoml.models.delete(stored_model.tag)
    err = io.StringIO()
    assert finish_records(stored_model.settings, Progress(io.StringIO(), err))
    assert "no longer in the store" in " ".join(err.getvalue().replace("!", " ").split())
    assert find_unrecorded(stored_model.settings) == []
    assert runs(stored_model.settings) == []


def test_nothing_is_recorded_where_nothing_is_tracked(stored_model: StoredModel) -> None:
    """With tracking off the folder waits for a command that tracks."""
    assert finish_records(stored_model.settings.model_copy(update={"tracking": False}), silence())
    assert len(find_unrecorded(stored_model.settings)) == 1


def test_model_that_fails_its_gate_is_recorded_at_once(tmp_path: Path, model_store: Path) -> None:
    """There is no later for a model that is not stored: its stages, and why it was refused, are recorded."""
    settings = mlflow_settings(tmp_path, artifacts_folder=tmp_path / "artifacts")
    gate = {**small_config().model_dump()["gate"], "metrics": {"rmse": Limit(at_most=1e-6)}}
    with pytest.raises(GateError):
        ensure_model(small_config(gate=gate), None, settings, silence(), record_later=True)
    assert runs(settings) == ["export FINISHED", "fit FINISHED", "gate FAILED", "validate FINISHED"]
    assert find_unrecorded(settings) == []


def test_two_records_at_once_are_one(stored_model: StoredModel) -> None:
    """Of two processes one records the model, and the other waits and finds nothing left; nobody complains."""
    errors = [io.StringIO(), io.StringIO()]
    threads = [
        threading.Thread(target=finish_records, args=(stored_model.settings, Progress(io.StringIO(), err)))
        for err in errors
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [err.getvalue() for err in errors] == ["", ""]
    assert len(Registry(stored_model.settings).versions("orchard")) == 1
    assert find_unrecorded(stored_model.settings) == []


def test_what_a_killed_record_left_is_removed(stored_model: StoredModel) -> None:
    """A folder without its config is the rest of a record that was interrupted at its end."""
    (folder,) = find_unrecorded(stored_model.settings, "orchard")
    shutil.rmtree(folder / "config")
    assert finish_records(stored_model.settings, silence())
    assert find_unrecorded(stored_model.settings) == []
