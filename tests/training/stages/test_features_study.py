"""Tests of the stage that decides imputation, clusters and columns."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from tests.training.orchards import orchard_frame
from tests.training.seedlings import seedling_config, seedling_frame
from tests.training.stages.small import small_config
from training.config import Decisions, ModelConfig
from training.model.cross_validation import FoldError
from training.progress import silence
from training.stages.features_study import decide_features

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_process", "one_permutation")]

SMALL = {"kind": "decision_tree", "params": {"max_depth": 5, "min_samples_leaf": 5}}
STUDIES = {"imputers": ["mean", "median"], "clusters": [2], "folds": 2, "rows_max": 120}


def _orchard(**studies: object) -> ModelConfig:
    return small_config(estimator=SMALL, studies={**STUDIES, **studies})


def _decide(config: ModelConfig, frame: pd.DataFrame, folder: Path) -> Decisions:
    folder.mkdir(exist_ok=True)
    return decide_features(config, frame, config.decisions(), folder, silence())


def test_a_regression_is_decided_reproducibly(tmp_path: Path) -> None:
    """All three decisions are among the candidates, and two runs write equal files."""
    config, frame = _orchard(), orchard_frame(150)
    decisions = _decide(config, frame, tmp_path / "one")
    assert decisions.impute in ("mean", "median")
    assert decisions.n_clusters in (2, 3)
    assert set(decisions.columns) <= set(config.decisions().columns)
    assert decisions.estimator == config.estimator
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == [
        "clusters.png", "columns.png", "features.json", "importance.png", "imputation.png", "report.html", "shap.png",
    ]  # fmt: skip
    content = json.loads((tmp_path / "one" / "features.json").read_text(encoding="utf-8"))
    assert content["decisions"] == {
        "impute": decisions.impute,
        "n_clusters": decisions.n_clusters,
        "columns": list(decisions.columns),
    }
    assert content["rows"] == 120
    page = (tmp_path / "one" / "report.html").read_text(encoding="utf-8")
    assert re.findall(r"<h2>(.*?)</h2>", page) == ["Decisions", "Imputation", "Clusters", "Features"]
    assert page.count("data:image/png;base64,") == 5

    assert _decide(config, frame, tmp_path / "other") == decisions
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_pinned_decisions_stay(tmp_path: Path) -> None:
    """Pinned decisions stay, and the page names them as pinned."""
    config = _orchard(pin=["impute", "clusters", "columns"])
    assert _decide(config, orchard_frame(100), tmp_path) == config.decisions()
    assert (tmp_path / "report.html").read_text(encoding="utf-8").count("Pinned by the config") == 3


def test_a_classification_without_clusters_is_decided(tmp_path: Path) -> None:
    """Two classes are scored by the area under the curve, and without clusters there is no picture of them."""
    config = seedling_config(estimator=SMALL, studies=STUDIES)
    decisions = _decide(config, seedling_frame(120), tmp_path)
    assert decisions.n_clusters is None
    content = json.loads((tmp_path / "features.json").read_text(encoding="utf-8"))
    assert content["metric"] == "roc_auc"
    assert content["clusters"] is None
    assert not (tmp_path / "clusters.png").exists()
    assert "The model has no clusters." in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_model_of_one_category_has_nothing_to_decide(tmp_path: Path) -> None:
    """Without numbers, clusters and a second feature the decisions stay as they are."""
    config = _orchard()
    decisions = config.decisions().model_copy(update={"columns": ("sort",)})
    assert decide_features(config, orchard_frame(80), decisions, tmp_path, silence()) == decisions
    assert sorted(path.name for path in tmp_path.iterdir()) == ["features.json", "report.html"]


def test_too_few_rows_are_refused(tmp_path: Path) -> None:
    """Rows that cannot be divided into folds end the stage before a file is written."""
    config = _orchard(folds=5)
    with pytest.raises(FoldError, match="5 folds"):
        _decide(config, orchard_frame(4), tmp_path)
    assert list(tmp_path.iterdir()) == []
