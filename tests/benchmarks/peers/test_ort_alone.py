"""ONNX Runtime alone."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.peers.ort_alone import BATCH_SIZES, measure, read_rows
from benchmarks.peers.session import Session
from tests.bundles import TREE, orchard_contract, write_bundle


def test_each_batch_size_gets_a_rate(tmp_path: Path) -> None:
    """Rows are read from a file of requests, and are repeated if a batch is larger than the file."""
    contract = json.loads(orchard_contract().model_dump_json())
    bodies = tmp_path / "single.jsonl"
    bodies.write_text("".join(json.dumps({"rows": [{**TREE, "age": age}]}) + "\n" for age in (1, 2, 3)))
    rows = read_rows(bodies, contract)
    assert rows.shape == (3, 7)
    assert rows[:, 0].tolist() == [1.0, 2.0, 3.0]
    rates = measure(Session(write_bundle(tmp_path / "bundle") / "model.onnx"), rows, seconds=0.001)
    assert list(rates) == list(BATCH_SIZES)
    assert min(rates.values()) > 0
