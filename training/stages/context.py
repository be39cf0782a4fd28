"""The input of a stage: the config, the plan, and the outputs of previous stages, read from the workspace."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray
from pydantic import ValidationError
from sklearn.pipeline import Pipeline

from tabento.bundle.contract import Contract
from tabento.errors import TabentoError
from tabento.packaging.latency import LatencyTable
from tabento.parity import ParityReport
from training.config import Decisions, ModelConfig, explain, load_class, module_folder
from training.config.settings import TrainingSettings
from training.data.parquet import read_table
from training.gate.background_refits import BackgroundRefits
from training.model.conformal import Calibration
from training.progress import Progress
from training.registry.provenance import Origin
from training.stages.outcome import Outcome
from training.stages.steps import Plan
from training.stages.table import RESOLVED, STAGES
from training.stages.workspace import Workspace


@dataclass(frozen=True)
class Context:
    """A run of stages."""

    config: ModelConfig
    settings: TrainingSettings
    progress: Progress
    workspace: Workspace
    plan: Plan
    given_data: str | None = None
    """The value of ``--data``."""
    run_id: str | None = None
    """The id under which the run is tracked; None if it is not tracked."""
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    """The outcomes of the stages that have run."""
    record_later: bool = False
    """Whether a journal stores the outcomes, instead of a record in MLflow during the run."""
    refits: BackgroundRefits = field(default_factory=BackgroundRefits)
    """The gate's refits, which can start before the gate."""

    def resolved(self) -> ModelConfig:
        """Return the config, completed by the stage ``validate`` with the values that the config leaves to the data.

        Raises:
            TabentoError: the stage ``validate`` has not run yet.
        """
        if not self.config.is_open:
            return self.config
        resolved_sections = json.loads(self.read(RESOLVED))
        return ModelConfig.model_validate({**self.config.model_dump(), **resolved_sections}).with_text(self.config.text)

    def origin(self) -> Origin:
        """Return the origin of the data."""
        return Origin.model_validate_json(self.read("data/source.json"))

    def train(self) -> pd.DataFrame:
        """Return the training part: features and target, with the types of the validation."""
        return read_table(self._existing_path("validate/train.parquet"))

    def test(self) -> pd.DataFrame:
        """Return the features of the test part. The targets are in another file, see ``truth``."""
        return read_table(self._existing_path("validate/test.parquet"))

    def truth(self) -> NDArray[np.float64]:
        """Return the targets of the test part, float64 of shape (N,). Only the stages ``study`` and ``fit`` read them."""
        return self._array("validate/test_truth.npy")

    def evaluated_test_part(self) -> tuple[pd.DataFrame, NDArray[np.float64]]:
        """Return the test part with its target, and the model's answers to it.

        The answers are float64: (N,) of a regression; (N, 1 + C) of a classification, a label's index and probabilities.
        """
        test = self.test()
        test[self.config.target.name] = self._array("fit/truth.npy")
        return test, self._array("fit/answers.npy")

    def out_of_fold_answers(self) -> NDArray[np.float64] | None:
        """Return the answers to the training rows by pipelines that have not seen them; None if the fit needed none."""
        answers = self._array("fit/out_of_fold.npy")
        return answers if len(answers) else None

    def metrics(self) -> dict[str, float]:
        """Return the metrics on the test part."""
        return dict(json.loads(self.read("fit/metrics.json")))

    def pipeline(self) -> Pipeline:
        """Return the fitted pipeline."""
        for custom in self.config.derived.custom:
            # The file names classes by their modules. A module next to the config must be importable first.
            load_class(custom.transformer, module_folder(self.config))
        return joblib.load(self._existing_path("fit/pipeline.joblib"))

    def calibration(self) -> Calibration:
        """Return the calibrated prediction intervals or sets of the pipeline."""
        return Calibration.model_validate_json(self.read("fit/calibration.json"))

    def model(self) -> bytes:
        """Return the serialised ONNX graph."""
        return self.read("export/model.onnx")

    def contract(self) -> Contract:
        """Return the contract of the exported model, with its decision threshold if it has one."""
        return Contract.model_validate_json(self.read("export/contract.json"))

    def parity(self) -> ParityReport:
        """Return the report of the proof of parity."""
        return ParityReport.model_validate_json(self.read("export/parity.json"))

    def latency(self) -> LatencyTable:
        """Return the time of a batch by its size."""
        return LatencyTable.model_validate_json(self.read("export/latency.json"))

    def decisions_before(self, stage: str) -> Decisions:
        """Return the decisions from which a stage starts: of the previous deciding stage, or of the config."""
        source = self.plan.source_of(stage)
        if source is None:
            return self.config.decisions()
        return read_decisions(self._existing_path(decisions_file(source)))

    def fitted_decisions(self) -> Decisions:
        """Return the decisions with which the pipeline was fitted."""
        return read_decisions(self._existing_path("fit/decisions.yaml"))

    def _existing_path(self, name: str) -> Path:
        path = self.workspace.path(name)
        if not path.is_file():
            raise missing_input(name, path)
        return path

    def read(self, name: str) -> bytes:
        """Return the content of a stage's file, given as ``stage/file``.

        Raises:
            TabentoError: the file does not exist; the message names the stage that makes it.
        """
        return self._existing_path(name).read_bytes()

    def _array(self, name: str) -> NDArray[np.float64]:
        values: NDArray[np.float64] = np.load(self._existing_path(name), allow_pickle=False)
        return values


def decisions_file(stage: str) -> str:
    """Return the file with the decisions of a stage, as ``stage/file``."""
    return f"{stage}/{STAGES[stage].decides}"


def missing_input(name: str, path: Path) -> TabentoError:
    """Return the error for a missing output of another stage. It names the stage and the command."""
    maker = name.partition("/")[0]
    return TabentoError(
        f"expected {path}, which the stage {maker} makes, but the file does not exist. Run that stage first: tabento train"
        f" --config YAML --steps {maker}; --steps all runs every stage that is missing."
    )


def read_decisions(path: Path) -> Decisions:
    """Read decisions from YAML.

    Raises:
        TabentoError: the file is not valid YAML or has impossible values; every fault is named.
    """
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Decisions.model_validate(content)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise TabentoError(
            f"{path} is not valid YAML: {error}. Run the stage that makes it again with --force."
        ) from error
    except ValidationError as error:
        raise TabentoError(
            f"{path} does not hold decisions:\n{explain(error)}\nRun the stage that makes it again with --force."
        ) from error


def write_decisions(decisions: Decisions, path: Path, head: str) -> None:
    """Write decisions as YAML for ``read_decisions``, under a comment of one line."""
    content = yaml.safe_dump(decisions.model_dump(mode="json"), sort_keys=True, allow_unicode=True)
    path.write_text(f"# {head}\n{content}", encoding="utf-8")
