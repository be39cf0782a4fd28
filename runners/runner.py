"""The runner: a session, its learned costs, the micro-batcher, and admission."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

import numpy as np

from runners.admission import Admission
from runners.batch import Model
from runners.batcher import Limits, MicroBatcher
from runners.clock import Loop, Offload
from runners.costs import SETTLING, BatchCosts
from runners.loop_budget import LoopBudget
from runners.policy import Coalesce, Policy
from runners.session import OnnxSession

WARM_UP_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
"""One warm-up a batch bucket: ONNX Runtime allocates, and picks its code path, by batch size."""
WARM_UP_ROUNDS = 5
"""The number of runs of each: the first calls are slower than later ones."""
WARM_UP_S = 2.0
"""A more expensive model, whose warm-up takes longer, skips its largest batches."""
QUICK_ROWS = (1, 8, 64)
"""The sizes of a quick warm-up: the others are learned from requests."""
QUICK_ROUNDS = SETTLING
QUICK_S = 0.02


@dataclass(frozen=True)
class RunnerOptions:
    """The options of a runner."""

    slo_s: float
    """The SLO: 99% of answers within this time, in seconds."""
    max_queue_rows: int = 20_000
    """The largest number of rows that wait."""
    max_batch_rows: int = 1024
    """The largest number of rows of a batch."""
    slice_rows: int = 64
    """The largest number of rows of one large request in one batch. A request of more rows is large, and so is one whose rows
    are predicted to take longer than ``large_share``."""
    inline_s: float = 0.01
    """A batch of up to this predicted time runs on the loop itself; a thread would compete with the loop for the same core."""
    batch_share: float = 0.5
    """The share of the SLO that one batch may take, predicted. Rows cost a half to a third if
    the model is in the CPU's caches. The wait is bounded by the rows that admission admits to a pass, not by the size of a
    batch."""
    large_share: float = 0.15
    """The share of the SLO that the rows of large requests may take of one batch, predicted. A row that arrives while such
    a batch runs waits for it and is run in the next one; both leave most of the SLO to everything else."""


class Runner:
    """Answers rows on one event loop.

    Args:
        model: the loaded graph, or a simulated model.
        loop: the loop on which requests are read.
        offload: runs expensive batches in a thread.
        options: the options.
        costs: the batch times, learned by ``warm_up``.
        policy: the rule of dispatch; by default ``Coalesce``.
        shared: the budget of the loop, if other models share it; by default the model is alone.
    """

    def __init__(
        self,
        model: Model,
        loop: Loop,
        offload: Offload,
        options: RunnerOptions,
        costs: BatchCosts,
        policy: Policy | None = None,
        shared: LoopBudget | None = None,
    ) -> None:
        self.options = options
        self.budget = shared or LoopBudget(loop)
        """The budget of the loop."""
        large_s, batch_s = options.slo_s * options.large_share, options.slo_s * options.batch_share
        limits = Limits(options.max_queue_rows, options.slice_rows, options.inline_s, large_s, batch_s)
        policy = policy or Coalesce(batch_s, options.max_batch_rows)
        self.batcher = MicroBatcher(model, loop, policy, costs, limits, offload, self.budget.turns, self.budget.stats)
        self.admission = Admission(loop, options.slo_s, self.batcher, self.budget)

    def close(self) -> None:
        """Leave the budget of the loop: the model gets no more requests, and all of its rows are answered."""
        self.budget.leave(self.admission)
        self.budget.turns.forget(self.batcher)


def warm_up(session: OnnxSession, examples: bytes, options: RunnerOptions, *, quick: bool = False) -> BatchCosts:
    """Run batch buckets on valid rows, and return the learned costs.

    Args:
        session: the loaded graph.
        examples: float64 in native byte order, at least one row.
        options: the largest batch, and the SLO.
        quick: whether a request waits: a few small batches are run, and the costs of others are estimated until they are learned.

    Raises:
        RunnerError: the graph fails on the examples.
    """
    sizes, rounds, limit_s = (QUICK_ROWS, QUICK_ROUNDS, QUICK_S) if quick else (WARM_UP_ROWS, WARM_UP_ROUNDS, WARM_UP_S)
    costs = BatchCosts(max(options.max_batch_rows, *WARM_UP_ROWS))
    rows = np.frombuffer(examples, np.float64).reshape(-1, session.features)
    started_s = perf_counter()
    for size in sizes:
        batch = np.resize(rows, (size, session.features))
        for _ in range(rounds):
            run_s = perf_counter()
            session.run(batch)
            costs.observe(size, perf_counter() - run_s)
        if perf_counter() - started_s > limit_s:
            break
    return costs
