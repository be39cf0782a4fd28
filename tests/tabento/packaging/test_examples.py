"""Examples show all that is rare, in the words of a client, spread over the answers."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from tabento.bundle.contract import Contract, Feature, Output
from tabento.packaging.examples import pick_examples, to_json_row

CONTRACT = Contract(
    name="small",
    title="Small",
    description="",
    task="regression",
    features=(
        Feature(name="rooms", type="integer", minimum=0, maximum=100),
        Feature(name="size", type="number", nullable=True),
        Feature(name="old", type="boolean"),
        Feature(name="side", type="category", categories=("N", "S", "W"), nullable=True),
    ),
    output=Output(name="price"),
)


def frame(rows: int) -> pd.DataFrame:
    """Rows in order of their price, with a rare category and a missing value in the middle."""
    place = np.arange(rows)
    side = np.where(place % 2 == 0, "N", "S").astype(object)
    side[rows // 2] = "W"
    side[rows // 3] = None
    return pd.DataFrame(
        {
            "rooms": place.astype(float),
            "size": np.where(place == rows // 4, np.nan, place / 2),
            "old": (place > rows // 2).astype(float),
            "side": side,
            "price": place.astype(float),
        }
    )


def test_rows_are_written_as_clients_send_them() -> None:
    """Integers are integers, booleans true or false, missing values null; the target is not there."""
    rows = [to_json_row(row, CONTRACT) for row in frame(12).to_dict("records")]
    assert json.dumps(rows[3]) == '{"rooms": 3, "size": null, "old": false, "side": "S"}'
    assert json.dumps(rows[4]) == '{"rooms": 4, "size": 2.0, "old": false, "side": null}'
    assert json.dumps(rows[8]) == '{"rooms": 8, "size": 4.0, "old": true, "side": "N"}'


def test_examples_show_everything_that_is_rare() -> None:
    """A category and missing values that stand in one row of a thousand are among the examples."""
    table = frame(1000)
    rows = pick_examples(table, table["price"].to_numpy(), CONTRACT)
    assert len(rows) == 32
    assert {row["side"] for row in rows} == {"N", "S", "W", None}
    assert {row["old"] for row in rows} == {True, False}
    assert any(row["size"] is None for row in rows)


def test_examples_are_spread_over_the_predictions() -> None:
    """From the smallest answer to the largest, in order, without a gap of a tenth, and none twice."""
    table = frame(1000)
    shuffled = table.sample(frac=1, random_state=0)
    rooms = [row["rooms"] for row in pick_examples(shuffled, shuffled["price"].to_numpy(), CONTRACT)]
    assert rooms == sorted(set(rooms))  # type: ignore[type-var]
    assert (rooms[0], rooms[-1]) == (0, 999)
    assert max(np.diff(np.array(rooms, dtype=float))) < 100


def test_few_rows_are_all_taken() -> None:
    """Where there are fewer rows than asked for, each is an example once."""
    table = frame(10)
    assert len(pick_examples(table, table["price"].to_numpy(), CONTRACT)) == 10


def test_no_more_than_asked_for() -> None:
    """The number holds even where there is more to show."""
    table = frame(100)
    assert len(pick_examples(table, table["price"].to_numpy(), CONTRACT, count=3)) == 3


def test_predictions_must_fit_the_rows() -> None:
    """A prediction for every row, and at least one row."""
    with pytest.raises(ValueError, match="one prediction per row"):
        pick_examples(frame(10), np.zeros(9), CONTRACT)
    with pytest.raises(ValueError, match="at least one row"):
        pick_examples(frame(10).iloc[:0], np.zeros(0), CONTRACT)


def test_every_label_is_shown() -> None:
    """A label that the model answers once in a thousand rows is among the examples, which come label by label."""
    contract = CONTRACT.model_copy(
        update={"task": "classification", "output": Output(name="price", classes=("a", "b", "c"), probabilities=True)}
    )
    table = frame(1000)
    labels = np.zeros(1000)
    labels[700], labels[400:600] = 2, 1
    sure = np.linspace(0.5, 1, 1000)
    answers = np.stack([labels, *(np.where(labels == label, sure, 0.1) for label in range(3))], axis=1)
    rooms = [int(row["rooms"] or 0) for row in pick_examples(table, answers, contract)]
    shown_rows = labels[rooms]
    assert set(shown_rows) == {0, 1, 2}
    assert (np.diff(shown_rows) >= 0).all()
    assert len(pick_examples(table, answers[:, :1], contract)) == 32


def test_every_label_of_every_target_is_shown() -> None:
    """Of several labels a row, each value of each has a row; the rows are in the order of the labels."""
    targets = ({"name": "late", "classes": [0, 1]}, {"name": "grade", "classes": ["a", "b", "c"]})
    contract = Contract(
        name="marks",
        title="",
        description="",
        task="classification",
        features=(Feature(name="x", type="number"),),
        output=Output.model_validate({"name": "marks", "targets": targets}),
    )
    answers = np.zeros((90, 2))
    answers[40, 0], answers[50, 1], answers[60, 1] = 1.0, 1.0, 2.0
    frame = pd.DataFrame({"x": np.arange(90.0)})
    shown_rows = [row["x"] for row in pick_examples(frame, answers, contract, count=6)]
    assert {40.0, 50.0, 60.0} <= {*shown_rows}
    assert shown_rows[-1] == 40.0
