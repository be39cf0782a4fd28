"""What a run has fitted is not thrown away because the run ended before its model was stored."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import bentoml
import pytest

from tabento.errors import SaveError
from tabento.packaging import bundle_builder
from tabento.packaging.read_back import check_examples
from tests.conftest import bentoml_home
from tests.training.stages.small import copy_artifacts, small_config, small_settings
from training.config import Limit, ModelConfig
from training.config.settings import TrainingSettings
from training.errors import GateError
from training.progress import Progress, silence
from training.stages import fit
from training.stages.quick_workspace import UNFINISHED, quick_workspace
from training.stages.run import run_steps, train
from training.stages.steps import make_plan
from training.stages.stored_model import ensure_model

pytestmark = pytest.mark.slow


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
def failed_run(strict: ModelConfig, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The artifacts of a quick run that its gate has ended, and the error."""
    folder = tmp_path_factory.mktemp("refused")
    settings = small_settings(folder)
    with bentoml_home(folder / "bentoml"), pytest.raises(GateError) as error:
        train(strict, None, settings, silence())
    return settings.artifacts_folder, str(error.value)


@pytest.fixture
def settings(tmp_path: Path) -> TrainingSettings:
    """Folders of one test's own."""
    return small_settings(tmp_path)


def forbid_fitting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail whoever fits from now on."""

    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("it was fitted again")

    monkeypatch.setattr(fit, "fit_pipeline", refuse)


def unfinished_folder(settings: TrainingSettings) -> Path:
    """The folder of the run that ended early."""
    return settings.artifacts_folder / "orchard" / UNFINISHED


def test_quick_run_goes_on_after_its_gate(
    config: ModelConfig,
    strict: ModelConfig,
    failed_run: tuple[Path, str],
    settings: TrainingSettings,
    model_store: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The error says where the fit is; with another limit the same command stores the model without fitting again."""
    artifacts, error = failed_run
    assert f"The fit is kept in {artifacts / 'orchard' / UNFINISHED}" in error
    assert "run the same command again, or run only the remaining stages: tabento train --config YAML --steps" in error
    shutil.copytree(artifacts, settings.artifacts_folder)
    forbid_fitting(monkeypatch)
    with pytest.raises(GateError):
        ensure_model(strict, None, settings, silence())
    tag = ensure_model(config, None, settings, silence())
    assert [str(model.tag) for model in bentoml.models.list("orchard")] == [tag]
    assert not settings.artifacts_folder.exists()


def test_single_stages_go_on_after_the_gate_of_a_quick_run(
    config: ModelConfig,
    strict: ModelConfig,
    failed_run: tuple[Path, str],
    settings: TrainingSettings,
    model_store: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """``--steps gate`` and ``--steps register`` find what ``train`` has fitted."""
    shutil.copytree(failed_run[0], settings.artifacts_folder)
    forbid_fitting(monkeypatch)
    with pytest.raises(
        GateError, match=r"kept in .*orchard\. To continue without fitting again, run only the remaining stages"
    ):
        run_steps(strict, make_plan("gate"), None, settings, silence())
    assert not unfinished_folder(settings).exists()
    run_steps(config, make_plan("gate"), None, settings, silence())
    _, result = run_steps(config, make_plan("register"), None, settings, silence())
    assert result is not None
    assert bentoml.models.get(result.tags.bundle)


def test_decided_fit_is_not_replaced(
    config: ModelConfig,
    strict: ModelConfig,
    failed_run: tuple[Path, str],
    settings: TrainingSettings,
    tmp_path: Path,
    model_store: Path,
) -> None:
    """If the lasting workspace has a fit of its own, single stages go on with that one, and the error does not offer it."""
    shutil.copytree(failed_run[0], settings.artifacts_folder)
    copy_artifacts(tmp_path, "config,data,validate,fit")
    before = (settings.artifacts_folder / "orchard" / "fit" / "pipeline.joblib").stat().st_mtime_ns
    with pytest.raises(GateError) as error:
        train(strict, None, settings, silence())
    assert str(error.value).endswith("To continue without fitting again, run the same command again")
    run_steps(config, make_plan("export"), None, settings, silence())
    assert (settings.artifacts_folder / "orchard" / "fit" / "pipeline.joblib").stat().st_mtime_ns == before
    assert unfinished_folder(settings).is_dir()


def test_other_errors_keep_the_fit_too(
    config: ModelConfig,
    failed_run: tuple[Path, str],
    settings: TrainingSettings,
    model_store: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A store that cannot be written, or Ctrl-C, costs no fit: a warning says how to go on."""
    shutil.copytree(failed_run[0], settings.artifacts_folder)
    forbid_fitting(monkeypatch)
    for error in (SaveError("no room"), KeyboardInterrupt()):

        def refuse(*arguments: object, error: BaseException = error) -> None:
            raise error

        output = io.StringIO()
        monkeypatch.setattr(bundle_builder, "check_examples", refuse)
        with pytest.raises(type(error)):
            train(config, None, settings, Progress(out=output, err=output))
        assert "The fit is kept in" in output.getvalue()
        assert bentoml.models.list() == []
    monkeypatch.setattr(bundle_builder, "check_examples", check_examples)
    train(config, None, settings, silence())
    assert not settings.artifacts_folder.exists()


def test_another_model_is_fitted(
    config: ModelConfig,
    failed_run: tuple[Path, str],
    settings: TrainingSettings,
    model_store: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A kept fit is used only if config, data and code are the same."""
    shutil.copytree(failed_run[0], settings.artifacts_folder)
    forbid_fitting(monkeypatch)
    with pytest.raises(AssertionError, match="it was fitted again"):
        train(config.model_copy(update={"seed": config.seed + 1}), None, settings, silence())
    train(config, None, settings, silence())


def end_before_the_fit(config: ModelConfig, settings: TrainingSettings) -> None:
    """Fail like a run whose data is not available."""
    with quick_workspace(config, settings, silence()) as quick:
        quick.workspace.folder("data").mkdir()
        raise SaveError("no room")


def test_nothing_is_kept_without_a_fit(config: ModelConfig, settings: TrainingSettings) -> None:
    """A run that ends before its fit leaves nothing."""
    with pytest.raises(SaveError):
        end_before_the_fit(config, settings)
    assert not settings.artifacts_folder.exists()
