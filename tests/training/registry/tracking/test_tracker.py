"""The tracker, against real SQLite: what is recorded, and that nothing it meets stops a run."""

from __future__ import annotations

import io
import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from tests.retries import AT_ONCE
from tests.training.mlflows import mlflow_settings
from tests.training.orchards import orchard_config, orchard_frame
from training.config.settings import TrainingSettings
from training.progress import Progress
from training.registry.provenance import Origin
from training.registry.tracking import NullTracker, Tracker, open_tracker, tracking_uri

ORIGIN = Origin(kind="real", source="https://user:secret@example.org/trees.csv", sha256="a" * 64, rows=80)
PRINT = "f" * 64


def open_orchard_tracker(settings: TrainingSettings, **changes: Any) -> Tracker:
    """Open a tracker for the orchard that never waits."""
    return open_tracker(settings, orchard_config(), fingerprint=PRINT, retry=AT_ONCE, **changes)


def runs_of(settings: TrainingSettings) -> dict[str, Any]:
    """Return all recorded runs of the orchard by their names."""
    client = MlflowClient(tracking_uri=tracking_uri(settings))
    experiment = client.get_experiment_by_name("orchard")
    assert experiment is not None
    return {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}


def test_parent_and_stages_hold_what_was_given(tmp_path: Path) -> None:
    """A stage is a nested run with parameters, decisions, figures, tags and files; the parent has config and tags."""
    settings = mlflow_settings(tmp_path)
    (tmp_path / "made" / "plots").mkdir(parents=True)
    (tmp_path / "made" / "plots" / "a.png").write_bytes(b"png")
    with open_orchard_tracker(settings) as tracker:
        tracker.metrics({"rmse": 2.5})
        with tracker.stage("select") as run:
            run.params({"estimator": {"kind": "ridge"}, "folds": [1, 2]})
            run.decisions(orchard_config().decisions())
            run.metrics({"rmse": 1.5, "within 5%": 3})
            run.tags({"winner": "ridge"})
            run.files(tmp_path / "made")
    runs = runs_of(settings)
    parent, stage = runs[f"orchard {PRINT[:8]}"], runs["select"]
    assert stage.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert stage.data.params["estimator.kind"] == "ridge"
    assert stage.data.params["decided.impute"] == "mean"
    assert stage.data.metrics == {"rmse": 1.5, "within 5_": 3.0}
    assert stage.data.tags["winner"] == "ridge"
    assert (stage.info.status, parent.info.status) == ("FINISHED", "FINISHED")
    assert parent.data.metrics == {"rmse": 2.5}
    assert parent.data.params["estimator.params.max_iter"] == "30"
    assert parent.data.params["n_features"] == "7"
    assert {"fingerprint": PRINT, "config": "orchard"}.items() <= parent.data.tags.items()
    client = MlflowClient(tracking_uri=tracking_uri(settings))
    assert [file.path for file in client.list_artifacts(stage.info.run_id, "plots")] == ["plots/a.png"]
    assert [file.path for file in client.list_artifacts(parent.info.run_id)] == ["config.json"]


def test_data_set_is_an_input_of_the_run(tmp_path: Path) -> None:
    """Name, digest, source, columns and rows are recorded; a password in the address is not."""
    settings = mlflow_settings(tmp_path)
    with open_orchard_tracker(settings) as tracker:
        tracker.data(ORIGIN, orchard_frame(60))
    (run,) = runs_of(settings).values()
    (recorded,) = run.inputs.dataset_inputs
    assert (recorded.dataset.name, recorded.dataset.digest) == ("trees.csv", "a" * 36)
    assert '{"type": "double", "name": "age"}' in recorded.dataset.schema
    assert '"num_rows": 60' in recorded.dataset.profile
    assert run.data.tags["data_sha256"] == "a" * 64
    assert run.data.tags["data_kind"] == "real"
    assert "secret" not in recorded.dataset.source + run.data.tags["data_source"]


def test_failed_stage_is_marked_and_its_error_goes_on(tmp_path: Path) -> None:
    """The exception reaches the caller; stage and parent are recorded as failed."""
    settings = mlflow_settings(tmp_path)
    with pytest.raises(KeyError, match="column"), open_orchard_tracker(settings) as tracker, tracker.stage("fit"):
        raise KeyError("column")
    assert {run.info.status for run in runs_of(settings).values()} == {"FAILED"}
    assert len(runs_of(settings)) == 2


