"""The imports of each command: imports take seconds, and the list of modules does not depend on the computer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import bentoml
import pytest

import training
from tabento.bundle.format import BENTOML_MODULE
from tests.bundles import write_bundle
from tests.conftest import ORCHARD
from training.config import load_config
from training.data.identity import DataIdentity
from training.registry.provenance import fingerprint

SLOW = (
    *("bentoml", "httpx", "joblib", "matplotlib", "mlflow", "numpy", "onnx", "onnxruntime", "optuna", "pandas"),
    *("pandera", "pyarrow", "rich", "scipy", "shap", "skl2onnx", "sklearn", "skops", "tenacity"),
)
"""Libraries whose import takes a tenth of a second or more; they train or track models."""
TYPING = ("pydantic", "pydantic_settings", "yaml")
"""Libraries that read configs and settings; together they take a third of a second."""
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
    """Run a command in a process of its own; return its exit code and the names of imported packages."""
    process = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments],
        cwd=Path(training.__file__).parents[1],
        env=os.environ | {"PYTHONWARNINGS": "ignore", "TABENTO_TRAINING_TRACKING": "true"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    code, modules = json.loads(process.stdout.splitlines()[-1])
    return int(code), set(modules)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["train", "--help"], 0),
        (["models", "--help"], 0),
        (["keys", "--help"], 0),
        (["keys", "list", "--file", "nope.json"], 1),
        (["sign", "--help"], 0),
        (["fly"], 2),
        (["train"], 2),
        (["data", "--config", "nope.yaml"], 1),
        (["train", "--config", "nope.yaml", "--steps", "all"], 1),
        (["retrain", "--config", "nope.yaml"], 1),
        (["evaluate", "--config", "nope.yaml"], 1),
    ],
)
def test_help_and_wrong_usage_import_nothing_that_takes_time(arguments: list[str], code: int) -> None:
    """Help, wrong usage and a missing config are reported without slow libraries."""
    exit_code, modules = run(*arguments)
    assert exit_code == code
    assert modules & {*SLOW, *TYPING} == set()


@pytest.mark.parametrize("command", ["data", "train", "ensure", "evaluate"])
def test_missing_data_file_is_reported_before_slow_imports(command: str) -> None:
    """A missing data file is reported from config and settings, without libraries that read rows."""
    exit_code, modules = run(command, "--config", str(ORCHARD), "--data", "nope.csv")
    assert exit_code == 1
    assert modules & {*SLOW} == set()


def test_wrong_config_is_reported_before_slow_imports(tmp_path: Path) -> None:
    """The errors of a config are reported without slow libraries."""
    (tmp_path / "wrong.yaml").write_text("name: wrong\n", encoding="utf-8")
    exit_code, modules = run("train", "--config", str(tmp_path / "wrong.yaml"))
    assert exit_code == 1
    assert modules & {*SLOW} == set()


def test_stored_model_is_found_before_slow_imports(model_store: Path, tmp_path: Path) -> None:
    """``ensure`` finds a stored model, with tracking on, without BentoML, MLflow and the training libraries."""
    config = load_config(ORCHARD)
    with bentoml.models.create(config.name, module=BENTOML_MODULE) as stored:
        synthetic = DataIdentity("synthetic", None)
        write_bundle(Path(stored.path), fingerprint=fingerprint(config, synthetic, config.decisions()))
    exit_code, modules = run("ensure", "--config", str(ORCHARD), "--no-download")
    assert exit_code == 0
    assert modules & {*SLOW} == set()


def test_nothing_to_record_needs_no_mlflow() -> None:
    """``record`` ends without slow imports if the model is recorded already."""
    exit_code, modules = run("record", "--config", str(ORCHARD))
    assert exit_code == 0
    assert modules & {*SLOW} == set()
