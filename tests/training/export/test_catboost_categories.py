"""CatBoost's splits on categories: one-hot, statistics of one category and of several."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bundle.contract import Contract, Feature
from tests.training.export.grown import check, contract_of
from training.export.catboost_trees import booster_of
from training.export.errors import ExportError
from training.frames import to_frame

catboost = pytest.importorskip("catboost", reason="the dependency group catboost is not installed: make test-others")
pytestmark = pytest.mark.others

COLOURS, SHAPES = ("red", "green", "blue", "grey", "black", "Ä", ""), ("round", "square")
LAST_BITS = 2.0**-50
FEW: dict[str, Any] = {
    "iterations": 25,
    "depth": 5,
    "learning_rate": 0.3,
    "thread_count": 1,
    "verbose": 0,
    "allow_writing_files": False,
    "cat_features": ["colour", "shape", "size"],
}


def contract(colours: tuple[str, ...] = COLOURS, unknown: Any = "ignore", **more: Any) -> Contract:
    """Return numbers and categories in turns."""
    return contract_of(
        Feature(name="weight", type="number", nullable=True),
        Feature(name="colour", type="category", categories=colours, unknown=unknown, **more),
        Feature(name="length", type="number", nullable=True),
        Feature(name="shape", type="category", categories=SHAPES, unknown=unknown),
        Feature(name="size", type="category", categories=("1", "2", "3", "4", "5"), unknown=unknown),
    )


def rows_of(seed: int, count: int = 600, unknown: float = 0.0, missing: float = 0.0) -> NDArray[np.float64]:
    """Return packed rows."""
    generator = np.random.default_rng(seed)
    rows = generator.standard_normal((count, 5))
    for at, size in ((1, len(COLOURS)), (3, len(SHAPES)), (4, 5)):
        rows[:, at] = generator.integers(0, size, count)
        rows[generator.random(count) < unknown, at] = -1
    for at in (0, 2):
        rows[generator.random(count) < missing, at] = np.nan
    return rows


TRAIN, ROWS = rows_of(0, missing=0.1), rows_of(1, unknown=0.15, missing=0.2)


def target(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a target that hangs on categories, alone and together."""
    known = np.nan_to_num(rows)
    noise = np.random.default_rng(2).standard_normal(len(rows))
    together = (rows[:, 1] + 2 * rows[:, 3] + rows[:, 4]) % 3
    return np.asarray(
        known[:, 0] + np.sin(3 * rows[:, 1]) + 2 * together + 0.3 * rows[:, 4] * known[:, 2] + 0.3 * noise
    )


def fit(model: Any, y: Any = None) -> Any:
    """Fit on the frame of the training rows."""
    return model.fit(to_frame(TRAIN, contract()), target(TRAIN) if y is None else y)


@pytest.mark.parametrize("complexity", [1, 2, 4])
def test_statistics(complexity: int) -> None:
    """Statistics of a category and of several together, beside comparisons of numbers."""
    model = fit(catboost.CatBoostRegressor(max_ctr_complexity=complexity, **FEW))
    check(model, ROWS, contract(), to_frame(ROWS, contract()))
    several = [ctr for ctr in booster_of(model).document["features_info"]["ctrs"] if len(ctr["elements"]) > 1]
    assert bool(several) == (complexity > 1)


def test_combinations_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """If statistics do not tell which categories the model knows, unknown ones have to be refused."""
    monkeypatch.setattr("training.export.catboost_categories._Asked._known_hashes", lambda self, number: None)
    model = fit(catboost.CatBoostRegressor(**FEW))
    with pytest.raises(ExportError, match=r"cannot be told which categories of .*`unknown: refuse`"):
        check(model, ROWS, contract(), to_frame(ROWS, contract()))
    rows = rows_of(3)
    check(model, rows, contract(unknown="refuse"), to_frame(rows, contract(unknown="refuse")))


