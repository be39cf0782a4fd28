"""What a run has fitted is not thrown away because the run ended before its model was stored."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import bentoml
import pytest

from tests.conftest import bentoml_home
from tests.training.stages.small import run, small_config, small_settings
from training.config import Limit, ModelConfig
from training.errors import GateError, SaveError
from training.progress import Progress, silence
from training.quick_workspace import UNFINISHED, quick_workspace
from training.read_back import check_examples
from training.run import run_steps, train
from training.settings import TrainingSettings
from training.stages import fit, register
from training.stages.steps import make_plan
from training.stored import ensure


@pytest.fixture(scope="module")
def config() -> ModelConfig:
    """A small config that passes its gate."""
    return small_config()


@pytest.fixture(scope="module")
def strict(config: ModelConfig) -> ModelConfig:
    """The same with a limit that no model keeps."""
    gate = config.gate.model_copy(update={"metrics": {"rmse": Limit(at_most=1e-6)}})
    return config.model_copy(update={"gate": gate})


@pytest.fixture(scope="module")
def refused(strict: ModelConfig, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The artifacts of a quick run that its gate has ended, and the error."""
    folder = tmp_path_factory.mktemp("refused")
    settings = small_settings(folder)
    with bentoml_home(folder / "bentoml"), pytest.raises(GateError) as told:
        train(strict, None, settings, silence())
    return settings.artifacts_folder, str(told.value)


@pytest.fixture
def settings(tmp_path: Path) -> TrainingSettings:
    """Folders of one test's own."""
    return small_settings(tmp_path)


def forbid_fitting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail whoever fits from now on."""

    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("it was fitted again")

    monkeypatch.setattr(fit, "fit_pipeline", refuse)


def kept(settings: TrainingSettings) -> Path:
    """The folder of the run that ended early."""
    return settings.artifacts_folder / "orchard" / UNFINISHED


def test_quick_run_goes_on_after_its_gate(
    config: ModelConfig,
    strict: ModelConfig,
    refused: tuple[Path, str],
    settings: TrainingSettings,
    model_store: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The error says where the fit is; with another limit the same command stores the model without fitting again."""
    artifacts, error = refused
    assert f"What was fitted is kept in {artifacts / 'orchard' / UNFINISHED}" in error
    assert "run the same command again, or run only what is left: tabento train --config YAML --steps" in error
    shutil.copytree(artifacts, settings.artifacts_folder)
    forbid_fitting(monkeypatch)
    with pytest.raises(GateError):
        ensure(strict, None, settings, silence())
    tag = ensure(config, None, settings, silence())
    assert [str(model.tag) for model in bentoml.models.list("orchard")] == [tag]
    assert not settings.artifacts_folder.exists()


def test_single_stages_go_on_after_the_gate_of_a_quick_run(
    config: ModelConfig,
    strict: ModelConfig,
    refused: tuple[Path, str],
    settings: TrainingSettings,
    model_store: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """``--steps gate`` and ``--steps register`` find what ``train`` has fitted."""
    shutil.copytree(refused[0], settings.artifacts_folder)
    forbid_fitting(monkeypatch)
    with pytest.raises(GateError, match=r"kept in .*orchard\. To go on without fitting again, run only what is left"):
        run_steps(strict, make_plan("gate"), None, settings, silence())
    assert not kept(settings).exists()
    run_steps(config, make_plan("gate"), None, settings, silence())
    _, result = run_steps(config, make_plan("register"), None, settings, silence())
    assert result is not None
    assert bentoml.models.get(result.tags.bundle)


def test_decided_fit_is_not_replaced(
    config: ModelConfig, strict: ModelConfig, settings: TrainingSettings, tmp_path: Path, model_store: Path
) -> None:
    """If the lasting workspace has a fit of its own, single stages go on with that one, and the error does not offer it."""
    run(config, tmp_path, "config,data,validate,fit")
    before = (settings.artifacts_folder / "orchard" / "fit" / "pipeline.joblib").stat().st_mtime_ns
    with pytest.raises(GateError) as told:
        train(strict, None, settings, silence())
    assert str(told.value).endswith("To go on without fitting again, run the same command again")
    run_steps(config, make_plan("export"), None, settings, silence())
    assert (settings.artifacts_folder / "orchard" / "fit" / "pipeline.joblib").stat().st_mtime_ns == before
    assert kept(settings).is_dir()


def test_other_errors_keep_the_fit_too(
    config: ModelConfig, settings: TrainingSettings, model_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that cannot be written, or Ctrl-C, costs no fit: a warning says how to go on."""
    for error in (SaveError("no room"), KeyboardInterrupt()):

        def refuse(*arguments: object, error: BaseException = error) -> None:
            raise error

        told = io.StringIO()
        monkeypatch.setattr(register, "check_examples", refuse)
        with pytest.raises(type(error)):
            train(config, None, settings, Progress(out=told, err=told))
        assert "What was fitted is kept in" in told.getvalue()
        assert bentoml.models.list() == []
        forbid_fitting(monkeypatch)
    monkeypatch.setattr(register, "check_examples", check_examples)
    train(config, None, settings, silence())
    assert not settings.artifacts_folder.exists()


def test_another_model_is_fitted(
    config: ModelConfig,
    refused: tuple[Path, str],
    settings: TrainingSettings,
    model_store: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was kept is used only if config, data and code would fit the same again."""
    shutil.copytree(refused[0], settings.artifacts_folder)
    forbid_fitting(monkeypatch)
    with pytest.raises(AssertionError, match="it was fitted again"):
        train(config.model_copy(update={"seed": config.seed + 1}), None, settings, silence())
    train(config, None, settings, silence())


def end_before_the_fit(config: ModelConfig, settings: TrainingSettings) -> None:
    """Fail as a run does whose data cannot be had."""
    with quick_workspace(config, settings, silence()) as quick:
        quick.workspace.folder("data").mkdir()
        raise SaveError("no room")


def test_nothing_is_kept_without_a_fit(config: ModelConfig, settings: TrainingSettings) -> None:
    """A run that ends before its fit leaves nothing."""
    with pytest.raises(SaveError):
        end_before_the_fit(config, settings)
    assert not settings.artifacts_folder.exists()
