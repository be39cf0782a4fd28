"""``tabento ensure``: what only training needs never keeps a stored model from being served."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ORCHARD
from training.commands.ensure import ensured_tag
from training.commands.preflight import PreflightError
from training.config import ModelConfig, load_config
from training.config.settings import TrainingSettings
from training.progress import silence
from training.stages import stored_model


@pytest.fixture
def config() -> ModelConfig:
    """A small config."""
    return load_config(ORCHARD)


@pytest.fixture
def no_reports(tmp_path: Path) -> TrainingSettings:
    """Settings with which data can be read, but nothing trained."""
    return TrainingSettings(runs_folder=Path("/proc/none"), artifacts_folder=tmp_path, download=False, tracking=False)


def test_stored_model_needs_nothing_of_training(
    config: ModelConfig, no_reports: TrainingSettings, model_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a version is stored, the checks of training wait until it turns out that training is needed."""
    (model_store / "models" / "orchard" / "abc").mkdir(parents=True)
    monkeypatch.setattr(stored_model, "ensure_model", lambda *_, **__: "orchard:abc")
    assert ensured_tag(config, None, no_reports, silence()) == "orchard:abc"

    def trains(*_: object, before_training: Callable[[], None], record_later: bool) -> str:
        before_training()
        return "orchard:new"

    monkeypatch.setattr(stored_model, "ensure_model", trains)
    with pytest.raises(PreflightError, match="--runs-folder"):
        ensured_tag(config, None, no_reports, silence())


def test_first_model_is_refused_before_the_data_is_read(
    config: ModelConfig, no_reports: TrainingSettings, model_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If nothing is stored, all problems are told at once, those of the caller too."""
    monkeypatch.setattr(stored_model, "ensure_model", lambda *_, **__: pytest.fail("the work began"))
    with pytest.raises(PreflightError, match=r"2 things[\s\S]*the port[\s\S]*--runs-folder"):
        ensured_tag(config, None, no_reports, silence(), problems=["the port"])
