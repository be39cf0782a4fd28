"""MLServer with a runtime of one's own for ONNX Runtime, its adaptive batching on, over the V2 protocol.

A request sends one tensor of shape (N, F) with categories as their codes, which is the cheapest body that MLServer
takes. Inference stays in the server's process (``parallel_workers: 0``), since there is one core; GZip, debug mode and
its access log are off; orjson and uvloop are MLServer's own. The rest is MLServer's default.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

import numpy as np
from mlserver import MLModel, MLServer, ModelSettings, Settings  # type: ignore[import-not-found]
from mlserver.codecs import NumpyCodec  # type: ignore[import-not-found]
from mlserver.errors import InferenceError  # type: ignore[import-not-found]
from mlserver.types import InferenceRequest, InferenceResponse  # type: ignore[import-not-found]

from benchmarks.peers.command import HOST, parser
from benchmarks.peers.rows import load_contract
from benchmarks.peers.session import Session
from tools.ports import free_port

MODEL_NAME = "peer"
MAX_BATCH_SIZE = 64
"""The number of requests in MLServer's queue; further requests wait outside it."""
MAX_BATCH_TIME_S = 0.002
"""The time to wait for a full batch; zero would disable batching."""


class OrtRuntime(MLModel):  # type: ignore[misc]
    """Answers a tensor of rows with a tensor of predictions."""

    async def load(self) -> bool:
        """Load the graph."""
        parameters = self.settings.parameters
        self._session = Session(Path(parameters.uri))
        self._features: int = parameters.features
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Answer a request, or many that MLServer has merged into one."""
        try:
            rows = NumpyCodec.decode_input(payload.inputs[0]).astype(np.float64)
        except (TypeError, ValueError) as error:
            raise InferenceError(f"expected numbers: {error}") from error
        if rows.ndim != 2 or rows.shape[1] != self._features:
            raise InferenceError(f"expected rows of {self._features} numbers, got shape {rows.shape}")
        values = np.array(self._session.predict(rows))
        return InferenceResponse(
            id=payload.id,
            model_name=self.name,
            outputs=[NumpyCodec.encode_output("prediction", values.reshape(-1, 1))],
        )


def build_settings(model: Path, contract: Path, port: int) -> tuple[Settings, ModelSettings]:
    """Return the settings of the server and of its one model."""
    settings = Settings(
        debug=False,
        host=HOST,
        http_port=port,
        # Its gRPC server cannot be switched off, and metrics are on everywhere: both get a port of their own.
        grpc_port=free_port(),
        metrics_port=free_port(),
        parallel_workers=0,
        gzip_enabled=False,
        load_models_at_startup=True,
    )
    model_settings = ModelSettings(
        name=MODEL_NAME,
        implementation=OrtRuntime,
        max_batch_size=MAX_BATCH_SIZE,
        max_batch_time=MAX_BATCH_TIME_S,
        parameters={"uri": str(model), "features": len(load_contract(contract)["features"])},
    )
    return settings, model_settings


async def _serve(model: Path, contract: Path, port: int) -> None:
    settings, model_settings = build_settings(model, contract, port)
    await MLServer(settings).start([model_settings])


def main() -> None:
    """Serve until the process is ended."""
    arguments = parser(__doc__).parse_args()
    # MLServer writes to folders of the working directory by default.
    os.environ.setdefault("MLSERVER_METRICS_DIR", tempfile.gettempdir())
    asyncio.run(_serve(arguments.model, arguments.contract, arguments.port))


if __name__ == "__main__":
    main()
