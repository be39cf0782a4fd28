"""A micro-batcher on an event loop that is turned by hand, with a model that echoes its rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from runners.batcher import Limits, MicroBatcher
from runners.costs import BatchCosts
from runners.policy import Coalesce, Policy
from tests.runners.echo import EchoModel, Ticket, WideModel
from tests.runners.manual_loop import ManualLoop


class HandOffload:
    """Keeps functions until the test says that the thread has run them."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Callable[[], Any], Callable[[Any, BaseException | None], None]]] = []

    def __call__(self, function: Callable[[], Any], done: Callable[[Any, BaseException | None], None]) -> None:
        """See ``runners.clock.Offload``."""
        self.waiting.append((function, done))

    def finish(self) -> None:
        """Run the oldest function and report its end."""
        function, done = self.waiting.pop(0)
        done(function(), None)

    def lose(self) -> None:
        """Report that the oldest function failed."""
        self.waiting.pop(0)[1](None, OSError("the thread died"))


class Bench:
    """A batcher and all that is around it; ``known`` are seconds by batch size, from a warm-up."""

    def __init__(
        self,
        *,
        policy: Policy | None = None,
        slice_rows: int = 64,
        max_queue_rows: int = 10_000,
        inline_s: float = 1.0,
        large_s: float = float("inf"),
        batch_s: float = 0.001,
        row_s: float = 0.0,
        wide: bool = False,
        known_seconds: Mapping[int, float] | None = None,
    ) -> None:
        self.loop = ManualLoop()
        self.model = (WideModel if wide else EchoModel)(self._pass_time, batch_s, row_s)
        self.offload = HandOffload()
        costs = BatchCosts(1024)
        for rows, seconds in (known_seconds or {}).items():
            costs.observe(rows, seconds)
        self.batcher = MicroBatcher(
            self.model,
            self.loop,
            policy or Coalesce(1.0, 1024),
            costs,
            Limits(max_queue_rows, slice_rows, inline_s, large_s),
            self.offload,
        )
        self._requests = 0

    def _pass_time(self, seconds: float) -> None:
        self.loop.now += seconds

    def submit(self, count: int = 1, *, within: float = float("inf"), **options: Any) -> Ticket:
        """Submit the next request."""
        self._requests += 1
        ticket = Ticket(self._requests, count)
        self.batcher.submit(ticket.work(self.loop.now, self.loop.now + within, **options))
        return ticket

    def run(self) -> None:
        """Turn the loop until nothing is left to run now."""
        while not self.loop.idle:
            self.loop.turn(0.0)

    @property
    def batches(self) -> list[int]:
        """How many rows each run of the model had."""
        return [len(rows) for rows in self.model.runs]


def in_thread(**options: Any) -> Bench:
    """Return a bench whose batches all go to the thread."""
    bench = Bench(inline_s=0.0, **options)
    bench.batcher.costs.observe(1, 0.001)
    return bench
