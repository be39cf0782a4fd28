"""A retraining from its beginning to its end, with a real model, store and registry."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from tabento.errors import TabentoError
from tests.conftest import ORCHARD
from tests.training.mlflows import mlflow_settings
from tests.training.orchards import orchard_config
from training.__main__ import main
from training.config import ModelConfig
from training.config.settings import TrainingSettings
from training.data.synthetic import generate
from training.progress import silence
from training.registry import Registry
from training.stages.retraining.decide import Conditions
from training.stages.retraining.report import render
from training.stages.retraining.result import RetrainResult
from training.stages.retraining.run import retrain
from training.stages.steps import StepsError, make_plan

pytestmark = pytest.mark.slow


@pytest.fixture
def settings(tmp_path: Path, model_store: Path) -> TrainingSettings:
    """Settings with a registry, a model store and folders of the test's own."""
    return mlflow_settings(tmp_path, artifacts_folder=tmp_path / "artifacts")


def config(**changes: object) -> ModelConfig:
    """Return the orchard's config, with a short proof and without the gate's refits, which other tests cover."""
    gate = {**orchard_config().gate.model_dump(), "leakage": None, "seeds": None, "parity_rows": 1000}
    return orchard_config(**{"gate": gate, **changes})


def rows(folder: Path, seed: int = 3, taller: float = 1.0) -> str:
    """Write an orchard's rows and return the path."""
    spec = config().synthetic
    assert spec is not None
    synthetic = spec.model_copy(update={"seed": seed})
    frame = generate(synthetic)
    frame["height"] = (frame["height"] * taller).clip(upper=20)
    path = folder / f"rows-{seed}-{taller:g}.csv"
    frame.to_csv(path, index=False)
    return str(path)


def run(settings: TrainingSettings, data: str, *, if_drift: bool = False) -> RetrainResult:
    """Retrain the orchard and return what it came to, as the report says it."""
    result, folder = retrain(config(), data, settings, silence(), conditions=Conditions(if_drift=if_drift))
    assert RetrainResult.model_validate_json((folder / "retrain.json").read_bytes()) == result
    assert (folder / "retrain.md").read_text(encoding="utf-8") == render(result)
    return result


def test_life_of_a_model(settings: TrainingSettings, tmp_path: Path) -> None:
    """First a challenger without a champion; then nothing to do; then drift, and a challenger beside the champion."""
    registry = Registry(settings)
    first = run(settings, rows(tmp_path), if_drift=True)
    assert (first.outcome, first.exit_code, first.champion) == ("challenger", 0, None)
    assert first.challenger is not None
    assert first.challenger.version == "orchard/1"
    assert "there is no champion yet" in first.reasons[0]
    assert first.drift is None
    registry.promote("orchard", 1, reason="the first")

    idle = run(settings, rows(tmp_path, seed=4), if_drift=True)
    assert (idle.outcome, idle.exit_code, idle.challenger) == ("nothing_to_do", 3, None)
    assert idle.drift is not None
    assert idle.drift.psi_max < 0.2
    assert idle.champion is not None
    assert idle.champion.bundle == first.challenger.bundle

    repeated = run(settings, rows(tmp_path, seed=4, taller=1.5), if_drift=True)
    assert repeated.outcome == "challenger"
    assert repeated.reasons[0].startswith("'height' drifted")
    assert repeated.challenger is not None
    assert repeated.challenger.version == "orchard/2"
    champion, challenger = registry.champion("orchard"), registry.challenger("orchard")
    assert champion is not None
    assert challenger is not None
    assert (champion.number, challenger.number) == (1, 2)
    text = render(repeated)
    for part in ("A challenger was made", "height", "retrain", "models compare orchard champion challenger", "RMSE"):
        assert part in text


def test_model_that_fails_its_gate_is_refused_with_the_reason(settings: TrainingSettings, tmp_path: Path) -> None:
    """Nothing is registered as challenger; the report names the check."""
    strict = config(gate={"metrics": {"rmse": {"at_most": 0.001}}, "leakage": None, "parity_rows": 1000})
    result, _ = retrain(strict, rows(tmp_path), settings, silence())
    assert (result.outcome, result.exit_code, result.challenger) == ("refused", 1, None)
    assert "rmse" in result.reasons[-1]
    assert Registry(settings).names() == []


def test_data_that_is_not_valid_is_refused_with_what_changed(settings: TrainingSettings, tmp_path: Path) -> None:
    """A column that is gone is told as a change of the schema and as the fault that stops training."""
    run(settings, rows(tmp_path))
    Registry(settings).promote("orchard", 1, reason="the first")
    path = tmp_path / "narrow.csv"
    pd.read_csv(rows(tmp_path)).drop(columns="age").to_csv(path, index=False)
    result = run(settings, str(path), if_drift=True)
    assert (result.outcome, result.exit_code, result.drift) == ("refused", 1, None)
    assert result.schema_report is not None
    assert result.schema_report.removed == ("age",)
    assert "the column 'age' of the champion is missing" in result.reasons
    assert "cannot be trained on" in result.reasons[-1]


def test_without_tracking_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    """The error says how to switch it on; a plan that does not register is refused before anything runs."""
    off = TrainingSettings(tracking=False)
    with pytest.raises(TabentoError, match="TABENTO_TRAINING_TRACKING=true"):
        retrain(config(), None, off, silence())
    with pytest.raises(StepsError, match="register"):
        retrain(config(), None, TrainingSettings(tracking=True), silence(), plan=make_plan("data,validate"))


def test_command_tells_outcome_reasons_and_report(
    settings: TrainingSettings, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job reads the exit code, a person what was printed; unchanged stages do not train the champion again."""
    monkeypatch.setenv("TABENTO_TRAINING_LATENCY_BUDGET_S", "0.02")
    words = [
        *("retrain", "--config", str(ORCHARD), "--data", rows(tmp_path), "--tracking"),
        *("--runs-folder", str(settings.runs_folder), "--registry-folder", str(settings.registry_folder)),
        *("--artifacts-folder", str(settings.artifacts_folder)),
        *("--steps", "config,data,validate,fit,export,gate,register"),
    ]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "A challenger was made." in out
    assert "orchard/1" in out
    (report,) = settings.runs_folder.glob("orchard/retrain/*/retrain.json")
    assert json.loads(report.read_bytes())["outcome"] == "challenger"
    Registry(settings).promote("orchard", 1, reason="the first")
    assert main([*words, "--if-changed"]) == 3
    assert "the data is the champion's data" in capsys.readouterr().out
