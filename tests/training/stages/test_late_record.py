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
from training.errors import GateError
from training.progress import Progress, silence
from training.registry import Registry
from training.settings import TrainingSettings
from training.stages import late_record
from training.stages.journal import read_journal
from training.stages.table import QUICK
from training.stored import ensure
from training.tracking import TrackingError, tracking_uri
from training.unrecorded import finish_records, unrecorded

RECORDED = QUICK[2:]
"""The stages that are recorded: the first is ``validate``."""


@dataclass(frozen=True)
class Stored:
    """A model that was stored and not recorded."""

    tag: str
    home: Path
    settings: TrainingSettings


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    """One run whose record is left for later."""
    folder = tmp_path_factory.mktemp("late")
    settings = mlflow_settings(folder, artifacts_folder=folder / "artifacts")
    with bentoml_home(folder / "bentoml"):
        yield Stored(ensure(small_config(), None, settings, silence(), record_later=True), folder / "bentoml", settings)


@pytest.fixture
def stored(once: Stored, tmp_path: Path) -> Iterator[Stored]:
    """A copy of it that a test may record."""
    settings = mlflow_settings(tmp_path, artifacts_folder=tmp_path / "artifacts")
    shutil.copytree(once.settings.artifacts_folder, settings.artifacts_folder)
    shutil.copytree(once.home, tmp_path / "bentoml")
    with bentoml_home(tmp_path / "bentoml"):
        yield Stored(once.tag, tmp_path / "bentoml", settings)


def runs(settings: TrainingSettings) -> list[str]:
    """Return the stages that are recorded, in any order, with how they ended."""
    client = MlflowClient(tracking_uri(settings))
    experiment = client.get_experiment_by_name("orchard")
    if experiment is None:
        return []
    found = client.search_runs([experiment.experiment_id])
    return sorted(f"{run.data.tags['stage']} {run.info.status}" for run in found if "stage" in run.data.tags)


def test_model_is_stored_before_anything_is_recorded(once: Stored) -> None:
    """The store has the model, MLflow knows nothing, and what there is to record is kept."""
    assert bentoml.models.get(once.tag).tag.name == "orchard"
    (folder,) = unrecorded(once.settings, "orchard")
    assert [entry.stage for entry in read_journal(folder)] == list(RECORDED)
    assert runs(once.settings) == []
    assert Registry(once.settings).challenger("orchard") is None


def test_late_record_is_whole(stored: Stored) -> None:
    """Every stage has its run, the model is the challenger with its run, and nothing is left to do."""
    assert finish_records(stored.settings, silence())
    assert runs(stored.settings) == sorted(f"{stage} FINISHED" for stage in RECORDED)
    challenger = Registry(stored.settings).challenger("orchard")
    assert challenger is not None
    assert challenger.bundle_tag == stored.tag
    parent = MlflowClient(tracking_uri(stored.settings)).get_run(challenger.run_id or "")
    assert parent.info.status == "FINISHED"
    assert parent.data.metrics["rmse"] == challenger.metrics["rmse"]
    assert parent.data.tags["data_kind"] == "synthetic"
    assert unrecorded(stored.settings) == []
    assert not stored.settings.artifacts_folder.exists()
    assert finish_records(stored.settings, silence())


def test_interrupted_record_goes_on_where_it_stopped(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that fails is told and kept; the next command finishes it and records nothing twice."""
    err = io.StringIO()
    with monkeypatch.context() as patch:

        def refuse(*arguments: object) -> str:
            raise TrackingError("MLflow is gone")

        patch.setattr(late_record, "enter_version", refuse)
        assert not finish_records(stored.settings, Progress(io.StringIO(), err))
    assert "MLflow is gone" in err.getvalue()
    assert "tabento record" in err.getvalue()
    assert len(unrecorded(stored.settings)) == 1
    assert ensure(small_config(), None, stored.settings, silence()) == stored.tag
    assert unrecorded(stored.settings) == []
    assert runs(stored.settings) == sorted(f"{stage} FINISHED" for stage in RECORDED)
    assert len(Registry(stored.settings).versions("orchard")) == 1


def test_version_is_registered_once(stored: Stored, tmp_path: Path) -> None:
    """A record that was killed after the registration and before its end does not register the model again."""
    (folder,) = unrecorded(stored.settings)
    shutil.copytree(folder, tmp_path / "copy")
    assert finish_records(stored.settings, silence())
    shutil.copytree(tmp_path / "copy", folder)
    assert finish_records(stored.settings, silence())
    assert len(Registry(stored.settings).versions("orchard")) == 1


def test_model_that_was_deleted_is_not_recorded(stored: Stored) -> None:
    """What is not in the store any more is let go of, with a word."""
    bentoml.models.delete(stored.tag)
    err = io.StringIO()
    assert finish_records(stored.settings, Progress(io.StringIO(), err))
    assert "not in the store any more" in " ".join(err.getvalue().replace("!", " ").split())
    assert unrecorded(stored.settings) == []
    assert runs(stored.settings) == []


def test_nothing_is_recorded_where_nothing_is_tracked(stored: Stored) -> None:
    """With tracking off the folder waits for a command that tracks."""
    assert finish_records(stored.settings.model_copy(update={"tracking": False}), silence())
    assert len(unrecorded(stored.settings)) == 1


def test_model_that_fails_its_gate_is_recorded_at_once(tmp_path: Path, model_store: Path) -> None:
    """There is no later for a model that is not stored: its stages, and why it was refused, are recorded."""
    settings = mlflow_settings(tmp_path, artifacts_folder=tmp_path / "artifacts")
    gate = {**small_config().model_dump()["gate"], "metrics": {"rmse": Limit(at_most=1e-6)}}
    with pytest.raises(GateError):
        ensure(small_config(gate=gate), None, settings, silence(), record_later=True)
    assert runs(settings) == ["export FINISHED", "fit FINISHED", "gate FAILED", "validate FINISHED"]
    assert unrecorded(settings) == []


def test_two_records_at_once_are_one(stored: Stored) -> None:
    """Of two processes one records the model, and the other waits and finds nothing left; nobody complains."""
    errors = [io.StringIO(), io.StringIO()]
    threads = [
        threading.Thread(target=finish_records, args=(stored.settings, Progress(io.StringIO(), err))) for err in errors
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [err.getvalue() for err in errors] == ["", ""]
    assert len(Registry(stored.settings).versions("orchard")) == 1
    assert unrecorded(stored.settings) == []


def test_what_a_killed_record_left_is_removed(stored: Stored) -> None:
    """A folder without its config is what was left of a record whose end was interrupted."""
    (folder,) = unrecorded(stored.settings, "orchard")
    shutil.rmtree(folder / "config")
    assert finish_records(stored.settings, silence())
    assert unrecorded(stored.settings) == []
