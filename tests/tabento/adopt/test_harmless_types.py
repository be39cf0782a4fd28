"""The reviewed list of types that a skops file may create without consent."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Any

import pytest
import skops.io
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge, TweedieRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tabento.adopt.harmless_types import HARMLESS_TYPES
from tabento.adopt.load import load_pipeline
from tests.tabento.adopt.makers import save_skops, stones

FRAME = stones(60)
ROWS, KINDS = FRAME[["mass", "density"]], FRAME["kind"]


@pytest.mark.parametrize(
    "pipeline",
    [
        make_pipeline(SimpleImputer(), StandardScaler(), Ridge()),
        CalibratedClassifierCV(LogisticRegression(), cv=2),
        VotingClassifier([("a", LogisticRegression())], voting="soft"),
        make_pipeline(SelectKBest(k=1), LogisticRegression()),
        TweedieRegressor(power=0),
        MLPRegressor(hidden_layer_sizes=(2,), max_iter=5000, tol=1e9),
    ],
)
def test_simple_files_need_no_trust(pipeline: Any, tmp_path: Path) -> None:
    """What skops asks for without need is not asked of a user."""
    path = save_skops(pipeline.fit(ROWS, KINDS), tmp_path / "model.skops")
    assert set(skops.io.get_untrusted_types(file=path)) <= set(HARMLESS_TYPES)
    loaded = load_pipeline(path)
    assert loaded.remarks == ()
    assert loaded.pipeline.predict(ROWS).tolist() == pipeline.predict(ROWS).tolist()


@pytest.mark.parametrize("name", [name for name in HARMLESS_TYPES if name != "numpy.dtype"])
def test_listed_type_is_written_in_python(name: str) -> None:
    """Each is still where it was when it was reviewed, and none is compiled code of its own."""
    module, _, attribute = name.rpartition(".")
    listed = getattr(importlib.import_module(module), attribute)
    assert f"{listed.__module__}.{listed.__qualname__}" == name
    assert (inspect.getsourcefile(listed) or "").endswith(".py")


def test_what_follows_indices_of_the_file_is_not_listed() -> None:
    """Trees and neighbours read memory by numbers of the file; partial functions call what the file names."""
    for part in ("_tree", "predictor", "KDTree", "BSpline", "functools", "_dist_metrics"):
        assert not any(part in name for name in HARMLESS_TYPES)
