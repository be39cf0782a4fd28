"""Clients of different kinds at one modelled server: each waits for its answer, rests, and sends again.

The arrivals of ``benchmarks.simulation.server`` are all alike and do not depend on answers. Here a client of single rows can
be beside one of large requests, and the outcome is counted for each kind. The real runner is in the middle, as there.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.simulation.costs import ModelCosts, ServerCosts, SimulatedModel
from benchmarks.simulation.loop import SimulatedLoop
from benchmarks.simulation.requester import CallbackRequester
from benchmarks.simulation.server import learned_at_start
from runners.loop_budget import LoopBudget
from runners.runner import Runner, RunnerOptions
from runners.work import Values, Work

INVALID_ROW_FACTOR = 15.0
"""The careful way through a body with a fault takes so many times as long for each row as the fast way."""


@dataclass
class Kind:
    """Clients that all do the same, and what became of their requests."""

    rows: int = 1
    """The number of rows in a request."""
    connections: int = 1
    """The number of clients, each with one request at a time."""
    rest_s: float = 0.0
    """How long a client rests between an answer and its next request, in seconds."""
    begin_s: float = 0.0
    """When the first of them sends its first request; the others follow within a millisecond."""
    requests: int | None = None
    """How many requests each client sends at most; None for as many as the time allows."""
    invalid: bool = False
    """Whether their requests have a fault, which is answered with 422."""
    model: int = 0
    """The index of the model that they ask."""
    per_s: float | None = None
    """The rate of requests that do not wait for answers, with random distances; None for clients that wait."""
    answered: int = 0
    refused: int = 0
    invalid_answers: int = 0
    latency_s: list[float] = field(default_factory=list)
    """The latencies of the answered requests, in seconds."""

    def late(self, limit_s: float) -> int:
        """Return how many answers took longer than a limit in seconds."""
        return sum(latency_s > limit_s for latency_s in self.latency_s)


class SimulatedClients:
    """Lets clients talk to one server on a virtual clock; good for one run.

    Args:
        server: what the server's own work costs.
        model: what the model costs, and its promise; several models share the loop.
        kinds: the clients; their counts are kept up to date.
        options: the runners' options; by default what ships, with each model's promise.
        idle_models: how many further models are loaded that nobody asks.
        seed: draws the noise of batch times and of the time that the wire takes.
    """

    def __init__(
        self,
        server: ServerCosts,
        model: ModelCosts | Sequence[ModelCosts],
        kinds: Sequence[Kind],
        *,
        options: RunnerOptions | None = None,
        idle_models: int = 0,
        seed: int = 0,
    ) -> None:
        self._models = [model] if isinstance(model, ModelCosts) else list(model)
        self.loop = SimulatedLoop(server.pass_s, server.switch_s)
        self._server = server
        self._kinds = kinds
        self._until_s = 0.0
        self._random = random.Random(seed)
        self.budget = LoopBudget(self.loop)
        self.runners: list[Runner] = []
        for costs in [*self._models, *[self._models[-1]] * idle_models]:
            own = options or RunnerOptions(slo_s=costs.slo_s)
            simulated = SimulatedModel(costs, self.loop.spend, seed)
            learned = learned_at_start(costs, own)
            self.runners.append(Runner(simulated, self.loop, self.loop.offload, own, learned, shared=self.budget))
        self.runner = self.runners[0]

    def run(self, seconds: float) -> None:
        """Let the clients send for so many seconds, and answer what they sent."""
        self._until_s = seconds
        for kind in self._kinds:
            if kind.per_s is not None:
                moment_s = kind.begin_s
                while (moment_s := moment_s + self._random.expovariate(kind.per_s)) < seconds:
                    self._send_at(kind, moment_s, 1)
                continue
            for number in range(kind.connections):
                offset_s = 1e-3 * number / kind.connections
                self._send_at(kind, kind.begin_s + offset_s, kind.requests)
        self.loop.run()

    def _send_at(self, kind: Kind, moment_s: float, left: int | None) -> None:
        if moment_s < self._until_s and left != 0:
            # Without noise, closed loops run in step, and one of them is always behind the others.
            sent_s = moment_s + self._server.wire_s * self._random.random()
            self.loop.readable_at(sent_s, lambda: self._read(kind, moment_s, None if left is None else left - 1))

    def _read(self, kind: Kind, sent_s: float, left: int | None) -> None:
        loop, server, runner = self.loop, self._server, self.runners[kind.model]
        model, admission = self._models[kind.model], runner.admission
        if not admission.admit(kind.rows):
            loop.spend(server.refuse_s)
            kind.refused += 1
            self._rest(kind, left)
            return
        decode_s = model.decode_s * kind.rows
        loop.spend(server.read_s)
        if kind.invalid:
            loop.spend(decode_s * INVALID_ROW_FACTOR)
            admission.worked(decode_s * INVALID_ROW_FACTOR)
            admission.rejected(kind.rows, decode_s * INVALID_ROW_FACTOR)
            loop.spend(server.send_s)
            kind.invalid_answers += 1
            self._rest(kind, left)
            return
        loop.spend(decode_s)
        if kind.rows > 1:
            admission.worked(decode_s)
            admission.decoded(kind.rows, decode_s)
        read_s = loop.time()

        def finish(_values: Values | None, error: Exception | None) -> None:
            loop.spend(server.send_s + (kind.rows - 1) * server.encode_row_s)
            if error is None:
                kind.answered += 1
                kind.latency_s.append(loop.time() + server.wire_s / 2 - sent_s)
            else:
                kind.refused += 1
            self._rest(kind, left)

        data = bytes(SimulatedModel.row_bytes * kind.rows)
        runner.batcher.submit(Work(data, kind.rows, read_s, read_s + runner.options.slo_s, CallbackRequester(finish)))

    def _rest(self, kind: Kind, left: int | None) -> None:
        """Let a client that got its answer send again."""
        self._send_at(kind, self.loop.time() + self._server.wire_s / 2 + kind.rest_s, left)
