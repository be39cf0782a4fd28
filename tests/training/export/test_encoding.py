"""Encoders: the graph compares codes, the pipeline strings, and both give the same numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder

from bundle.contract import Feature
from tests.training.export.tables import (
    assert_same,
    assert_same_branches,
    category,
    contract_of,
    number,
    packed,
    wanted,
    written,
)
from training.export import ExportError
from training.frames import to_frame
from training.transformers.missing_text import MissingText

GENERATOR = np.random.default_rng(21)
WORDS = ("", "émoi", "z", "Ω", "rare", "a")
CONTRACT = contract_of(
    category("kind", *WORDS, unknown="ignore", nullable=True),
    category("sort", "B", "A", "C"),
    number("count", nullable=True),
    Feature(name="flag", type="boolean", nullable=True),
)


def _rows(count: int, *, unknown: bool = True, missing: bool = True) -> NDArray[np.float64]:
    shares = np.array([0.3, 0.2, 0.2, 0.2, 0.02, 0.08])
    kinds = GENERATOR.choice(6, count, p=shares).astype(np.float64)
    if unknown:
        kinds[GENERATOR.random(count) < 0.1] = -1.0
    counts = GENERATOR.choice([-2.0, 0.0, 0.5, 3.0, 7.0], count)
    flags = GENERATOR.integers(0, 2, count).astype(np.float64)
    if missing:
        for column in (kinds, counts, flags):
            column[GENERATOR.random(count) < 0.1] = np.nan
    return np.column_stack([kinds, GENERATOR.integers(0, 3, count), counts, flags])


TRAIN = _rows(300, unknown=False)
ROWS = np.concatenate([_rows(300), [[np.nan] + [0.0] * 3, [-1.0, 2.0, -0.0, 1.0], [4.0, 1.0, 1e300, np.nan]]])
FRAME = to_frame(TRAIN, CONTRACT)
TARGET = GENERATOR.normal(size=300) + np.nan_to_num(TRAIN[:, 0])
NAMES = ["kind", "sort", "count", "flag"]


def _fitted(encoder: Any, names: list[str], target: Any = TARGET) -> ColumnTransformer:
    return ColumnTransformer([("encode", encoder, names)]).fit(FRAME, target)


@pytest.mark.parametrize(
    "encoder",
    [
        OneHotEncoder(handle_unknown="ignore"),
        OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype=np.int64),
        OneHotEncoder(handle_unknown="ignore", drop="first"),
        OneHotEncoder(handle_unknown="ignore", drop="if_binary"),
        OneHotEncoder(handle_unknown="ignore", drop=["rare", "A", 3.0, np.nan]),
        OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=20),
        OneHotEncoder(handle_unknown="ignore", min_frequency=0.1),
        OneHotEncoder(handle_unknown="warn", max_categories=3),
        OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=2, drop="first"),
        OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=1),
    ],
    ids=repr,
)
@pytest.mark.filterwarnings("ignore:Found unknown categories")
def test_one_hot(encoder: OneHotEncoder) -> None:
    """Dropped, infrequent, unknown and missing categories, of strings, numbers and booleans."""
    assert_same(_fitted(encoder, NAMES), CONTRACT, ROWS)
    assert_same(_fitted(OneHotEncoder(**encoder.get_params() | {"drop": None}), ["count"]), CONTRACT, ROWS)


@pytest.mark.parametrize(
    "encoder",
    [
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=-7),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=99, encoded_missing_value=99, dtype=np.int32),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-3, min_frequency=25),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=50, max_categories=2, dtype=np.float32),
    ],
    ids=repr,
)
def test_ordinal(encoder: OrdinalEncoder) -> None:
    """Each column has numbers of its own, and missing ones may have theirs; alone and side by side."""
    for names in (NAMES, ["kind"], ["kind", "sort"], ["flag", "count"]):
        assert_same(_fitted(encoder, names), CONTRACT, ROWS)


@pytest.mark.parametrize(
    "target",
    [TARGET, (TARGET > 0).astype(int), np.where(TARGET > 0, "up", "down"), np.digitize(TARGET, [0.5, 1.5])],
    ids=["continuous", "binary", "labels", "multiclass"],
)
def test_target_means(target: NDArray[Any]) -> None:
    """Categories that were not seen get the mean over all rows, of each class where there are several."""
    for names in (NAMES, ["kind", "sort"], ["count"]):
        assert_same(_fitted(TargetEncoder(cv=3), names, target), CONTRACT, ROWS)


def test_codes_that_are_the_encoders_own_cost_nothing() -> None:
    """An encoder that numbers categories as the contract does is no node at all."""
    encoder = OrdinalEncoder(categories=[list(WORDS), ["B", "A", "C"]])
    encoder.set_params(handle_unknown="use_encoded_value", unknown_value=-1)
    contract = contract_of(*CONTRACT.features[:2])
    contract = contract.model_copy(
        update={"features": (contract.features[0].model_copy(update={"nullable": False}), contract.features[1])}
    )
    rows = np.array([[0.0, 2.0], [-1.0, 1.0], [5.0, 0.0]])
    encoder.fit(to_frame(rows[[0, 2]], contract))
    assert_same(encoder, contract, rows)
    assert not packed(encoder, contract).nodes


def test_missing_text_as_nan() -> None:
    """Behind `MissingText` the pipeline has NaN where it else has None, and encoders tell the two apart."""
    step = MissingText(["kind"]).fit(FRAME)
    for encoder in (
        OneHotEncoder(handle_unknown="ignore"),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2),
    ):
        columns = ColumnTransformer([("encode", encoder, ["kind", "sort"])])
        pipeline = make_pipeline(step, columns).fit(FRAME)
        assert pipeline[-1].named_transformers_["encode"].categories_[0][-1] is not None
        assert_same(pipeline, CONTRACT, ROWS)
        # Fitted on NaN but asked without the step, a category that was learned would never be met.
        with pytest.raises(ExportError, match=r"knows NaN as a category.*reaches it as None.*MissingText in front"):
            written(columns, CONTRACT)
    assert np.isnan(step.transform(FRAME)["kind"].to_numpy()[np.isnan(TRAIN[:, 0])].astype(float)).all()


def test_trees_behind_encoders_take_the_same_branches() -> None:
    """Encoded means are thresholds' neighbours, and infrequent groups share a column."""
    columns = ColumnTransformer(
        [
            (
                "hot",
                OneHotEncoder(min_frequency=30, handle_unknown="infrequent_if_exist", sparse_output=False),
                ["kind", "count"],
            ),
            ("mean", TargetEncoder(cv=3), ["kind", "sort", "count"]),
        ]
    )
    pipeline = make_pipeline(columns, HistGradientBoostingRegressor(max_iter=10, min_samples_leaf=3)).fit(FRAME, TARGET)
    assert_same_branches(pipeline, CONTRACT, ROWS)


