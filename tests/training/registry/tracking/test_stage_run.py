"""One run in MLflow."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.retries import AT_ONCE
from tests.training.mlflows import mlflow_settings
from training.registry.tracking import connect, tracking_uri
from training.registry.tracking.stage_run import Link, StageRun


def test_many_values_go_in_batches(tmp_path: Path) -> None:
    """More figures, parameters and tags than MLflow takes at once are all recorded."""
    connection = connect(tracking_uri(mlflow_settings(tmp_path)), retry=AT_ONCE)
    number = connection.experiment("orchard")
    run_id = connection.call("begin", lambda client: client.create_run(number)).info.run_id
    run = StageRun(Link(connection, None), run_id)
    run.metrics({f"m{index}": index for index in range(250)})
    run.params({f"p{index}": index for index in range(250)})
    recorded = connection.call("look", lambda client: client.get_run(run_id))
    assert (len(recorded.data.metrics), len(recorded.data.params)) == (250, 250)
    assert recorded.data.metrics["m249"] == 249.0


def test_large_files_stay_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file above the limit is named in a tag and not copied."""
    monkeypatch.setattr("training.registry.tracking.stage_run.FILE_LIMIT_BYTES", 10)
    settings = mlflow_settings(tmp_path)
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "model.onnx").write_bytes(b"x" * 11)
    (tmp_path / "made" / "small.txt").write_bytes(b"x")
    connection = connect(tracking_uri(settings), retry=AT_ONCE)
    number = connection.experiment("orchard")
    run_id = connection.call("begin", lambda client: client.create_run(number)).info.run_id
    run = StageRun(Link(connection, None), run_id)
    run.files(tmp_path / "made", into="plots")
    recorded = connection.call("look", lambda client: client.get_run(run_id))
    assert recorded.data.tags["files_left_out"] == "model.onnx"
    files = connection.call("look", lambda client: client.list_artifacts(run_id, "plots"))
    assert [file.path for file in files] == ["plots/small.txt"]
