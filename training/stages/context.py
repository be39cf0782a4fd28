"""What a stage is given: the config, the plan, and the outputs of the stages before it, read from the workspace."""

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

from bundle.contract import Contract
from training.config import Decisions, ModelConfig, explain, load_class, module_folder
from training.errors import TrainingError
from training.gate.ahead import RefitsAhead
from training.latency import LatencyTable
from training.parity import ParityReport
from training.progress import Progress
from training.provenance import Origin
from training.settings import TrainingSettings
from training.stages.outcome import Outcome
from training.stages.steps import Plan
from training.stages.table import RESOLVED, STAGES
from training.stages.tables import read_table
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
    """What ``--data`` gave."""
    run_id: str | None = None
    """The id under which the run is tracked, where it is."""
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    """What the stages of this run have told so far."""
    record_later: bool = False
    """Whether the stages are kept in a journal instead of being recorded in MLflow while they run."""
    refits: RefitsAhead = field(default_factory=RefitsAhead)
    """The gate's refits, which may begin before the gate does."""

    def resolved(self) -> ModelConfig:
        """Return the config with what it leaves to the data, as the stage ``validate`` found it.

        Raises:
            TrainingError: the data has not been looked at yet.
        """
        if not self.config.is_open:
            return self.config
        found = json.loads(self.read(RESOLVED))
        return ModelConfig.model_validate({**self.config.model_dump(), **found}).with_text(self.config.text)

    def origin(self) -> Origin:
        """Return where the data came from."""
        return Origin.model_validate_json(self.read("data/source.json"))

    def train(self) -> pd.DataFrame:
        """Return the training part: features and target, as validation typed them."""
        return read_table(self._there("validate/train.parquet"))

    def test(self) -> pd.DataFrame:
        """Return the features of the test part; its truth is apart, see ``truth``."""
        return read_table(self._there("validate/test.parquet"))

    def truth(self) -> NDArray[np.float64]:
        """Return the truth of the test part, float64 of shape (N,). Only the stage ``fit`` reads it, to measure once."""
        return self._array("validate/test_truth.npy")

    def judged(self) -> tuple[pd.DataFrame, NDArray[np.float64]]:
        """Return what ``fit`` measured: the test part with its target, and the model's answers to it.

        The answers are float64: (N,) of a regression; (N, 1+C) of a classification, a label's index and probabilities.
        """
        test = self.test()
        test[self.config.target.name] = self._array("fit/truth.npy")
        return test, self._array("fit/answers.npy")

    def metrics(self) -> dict[str, float]:
        """Return the figures on the test part."""
        return dict(json.loads(self.read("fit/metrics.json")))

    def pipeline(self) -> Pipeline:
        """Return the fitted pipeline."""
        for custom in self.config.derived.custom:
            # The file names its classes by their modules, and one beside the config has to be found first.
            load_class(custom.transformer, module_folder(self.config))
        return joblib.load(self._there("fit/pipeline.joblib"))

    def model(self) -> bytes:
        """Return the serialised ONNX graph."""
        return self.read("export/model.onnx")

    def contract(self) -> Contract:
        """Return the contract of the exported model, with its decision threshold where it has one."""
        return Contract.model_validate_json(self.read("export/contract.json"))

    def parity(self) -> ParityReport:
        """Return what the proof of parity found."""
        return ParityReport.model_validate_json(self.read("export/parity.json"))

    def latency(self) -> LatencyTable:
        """Return what a batch costs, by its size."""
        return LatencyTable.model_validate_json(self.read("export/latency.json"))

    def decisions_before(self, stage: str) -> Decisions:
        """Return the decisions from which a stage starts: those of the deciding stage before it, or the config's own."""
        source = self.plan.source_of(stage)
        if source is None:
            return self.config.decisions()
        return read_decisions(self._there(decisions_file(source)))

    def fitted_decisions(self) -> Decisions:
        """Return the decisions with which the pipeline was fitted."""
        return read_decisions(self._there("fit/decisions.yaml"))

    def _there(self, name: str) -> Path:
        path = self.workspace.path(name)
        if not path.is_file():
            raise missing_input(name, path)
        return path

    def read(self, name: str) -> bytes:
        """Return the content of a stage's file, given as ``stage/file``.

        Raises:
            TrainingError: it is not there; the message says which stage makes it.
        """
        return self._there(name).read_bytes()

    def _array(self, name: str) -> NDArray[np.float64]:
        values: NDArray[np.float64] = np.load(self._there(name), allow_pickle=False)
        return values


def decisions_file(stage: str) -> str:
    """Return the file in which a deciding stage hands on its decisions, as ``stage/file``."""
    return f"{stage}/{STAGES[stage].decides}"


def missing_input(name: str, path: Path) -> TrainingError:
    """Return the error for an output that another stage has not made yet, with the stage and the command."""
    maker = name.partition("/")[0]
    return TrainingError(
        f"expected {path}, which the stage {maker} makes, and it is not there. Run that first: tabento train --config"
        f" YAML --steps {maker}; --steps all runs everything that is not made yet."
    )


def read_decisions(path: Path) -> Decisions:
    """Read decisions from YAML.

    Raises:
        TrainingError: the file is no YAML or says something impossible; every fault is named.
    """
    try:
        given: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Decisions.model_validate(given)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise TrainingError(f"{path} is no YAML: {error}. Run the stage that makes it again with --force.") from error
    except ValidationError as error:
        raise TrainingError(
            f"{path} does not hold decisions:\n{explain(error)}\nRun the stage that makes it again with --force."
        ) from error


def write_decisions(decisions: Decisions, path: Path, head: str) -> None:
    """Write decisions as YAML that ``read_decisions`` reads back, under a comment of one line."""
    content = yaml.safe_dump(decisions.model_dump(mode="json"), sort_keys=True, allow_unicode=True)
    path.write_text(f"# {head}\n{content}", encoding="utf-8")
