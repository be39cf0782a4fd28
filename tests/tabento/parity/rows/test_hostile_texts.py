"""Hostile texts: the proof sends them, and only such as a client may send."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tabento.bundle.contract import Contract, Feature, Output
from tabento.parity.rows.hostile_rows import edge_rows, keeps_contract, refusals
from tabento.parity.rows.hostile_texts import HOSTILE_TEXTS, hostile_texts, text_rows
from tabento.tables.frames import to_frame, to_rows
from tabento.tables.texts import text_number


def contract_of(*features: Feature) -> Contract:
    """Return a contract over some columns."""
    return Contract(name="m", title="M", description="", task="regression", features=features, output=Output(name="y"))


TEXT = Feature(name="t", type="text", maximum_length=300)
NUMBER = Feature(name="x", type="number")


def test_texts_are_hostile_and_keep_the_contract() -> None:
    """Hostile texts are empty, long, changed and mixed, each once, and none is longer than the contract allows."""
    texts = hostile_texts(TEXT, ["one Two", "three"])
    assert len(texts) == len(set(texts)) > 250
    assert set(HOSTILE_TEXTS) <= set(texts)
    assert {"ONE TWO", "Two one", "onetwo".replace("two", "Two"), "eerht"} <= set(texts)
    assert max(map(len, texts)) == 300
    assert all(TEXT.takes_text(text) for text in texts)
    assert hostile_texts(TEXT, ["one Two", "three"]) == texts


def test_rows_change_one_text_each() -> None:
    """The other columns are equal to those of real rows; without texts there are no such rows."""
    contract = contract_of(NUMBER, TEXT, TEXT.model_copy(update={"name": "u"}))
    rows = to_rows(pd.DataFrame({"x": [1.0, 2.0], "t": ["a", "b"], "u": ["c", "d"]}), contract)
    rows = text_rows(contract, rows, 100)
    assert rows.shape == (100, 3)
    assert set(rows[:, 0]) == {1.0, 2.0}
    assert keeps_contract(rows, contract).all()
    assert (to_frame(rows[:50], contract)["u"].isin(["c", "d"])).all()
    assert text_rows(contract_of(NUMBER), rows[:, :1], 100).shape == (0, 1)


def test_a_text_that_the_contract_refuses_is_excluded() -> None:
    """Rows with a text that is too long, or missing, are not compared, and the report counts them."""
    contract = contract_of(TEXT)
    rows = np.array([[text_number("a")], [text_number("x" * 301)], [text_number("\ud800")], [np.nan]])
    assert keeps_contract(rows, contract).tolist() == [True, False, False, False]
    assert any("lone surrogates" in line for line in refusals(contract))
    assert edge_rows(contract, rows[:1]).shape == (0, 1)
