"""FastAPI with the pickled scikit-learn pipeline: the most common setup.

The body becomes a DataFrame of one row for the fitted pipeline. One process, uvloop and httptools, no
access log, one thread for OpenMP and BLAS, since the server has one core.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import joblib
import pandas as pd
import uvicorn
from fastapi import FastAPI
from threadpoolctl import threadpool_limits

from benchmarks.peers.command import HOST, parser
from benchmarks.peers.rows import load_contract, row_model


def build_app(pipeline_path: Path, contract_path: Path) -> Any:
    """Return the application: ``POST /predict``."""
    contract = load_contract(contract_path)
    row_type: Any = row_model(contract)
    features = contract["features"]
    names = [feature["name"] for feature in features]
    # A lone missing number would make its column one of objects.
    numbers = {feature["name"]: "float64" for feature in features if feature["type"] != "category"}
    pipeline = joblib.load(pipeline_path)
    app = FastAPI()

    async def predict(row: Any) -> dict[str, float]:
        frame = pd.DataFrame([list(row.__dict__.values())], columns=names, dtype=object).astype(numbers)
        return {"prediction": float(pipeline.predict(frame)[0])}

    predict.__annotations__["row"] = row_type
    app.add_api_route("/predict", predict, methods=["POST"])
    app.add_api_route("/ready", lambda: {"ready": True})
    return app


def main() -> None:
    """Serve until the process is ended."""
    command = parser(__doc__)
    command.add_argument("--pipeline", type=Path, required=True, help="the pickled pipeline; only one you trust")
    arguments = command.parse_args()
    app = build_app(arguments.pipeline, arguments.contract)
    with threadpool_limits(limits=1):
        uvicorn.run(
            app, host=HOST, port=arguments.port, loop="uvloop", http="httptools", access_log=False, log_level="warning"
        )


if __name__ == "__main__":
    main()
