"""category_encoders: tables of each fitted encoder's own answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

from tabento.export import ExportError
from tabento.tables.frames import to_frame
from tests.tabento.export.tables import assert_same, category, contract_of, number, write_transformer

category_encoders = pytest.importorskip("category_encoders", reason="the group category-encoders is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")

CONTRACT = contract_of(
    category("colour", "red", "green", "blue", nullable=True, unknown="ignore"),
    number("weight", nullable=True),
    category("shape", "round", "square", nullable=True, unknown="ignore"),
)
GENERATOR = np.random.default_rng(0)
ROWS = np.c_[GENERATOR.integers(0, 3, 200), GENERATOR.standard_normal(200), GENERATOR.integers(0, 2, 200)].astype(float)
HOSTILE = np.concatenate([ROWS[:40], [[-1, 1, 0], [np.nan, np.nan, 1], [2, 0, np.nan], [0, 0, -1], [-1, 0, -1]]])
TARGET = (ROWS[:, 0] + GENERATOR.standard_normal(200) > 1).astype(int)
NAMES = (
    "BinaryEncoder",
    "CatBoostEncoder",
    "CountEncoder",
    "JamesSteinEncoder",
    "LeaveOneOutEncoder",
    "MEstimateEncoder",
    "OneHotEncoder",
    "OrdinalEncoder",
    "TargetEncoder",
    "WOEEncoder",
)


@pytest.mark.parametrize("name", NAMES)
def test_encoders(name: str) -> None:
    """Known, unknown and missing texts become the encoder's numbers; numbers pass unchanged."""
    model = getattr(category_encoders, name)().fit(to_frame(ROWS, CONTRACT), TARGET)
    assert_same(model, CONTRACT, HOSTILE)


@pytest.mark.parametrize(
    "how", [{"handle_unknown": "return_nan", "handle_missing": "return_nan"}, {"drop_invariant": True}]
)
def test_parameters(how: dict[str, Any]) -> None:
    """The encoder's own answers are written for any parameters."""
    for name in ("OrdinalEncoder", "TargetEncoder", "OneHotEncoder"):
        model = getattr(category_encoders, name)(**how).fit(to_frame(ROWS, CONTRACT), TARGET)
        assert_same(model, CONTRACT, HOSTILE)


def test_refusals() -> None:
    """Encoders that raise, add noise or know unlisted categories, and other columns, are refused."""
    frame = to_frame(ROWS, CONTRACT)
    for how, reason in (
        ({"handle_unknown": "error"}, "raises on an unknown value"),
        ({"handle_missing": "error"}, "raises on a missing value"),
        ({"return_df": False}, "return_df=True"),
    ):
        with pytest.raises(ExportError, match=reason):
            write_transformer(category_encoders.TargetEncoder(**how).fit(frame, TARGET), CONTRACT)
    with pytest.raises(ExportError, match="adds noise"):
        write_transformer(category_encoders.WOEEncoder(randomized=True).fit(frame, TARGET), CONTRACT)
    model = category_encoders.TargetEncoder().fit(frame, TARGET)
    fewer = contract_of(category("colour", "red", "green", unknown="ignore"), *CONTRACT.features[1:])
    with pytest.raises(ExportError, match="knows 'blue' of 'colour'"):
        write_transformer(model, fewer)
    with pytest.raises(ExportError, match="fitted on the columns"):
        write_transformer(model, contract_of(*CONTRACT.features[::-1]))
    with pytest.raises(ExportError, match=r"category_encoders\.hashing\.HashingEncoder has no exact conversion"):
        write_transformer(category_encoders.HashingEncoder(max_process=1).fit(frame, TARGET), CONTRACT)
    numbers = contract_of(number("colour"), *CONTRACT.features[1:])
    with pytest.raises(ExportError, match="it encodes the numbers of 'colour'"):
        write_transformer(clone(model).fit(frame, TARGET), numbers)
