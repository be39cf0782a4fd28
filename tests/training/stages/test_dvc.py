"""``dvc.yaml`` says what the table says, and ``dvc repro`` runs the stages once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import bentoml_home
from tests.training.stages.small import small_config
from training.stages.dvc_file import FILE, ITEM, dvc_text
from training.stages.state import ROOT
from training.stages.table import STAGES

RUN_STAGES = ("config", "data")
"""The stages that DVC really runs here; each is a process, and the others are declared in the same way."""


@pytest.fixture(scope="module")
def dvc_content() -> dict[str, Any]:
    """The content of dvc.yaml."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
    return loaded


def test_stages_are_those_of_the_table(dvc_content: dict[str, Any]) -> None:
    """The same stages in the same order, over all models that have a config."""
    assert list(dvc_content["stages"]) == list(STAGES)
    models = sorted(path.stem for path in (ROOT / "configs").glob("*.yaml") if path.stem != "serving")
    assert sorted(dvc_content["vars"][0]["models"]) == models
    assert {stage["foreach"] for stage in dvc_content["stages"].values()} == {"${models}"}


def test_file_is_the_table() -> None:
    """dvc.yaml holds exactly the text that is written from the table of the stages."""
    assert (ROOT / FILE).read_text(encoding="utf-8") == dvc_text(ROOT)


@pytest.mark.parametrize("name", STAGES)
def test_each_stage_names_its_module_its_sections_and_its_output(dvc_content: dict[str, Any], name: str) -> None:
    """A stage depends on its own module or on all of training, reads the table's sections, and keeps its old output."""
    declared = dvc_content["stages"][name]["do"]
    assert {f"training/stages/{name}.py", "training"} & set(declared["deps"])
    assert len(declared["deps"]) == len(set(declared["deps"]))
    assert declared["outs"] == [{f"artifacts/{ITEM}/{name}": {"persist": True}}]
    assert f"--steps {name} " in declared["cmd"]
    if name != "config":
        assert declared["params"] == [{f"artifacts/{ITEM}/config/config.yaml": list(STAGES[name].sections)}]


def test_metrics_and_pictures_are_outputs(dvc_content: dict[str, Any]) -> None:
    """Each model's figures and picture are shown by DVC."""
    for model in dvc_content["vars"][0]["models"]:
        assert f"artifacts/{model}/fit/metrics.json" in dvc_content["metrics"]
        assert f"artifacts/{model}/fit/report.png" in dvc_content["plots"]


def test_remote_needs_no_account() -> None:
    """The default remote is a folder inside the working copy, and nothing is told to anybody."""
    text = (ROOT / ".dvc" / "config").read_text(encoding="utf-8")
    assert "analytics = false" in text
    assert "url = storage" in text
    assert "/storage" in (ROOT / ".dvc" / ".gitignore").read_text(encoding="utf-8")


@pytest.mark.slow
def test_repro_runs_once(dvc_content: dict[str, Any], tmp_path: Path) -> None:
    """In a fresh checkout `dvc repro` runs the stages; a second does nothing; a changed section runs what reads it."""
    for name in (".dvc/config", ".dvc/.gitignore", ".dvcignore", ".gitignore"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(ROOT / name, tmp_path / name)
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump(_small_pipeline(dvc_content)), encoding="utf-8")
    for name in ("tabento", "training"):
        # A copy: who edits the code meanwhile would make DVC run stages again.
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    config = tmp_path / "configs" / "orchard.yaml"
    config.parent.mkdir()
    content = small_config().model_dump(mode="json")
    config.write_text(yaml.safe_dump(content), encoding="utf-8")
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)

    with bentoml_home(tmp_path / "bentoml"):
        assert _ran(_repro(tmp_path)) == list(RUN_STAGES)
        assert (tmp_path / "artifacts" / "orchard" / "data" / "raw.csv").is_file()
        second = _repro(tmp_path)
        assert _ran(second) == []
        assert "Data and pipelines are up to date." in second
        config.write_text(yaml.safe_dump({**content, "title": "Pear trees"}), encoding="utf-8")
        assert _ran(_repro(tmp_path)) == ["config"]


def _ran(output: str) -> list[str]:
    """Return the stages that DVC says it ran."""
    lines = [line for line in output.splitlines() if line.startswith("Running stage")]
    return [line.partition("'")[2].partition("@")[0] for line in lines]


def _small_pipeline(dvc_content: dict[str, Any]) -> dict[str, Any]:
    """Return the first stages of dvc.yaml for one small model."""
    stages = {name: dict(dvc_content["stages"][name]) for name in RUN_STAGES}
    for stage in stages.values():
        done = dict(stage["do"])
        done["cmd"] = done["cmd"].replace("python", sys.executable, 1)
        stage["do"] = done
    return {"vars": [{"models": ["orchard"]}], "stages": stages}


def _repro(folder: Path) -> str:
    """Run ``dvc repro`` as a person does, and return what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "repro"],
        cwd=folder,
        env=os.environ
        | {
            "TABENTO_TRAINING_DATA": "synthetic",
            "PYTHONPATH": str(folder),
            "PYTHONWARNINGS": "ignore",
            "TABENTO_TRAINING_ARTIFACTS_FOLDER": "artifacts",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
