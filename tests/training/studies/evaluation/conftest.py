"""A small evaluation, made once for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.training.orchards import orchard_config
from training.config import ModelConfig
from training.data.synthetic import generate
from training.progress import silence
from training.stages.evaluation import evaluate
from training.studies.evaluation.results import EvaluationReport

ROWS = 120


@pytest.fixture(scope="session")
def orchard() -> ModelConfig:
    """Return the orchard's config with a quick evaluation that also looks at a dropped column."""
    return orchard_config(
        drop={"hint": "It follows from the answer."},
        evaluation={"folds": 3, "repeats": 2, "also_with": ("hint",)},
        estimator={"kind": "decision_tree", "params": {"max_depth": 4}},
    )


@pytest.fixture(scope="session")
def trees(orchard: ModelConfig) -> pd.DataFrame:
    """Return rows as a file gives them, with a column that all but says the answer."""
    frame = generate(orchard.synthetic, rows=ROWS)
    noise = np.random.default_rng(1).normal(1, 0.01, ROWS)
    return frame.assign(hint=frame["apples"] * noise)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the report of the session is written."""
    return tmp_path_factory.mktemp("evaluation")


@pytest.fixture(scope="session")
def report(orchard: ModelConfig, trees: pd.DataFrame, folder: Path) -> EvaluationReport:
    """Return the report on the trees."""
    return evaluate(orchard, trees, orchard.decisions(), folder, silence(), data="some trees", n_jobs=1)
