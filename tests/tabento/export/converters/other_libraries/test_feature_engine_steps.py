"""feature_engine: imputers, encoders, caps and dropped columns of frames."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from tabento.bundle.contract import Contract
from tabento.export import ExportError
from tabento.tables.frames import to_frame
from tests.tabento.export.tables import assert_same, category, contract_of, number, write_transformer

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
    """Return a contract of alternating texts and numbers."""
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
    """The selected columns change, all others pass unchanged."""
    frame = to_frame(HOLES, contract()).drop(columns=["colour", "shape"])
    first = contract_of(*(feature for feature in contract().features if feature.type == "number"))
    if isinstance(model, DropFeatures):
        model.set_params(features_to_drop=["weight"])
    model.fit(frame, TARGET)
    assert_same(model, first, HOLES[:, [1, 3]])


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
    """Each text becomes the encoder's number, also an unknown one."""
    kept_columns = contract(nullable=False)
    assert_same(model.fit(to_frame(ROWS, kept_columns), TARGET), kept_columns, UNKNOWN)
    with pytest.raises(ExportError, match="raises on a missing value"):
        write_transformer(model, contract())


def test_texts_that_are_imputed_and_encoded() -> None:
    """A missing text becomes a new text that the next encoder knows."""
    frame = to_frame(HOLES, contract())
    model = make_pipeline(CategoricalImputer(), MeanMedianImputer(), OneHotEncoder(), DropFeatures(["length"]))
    assert_same(model.fit(frame, TARGET), contract(), HOLES)


def test_refusals() -> None:
    """Steps that raise, drop rows, or know unlisted categories are refused."""
    kept_columns = contract(nullable=False)
    frame = to_frame(ROWS, kept_columns)
    with pytest.raises(ExportError, match="raises on an unknown value"):
        write_transformer(MeanEncoder(unseen="raise").fit(frame, TARGET), kept_columns)
    with pytest.raises(ExportError, match=r"feature_engine\.imputation\..*DropMissingData has no exact conversion"):
        write_transformer(DropMissingData().fit(frame), kept_columns)
    fewer = contract_of(category("colour", "red", "green", unknown="ignore"), *kept_columns.features[1:])
    with pytest.raises(ExportError, match="knows 'blue' of 'colour'"):
        write_transformer(OneHotEncoder().fit(frame, TARGET), fewer)
    with pytest.raises(ExportError, match="add_indicators=False"):
        write_transformer(Winsorizer(add_indicators=True, variables=["weight"]).fit(frame), kept_columns)
    with pytest.raises(ExportError, match="raises on a missing value"):
        write_transformer(Winsorizer(variables=["weight"]).fit(frame), contract())
