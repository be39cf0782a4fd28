"""The runner: a session, what is known of its costs, the micro-batcher and the admission in front of it."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

import numpy as np

from runners.admission import Admission
from runners.batch import Model
from runners.batcher import Limits, MicroBatcher
from runners.clock import Loop, Offload
from runners.costs import BatchCosts
from runners.policy import Coalesce, Policy
from runners.session import OnnxSession

WARM_UP_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
"""One warm-up a batch bucket: ONNX Runtime allocates, and picks its code path, by batch size."""
WARM_UP_ROUNDS = 5
"""How often each is run: the first calls are not yet those that will be."""
WARM_UP_S = 2.0
"""A model so dear that warming up takes longer skips its largest batches."""


@dataclass(frozen=True)
class RunnerOptions:
    """What can be set about a runner."""

    slo_s: float
    """The promise: 99% of answers within so many seconds."""
    max_queue_rows: int = 20_000
    """How many rows may wait."""
    max_batch_rows: int = 1024
    """How many rows one batch may have."""
    slice_rows: int = 64
    """How many rows of one large request go into one batch at most. A request of more rows is large, and so is one whose rows
    are predicted to take longer than ``large_share``."""
    inline_s: float = 0.01
    """Up to which predicted time a batch runs on the loop itself; a thread would take turns with it on the same core."""
    batch_share: float = 0.5
    """The share of the SLO that one batch may take, predicted. Rows that find the model in the caches cost a half to a third of those
    that do not: what bounds the wait is what admission lets into a pass, not the size of a batch."""
    large_share: float = 0.15
    """The share of the SLO that the rows of large requests may take of one batch, predicted. A row that comes while such a
    batch runs waits for it and for the next one, in which it goes along; both leave most of the SLO to everything else."""


class Runner:
    """Answers rows on one event loop.

    Args:
        model: the loaded graph, or what stands in for it.
        loop: the loop on which requests are read.
        offload: runs dear batches in a thread.
        options: what can be set.
        costs: what is known of batch times, from ``warm_up``.
        policy: when batches are dispatched; by default the one that ships.
    """

    def __init__(
        self,
        model: Model,
        loop: Loop,
        offload: Offload,
        options: RunnerOptions,
        costs: BatchCosts,
        policy: Policy | None = None,
    ) -> None:
        self.options = options
        large_s = options.slo_s * options.large_share
        limits = Limits(options.max_queue_rows, options.slice_rows, options.inline_s, large_s)
        policy = policy or Coalesce(options.slo_s * options.batch_share, options.max_batch_rows)
        self.batcher = MicroBatcher(model, loop, policy, costs, limits, offload)
        self.admission = Admission(loop, options.slo_s, self.batcher)


def warm_up(session: OnnxSession, examples: bytes, options: RunnerOptions) -> BatchCosts:
    """Run each batch bucket on valid rows, and return what that took.

    Args:
        session: the loaded graph.
        examples: float64 in native byte order, at least one row.
        options: the largest batch, and the promise.

    Raises:
        RunnerError: the graph fails on the examples.
    """
    costs = BatchCosts(max(options.max_batch_rows, *WARM_UP_ROWS))
    rows = np.frombuffer(examples, np.float64).reshape(-1, session.features)
    began = perf_counter()
    for size in WARM_UP_ROWS:
        batch = np.resize(rows, (size, session.features))
        for _ in range(WARM_UP_ROUNDS):
            started = perf_counter()
            session.run(batch)
            costs.observe(size, perf_counter() - started)
        if perf_counter() - began > WARM_UP_S:
            break
    return costs
