"""Does a replay give the logged bits? A bundle answers a million random rows in small batches, the log's own encoder writes them, and ``monitoring.replay`` answers them again in large batches."""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitoring.log.reader import read_log
from monitoring.log.row_lines import RowEncoder
from monitoring.privacy import Privacy
from monitoring.replay.graph import Graph, find_graph
from monitoring.replay.replay import Replay
from monitoring.settings import MonitoringSettings
from tests.monitoring.log.logged_rows import monitored, predicted_rows

PART_ROWS = 10_000
LOGGED_BATCH_ROWS = 7
"""The number of rows of a batch when the log is made: another one than in the replay."""
MISSING_SHARE = 0.1
SEGMENT = "20260921T141320.000Z-3f9a2c1b-000001.jsonl"


def random_rows(graph: Graph, generator: np.random.Generator) -> NDArray[np.float64]:
    """Return packed rows that fit the bundle's contract."""
    columns = []
    for feature in graph.bundle.contract.features:
        if feature.type == "category":
            column = generator.integers(0, len(feature.categories or ()), PART_ROWS).astype(np.float64)
        elif feature.type == "boolean":
            column = generator.integers(0, 2, PART_ROWS).astype(np.float64)
        else:
            column = generator.uniform(max(feature.lower, -1_000.0), min(feature.upper, 5_000.0), PART_ROWS)
            column = np.floor(column) if feature.type == "integer" else column
        is_missing = generator.random(PART_ROWS) < (MISSING_SHARE if feature.nullable else 0.0)
        columns.append(np.where(is_missing, np.nan, column))
    return np.column_stack(columns)


def measure(graph: Graph, n_rows: int) -> dict[str, Any]:
    """Return the counts and the speed of a replay of ``n_rows`` logged rows."""
    contract = graph.bundle.contract
    model = monitored(contract, graph.bundle.version)
    encoder = RowEncoder(model, Privacy(contract, MonitoringSettings(private_fields=())))
    generator = np.random.default_rng(5)
    with tempfile.TemporaryDirectory(prefix="replay-") as folder:
        with (Path(folder) / SEGMENT).open("wb") as file:
            for first in range(0, n_rows, PART_ROWS):
                rows = random_rows(graph, generator)
                batches = [rows[start : start + LOGGED_BATCH_ROWS] for start in range(0, PART_ROWS, LOGGED_BATCH_ROWS)]
                answers = np.concatenate([graph.run(batch) for batch in batches])
                file.write(encoder.encode(predicted_rows(model, rows, answers, first=first)))
        started_s = time.perf_counter()
        replay = Replay(lambda _: graph)
        replay.run(read_log(folder))
        seconds = time.perf_counter() - started_s
    report = replay.comparisons[0].report()
    keys = ("bundle", "rows", "differing", "batch_dependent", "skipped")
    return {key: report[key] for key in keys} | {"seconds": round(seconds, 2), "rows_per_s": round(n_rows / seconds)}


def main() -> None:
    """Print the result as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", default="california", help="a tag of the model store, or a bundle's folder")
    parser.add_argument("--rows", type=int, default=1_000_000, help=f"a multiple of {PART_ROWS}")
    arguments = parser.parse_args()
    print(json.dumps(measure(find_graph(arguments.bundle), arguments.rows)))


if __name__ == "__main__":
    main()
