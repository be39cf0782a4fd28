"""The limit of ONNX Runtime alone, without a server. Rows per second by batch size, printed as JSON.

Rows are read from a file of requests (``benchmarks.bodies``) and packed beforehand, so that nothing but the graph runs.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.rows import RowEncoder, load_contract
from benchmarks.peers.session import Session

BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 100, 128, 256, 512)
ROUNDS = 3


def measure(session: Session, rows: NDArray[np.float64], seconds: float) -> dict[int, float]:
    """Return rows per second by batch size, the best of ``ROUNDS`` rounds.

    Args:
        session: the loaded graph.
        rows: float64 of shape (N, F), repeated where a batch is larger.
        seconds: the total time of a batch size over all rounds.
    """
    enough_rows = np.resize(rows, (max(len(rows), 2 * BATCH_SIZES[-1]), rows.shape[1]))
    best = dict.fromkeys(BATCH_SIZES, 0.0)
    for _ in range(ROUNDS):
        for size in BATCH_SIZES:
            starts = range(0, len(enough_rows) - size + 1, size)
            n_runs, start_s = 0, time.perf_counter()
            while (passed := time.perf_counter() - start_s) < seconds / ROUNDS:
                for start in starts[:64]:
                    session.predict(enough_rows[start : start + size])
                    n_runs += size
            best[size] = max(best[size], n_runs / passed)
    return best


def read_rows(bodies: Path, contract: dict[str, Any]) -> NDArray[np.float64]:
    """Return the rows of a file of requests, float64 of shape (N, F)."""
    encoder = RowEncoder(contract)
    with bodies.open(encoding="utf-8") as lines:
        values = [encoder.values_of_json(row) for line in lines for row in json.loads(line)["rows"]]
    return np.array(values, dtype=np.float64)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="model.onnx of a bundle")
    parser.add_argument("--contract", type=Path, required=True, help="contract.json of the bundle")
    parser.add_argument("--bodies", type=Path, required=True, help="single.jsonl of the model")
    parser.add_argument("--seconds", type=float, default=1.5, help="for each batch size (default 1.5)")
    arguments = parser.parse_args()
    rows = read_rows(arguments.bodies, load_contract(arguments.contract))
    rates = measure(Session(arguments.model), rows, arguments.seconds)
    best = max(rates, key=lambda size: rates[size])
    sys.stdout.write(json.dumps({"rows_per_s": rates, "best_batch": best, "best_rows_per_s": rates[best]}) + "\n")


if __name__ == "__main__":
    main()
