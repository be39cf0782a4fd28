"""The test part is set aside: nothing that is fitted or chosen sees it, and its truth is held against answers once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tabento.errors import TabentoError
from tests.conftest import bentoml_home
from tests.training.stages.small import run, small_config
from training.data.parquet import read_table, write_table
from training.stages.table import STAGES

DECIDE = "features,select,sweep"
WHAT_IS_CHOSEN = (
    *("features/decisions.yaml", "features/features.json", "select/decisions.yaml", "sweep/best_params.yaml"),
    *("fit/decisions.yaml", "fit/pipeline.joblib"),
)


@pytest.fixture(scope="module")
def complete_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of the whole pipeline, everything decided by its stages."""
    folder = tmp_path_factory.mktemp("whole")
    with bentoml_home(folder / "bentoml"):
        run(small_config(), folder, f"config,data,validate,{DECIDE},fit,export,gate,register")
    return folder


@pytest.fixture(scope="module")
def isolated_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of another run, whose deciding stages had no test part, and whose fit had a wholly different one."""
    folder = tmp_path_factory.mktemp("apart")
    run(small_config(), folder, "config,data,validate")
    workspace = folder / "artifacts" / "orchard"
    test, truth = workspace / "validate" / "test.parquet", workspace / "validate" / "test_truth.npy"
    rows, values = read_table(test), np.load(truth)
    test.unlink()
    truth.unlink()
    run(small_config(), folder, DECIDE)

    generator = np.random.default_rng(0)
    changed = rows.apply(lambda column: generator.permutation(column.to_numpy()))
    changed.loc[:, "age"] = np.where(rows["age"] > 20, 1.0, 60.0)
    changed.loc[:, "slope"] = 15.0
    write_table(changed, test)
    np.save(truth, values[::-1] + 100)
    run(small_config(), folder, "fit", "sweep")
    return folder


def decided_files(folder: Path) -> dict[str, bytes]:
    """The bytes of everything that was fitted or chosen."""
    workspace = folder / "artifacts" / "orchard"
    return {name: (workspace / name).read_bytes() for name in WHAT_IS_CHOSEN}


@pytest.mark.slow
def test_no_fitted_step_sees_the_test_part(complete_run: Path, isolated_run: Path) -> None:
    """Studies, selection and sweep run without a test part; with all its values changed the same pipeline is fitted."""
    assert decided_files(isolated_run) == decided_files(complete_run)
    metrics = [
        json.loads((folder / "artifacts/orchard/fit/metrics.json").read_bytes())
        for folder in (isolated_run, complete_run)
    ]
    assert metrics[0]["rmse"] > metrics[1]["rmse"] + 50


@pytest.mark.slow
def test_truth_is_read_once(complete_run: Path, tmp_path: Path) -> None:
    """After the fit has measured, nobody reads the truth again: without the file the rest of the pipeline runs."""
    shutil.copytree(complete_run / "artifacts", tmp_path / "artifacts")
    workspace = tmp_path / "artifacts" / "orchard"
    (workspace / "validate" / "test_truth.npy").unlink()
    with bentoml_home(tmp_path / "bentoml"):
        done = run(small_config(), tmp_path, "export,gate,register", "sweep", force=True)
    assert list(done) == ["export", "gate", "register"]
    with pytest.raises(TabentoError, match="test_truth"):
        run(small_config(), tmp_path, "fit", "sweep", force=True)


def test_test_part_is_declared_where_it_is_read() -> None:
    """By the table only the study's comparison and the fit take the truth, and no deciding stage takes a test row."""
    readers = {
        name: [stage.name for stage in STAGES.values() if f"validate/{name}" in stage.needs]
        for name in ("test.parquet", "test_truth.npy")
    }
    assert readers == {
        "test.parquet": ["study", "fit", "export", "gate", "register"],
        "test_truth.npy": ["study", "fit"],
    }


@pytest.mark.slow
def test_two_runs_give_the_same_figures_and_the_same_graph(complete_run: Path, tmp_path: Path) -> None:
    """Run again from nothing with the same decisions, figures, answers and ONNX bytes are the same."""
    sweep_folder = tmp_path / "artifacts" / "orchard" / "sweep"
    shutil.copytree(complete_run / "artifacts" / "orchard" / "sweep", sweep_folder)
    run(small_config(), tmp_path, "config,data,validate,fit,export", "sweep")
    for name in (
        "fit/pipeline.joblib",
        "fit/metrics.json",
        "fit/answers.npy",
        "export/model.onnx",
        "export/parity.json",
    ):
        first, second = (folder / "artifacts" / "orchard" / name for folder in (complete_run, tmp_path))
        assert first.read_bytes() == second.read_bytes(), name
