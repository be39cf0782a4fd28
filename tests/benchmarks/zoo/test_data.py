"""The table: seeded, difficult on purpose, and described by its contract."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.zoo.data import (
    ALL,
    CARRIERS,
    GOODS,
    HOLED,
    NUMBERS,
    SERVICES,
    TEXTS,
    ZONES,
    Table,
    contract_of,
    shipments,
)
from tabento.bundle.contract import Output
from tabento.tables.frames import to_frame, to_rows


def test_same_seed_same_table(table: Table) -> None:
    """A second call gives the same values, and another seed gives other values."""
    repeated = shipments.__wrapped__(len(table.frame))
    pd.testing.assert_frame_equal(table.frame, repeated.frame)
    other = shipments.__wrapped__(len(table.frame), seed=1)
    assert not table.frame["weight_kg"].equals(other.frame["weight_kg"])


def test_the_table_has_every_difficulty(table: Table) -> None:
    """The table has scales from 1e-7 to 1e9, skew, missing values, an integer, a boolean, and rare, empty and missing texts."""
    frame = table.frame
    assert tuple(frame.columns) == ALL
    assert frame["shock"].max() < 1e-3
    assert frame["booked_at"].min() > 1e9
    assert frame["weight_kg"].mean() > 2 * frame["weight_kg"].median()
    assert [name for name in NUMBERS if frame[name].isna().any()] == list(HOLED)
    assert frame["parcels"].dtype == np.int64
    assert frame["insured"].dtype == bool
    assert frame["goods"].isna().any()
    assert not any(text.isascii() for text in CARRIERS[2:])
    for name, values in zip(TEXTS, (CARRIERS, GOODS, ZONES), strict=True):
        assert set(frame[name].dropna()) == set(values)
        assert frame[name].value_counts(normalize=True).min() < 0.05


def test_targets_have_the_shapes_of_their_tasks(table: Table) -> None:
    """The targets are a positive number, two booleans, three texts, three integers and two numbers."""
    rows = len(table.frame)
    assert (table.targets["regression"] > 0).all()
    assert set(table.targets["binary"].tolist()) == {False, True}
    assert tuple(sorted(set(table.targets["classes"]))) == SERVICES
    assert set(table.targets["grades"].tolist()) == {0, 1, 2}
    assert table.targets["outputs"].shape == (rows, 2)


def test_contract_accepts_every_row_of_the_table(table: Table) -> None:
    """Ranges exceed the values but keep the column's sign, and packed rows keep their values."""
    contract = contract_of(table.frame, Output(name="cost"))
    for feature in contract.features:
        if feature.type in ("number", "integer"):
            values = table.frame[feature.name]
            assert feature.minimum is not None
            assert feature.maximum is not None
            assert feature.minimum < values.min()
            assert feature.maximum > values.max()
            assert (feature.minimum >= 0) == (values.min() >= 0)
    assert {feature.name for feature in contract.features if feature.nullable} == {*HOLED, "goods"}
    assert {feature.name: feature.type for feature in contract.features}["insured"] == "boolean"
    rows = to_rows(table.frame, contract)
    np.testing.assert_array_equal(rows, to_rows(to_frame(rows, contract), contract))


def test_contract_states_whether_unknown_texts_are_accepted(table: Table) -> None:
    """Texts outside the table are refused unless the member accepts them."""
    for unknown, word in ((False, "refuse"), (True, "ignore")):
        contract = contract_of(table.frame[["zone"]], Output(name="cost"), unknown=unknown)
        assert contract.features[0].unknown == word


def test_too_few_rows_are_refused() -> None:
    """Fewer rows than zones are an error, because every category must occur."""
    with pytest.raises(ValueError, match=r"at least 12 rows.*got 5"):
        shipments(5)
