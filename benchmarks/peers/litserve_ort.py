"""LitServe with ONNX Runtime and its batching.

One API process and one inference process, which is the least that LitServe has; its fast queue (ZeroMQ) between them.
The body is validated by a pydantic model in the API process: if LitServe's decoding step validated, one wrong row would fail
its whole batch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import litserve  # type: ignore[import-not-found]

from benchmarks.peers.command import HOST, parser
from benchmarks.peers.rows import RowEncoder, SlimRow, load_contract, row_model
from benchmarks.peers.session import Session

MAX_BATCH_SIZE = 64
BATCH_TIMEOUT_S = 0.002
"""The time that LitServe waits for a batch to fill."""


class OrtAPI(litserve.LitAPI):  # type: ignore[misc]
    """Runs in both processes: ``decode_request``'s annotation in the first, its methods in the second.

    Args:
        model: the ONNX file.
        contract: ``contract.json``.
    """

    def __init__(self, model: Path, contract: Path) -> None:
        super().__init__(max_batch_size=MAX_BATCH_SIZE, batch_timeout=BATCH_TIMEOUT_S)
        self._paths = (model, contract)

    def setup(self, device: str) -> None:
        """Load the graph, in the inference process."""
        model, contract = self._paths
        self._session = Session(model)
        self._values = RowEncoder(load_contract(contract)).values

    def decode_request(self, request: Any) -> list[Any]:
        """Return a row's numbers; the validated row arrives from the queue as a tuple."""
        return self._values(request)

    def batch(self, inputs: list[list[Any]]) -> list[list[Any]]:
        """Leave the rows as they are: they become one array when the graph runs."""
        return inputs

    def predict(self, rows: list[list[Any]]) -> list[float]:
        """Answer a batch."""
        return self._session.predict(rows)

    def unbatch(self, output: list[float]) -> list[float]:
        """Give each request its own answer."""
        return output

    def encode_response(self, output: float) -> dict[str, float]:
        """Return the answer's JSON."""
        return {"prediction": output}


def main() -> None:
    """Serve until the process is ended."""
    arguments = parser(__doc__).parse_args()
    # The row's model is known only at run time, so the annotations that LitServe reads are set by hand.
    OrtAPI.decode_request.__annotations__ = {"request": row_model(load_contract(arguments.contract), SlimRow)}
    OrtAPI.encode_response.__annotations__ = {}
    server = litserve.LitServer(
        OrtAPI(arguments.model, arguments.contract), accelerator="cpu", workers_per_device=1, fast_queue=True
    )
    server.run(
        host=HOST,
        port=arguments.port,
        num_api_servers=1,
        log_level="warning",
        access_log=False,
        generate_client_file=False,
    )


if __name__ == "__main__":
    main()
