"""CatBoost's splits on categories: one-hot, statistics of one category and of several."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tabento.bundle.contract import Contract, Feature
from tabento.export.converters.other_libraries.catboost_model import booster_of
from tabento.export.errors import ExportError
from tabento.tables.frames import to_frame
from tests.tabento.export.tree_graphs import check, contract_of

catboost = pytest.importorskip("catboost", reason="the dependency group catboost is not installed: make test-others")
pytestmark = pytest.mark.others

COLOURS, SHAPES = ("red", "green", "blue", "grey", "black", "Ä", ""), ("round", "square")
LAST_BITS = 2.0**-50
SMALL: dict[str, Any] = {
    "iterations": 25,
    "depth": 5,
    "learning_rate": 0.3,
    "thread_count": 1,
    "verbose": 0,
    "allow_writing_files": False,
    "cat_features": ["colour", "shape", "size"],
}


def contract(colours: tuple[str, ...] = COLOURS, unknown: Any = "ignore", **options: Any) -> Contract:
    """Return a contract of alternating numbers and categories."""
    return contract_of(
        Feature(name="weight", type="number", nullable=True),
        Feature(name="colour", type="category", categories=colours, unknown=unknown, **options),
        Feature(name="length", type="number", nullable=True),
        Feature(name="shape", type="category", categories=SHAPES, unknown=unknown),
        Feature(name="size", type="category", categories=("1", "2", "3", "4", "5"), unknown=unknown),
    )


def rows_of(seed: int, count: int = 600, unknown: float = 0.0, missing: float = 0.0) -> NDArray[np.float64]:
    """Return packed rows."""
    generator = np.random.default_rng(seed)
    rows = generator.standard_normal((count, 5))
    for index, size in ((1, len(COLOURS)), (3, len(SHAPES)), (4, 5)):
        rows[:, index] = generator.integers(0, size, count)
        rows[generator.random(count) < unknown, index] = -1
    for index in (0, 2):
        rows[generator.random(count) < missing, index] = np.nan
    return rows


TRAIN, ROWS = rows_of(0, missing=0.1), rows_of(1, unknown=0.15, missing=0.2)


def target(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a target that depends on categories, alone and together."""
    present_values = np.nan_to_num(rows)
    noise = np.random.default_rng(2).standard_normal(len(rows))
    combination = (rows[:, 1] + 2 * rows[:, 3] + rows[:, 4]) % 3
    return np.asarray(
        present_values[:, 0]
        + np.sin(3 * rows[:, 1])
        + 2 * combination
        + 0.3 * rows[:, 4] * present_values[:, 2]
        + 0.3 * noise
    )


def fit(model: Any, y: Any = None) -> Any:
    """Fit on the frame of the training rows."""
    return model.fit(to_frame(TRAIN, contract()), target(TRAIN) if y is None else y)


@pytest.mark.parametrize("complexity", [1, 2, 4])
def test_statistics(complexity: int) -> None:
    """Statistics of one category and of several together agree, next to comparisons of numbers."""
    model = fit(catboost.CatBoostRegressor(max_ctr_complexity=complexity, **SMALL))
    check(model, ROWS, contract(), to_frame(ROWS, contract()))
    several = [ctr for ctr in booster_of(model).document["features_info"]["ctrs"] if len(ctr["elements"]) > 1]
    assert bool(several) == (complexity > 1)


def test_combinations_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the statistics do not contain the known categories, unknown ones must be refused by the contract."""
    monkeypatch.setattr(
        "tabento.export.converters.other_libraries.catboost_questions.CategoryQuestions._known_hashes",
        lambda self, number: None,
    )
    model = fit(catboost.CatBoostRegressor(**SMALL))
    with pytest.raises(ExportError, match=r"cannot be told which categories of .*`unknown: refuse`"):
        check(model, ROWS, contract(), to_frame(ROWS, contract()))
    rows = rows_of(3)
    check(model, rows, contract(unknown="refuse"), to_frame(rows, contract(unknown="refuse")))


def test_one_hot() -> None:
    """A few categories are compared one by one."""
    model = fit(catboost.CatBoostRegressor(one_hot_max_size=10, **SMALL))
    assert "ctr_data" not in vars(model)
    check(model, ROWS, contract(), to_frame(ROWS, contract()))


@pytest.mark.parametrize("policy", ["Depthwise", "Lossguide"])
def test_trees_that_are_not_symmetric(policy: str) -> None:
    """The splits of other trees are the same as those of symmetric trees."""
    model = fit(catboost.CatBoostRegressor(grow_policy=policy, max_ctr_complexity=2, **SMALL))
    check(model, ROWS, contract(), to_frame(ROWS, contract()))


def test_classes() -> None:
    """Statistics agree for two classes and for several."""
    for cuts in ([1.0], [0.0, 2.0]):
        y = np.searchsorted(cuts, target(TRAIN))
        model = fit(catboost.CatBoostClassifier(**SMALL), y)
        check(model, ROWS, contract(), to_frame(ROWS, contract()), loose={"probabilities": LAST_BITS})


@pytest.mark.parametrize("kind", ["Borders", "Buckets", "BinarizedTargetMeanValue", "Counter"])
def test_kinds_of_statistics(kind: str) -> None:
    """The table holds CatBoost's own answers for every kind of statistic."""
    model = fit(catboost.CatBoostRegressor(simple_ctr=[kind], combinations_ctr=[kind], **SMALL))
    check(model, ROWS, contract(), to_frame(ROWS, contract()))


def test_integers_among_categories() -> None:
    """CatBoost treats the integer 3 as the text "3": a model that was fitted on integers answers texts."""
    frame = to_frame(TRAIN, contract()).astype({"size": int})
    model = catboost.CatBoostRegressor(**SMALL).fit(frame, target(TRAIN))
    check(model, ROWS, contract(), to_frame(ROWS, contract()))


def test_what_the_contract_has_to_say() -> None:
    """Missing categories, numbers, and categories that the contract does not list are refused by name."""
    model = fit(catboost.CatBoostRegressor(max_ctr_complexity=1, **SMALL))
    frame = to_frame(ROWS, contract())
    with pytest.raises(ExportError, match=r"'colour'.*raises on a missing value"):
        check(model, ROWS, contract(nullable=True), frame)
    with pytest.raises(ExportError, match="knows a value of 'colour' that the contract does not list"):
        check(model, ROWS, contract((*COLOURS[:5], "pink", "white")), frame)
    partial = ROWS.copy()
    partial[:, 1] = np.minimum(np.abs(partial[:, 1]), 4)
    partial[:, 3:] = np.abs(partial[:, 3:])
    fewer = contract(COLOURS[:5], "refuse")
    check(model, partial, fewer, to_frame(partial, fewer))
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
    """Combinations of many categories are refused by name, with the remedy."""
    monkeypatch.setattr("tabento.export.converters.other_libraries.catboost_categories.COMBINATIONS_MAX", 5)
    model = fit(catboost.CatBoostRegressor(**SMALL))
    with pytest.raises(ExportError, match=r"combinations of .* max_ctr_complexity=1"):
        check(model, TRAIN, contract(unknown="refuse"), to_frame(TRAIN, contract()))


def test_names_of_columns_are_not_needed() -> None:
    """After a step that gives arrays, columns are found by position."""
    frame = to_frame(TRAIN, contract())
    model = catboost.CatBoostRegressor(**{**SMALL, "cat_features": [1, 3, 4]}).fit(frame.to_numpy(), target(TRAIN))
    check(model, ROWS, contract(), to_frame(ROWS, contract()).to_numpy())