def test_encoder_that_raises_where_the_contract_does_not_is_refused() -> None:
    """`handle_unknown="error"` goes with a contract that lets nothing else through; the surprise is named."""
    strict = OneHotEncoder(handle_unknown="error", sparse_output=False)
    assert_same(_fitted(strict, ["sort"]), CONTRACT, ROWS)
    assert_same(_fitted(OrdinalEncoder(), ["sort", "flag"]), CONTRACT, ROWS)
    with pytest.raises(ExportError, match=r"step 'encode'.*an unknown value.*'kind'.*handle_unknown='ignore'"):
        written(_fitted(strict, ["kind"]), CONTRACT)
    with pytest.raises(ExportError, match=r"a number that it has not learned.*'count'"):
        written(_fitted(strict, ["count"]), CONTRACT)
    few = ColumnTransformer([("encode", OrdinalEncoder(), ["sort"])]).fit(FRAME[FRAME["sort"] != "A"])
    with pytest.raises(ExportError, match=r"'A'.*'sort'.*use_encoded_value"):
        written(few, CONTRACT)
    whole = ColumnTransformer([("encode", OrdinalEncoder(), ["flag"])]).fit(FRAME.dropna())
    with pytest.raises(ExportError, match=r"a missing value.*'flag'"):
        written(whole, CONTRACT)


def test_integers_in_a_small_range_can_be_known() -> None:
    """An integer whose whole range was learned needs no unknown value."""
    contract = contract_of(Feature(name="n", type="integer", minimum=0, maximum=3))
    rows = np.arange(4.0)[:, np.newaxis]
    assert_same(OneHotEncoder().fit(to_frame(rows, contract)), contract, rows)
    with pytest.raises(ExportError, match=r"raises on 3, which the contract lets 'n' be"):
        written(OneHotEncoder().fit(to_frame(rows[:3], contract)), contract)


def test_category_that_the_contract_lacks_is_refused() -> None:
    """An encoder that knows more than the contract names the value; so does one of strings among numbers."""
    encoder = OneHotEncoder(categories=[["A", "B", "C", "ELSTAR"]], sparse_output=False)
    with pytest.raises(ExportError, match=r"knows 'ELSTAR', which the contract does not list"):
        written(_fitted(encoder, ["sort"]), CONTRACT)
    texts = ColumnTransformer([("encode", OneHotEncoder(handle_unknown="ignore"), ["count"])])
    texts.fit(pd.DataFrame({"kind": ["a"], "sort": ["A"], "count": ["three"], "flag": [1.0]}))
    with pytest.raises(ExportError, match=r"'count' knows the string 'three'.*type: category"):
        written(texts, CONTRACT)


def test_numbers_that_were_whole_in_training() -> None:
    """An encoder fitted on integers and booleans meets the same values as floats."""
    frame = pd.DataFrame({"kind": "a", "sort": "A", "count": [0, 3, 7], "flag": [True, False, True]})
    for encoder in (
        OneHotEncoder(handle_unknown="ignore"),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    ):
        fitted = ColumnTransformer([("encode", encoder, ["count", "flag"])]).fit(frame)
        assert wanted(fitted, CONTRACT, ROWS)[:, 1].any()
        assert_same(fitted, CONTRACT, ROWS)


def test_encoder_that_drops_everything_is_refused() -> None:
    """A column of one category whose column is dropped leaves nothing."""
    contract = contract_of(category("only", "x"))
    encoder = OneHotEncoder(drop="first", sparse_output=False).fit(to_frame(np.zeros((2, 1)), contract))
    with pytest.raises(ExportError, match="drops every column"):
        written(encoder, contract)
