"""Tabento with another rule of dispatch, for comparing rules live: the same service, the same server, one object changed."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from typing import Any

import uvicorn
from bentoml._internal.utils.args import set_arguments

from benchmarks.policies import Aimd, FixedDelay, Immediate, MeanRegression
from runners.clock import Loop, Offload
from runners.policy import Policy
from runners.runner import Runner, RunnerOptions
from serving.model import ServedModel

FIXED_DELAY_S = 0.001
POLICIES: dict[str, Callable[[RunnerOptions], Policy | None]] = {
    "coalesce": lambda _: None,
    "immediate": lambda _: Immediate(),
    "fixed_delay": lambda options: FixedDelay(FIXED_DELAY_S, options.max_batch_rows),
    "aimd": lambda options: Aimd(options.slo_s, options.max_batch_rows),
    "mean_regression": lambda options: MeanRegression(options.slo_s, options.max_batch_rows),
}
"""How each rule is made for a service; None is the one that ships."""


def main() -> None:
    """Serve a bundle with a rule until the process is ended."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.tabento_policy", description=__doc__)
    parser.add_argument("--policy", choices=sorted(POLICIES), required=True)
    parser.add_argument("--tag", required=True, help="the bundle, name:version")
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    make = POLICIES[arguments.policy]

    def start(model: ServedModel, loop: Loop, offload: Offload) -> Runner:
        policy = make(model.options)
        return Runner(model._session, loop, offload, model.options, model._costs, policy)

    ServedModel.start = start  # type: ignore[method-assign, assignment]
    set_arguments({"model": arguments.tag})
    # Only now: the service looks its model up as it is imported.
    service: Any = importlib.import_module("service").Tabento
    uvicorn.run(service.to_asgi(), host="127.0.0.1", port=arguments.port, log_config=None, access_log=False)


if __name__ == "__main__":
    main()
