"""Stock BentoML, one row a call: ``@bentoml.api`` as its documentation shows it.

BentoML's defaults but the access log, which no peer writes; uvloop and httptools, which plain BentoML does not install,
are in the environment. The method is ``async``, which spares BentoML's hop to a thread.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import bentoml

from benchmarks.peers.command import HOST, parser
from benchmarks.peers.rows import RowEncoder, load_contract, row_model
from benchmarks.peers.session import Session

MODEL_VARIABLE, CONTRACT_VARIABLE = "PEER_MODEL", "PEER_CONTRACT"
"""How the paths reach BentoML's worker, which imports the service by its name."""


def build_service(model: Path, contract_path: Path) -> Any:
    """Return the service: ``POST /predict``."""
    contract = load_contract(contract_path)

    async def predict(self: Any, row: Any, /) -> float:
        (value,) = self.session.predict([self.encode(row)])
        return float(value)

    # The row's model is known only at run time, so the annotation that BentoML reads is set by hand.
    predict.__annotations__ = {"row": row_model(contract), "return": float}

    class PlainService:
        def __init__(self) -> None:
            self.session = Session(model)
            self.encode = RowEncoder(contract).values

    PlainService.predict = bentoml.api(predict, route="/predict")  # type: ignore[attr-defined]
    return bentoml.service(PlainService, name="plain", workers=1, logging={"access": {"enabled": False}})


def serve(target: str, description: str | None) -> None:
    """Turn this process into ``bentoml serve`` of a service that reads its paths from the environment.

    Args:
        target: the service, as ``module:attribute``.
        description: for ``--help``.
    """
    arguments = parser(description).parse_args()
    os.environ.update({MODEL_VARIABLE: str(arguments.model), CONTRACT_VARIABLE: str(arguments.contract)})
    command = ["bentoml", "serve", target, "--host", HOST, "--port", str(arguments.port)]
    os.execv(sys.executable, [sys.executable, "-m", *command])  # noqa: S606 - no shell is wanted


def __getattr__(name: str) -> Any:
    """Make the service when BentoML asks for it, so that importing the module does nothing."""
    if name != "PlainService":
        raise AttributeError(name)
    service = build_service(Path(os.environ[MODEL_VARIABLE]), Path(os.environ[CONTRACT_VARIABLE]))
    globals()[name] = service
    return service


if __name__ == "__main__":
    serve("benchmarks.peers.bentoml_plain:PlainService", __doc__)
