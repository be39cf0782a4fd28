"""FastAPI with ONNX Runtime, written by hand and with care: one day of a good engineer's work.

One process, uvloop and httptools, no access log. The body is validated by a pydantic model; the graph runs on the event
loop, since a hop to a thread costs more than a prediction; orjson writes the answer, past FastAPI's own encoder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import orjson
import uvicorn
from fastapi import FastAPI
from fastapi.responses import Response
from pydantic import Field, create_model

from benchmarks.peers.command import HOST, parser
from benchmarks.peers.rows import MAX_ROWS, RowEncoder, load_contract, row_model
from benchmarks.peers.session import Session


def build_app(model: Path, contract_path: Path) -> Any:
    """Return the application: ``POST /predict`` and ``POST /predict/batch``."""
    contract = load_contract(contract_path)
    row_type: Any = row_model(contract)
    batch_type = create_model(
        "Batch", instances=(Annotated[list[row_type], Field(min_length=1, max_length=MAX_ROWS)], ...)
    )
    encode = RowEncoder(contract).values
    session = Session(model)
    app = FastAPI()

    async def predict(row: Any) -> Any:
        (value,) = session.predict([encode(row)])
        return Response(orjson.dumps({"prediction": value}), media_type="application/json")

    async def predict_batch(batch: Any) -> Any:
        values = session.predict([encode(row) for row in batch.instances])
        return Response(orjson.dumps({"predictions": values}), media_type="application/json")

    # The model is known only at run time, so the annotations that FastAPI reads are set by hand.
    predict.__annotations__["row"] = row_type
    predict_batch.__annotations__["batch"] = batch_type
    app.add_api_route("/predict", predict, methods=["POST"])
    app.add_api_route("/predict/batch", predict_batch, methods=["POST"])
    app.add_api_route("/ready", lambda: {"ready": True})
    return app


def main() -> None:
    """Serve until the process is ended."""
    arguments = parser(__doc__).parse_args()
    app = build_app(arguments.model, arguments.contract)
    uvicorn.run(
        app, host=HOST, port=arguments.port, loop="uvloop", http="httptools", access_log=False, log_level="warning"
    )


if __name__ == "__main__":
    main()