def test_processes_of_one_pipeline_share_a_parent(tmp_path: Path) -> None:
    """The workspace knows the parent; another fingerprint, or a parent that was deleted, begins a new one."""
    settings = mlflow_settings(tmp_path)
    with open_orchard_tracker(settings, workspace=tmp_path) as first:
        parent = first.run_id
    with open_orchard_tracker(settings, workspace=tmp_path) as second:
        assert second.run_id == parent
    other = open_tracker(settings, orchard_config(), fingerprint="0" * 64, workspace=tmp_path)
    assert other.run_id not in (parent, None)
    MlflowClient(tracking_uri=tracking_uri(settings)).delete_run(str(other.run_id))
    second = open_tracker(settings, orchard_config(), fingerprint="0" * 64, workspace=tmp_path)
    assert second.run_id not in (other.run_id, None)


def test_damaged_workspace_file_begins_a_new_parent(tmp_path: Path) -> None:
    """A file that cannot be read is written again."""
    settings = mlflow_settings(tmp_path)
    (tmp_path / "tracking.json").write_text("{", encoding="utf-8")
    assert str(open_orchard_tracker(settings, workspace=tmp_path).run_id) in (tmp_path / "tracking.json").read_text(
        encoding="utf-8"
    )


def test_off_is_off(tmp_path: Path) -> None:
    """With tracking off the same calls record nothing and make no database."""
    settings = TrainingSettings(runs_folder=tmp_path, tracking=False)
    with open_orchard_tracker(settings, workspace=tmp_path) as tracker, tracker.stage("fit") as run:
        run.params({"a": 1})
        run.metrics({"rmse": 1.0})
        run.files(tmp_path)
        tracker.data(ORIGIN, orchard_frame(5))
    assert isinstance(tracker, NullTracker)
    assert tracker.run_id is None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("http://127.0.0.1:9", "ConnectError"),
        ("postgresql://me:secret@127.0.0.1:9/mlflow", "ConnectionRefusedError"),
        ("mlruns", "expected an address"),
        ("sqlite:////proc/none/mlflow.db", "cannot be used"),
    ],
)
def test_unreachable_place_warns_and_the_run_goes_on(tmp_path: Path, uri: str, reason: str) -> None:
    """The warning names address, reason and what to do, without the password; nothing is raised."""
    output = io.StringIO()
    settings = TrainingSettings(runs_folder=tmp_path, tracking=True, tracking_uri=uri)
    with open_orchard_tracker(settings, progress=Progress(err=output)) as tracker, tracker.stage("fit") as run:
        run.metrics({"rmse": 1.0})
    text = " ".join(output.getvalue().replace("!", "").split())
    assert reason in text
    assert "--tracking-uri" in text
    assert "not recorded" in text
    assert "secret" not in text


def test_database_that_fails_on_the_way_warns_once(tmp_path: Path) -> None:
    """What MLflow can no longer write costs the record, not the run; there is one warning for many calls."""
    settings = mlflow_settings(tmp_path)
    output = io.StringIO()
    tracker = open_orchard_tracker(settings, progress=Progress(err=output))
    with closing(sqlite3.connect(settings.registry_folder / "mlflow.db")) as database:
        database.execute("ALTER TABLE metrics RENAME TO gone")
    tracker.metrics({"rmse": 1.0})
    tracker.metrics({"r2": 1.0})
    with tracker.stage("fit") as run:
        run.metrics({"r2": 1.0})
    assert output.getvalue().count("not recorded") == 1
    assert "record metrics" in output.getvalue()
    assert tracker.run_id is None


def test_mlflow_says_nothing_of_its_own(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Recording prints neither log lines nor addresses, and leaves the loggers as they were."""
    settings = mlflow_settings(tmp_path)
    before = logging.getLogger("mlflow").level
    with open_orchard_tracker(settings) as tracker, tracker.stage("fit") as run:
        run.params({"long": "x" * 7000})
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")
    assert logging.getLogger("mlflow").level == before
