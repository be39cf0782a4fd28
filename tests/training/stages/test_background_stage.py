"""Stages side by side make what they make one after the other, and their output and errors do not mix."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tabento.bundle.checksums import file_sha256
from tabento.errors import TabentoError
from tests.training.stages.conftest import FULL_PLOTS
from tests.training.stages.small import run, small_config, small_settings
from training.progress import Progress
from training.report import drawing
from training.stages.context import Context
from training.stages.runner import FinishedStage, run_stages
from training.stages.state import State
from training.stages.steps import make_plan
from training.stages.workspace import STATE_FILE, Workspace

pytestmark = pytest.mark.slow

CONFIG = small_config(derived={}, studies={"imputers": ("mean",), "folds": 2, "pin": ("impute", "columns")})


@pytest.fixture(scope="module", autouse=True)
def one_permutation_per_column() -> Iterator[None]:
    """Permute each column once: both runs do the same, and a study takes most of its time for that."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.studies.features.columns.PERMUTATIONS", 1)
        yield


@pytest.fixture(scope="module", autouse=True)
def full_plots() -> Iterator[None]:
    """Draw plots in full here too: the background stage draws in another process, which no fixture reaches."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "DPI", FULL_PLOTS[0])
        patch.setattr(drawing, "LAYOUT", FULL_PLOTS[1])
        yield


@pytest.fixture(scope="module")
def sequential_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with validated data, and the stages one after the other behind it."""
    folder = tmp_path_factory.mktemp("sequential")
    run(CONFIG, folder, "config,data,validate,study,features")
    return folder


def _parallel(folder: Path, out: io.StringIO, err: io.StringIO | None = None) -> list[FinishedStage]:
    settings = small_settings(folder, parallel=True, tracking=False)
    progress = Progress(out, err or io.StringIO(), heartbeat_s=600)
    workspace = Workspace(settings.artifacts_folder / CONFIG.name)
    plan = make_plan("config,data,validate,study,features", None)
    return run_stages(Context(CONFIG, settings, progress, workspace, plan))


def _states(folder: Path) -> dict[str, State]:
    root = folder / "artifacts" / CONFIG.name
    return {name: State.model_validate_json((root / name / STATE_FILE).read_bytes()) for name in ("study", "features")}


def test_artifacts_are_the_same(sequential_run: Path, tmp_path: Path) -> None:
    """Keys and outputs of both stages equal those of a sequential run, and a second run has nothing to do."""
    out = io.StringIO()
    done = _parallel(tmp_path, out)
    assert [item.name for item in done] == ["config", "data", "validate", "study", "features"]
    assert _states(tmp_path) == _states(sequential_run)
    lines = out.getvalue().splitlines()
    study = [
        index for index, line in enumerate(lines) if "report of the study" in line or "Study the training part" in line
    ]
    features = [index for index, line in enumerate(lines) if "report of the features" in line]
    assert max(features) < min(study)
    assert not list((tmp_path / "artifacts" / CONFIG.name).glob(".*beside"))
    assert not any(item.ran for item in _parallel(tmp_path, io.StringIO()))


def _damaged(sequential_run: Path, folder: Path, *names: str) -> tuple[Context, io.StringIO]:
    """Return a context of the two stages whose inputs cannot be read, and where its warnings go."""
    shutil.copytree(sequential_run / "artifacts", folder / "artifacts")
    for name in names:
        (folder / "artifacts" / CONFIG.name / "validate" / name).write_bytes(b"no rows")
    err = io.StringIO()
    settings = small_settings(folder, parallel=True, tracking=False)
    workspace = Workspace(settings.artifacts_folder / CONFIG.name)
    progress = Progress(io.StringIO(), err, heartbeat_s=600)
    return Context(CONFIG, settings, progress, workspace, make_plan("study,features", None)), err


def test_error_of_the_other_process_is_told(sequential_run: Path, tmp_path: Path) -> None:
    """A study that fails ends the run with its error after the features are done; its former output stays."""
    context, _ = _damaged(sequential_run, tmp_path, "test_truth.npy")
    before = file_sha256(context.workspace.path("study/study.json"))
    with pytest.raises(TabentoError, match="the stage study failed: "):
        run_stages(context)
    assert file_sha256(context.workspace.path("study/study.json")) == before
    assert not list(context.workspace.root.glob(".*beside"))


def test_both_errors_are_told(sequential_run: Path, tmp_path: Path) -> None:
    """If both stages fail, the run ends with the error in front, and the other one is warned of."""
    context, err = _damaged(sequential_run, tmp_path, "train.parquet")
    with pytest.raises(Exception, match=r"Parquet|parquet"):
        run_stages(context)
    assert "The stage study failed too" in err.getvalue()
