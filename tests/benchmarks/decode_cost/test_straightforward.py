"""The straightforward decoder, which is the reference for the service's decoder, gives the right messages."""

from __future__ import annotations

import json
import struct

import pytest

from benchmarks.decode_cost.straightforward import decode_straightforward
from serving.errors import InvalidError, MalformedError
from tests.bundles import TREE, orchard_contract

CONTRACT = orchard_contract()


def test_right_rows_are_taken() -> None:
    """In the contract's order, with any letter case."""
    body = json.dumps({"instances": [TREE, {**TREE, "sort": "cox", "age": 7}]}).encode()
    rows = decode_straightforward(body, CONTRACT, 2)
    assert (rows.count, rows.single) == (2, False)
    assert struct.unpack("=14d", rows.data)[7] == 7.0


def test_faults_are_named() -> None:
    """The error lists all wrong values; for invalid JSON it has line and column."""
    with pytest.raises(InvalidError, match="2 values are wrong; first 'age' of row 0"):
        decode_straightforward(json.dumps({**TREE, "age": 0, "sort": "x"}).encode(), CONTRACT, 1)
    with pytest.raises(MalformedError, match="line 2, column 1"):
        decode_straightforward(b"{\n]", CONTRACT, 1)
