"""category_encoders: every encoder is asked what it gives for each text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

from tests.training.export.tables import assert_same, category, contract_of, number, written
from training.export import ExportError
from training.frames import to_frame

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
    """Known, unknown and missing texts become what the encoder gives for them; numbers pass."""
    model = getattr(category_encoders, name)().fit(to_frame(ROWS, CONTRACT), TARGET)
    assert_same(model, CONTRACT, HOSTILE)


@pytest.mark.parametrize(
    "how", [{"handle_unknown": "return_nan", "handle_missing": "return_nan"}, {"drop_invariant": True}]
)
def test_parameters(how: dict[str, Any]) -> None:
    """Whatever the parameters say, the encoder is asked."""
    for name in ("OrdinalEncoder", "TargetEncoder", "OneHotEncoder"):
        model = getattr(category_encoders, name)(**how).fit(to_frame(ROWS, CONTRACT), TARGET)
        assert_same(model, CONTRACT, HOSTILE)


def test_refusals() -> None:
    """What raises, what adds noise, what the contract does not list, and other columns."""
    frame = to_frame(ROWS, CONTRACT)
    for how, reason in (
        ({"handle_unknown": "error"}, "raises on an unknown value"),
        ({"handle_missing": "error"}, "raises on a missing value"),
        ({"return_df": False}, "return_df=True"),
    ):
        with pytest.raises(ExportError, match=reason):
            written(category_encoders.TargetEncoder(**how).fit(frame, TARGET), CONTRACT)
    with pytest.raises(ExportError, match="adds noise"):
        written(category_encoders.WOEEncoder(randomized=True).fit(frame, TARGET), CONTRACT)
    model = category_encoders.TargetEncoder().fit(frame, TARGET)
    fewer = contract_of(category("colour", "red", "green", unknown="ignore"), *CONTRACT.features[1:])
    with pytest.raises(ExportError, match="knows 'blue' of 'colour'"):
        written(model, fewer)
    with pytest.raises(ExportError, match="fitted on the columns"):
        written(model, contract_of(*CONTRACT.features[::-1]))
    with pytest.raises(ExportError, match=r"category_encoders\.hashing\.HashingEncoder has no exact conversion"):
        written(category_encoders.HashingEncoder(max_process=1).fit(frame, TARGET), CONTRACT)
    numbers = contract_of(number("colour"), *CONTRACT.features[1:])
    with pytest.raises(ExportError, match="it encodes the numbers of 'colour'"):
        written(clone(model).fit(frame, TARGET), numbers)
