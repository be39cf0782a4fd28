"""The modelled server: a request's way through ``serving/``, with the real runner in the middle.

Read in one turn of the loop, and refused, or decoded and submitted, there; at the turn's end the batch is run and all of its
requests are answered. Each step takes its cost from the core.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.loadgen.schedule import Schedule
from benchmarks.simulation.costs import ModelCosts, ServerCosts, SimulatedModel
from benchmarks.simulation.loop import SimulatedLoop
from benchmarks.simulation.requester import CallbackRequester
from runners.costs import BatchCosts
from runners.errors import ExpiredError
from runners.policy import Policy
from runners.runner import WARM_UP_ROUNDS, WARM_UP_ROWS, Runner, RunnerOptions
from runners.work import Values, Work

OK, OVERLOADED, EXPIRED, FAILED = 200, 503, 504, 500
"""The outcomes of a request. ``EXPIRED`` differs from ``OVERLOADED`` here; a client gets 503 for both."""


def _admit_all(_rows: float) -> bool:
    return True


@dataclass(frozen=True)
class Outcome:
    """The outcome of each request, in the order of the scheduled arrivals."""

    latency_s: NDArray[np.float64]
    """From the scheduled arrival to the end of the answer with any status; shape (N,)."""
    status: NDArray[np.int64]
    """``OK``, ``OVERLOADED``, ``EXPIRED`` or ``FAILED``; shape (N,)."""
    seconds: float
    """The length of the schedule."""

    def within(self, slo_s: float) -> float:
        """Return the share of all requests that were answered with success within some seconds."""
        return float(np.mean((self.status == OK) & (self.latency_s <= slo_s)))

    def p99_s(self, status: int = OK) -> float:
        """Return the 99th percentile of the latency of requests with a status; NaN if there are none."""
        latencies_s = self.latency_s[self.status == status]
        return float(np.quantile(latencies_s, 0.99)) if len(latencies_s) else float("nan")


def learned_at_start(model: ModelCosts, options: RunnerOptions) -> BatchCosts:
    """Return the batch times that a service has learned after its warm-up."""
    costs = BatchCosts(max(options.max_batch_rows, *WARM_UP_ROWS))
    for size in WARM_UP_ROWS * WARM_UP_ROUNDS:
        costs.observe(size, model.batch_s + size * model.row_s)
    return costs


class SimulatedServer:
    """Answers arrivals on a virtual clock; good for one run.

    Args:
        server: the costs of the server's own work.
        model: the costs of the model, and its p99 limit.
        policy: the rule of dispatch.
        rows: the number of rows of each request.
        admission: whether requests may be refused before they are parsed.
        options: the runner's options; by default the shipped ones, with the model's p99 limit.
        seed: draws the noise of batch times.
    """

    def __init__(
        self,
        server: ServerCosts,
        model: ModelCosts,
        policy: Policy | None,
        *,
        rows: int = 1,
        admission: bool = True,
        options: RunnerOptions | None = None,
        seed: int = 0,
    ) -> None:
        options = options or RunnerOptions(slo_s=model.slo_s)
        self.loop = SimulatedLoop(server.pass_s, server.switch_s)
        self._costs = server
        self._rows = rows
        self._data = bytes(SimulatedModel.row_bytes * rows)
        self._decode_s = model.decode_s * rows
        self._slo_s = options.slo_s
        simulated = SimulatedModel(model, self.loop.spend, seed)
        costs = learned_at_start(model, options)
        self.runner = Runner(simulated, self.loop, self.loop.offload, options, costs, policy)
        self._admit: Callable[[float], bool] = self.runner.admission.admit if admission else _admit_all
        self._arrivals_s: list[float] = []
        self._latency_s: list[float] = []
        self._status: list[int] = []

    def run(self, schedule: Schedule) -> Outcome:
        """Answer all arrivals, and return their outcomes."""
        self._arrivals_s = (schedule.times_ns / 1e9).tolist()
        self._latency_s = [float("nan")] * len(self._arrivals_s)
        self._status = [0] * len(self._arrivals_s)
        self.loop.run(self._arrivals_s, self._read)
        return Outcome(np.array(self._latency_s), np.array(self._status), schedule.seconds)

    def _read(self, index: int) -> None:
        loop = self.loop
        if not self._admit(self._rows):
            loop.spend(self._costs.refuse_s)
            self._end(index, OVERLOADED)
            return
        loop.spend(self._costs.read_s + self._decode_s)
        if self._rows > 1:
            self.runner.admission.worked(self._decode_s)
            self.runner.admission.decoded(self._rows, self._decode_s)
        read = loop.time()

        def finish(_values: Values | None, error: Exception | None) -> None:
            status = OK if error is None else EXPIRED if isinstance(error, ExpiredError) else FAILED
            self._answer(index, status)

        self.runner.batcher.submit(Work(self._data, self._rows, read, read + self._slo_s, CallbackRequester(finish)))

    def _answer(self, index: int, status: int) -> None:
        self.loop.spend(self._costs.send_s)
        self._end(index, status)

    def _end(self, index: int, status: int) -> None:
        self._latency_s[index] = self.loop.time() + self._costs.wire_s - self._arrivals_s[index]
        self._status[index] = status
