"""The numbers of all runners of this process as one: the counts of their batchers, the rows in their queues, and their costs.

The batchers of one event loop may share their ``Stats``. Each ``Stats`` is added once. The counts of an unloaded model stay.
"""

from __future__ import annotations

from collections.abc import Iterable

from runners.runner import Runner
from runners.stats import Stats, Tally


def move_counts(source: Stats, target: Stats) -> None:
    """Add the counts of a queue to another one's, and set them to 0, so that they are never added twice."""
    add_counts(source, target)
    empty = Stats()
    for name in ("wait_s", "batch_rows", "batch_s", "predicted_ratio"):
        tally, zero = getattr(source, name), getattr(empty, name)
        tally.counts, tally.total = zero.counts, zero.total
    source.released.clear()
    source.dropped.clear()
    source.retried = source.callback_errors = 0


def add_counts(source: Stats, target: Stats) -> None:
    """Add the counts of a queue to another one's."""
    for name in ("wait_s", "batch_rows", "batch_s", "predicted_ratio"):
        _add_tally(getattr(source, name), getattr(target, name))
    for name in ("released", "dropped"):
        counts = getattr(target, name)
        for reason, count in list(getattr(source, name).items()):
            counts[reason] = counts.get(reason, 0) + count
    target.retried += source.retried
    target.callback_errors += source.callback_errors


def _add_tally(source: Tally, target: Tally) -> None:
    target.counts = [a + b for a, b in zip(source.counts, target.counts, strict=True)]
    target.total += source.total


class RunnerTotals:
    """The runners of this process."""

    def __init__(self) -> None:
        self._runners: dict[int, Runner] = {}
        self._former = Stats()

    def add(self, runner: Runner) -> None:
        """Take a runner into account from now on."""
        self._runners[id(runner)] = runner

    def remove(self, runner: Runner) -> None:
        """Keep the counts of a runner that has answered all its requests, and forget the runner."""
        if self._runners.pop(id(runner), None) is None:
            return
        stats = runner.batcher.stats
        if all(other.batcher.stats is not stats for other in self._runners.values()):
            move_counts(stats, self._former)

    def clear(self) -> None:
        """Forget the rows and the costs of all runners, whose process ends; their counts stay."""
        for runner in list(self._runners.values()):
            self.remove(runner)

    def stats(self) -> Stats:
        """Return the counts of all runners, also of former ones."""
        total = Stats()
        add_counts(self._former, total)
        for stats in _distinct(runner.batcher.stats for runner in self._runners.values()):
            add_counts(stats, total)
        return total

    @property
    def queued_rows(self) -> int:
        """The number of rows that wait."""
        return sum(runner.batcher.queued_rows for runner in self._runners.values())

    @property
    def request_s(self) -> float:
        """The largest estimated cost of a request without its model, in seconds."""
        return max((runner.admission.request_s for runner in self._runners.values()), default=0.0)

    @property
    def refusal_s(self) -> float:
        """The largest estimated cost of a refusal, in seconds."""
        return max((runner.admission.refusal_s for runner in self._runners.values()), default=0.0)


def _distinct(items: Iterable[Stats]) -> list[Stats]:
    return list({id(stats): stats for stats in items}.values())
