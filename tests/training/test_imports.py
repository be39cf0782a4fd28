"""What each command imports: seconds of waiting are imports, and a module list does not depend on the machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import bentoml
import pytest

import training
from bundle.format import BENTOML_MODULE
from tests.bundles import write_bundle
from tests.conftest import ORCHARD
from training.config import load_config
from training.data.identity import DataIdentity
from training.provenance import fingerprint

SLOW = (
    *("bentoml", "httpx", "joblib", "matplotlib", "mlflow", "numpy", "onnx", "onnxruntime", "optuna", "pandas"),
    *("pandera", "pyarrow", "rich", "scipy", "shap", "skl2onnx", "sklearn", "skops", "tenacity"),
)
"""What takes a tenth of a second or more to import, all of it what makes or tracks a model."""
TYPING = ("pydantic", "pydantic_settings", "yaml")
"""What reads configs and settings; together a third of a second."""
PROBE = """
import json, sys
from training.__main__ import main
try:
    code = main(sys.argv[1:])
except SystemExit as ended:
    code = ended.code
sys.stdout.write("\\n" + json.dumps([code, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


def run(*arguments: str) -> tuple[int, set[str]]:
    """Run a command in a process of its own; return its exit code and the packages that it has imported."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments],
        cwd=Path(training.__file__).parents[1],
        env=os.environ | {"PYTHONWARNINGS": "ignore", "TABENTO_TRAINING_TRACKING": "true"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    code, modules = json.loads(done.stdout.splitlines()[-1])
    return int(code), set(modules)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["train", "--help"], 0),
        (["models", "--help"], 0),
        (["fly"], 2),
        (["train"], 2),
        (["data", "--config", "nope.yaml"], 1),
        (["train", "--config", "nope.yaml", "--steps", "all"], 1),
        (["retrain", "--config", "nope.yaml"], 1),
        (["evaluate", "--config", "nope.yaml"], 1),
    ],
)
def test_help_and_wrong_usage_import_nothing_that_takes_time(arguments: list[str], code: int) -> None:
    """Help, wrong usage and a config that is not there are answered by the standard library and our own words."""
    ended, modules = run(*arguments)
    assert ended == code
    assert modules & {*SLOW, *TYPING} == set()


@pytest.mark.parametrize("command", ["data", "train", "ensure", "evaluate"])
def test_missing_file_of_data_is_told_before_anything_is_loaded(command: str) -> None:
    """A file that is not there needs the config and the settings, and nothing that reads rows."""
    ended, modules = run(command, "--config", str(ORCHARD), "--data", "nope.csv")
    assert ended == 1
    assert modules & {*SLOW} == set()


def test_wrong_config_is_told_before_anything_is_loaded(tmp_path: Path) -> None:
    """A config with faults needs what reads configs, and nothing else."""
    (tmp_path / "wrong.yaml").write_text("name: wrong\n", encoding="utf-8")
    ended, modules = run("train", "--config", str(tmp_path / "wrong.yaml"))
    assert ended == 1
    assert modules & {*SLOW} == set()


def test_stored_model_is_found_before_anything_is_loaded(model_store: Path, tmp_path: Path) -> None:
    """``ensure`` answers from the store, with tracking on, without BentoML, MLflow and all that trains."""
    config = load_config(ORCHARD)
    with bentoml.models.create(config.name, module=BENTOML_MODULE) as stored:
        made_up = DataIdentity("synthetic", None)
        write_bundle(Path(stored.path), fingerprint=fingerprint(config, made_up, config.decisions()))
    ended, modules = run("ensure", "--config", str(ORCHARD), "--no-download")
    assert ended == 0
    assert modules & {*SLOW} == set()


def test_nothing_to_record_needs_no_mlflow() -> None:
    """``record`` beside a service whose model is recorded ends at once."""
    ended, modules = run("record", "--config", str(ORCHARD))
    assert ended == 0
    assert modules & {*SLOW} == set()
