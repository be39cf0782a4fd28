"""Files of each older version open, and the pipelines in them answer what that version answered."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import is_classifier

from tabento.adopt.load import load_pipeline

FILES = Path(__file__).parent / "old_files"
COLUMNS = ["area", "age", "city"]
VERSIONS = ("1.3.2", "1.4.2", "1.5.2", "1.6.1", "1.7.2", "1.8.0")
TREES = ("sklearn.tree._tree.Tree",)


def answers_here(pipeline: Any) -> Any:
    """Answers to the rows: numbers, or probabilities."""
    frame = pd.read_csv(FILES / "rows.csv")[COLUMNS]
    return pipeline.predict_proba(frame) if is_classifier(pipeline) else pipeline.predict(frame)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["regression", "classification", "linear"])
def test_joblib_file_answers_as_its_version_did(name: str, version: str) -> None:
    """Scalers, imputers, encoders, remainders, boosting, forests and losses that have moved since."""
    loaded = load_pipeline(FILES / f"{name}_{version}.joblib", trust_pickle=True)
    assert loaded.fitted_version.versions == (version,)
    expected = json.loads((FILES / f"answers_{version}.json").read_text())[name]
    np.testing.assert_allclose(answers_here(loaded.pipeline), expected, rtol=1e-12)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["classification", "linear"])
def test_skops_file_answers_as_its_version_did(name: str, version: str) -> None:
    """No type that is new to a person has to be trusted: those that have moved are judged where they are now."""
    loaded = load_pipeline(FILES / f"{name}_{version}.skops", trust=TREES if name == "classification" else ())
    assert loaded.fitted_version.versions == (version,)
    expected = json.loads((FILES / f"answers_{version}.json").read_text())[name]
    np.testing.assert_allclose(answers_here(loaded.pipeline), expected, rtol=1e-12)


def test_type_may_be_trusted_by_its_former_name() -> None:
    """Who reads the file's own names gives those."""
    loaded = load_pipeline(FILES / "linear_1.7.2.skops", trust=("_loss.CyHalfBinomialLoss",))
    assert any("was not needed" in remark for remark in loaded.remarks)


def test_nothing_of_scikit_learn_stays_changed() -> None:
    """Loading adds no module and no name to scikit-learn."""
    import sklearn.compose._column_transformer as columns
    from sklearn.linear_model import _sgd_fast

    load_pipeline(FILES / "linear_1.5.2.joblib", trust_pickle=True)
    assert "_loss" not in sys.modules
    assert not hasattr(columns, "_RemainderColsList")
    assert not hasattr(_sgd_fast, "Log")


def test_installed_version_is_newer_than_the_recorded_ones() -> None:
    """When scikit-learn is raised, the files of the version that is left behind have to be added with ``make.py``."""
    installed = tuple(int(part) for part in sklearn.__version__.split(".")[:2])
    newest = tuple(int(part) for part in VERSIONS[-1].split(".")[:2])
    assert installed == (newest[0], newest[1] + 1)
