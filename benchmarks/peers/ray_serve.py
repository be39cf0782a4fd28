"""Ray Serve: a FastAPI ingress and ``@serve.batch``, on a Ray instance of its own.

One replica, HTTP proxy on the same node. More requests may be under way than the default of five, and the batch waits a
fifth of the default, since the rows are cheap. Ray's dashboard, usage reports and access log are off.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray  # type: ignore[import-not-found]
from fastapi import FastAPI
from ray import serve

from benchmarks.peers.command import HOST, parser
from benchmarks.peers.rows import RowEncoder, load_contract, row_model
from benchmarks.peers.session import Session

MAX_BATCH_SIZE = 64
BATCH_WAIT_S = 0.002
MAX_ONGOING_REQUESTS = 1_000
"""The number of requests of one replica at a time; Ray's default of 5 would never fill a batch."""


def app_builder(model: Path, contract_path: Path) -> Callable[[], Any]:
    """Return a function that builds the application, for Ray to call in the replica's process."""

    def build() -> Any:
        contract = load_contract(contract_path)
        encode = RowEncoder(contract).values
        session = Session(model)
        app = FastAPI()

        async def infer(rows: list[list[Any]]) -> list[float]:
            return session.predict(rows)

        batched = serve.batch(max_batch_size=MAX_BATCH_SIZE, batch_wait_timeout_s=BATCH_WAIT_S)(infer)

        async def predict(row: Any) -> dict[str, float]:
            return {"prediction": await batched(encode(row))}

        predict.__annotations__["row"] = row_model(contract)
        app.add_api_route("/predict", predict, methods=["POST"])
        app.add_api_route("/ready", lambda: {"ready": True})
        return app

    return build


def main() -> None:
    """Serve until the process is ended."""
    arguments = parser(__doc__).parse_args()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    # Ray reads it when its processes start; its own address lookup would leave the loopback interface.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=80 * 1024 * 1024,
        _node_ip_address=HOST,
        # The driver's interpreter finds this package by its path; the replica's must find it too.
        runtime_env={"env_vars": {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}},
    )
    try:
        serve.start(http_options={"host": HOST, "port": arguments.port})
        deployment = serve.deployment(
            num_replicas=1,
            max_ongoing_requests=MAX_ONGOING_REQUESTS,
            ray_actor_options={"num_cpus": 1},
            logging_config={"enable_access_log": False, "log_level": "WARNING"},
        )(serve.ingress(app_builder(arguments.model, arguments.contract))())
        serve.run(deployment.bind(), name="peer")
        stop.wait()
    finally:
        serve.shutdown()
        ray.shutdown()


if __name__ == "__main__":
    main()
