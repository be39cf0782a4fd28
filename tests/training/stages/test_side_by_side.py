"""Stages side by side make what they make one after the other, and their output and errors do not mix."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest

from tests.training.stages.small import run, small_config, small_settings
from training.errors import TrainingError
from training.progress import Progress
from training.stages.checksums import file_sha256
from training.stages.context import Context
from training.stages.runner import Done, run_stages
from training.stages.state import State
from training.stages.steps import make_plan
from training.stages.workspace import STATE_FILE, Workspace

CONFIG = small_config(derived={}, studies={"imputers": ("mean",), "folds": 2, "pin": ("impute", "columns")})


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with validated data, and the stages one after the other behind it."""
    folder = tmp_path_factory.mktemp("sequential")
    run(CONFIG, folder, "config,data,validate,study,features")
    return folder


def _parallel(folder: Path, out: io.StringIO, err: io.StringIO | None = None) -> list[Done]:
    settings = small_settings(folder, parallel=True, tracking=False)
    progress = Progress(out, err or io.StringIO(), heartbeat_s=600)
    workspace = Workspace(settings.artifacts_folder / CONFIG.name)
    plan = make_plan("config,data,validate,study,features", None)
    return run_stages(Context(CONFIG, settings, progress, workspace, plan))


def _states(folder: Path) -> dict[str, State]:
    root = folder / "artifacts" / CONFIG.name
    return {name: State.model_validate_json((root / name / STATE_FILE).read_bytes()) for name in ("study", "features")}


def test_artifacts_are_the_same(prepared: Path, tmp_path: Path) -> None:
    """Keys and outputs of both stages equal those of a sequential run, and a second run has nothing to do."""
    out = io.StringIO()
    done = _parallel(tmp_path, out)
    assert [item.name for item in done] == ["config", "data", "validate", "study", "features"]
    assert _states(tmp_path) == _states(prepared)
    lines = out.getvalue().splitlines()
    study = [at for at, line in enumerate(lines) if "report of the study" in line or "Study the training part" in line]
    features = [at for at, line in enumerate(lines) if "report of the features" in line]
    assert max(features) < min(study)
    assert not list((tmp_path / "artifacts" / CONFIG.name).glob(".*beside"))
    assert not any(item.ran for item in _parallel(tmp_path, io.StringIO()))


def _damaged(prepared: Path, folder: Path, *names: str) -> tuple[Context, io.StringIO]:
    """Return a context of the two stages whose inputs cannot be read, and where its warnings go."""
    shutil.copytree(prepared / "artifacts", folder / "artifacts")
    for name in names:
        (folder / "artifacts" / CONFIG.name / "validate" / name).write_bytes(b"no rows")
    err = io.StringIO()
    settings = small_settings(folder, parallel=True, tracking=False)
    workspace = Workspace(settings.artifacts_folder / CONFIG.name)
    progress = Progress(io.StringIO(), err, heartbeat_s=600)
    return Context(CONFIG, settings, progress, workspace, make_plan("study,features", None)), err


def test_error_of_the_other_process_is_told(prepared: Path, tmp_path: Path) -> None:
    """A study that fails ends the run with its error after the features are done; its former output stays."""
    context, _ = _damaged(prepared, tmp_path, "test_truth.npy")
    before = file_sha256(context.workspace.path("study/study.json"))
    with pytest.raises(TrainingError, match="the stage study failed: "):
        run_stages(context)
    assert file_sha256(context.workspace.path("study/study.json")) == before
    assert not list(context.workspace.root.glob(".*beside"))


def test_both_errors_are_told(prepared: Path, tmp_path: Path) -> None:
    """If both stages fail, the run ends with the error in front, and the other one is warned of."""
    context, err = _damaged(prepared, tmp_path, "train.parquet")
    with pytest.raises(Exception, match=r"Parquet|parquet"):
        run_stages(context)
    assert "The stage study failed too" in err.getvalue()
