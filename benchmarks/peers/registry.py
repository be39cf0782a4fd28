"""The compared servers: the command, the format of a request, and the beginning of an answer of each."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks.bodies import BenchModel, Body
from benchmarks.peers.rows import RowEncoder, load_contract
from benchmarks.process import ROOT, BenchmarkError

ENVIRONMENTS = ROOT / ".venv" / "peers"
"""The folder of the environments that ``benchmarks.peers.install`` makes."""
PEERS_FOLDER = Path(__file__).parent

Wrap = Callable[[list[dict[str, Any]], dict[str, Any]], Any]
"""Makes the JSON of a request from its rows and the content of ``contract.json``."""


@dataclass(frozen=True)
class Peer:
    """A server of the comparison."""

    name: str
    title: str
    """For tables and plots."""
    environment: str
    """The name of its environment."""
    package: str
    """The package whose version is reported with the results."""
    wrap: Wrap
    """How a request of one row looks like."""
    answer: str
    """The beginning of the answer to one row, with ``%s`` for the prediction's digits."""
    path: str = "/predict"
    """The path for one row."""
    ready: str = "/ready"
    """The path that answers 200 to a GET once the server can predict."""
    batch_path: str | None = None
    """The path for many rows; None if the peer is compared on single rows only."""
    batch_wrap: Wrap | None = None
    batch_answer: str = ""
    """The beginning of the answer to many rows, with ``%s`` for their digits, separated by commas."""
    answers_as: Literal["graph", "pipeline", "constant"] = "graph"
    """Whose predictions it gives."""

    @property
    def requirements(self) -> Path:
        """The locked requirements of its environment."""
        if self.environment == "tabento":
            return ROOT / "requirements" / "serving.txt"
        return PEERS_FOLDER / f"requirements-{self.environment}.txt"

    @property
    def python(self) -> Path:
        """The interpreter of its environment."""
        return ENVIRONMENTS / self.environment / "bin" / "python"

    def require(self) -> None:
        """Raise an error if the environment is not installed.

        Raises:
            BenchmarkError: it is not.
        """
        if not self.python.exists():
            raise BenchmarkError(
                f"{self.name} has no environment: make it with `python -m benchmarks.peers.install {self.environment}`"
            )

    def command(self, model: BenchModel, port: int) -> list[str]:
        """Return the command line that serves a model; it is run in the checkout.

        Raises:
            BenchmarkError: the environment is not installed.
        """
        self.require()
        python = str(self.python)
        if self.name == "tabento":
            address_options = ["--host", "127.0.0.1", "--port", str(port)]
            return [
                python,
                "-m",
                "bentoml",
                "serve",
                "service:Tabento",
                "--arg",
                f"model={model.tag}",
                *address_options,
            ]
        command = [python, "-m", f"benchmarks.peers.{self.name}"]
        command += ["--model", str(model.model), "--contract", str(model.contract), "--port", str(port)]
        return [*command, "--pipeline", str(model.pipeline)] if self.answers_as == "pipeline" else command

    def request(self, body: Body, contract: dict[str, Any]) -> tuple[str, bytes]:
        """Return path and body of a request; a body of one row uses the path for single rows.

        Args:
            body: the rows.
            contract: the content of ``contract.json``.

        Raises:
            BenchmarkError: many rows, and the peer is compared on single rows only.
        """
        if len(body.rows) == 1:
            return self.path, json.dumps(self.wrap(body.rows, contract)).encode()
        if self.batch_path is None or self.batch_wrap is None:
            raise BenchmarkError(f"{self.name} is compared on single rows only, got {len(body.rows)}")
        return self.batch_path, json.dumps(self.batch_wrap(body.rows, contract)).encode()

    def expected(self, body: Body) -> bytes:
        """Return how the right answer begins."""
        if self.answers_as == "constant":
            return self.answer.encode()
        predictions = body.pipeline if self.answers_as == "pipeline" else body.predictions
        if len(predictions) == 1:
            return (self.answer % predictions[0]).encode()
        return (self.batch_answer % ",".join(predictions)).encode()


def as_object(rows: list[dict[str, Any]], _contract: dict[str, Any]) -> Any:
    """One row, bare."""
    return rows[0]


def as_instances(rows: list[dict[str, Any]], _contract: dict[str, Any]) -> Any:
    """Rows under ``instances``."""
    return {"instances": rows}


def as_rows(rows: list[dict[str, Any]], _contract: dict[str, Any]) -> Any:
    """Rows as the parameter ``rows`` of a BentoML method."""
    return {"rows": rows}


def as_tensor(rows: list[dict[str, Any]], contract: dict[str, Any]) -> Any:
    """Rows as one tensor of the V2 protocol; the id makes the answer's beginning known."""
    encode = RowEncoder(contract).values_of_json
    shape = [len(rows), len(contract["features"])]
    data = [None if value != value else value for row in rows for value in map(_number, encode(row))]
    return {"id": "1", "inputs": [{"name": "rows", "shape": shape, "datatype": "FP64", "data": data}]}


def _number(value: Any) -> Any:
    return float("nan") if value is None else value


_INSTANCES = {"batch_path": "/predict/batch", "batch_wrap": as_instances, "batch_answer": '{"predictions":[%s]'}
_V2_PATH = "/v2/models/peer/infer"
_V2_ANSWER = (
    '{"model_name":"peer","id":"1","parameters":{},"outputs":[{"name":"prediction","shape":[1,1],"datatype":"FP64",'
    '"parameters":{"content_type":"np"},"data":[%s]'
)

PEERS = {
    peer.name: peer
    for peer in (
        Peer(
            "tabento",
            "Tabento",
            "tabento",
            "bentoml",
            as_object,
            '{"prediction":%s,',
            ready="/readyz",
            **_INSTANCES,  # type: ignore[arg-type]
        ),
        Peer("bentoml_plain", "BentoML", "bentoml", "bentoml", as_object, "%s", ready="/readyz"),
        Peer("bentoml_batch", "BentoML, batchable", "bentoml", "bentoml", as_rows, "[%s]", ready="/readyz"),
        Peer(
            "fastapi_ort",
            "FastAPI + ONNX Runtime",
            "fastapi",
            "fastapi",
            as_object,
            '{"prediction":%s}',
            **_INSTANCES,  # type: ignore[arg-type]
        ),
        Peer(
            "fastapi_sklearn",
            "FastAPI + scikit-learn",
            "sklearn",
            "fastapi",
            as_object,
            '{"prediction":%s}',
            answers_as="pipeline",
        ),
        Peer("mlserver_ort", "MLServer", "mlserver", "mlserver", as_tensor, _V2_ANSWER, _V2_PATH, "/v2/health/ready"),
        Peer("litserve_ort", "LitServe", "litserve", "litserve", as_object, '{"prediction":%s}', ready="/health"),
        Peer("ray_serve", "Ray Serve", "ray", "ray", as_object, '{"prediction":%s}'),
        Peer(
            "constant",
            "constant answer (limit)",
            "fastapi",
            "uvicorn",
            as_object,
            '{"prediction":',
            answers_as="constant",
        ),
    )
}
"""All servers by name; the last one is a limit and not a peer."""


def contract_of(model: BenchModel) -> dict[str, Any]:
    """Return the content of a model's ``contract.json``."""
    return load_contract(model.contract)
