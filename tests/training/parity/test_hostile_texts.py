"""Hostile texts: the proof sends them, and only such as a client may send."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bundle.contract import Contract, Feature, Output
from training.frames import to_frame, to_rows
from training.parity.hostile_rows import edge_rows, keeps_contract, refusals
from training.parity.hostile_texts import HOSTILE_TEXTS, hostile_texts, text_rows
from training.texts import text_number


def contract_of(*features: Feature) -> Contract:
    """Return a contract over some columns."""
    return Contract(name="m", title="M", description="", task="regression", features=features, output=Output(name="y"))


TEXT = Feature(name="t", type="text", maximum_length=300)
NUMBER = Feature(name="x", type="number")


def test_texts_are_hostile_and_keep_the_contract() -> None:
    """Empty, long, changed and mixed ones, each once; none is longer than the contract says."""
    texts = hostile_texts(TEXT, ["one Two", "three"])
    assert len(texts) == len(set(texts)) > 250
    assert set(HOSTILE_TEXTS) <= set(texts)
    assert {"ONE TWO", "Two one", "onetwo".replace("two", "Two"), "eerht"} <= set(texts)
    assert max(map(len, texts)) == 300
    assert all(TEXT.takes_text(text) for text in texts)
    assert hostile_texts(TEXT, ["one Two", "three"]) == texts


def test_rows_change_one_text_each() -> None:
    """The other columns are those of real rows; without texts there are no such rows."""
    contract = contract_of(NUMBER, TEXT, TEXT.model_copy(update={"name": "u"}))
    rows = to_rows(pd.DataFrame({"x": [1.0, 2.0], "t": ["a", "b"], "u": ["c", "d"]}), contract)
    made = text_rows(contract, rows, 100)
    assert made.shape == (100, 3)
    assert set(made[:, 0]) == {1.0, 2.0}
    assert keeps_contract(made, contract).all()
    assert (to_frame(made[:50], contract)["u"].isin(["c", "d"])).all()
    assert text_rows(contract_of(NUMBER), rows[:, :1], 100).shape == (0, 1)


def test_a_text_that_no_client_may_send_is_left_out() -> None:
    """Rows with a text that is too long, or missing, are not compared; the report says so."""
    contract = contract_of(TEXT)
    rows = np.array([[text_number("a")], [text_number("x" * 301)], [text_number("\ud800")], [np.nan]])
    assert keeps_contract(rows, contract).tolist() == [True, False, False, False]
    assert any("lone surrogates" in line for line in refusals(contract))
    assert edge_rows(contract, rows[:1]).shape == (0, 1)
