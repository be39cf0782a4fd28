"""The peers' code for rows."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from benchmarks.peers.rows import RowEncoder, SlimRow, load_contract, row_model
from serving.codec.decode import Decoder
from tests.bundles import TREE, orchard_contract

CONTRACT: dict[str, Any] = json.loads(orchard_contract().model_dump_json())
MODEL = row_model(CONTRACT)


def _floats(values: list[Any]) -> bytes:
    return np.array(values, dtype=np.float64).tobytes()


@pytest.mark.parametrize(
    "row",
    [
        TREE,
        {**TREE, "slope": 3.5, "soil": None},
        {key: value for key, value in TREE.items() if key != "slope"},
        dict(reversed(TREE.items())),
        {**TREE, "soil": "peat"},
    ],
)
def test_peers_compute_with_what_tabento_computes_with(row: dict[str, Any]) -> None:
    """Missing values, categories, unknown ones and any order of fields give the same float64 values."""
    expected = Decoder(orchard_contract(), max_rows=1).decode(json.dumps(row).encode()).data
    assert _floats(RowEncoder(CONTRACT).values(MODEL.model_validate(row))) == expected


def test_json_is_encoded_as_rows_are() -> None:
    """The function without validation returns the same values."""
    encoder = RowEncoder(CONTRACT)
    assert _floats(encoder.values_of_json(TREE)) == _floats(encoder.values(MODEL.model_validate(TREE)))


@pytest.mark.parametrize(
    "fault",
    [{"age": 91}, {"age": "old"}, {"age": None}, {"sort": "ELSTAR"}, {"height": float("nan")}, {"colour": "red"}],
)
def test_wrong_rows_are_refused(fault: dict[str, Any]) -> None:
    """Ranges, types, categories and unknown fields are checked, so that peers validate as Tabento does."""
    with pytest.raises(ValidationError):
        MODEL.model_validate({**TREE, **fault})


def test_a_slim_row_crosses_processes_as_a_tuple() -> None:
    """A class made at run time can't be pickled by name; its values can, and encode to the same numbers."""
    encoder = RowEncoder(CONTRACT)
    row = row_model(CONTRACT, SlimRow).model_validate(TREE)
    arrived = pickle.loads(pickle.dumps(row))  # noqa: S301 - a file that the test wrote
    assert isinstance(arrived, tuple)
    assert _floats(encoder.values(arrived)) == _floats(encoder.values(row))


def test_a_contract_is_read(tmp_path: Path) -> None:
    """As the bundle has it."""
    path = tmp_path / "contract.json"
    path.write_text(json.dumps(CONTRACT))
    assert load_contract(path) == CONTRACT
