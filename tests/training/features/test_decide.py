"""Tests of the stage that decides imputation, clusters and columns."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from tests.training.orchards import orchard_config, orchard_frame
from tests.training.seedlings import seedling_config, seedling_frame
from training.config import Decisions, ModelConfig
from training.cross_validation import FoldError
from training.features.decide import decide_features
from training.progress import silence

SMALL = {"kind": "decision_tree", "params": {"max_depth": 5, "min_samples_leaf": 5}}
STUDIES = {"imputers": ["mean", "median"], "clusters": [2], "folds": 8, "rows_max": 120}


def _orchard(**studies: object) -> ModelConfig:
    return orchard_config(estimator=SMALL, studies={**STUDIES, **studies})


def _decide(config: ModelConfig, frame: pd.DataFrame, folder: Path) -> Decisions:
    folder.mkdir(exist_ok=True)
    return decide_features(config, frame, config.decisions(), folder, silence())


def test_a_regression_is_decided_and_reported_twice_the_same(tmp_path: Path) -> None:
    """All three decisions are made within what was asked, and two runs write equal files."""
    config, frame = _orchard(), orchard_frame(150)
    decided = _decide(config, frame, tmp_path / "one")
    assert decided.impute in ("mean", "median")
    assert decided.n_clusters in (2, 3)
    assert set(decided.columns) <= set(config.decisions().columns)
    assert decided.estimator == config.estimator
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == [
        "clusters.png", "columns.png", "features.json", "importance.png", "imputation.png", "report.html", "shap.png",
    ]  # fmt: skip
    said = json.loads((tmp_path / "one" / "features.json").read_text(encoding="utf-8"))
    assert said["decisions"] == {
        "impute": decided.impute,
        "n_clusters": decided.n_clusters,
        "columns": list(decided.columns),
    }
    assert said["rows"] == 120
    page = (tmp_path / "one" / "report.html").read_text(encoding="utf-8")
    assert re.findall(r"<h2>(.*?)</h2>", page) == ["Decisions", "Imputation", "Clusters", "Features"]
    assert page.count("data:image/png;base64,") == 5

    assert _decide(config, frame, tmp_path / "other") == decided
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_what_is_pinned_stays(tmp_path: Path) -> None:
    """With everything pinned the decisions are those that came in, and the page says so."""
    config = _orchard(pin=["impute", "clusters", "columns"])
    assert _decide(config, orchard_frame(100), tmp_path) == config.decisions()
    assert (tmp_path / "report.html").read_text(encoding="utf-8").count("Pinned by the config") == 3


def test_a_classification_without_clusters_is_decided(tmp_path: Path) -> None:
    """Two classes are judged by area under the curve; there is no cluster study and no picture of it."""
    config = seedling_config(estimator=SMALL, studies=STUDIES)
    decided = _decide(config, seedling_frame(120), tmp_path)
    assert decided.n_clusters is None
    said = json.loads((tmp_path / "features.json").read_text(encoding="utf-8"))
    assert said["metric"] == "roc_auc"
    assert said["clusters"] is None
    assert not (tmp_path / "clusters.png").exists()
    assert "The model has no clusters." in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_model_of_one_category_has_nothing_to_decide(tmp_path: Path) -> None:
    """Without numbers, clusters and a second feature the decisions stay as they are."""
    config = _orchard()
    decisions = config.decisions().model_copy(update={"columns": ("sort",)})
    assert decide_features(config, orchard_frame(80), decisions, tmp_path, silence()) == decisions
    assert sorted(path.name for path in tmp_path.iterdir()) == ["features.json", "report.html"]


def test_too_few_rows_are_refused(tmp_path: Path) -> None:
    """Rows that can't be divided into folds end the stage before anything is written."""
    config = _orchard(folds=5)
    with pytest.raises(FoldError, match="5 folds"):
        _decide(config, orchard_frame(4), tmp_path)
    assert list(tmp_path.iterdir()) == []
