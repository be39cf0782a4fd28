"""Parts of dates, bit for bit: at midnights, ends of years and leap days, before 1970 and with fractions."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeRegressor

from tabento.bundle.contract import Feature
from tabento.bundle.timestamp import FIRST_TIMESTAMP, LAST_TIMESTAMP
from tabento.export import ExportError
from tabento.parity.rows.hostile_rows import edge_rows
from tabento.tables.frames import to_frame
from tabento.transformers.date_parts import DateParts
from tests.tabento.export.tables import assert_same, assert_same_branches, category, contract_of, write_transformer

CONTRACT = contract_of(
    Feature(name="at", type="timestamp", nullable=True), Feature(name="until", type="timestamp", nullable=True)
)
GENERATOR = np.random.default_rng(7)
DAYS = GENERATOR.integers(-719_162, 2_932_896, 4000) * 86_400.0
OFFSETS = GENERATOR.choice([0.0, -1.0, 1.0, 0.5, -0.5, 86_399.999999, 1e-6, -1e-6, 43_200.0, 3_599.0, 59.0], (4000, 2))
ROWS = np.concatenate(
    [
        np.column_stack([DAYS, DAYS[::-1]]) + OFFSETS,
        GENERATOR.uniform(FIRST_TIMESTAMP, LAST_TIMESTAMP, (1000, 2)),
        edge_rows(CONTRACT, np.array([[0.0, -1.0], [951_782_400.0, np.nan]])),
        [[np.nan, 0.0], [-0.0, np.nan], [5e-324, -5e-324], [FIRST_TIMESTAMP, LAST_TIMESTAMP]],
    ]
)
FRAME = to_frame(ROWS, CONTRACT)


def test_every_part_is_the_same_in_the_graph() -> None:
    """Every part of two columns is equal bit for bit."""
    assert_same(DateParts().fit(FRAME), CONTRACT, ROWS, relative=0)


def test_each_part_alone_is_the_same_in_the_graph() -> None:
    """A single part is equal, and only its nodes are written."""
    for part in ("year", "month", "day", "weekday", "hour", "minute", "day_of_year", "elapsed_days", "timestamp"):
        assert_same(DateParts([[part], [part]]).fit(FRAME), CONTRACT, ROWS, relative=0)


def test_trees_behind_parts_take_the_same_branches() -> None:
    """Trees after imputed parts take the same side of every split."""
    pipeline = make_pipeline(
        DateParts([["year", "hour", "elapsed_days"], ["weekday", "day_of_year"]]),
        SimpleImputer(strategy="median"),
        DecisionTreeRegressor(max_leaf_nodes=60, random_state=0),
    )
    target = np.nan_to_num(ROWS[:, 0] % 604_800.0) + np.nan_to_num(ROWS[:, 1] % 86_400.0)
    pipeline.fit(FRAME, target)
    assert_same_branches(pipeline, CONTRACT, ROWS[::5])


def test_text_has_no_parts() -> None:
    """A column of categories is refused by name."""
    contract = contract_of(Feature(name="at", type="timestamp"), category("kind", "a", "b"))
    step = DateParts().fit(np.zeros((2, 2)))
    with pytest.raises(ExportError, match="it would see the strings of \\['kind'\\]"):
        write_transformer(step, contract)
