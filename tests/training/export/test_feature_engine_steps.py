"""feature_engine: imputers, encoders, caps and dropped columns of frames."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from bundle.contract import Contract
from tests.training.export.tables import assert_same, category, contract_of, number, written
from training.export import ExportError
from training.frames import to_frame

pytest.importorskip("feature_engine", reason="the group feature-engine is not installed")
from feature_engine.encoding import (
    CountFrequencyEncoder,
    MeanEncoder,
    OneHotEncoder,
    OrdinalEncoder,
)
from feature_engine.imputation import (
    AddMissingIndicator,
    ArbitraryNumberImputer,
    CategoricalImputer,
    DropMissingData,
    EndTailImputer,
    MeanMedianImputer,
)
from feature_engine.outliers import Winsorizer
from feature_engine.selection import DropFeatures

pytestmark = pytest.mark.filterwarnings("ignore")

GENERATOR = np.random.default_rng(0)
ROWS = np.c_[
    GENERATOR.integers(0, 3, 200), GENERATOR.standard_normal(200), GENERATOR.integers(0, 2, 200), GENERATOR.random(200)
].astype(float)
HOLES = ROWS.copy()
HOLES[GENERATOR.random((200, 4)) < 0.1] = np.nan
UNKNOWN = np.concatenate([ROWS[:40], [[-1, 1, 0, 0], [0, 9, -1, -9], [-1, -9, -1, 9]]])
TARGET = ROWS[:, 0] + GENERATOR.standard_normal(200)


def contract(*, nullable: bool = True, unknown: Any = "ignore") -> Contract:
    """Return texts and numbers in turns."""
    return contract_of(
        category("colour", "red", "green", "blue", nullable=nullable, unknown=unknown),
        number("weight", nullable=nullable),
        category("shape", "round", "square", nullable=nullable, unknown=unknown),
        number("length", nullable=nullable),
    )


@pytest.mark.parametrize(
    "model",
    [
        MeanMedianImputer(),
        MeanMedianImputer(imputation_method="mean", variables=["length"]),
        ArbitraryNumberImputer(arbitrary_number=-7),
        EndTailImputer(),
        AddMissingIndicator(),
        Winsorizer(capping_method="iqr", tail="both", missing_values="ignore"),
        DropFeatures(["weight", "shape"]),
    ],
    ids=str,
)
def test_numbers(model: Any) -> None:
    """The columns that they choose change, all others pass."""
    frame = to_frame(HOLES, contract()).drop(columns=["colour", "shape"])
    one = contract_of(*(feature for feature in contract().features if feature.type == "number"))
    if isinstance(model, DropFeatures):
        model.set_params(features_to_drop=["weight"])
    model.fit(frame, TARGET)
    assert_same(model, one, HOLES[:, [1, 3]])


@pytest.mark.parametrize(
    "model",
    [
        OneHotEncoder(),
        OneHotEncoder(drop_last=True),
        OrdinalEncoder(unseen="encode"),
        MeanEncoder(unseen="encode"),
        MeanEncoder(unseen="ignore"),
        CountFrequencyEncoder(unseen="encode"),
    ],
    ids=str,
)
def test_encoders(model: Any) -> None:
    """Each text becomes what the encoder gives for it; unknown ones too."""
    kept = contract(nullable=False)
    assert_same(model.fit(to_frame(ROWS, kept), TARGET), kept, UNKNOWN)
    with pytest.raises(ExportError, match="raises on a missing value"):
        written(model, contract())


def test_texts_that_are_imputed_and_encoded() -> None:
    """A missing text becomes one of its own, which the encoder behind it knows."""
    frame = to_frame(HOLES, contract())
    model = make_pipeline(CategoricalImputer(), MeanMedianImputer(), OneHotEncoder(), DropFeatures(["length"]))
    assert_same(model.fit(frame, TARGET), contract(), HOLES)


def test_refusals() -> None:
    """What raises, what leaves out rows, and what the contract does not list."""
    kept = contract(nullable=False)
    frame = to_frame(ROWS, kept)
    with pytest.raises(ExportError, match="raises on an unknown value"):
        written(MeanEncoder(unseen="raise").fit(frame, TARGET), kept)
    with pytest.raises(ExportError, match=r"feature_engine\.imputation\..*DropMissingData has no exact conversion"):
        written(DropMissingData().fit(frame), kept)
    fewer = contract_of(category("colour", "red", "green", unknown="ignore"), *kept.features[1:])
    with pytest.raises(ExportError, match="knows 'blue' of 'colour'"):
        written(OneHotEncoder().fit(frame, TARGET), fewer)
    with pytest.raises(ExportError, match="add_indicators=False"):
        written(Winsorizer(add_indicators=True, variables=["weight"]).fit(frame), kept)
    with pytest.raises(ExportError, match="raises on a missing value"):
        written(Winsorizer(variables=["weight"]).fit(frame), contract())