def test_one_hot() -> None:
    """Few categories are compared one by one."""
    model = fit(catboost.CatBoostRegressor(one_hot_max_size=10, **FEW))
    assert "ctr_data" not in vars(model)
    check(model, ROWS, contract(), to_frame(ROWS, contract()))


@pytest.mark.parametrize("policy", ["Depthwise", "Lossguide"])
def test_trees_that_are_not_symmetric(policy: str) -> None:
    """The splits are the same, the trees are others."""
    model = fit(catboost.CatBoostRegressor(grow_policy=policy, max_ctr_complexity=2, **FEW))
    check(model, ROWS, contract(), to_frame(ROWS, contract()))


def test_classes() -> None:
    """Statistics for two and for many classes."""
    for cuts in ([1.0], [0.0, 2.0]):
        y = np.searchsorted(cuts, target(TRAIN))
        model = fit(catboost.CatBoostClassifier(**FEW), y)
        check(model, ROWS, contract(), to_frame(ROWS, contract()), loose={"probabilities": LAST_BITS})


@pytest.mark.parametrize("kind", ["Borders", "Buckets", "BinarizedTargetMeanValue", "Counter"])
def test_kinds_of_statistics(kind: str) -> None:
    """Whatever a statistic is, the library is asked for it."""
    model = fit(catboost.CatBoostRegressor(simple_ctr=[kind], combinations_ctr=[kind], **FEW))
    check(model, ROWS, contract(), to_frame(ROWS, contract()))


def test_integers_among_categories() -> None:
    """CatBoost takes the integer 3 for the text "3": a model that was fitted on integers answers texts."""
    frame = to_frame(TRAIN, contract()).astype({"size": int})
    model = catboost.CatBoostRegressor(**FEW).fit(frame, target(TRAIN))
    check(model, ROWS, contract(), to_frame(ROWS, contract()))


def test_what_the_contract_has_to_say() -> None:
    """Missing categories, numbers, and categories that the contract does not list are refused by name."""
    model = fit(catboost.CatBoostRegressor(max_ctr_complexity=1, **FEW))
    frame = to_frame(ROWS, contract())
    with pytest.raises(ExportError, match=r"'colour'.*raises on a missing value"):
        check(model, ROWS, contract(nullable=True), frame)
    with pytest.raises(ExportError, match="knows a value of 'colour' that the contract does not list"):
        check(model, ROWS, contract((*COLOURS[:5], "pink", "white")), frame)
    some = ROWS.copy()
    some[:, 1] = np.minimum(np.abs(some[:, 1]), 4)
    some[:, 3:] = np.abs(some[:, 3:])
    fewer = contract(COLOURS[:5], "refuse")
    check(model, some, fewer, to_frame(some, fewer))
    with pytest.raises(ExportError, match=r"'weight'.*as numbers"):
        check(
            model,
            ROWS,
            contract_of(Feature(name="weight", type="category", categories=("a",)), *contract().features[1:]),
            frame,
        )
    with pytest.raises(ExportError, match="'colour' gets numbers"):
        check(
            model,
            ROWS,
            contract_of(contract().features[0], Feature(name="colour", type="number"), *contract().features[2:]),
            frame,
        )


def test_large_tables_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Combinations of many categories are refused by name, with the way out."""
    monkeypatch.setattr("training.export.catboost_categories.COMBINATIONS_MAX", 5)
    model = fit(catboost.CatBoostRegressor(**FEW))
    with pytest.raises(ExportError, match=r"combinations of .* max_ctr_complexity=1"):
        check(model, TRAIN, contract(unknown="refuse"), to_frame(TRAIN, contract()))


def test_names_of_columns_are_not_needed() -> None:
    """Behind a step that gives arrays, columns are found by position."""
    frame = to_frame(TRAIN, contract())
    model = catboost.CatBoostRegressor(**{**FEW, "cat_features": [1, 3, 4]}).fit(frame.to_numpy(), target(TRAIN))
    check(model, ROWS, contract(), to_frame(ROWS, contract()).to_numpy())
