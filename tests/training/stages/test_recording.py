"""Each stage is a nested run in MLflow under one parent, also where stages are processes of their own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from tests.conftest import bentoml_home
from tests.training.mlflows import mlflow_settings
from tests.training.stages.small import FEATURES, context_of, small_config, small_settings
from training.config.settings import TrainingSettings
from training.errors import GateError
from training.registry import Registry
from training.registry.tracking import tracking_uri
from training.stages.runner import run_stages

ALL_BUT_STUDIES = "config,data,validate,fit,export,gate,register"


@pytest.fixture
def settings(tmp_path: Path) -> TrainingSettings:
    """Settings with tracking on, in a database of the test's own."""
    place = mlflow_settings(tmp_path)
    return small_settings(tmp_path, tracking=True, runs_folder=place.runs_folder, registry_folder=place.registry_folder)


def run(settings: TrainingSettings, folder: Path, steps: str, **changes: object) -> None:
    """Run some steps as a process of its own would."""
    run_stages(replace(context_of(small_config(**changes), folder, steps), settings=settings))


def runs_of(settings: TrainingSettings) -> list[Any]:
    """Return all recorded runs of the orchard."""
    client = MlflowClient(tracking_uri=tracking_uri(settings))
    experiment = client.get_experiment_by_name("orchard")
    assert experiment is not None
    return list(client.search_runs([experiment.experiment_id]))


def test_stages_are_nested_and_the_model_is_the_challenger(settings: TrainingSettings, tmp_path: Path) -> None:
    """Processes that come one after the other share a parent; what passed its gate is registered with its figures."""
    with bentoml_home(tmp_path / "bentoml"):
        for steps in ("config,data,validate", "fit,export", "gate,register"):
            run(settings, tmp_path, steps)
        challenger = Registry(settings).challenger("orchard")
    runs = {item.info.run_name: item for item in runs_of(settings)}
    parents = [item for item in runs.values() if "mlflow.parentRunId" not in item.data.tags]
    assert len(parents) == 1
    nested = {name for name, item in runs.items() if item.data.tags.get("mlflow.parentRunId") == parents[0].info.run_id}
    assert nested == {"validate", "fit", "export", "gate", "register"}
    assert {item.info.status for item in runs.values()} == {"FINISHED"}
    assert parents[0].data.metrics["rmse"] == runs["fit"].data.metrics["rmse"]
    importances = [name for name in runs["register"].data.metrics if name.startswith("importance/")]
    assert sorted(importances) == [f"importance/{name}" for name in sorted(FEATURES)]
    assert {name.replace("importance", "shap") for name in importances} <= runs["register"].data.metrics.keys()
    assert challenger is not None
    assert challenger.metrics["rmse"] == runs["fit"].data.metrics["rmse"]


def test_failed_gate_is_recorded_and_registers_nothing(settings: TrainingSettings, tmp_path: Path) -> None:
    """The stage's run has failed, with the report that says why, and there is no challenger."""
    gate = {**small_config().gate.model_dump(), "metrics": {"rmse": {"at_most": 0.001}}}
    with bentoml_home(tmp_path / "bentoml"), pytest.raises(GateError, match="rmse"):
        run(settings, tmp_path, ALL_BUT_STUDIES, gate=gate)
    runs = {item.info.run_name: item for item in runs_of(settings)}
    assert runs["gate"].info.status == "FAILED"
    client = MlflowClient(tracking_uri=tracking_uri(settings))
    assert "report.html" in {file.path for file in client.list_artifacts(runs["gate"].info.run_id)}
    assert Registry(settings).challenger("orchard") is None
