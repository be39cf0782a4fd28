"""Logged rows with known truths become a data file, cell by cell the values that were predicted."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tabento.tables.faults import DataError
from tests.training.orchards import orchard_config
from training.data.served_rows import write_served_rows

CONFIG = orchard_config()
FEATURES: dict[str, Any] = {
    "age": 12,
    "crown width": 0.1 + 0.2,
    "height": 3.5,
    "slope": None,
    "pruned": True,
    "sort": "COX",
    "soil": "clay",
}


def write_log(folder: Path, *rows: dict[str, Any]) -> str:
    """Write records into a log of one segment and return its folder."""
    folder.mkdir(exist_ok=True)
    record = {
        "time": "2026-11-28T06:15:29.123456Z",
        "row": 0,
        "model": "orchard",
        "version": "v1",
        "features": FEATURES,
    }
    lines = [json.dumps({**record, **row}, separators=(",", ":")) for row in rows]
    (folder / "20261128T061529.123Z-3f9a2c1b-000001.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(folder)


def write_truths(path: Path, **truths: Any) -> str:
    """Write truths by request id into a file and return its path."""
    items = [
        {"request_id": name, "truth": truth, "time_s": 100.0 + index}
        for index, (name, truth) in enumerate(truths.items())
    ]
    path.write_text("".join(json.dumps(item) + "\n" for item in items), encoding="utf-8")
    return str(path)


def test_rows_and_truths_are_joined(tmp_path: Path) -> None:
    """Numbers keep all digits, a missing value is empty, and rows that cannot be used are counted."""
    assert [column.name for column in CONFIG.features] == list(FEATURES)
    log = write_log(
        tmp_path / "log",
        {"request_id": "a"},
        {"request_id": "b", "features": {**FEATURES, "age": 3}},
        {"request_id": "c", "model": "other"},
        {"request_id": "d", "features": {**FEATURES, "sort": "9f3c"}, "private": {"sort": "hash"}},
        {"request_id": "e", "features": {name: FEATURES[name] for name in FEATURES if name != "sort"}},
        {"request_id": "f", "row": -1, "status": 422, "code": "invalid"},
    )
    truths = write_truths(tmp_path / "truths.jsonl", b=1.5, a=2, c=3, d=4, e=5, f=6, unknown=7)
    path = tmp_path / "rows" / "rows.csv"
    counts = write_served_rows(CONFIG, log, truths, path)
    assert (counts.usable, counts.private, counts.not_logged) == (2, 2, 3)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [
        [*FEATURES, CONFIG.target.name],
        ["3", "0.30000000000000004", "3.5", "", "true", "COX", "clay", "1.5"],
        ["12", "0.30000000000000004", "3.5", "", "true", "COX", "clay", "2"],
    ]
    before = path.read_bytes()
    write_served_rows(CONFIG, log, truths, path)
    assert path.read_bytes() == before
    assert write_served_rows(CONFIG, log, truths, path, since_s=101.0).usable == 1


def test_a_log_without_rows_is_an_error(tmp_path: Path) -> None:
    """The message has the counts; a missing store and a malformed file are errors as well, and no file is written."""
    log, path = write_log(tmp_path / "log", {"request_id": "a"}), tmp_path / "rows.csv"
    with pytest.raises(DataError, match="1 that the log does not have"):
        write_served_rows(CONFIG, log, write_truths(tmp_path / "truths.jsonl", x=1), path)
    with pytest.raises(DataError, match=r"feedback\.sqlite"):
        write_served_rows(CONFIG, log, str(tmp_path), path)
    (tmp_path / "truths.jsonl").write_text('{"a": 1}\n', encoding="utf-8")
    with pytest.raises(DataError, match="line 1"):
        write_served_rows(CONFIG, log, str(tmp_path / "truths.jsonl"), path)
    assert not path.exists()
