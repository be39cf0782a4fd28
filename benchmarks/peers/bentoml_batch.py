"""Stock BentoML with its adaptive batching: ``@bentoml.api(batchable=True)``.

A batchable method takes a list, so a request sends a list of one row. Otherwise configured as ``bentoml_plain``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import bentoml

from benchmarks.peers.bentoml_plain import CONTRACT_VARIABLE, MODEL_VARIABLE, serve
from benchmarks.peers.rows import RowEncoder, load_contract, row_model
from benchmarks.peers.session import Session

MAX_BATCH_SIZE = 64
"""In requests; larger batches cost more in waiting than they save in ONNX Runtime."""
MAX_LATENCY_MS = 60_000
"""BentoML's default. It is a threshold for shedding, and a lower one sheds long before the service is full."""


def build_service(model: Path, contract_path: Path) -> Any:
    """Return the service: ``POST /predict``."""
    contract = load_contract(contract_path)
    row_type: Any = row_model(contract)

    async def predict(self: Any, rows: Any) -> list[float]:
        values: list[float] = self.session.predict([self.encode(row) for row in rows])
        return values

    # The row's model is known only at run time, so the annotation that BentoML reads is set by hand.
    predict.__annotations__ = {"rows": list[row_type], "return": list[float]}

    class Batch:
        def __init__(self) -> None:
            self.session = Session(model)
            self.encode = RowEncoder(contract).values

    Batch.predict = bentoml.api(  # type: ignore[attr-defined]
        predict, route="/predict", batchable=True, max_batch_size=MAX_BATCH_SIZE, max_latency_ms=MAX_LATENCY_MS
    )
    return bentoml.service(Batch, name="batch", workers=1, logging={"access": {"enabled": False}})


def __getattr__(name: str) -> Any:
    """Make the service when BentoML asks for it, so that importing the module does nothing."""
    if name != "Batch":
        raise AttributeError(name)
    service = build_service(Path(os.environ[MODEL_VARIABLE]), Path(os.environ[CONTRACT_VARIABLE]))
    globals()[name] = service
    return service


if __name__ == "__main__":
    serve("benchmarks.peers.bentoml_batch:Batch", __doc__)
