"""The numbers of several runners as one."""

from __future__ import annotations

from runners.costs import BatchCosts
from runners.runner import Runner, RunnerOptions
from serving.operations.runner_totals import RunnerTotals
from tests.runners.bench import HandOffload
from tests.runners.echo import EchoModel, Ticket
from tests.runners.manual_loop import ManualLoop


def _runner(rows: int = 0) -> Runner:
    """Return a runner in whose queue a number of rows wait."""
    loop, options = ManualLoop(), RunnerOptions(slo_s=1.0)
    runner = Runner(EchoModel(), loop, HandOffload(), options, BatchCosts(options.max_batch_rows))
    if rows:
        runner.batcher.submit(Ticket(1, rows).work())
    return runner


def test_queues_add_up_and_costs_are_the_largest() -> None:
    """Waiting rows are a sum; the estimated costs are those of the most expensive model."""
    totals, runners = RunnerTotals(), [_runner(3), _runner(4)]
    assert (totals.queued_rows, totals.request_s, totals.refusal_s) == (0, 0.0, 0.0)
    for number, runner in enumerate(runners, start=1):
        runner.admission.request_s, runner.budget.refusal_s = number * 0.001, number * 0.0001
        totals.add(runner)
    assert (totals.queued_rows, totals.request_s, totals.refusal_s) == (7, 0.002, 0.0002)


def test_counts_of_a_removed_runner_stay() -> None:
    """The sum over all runners never falls, however often models are loaded and unloaded."""
    totals, batches = RunnerTotals(), 0
    for _ in range(5):
        runner = _runner()
        totals.add(runner)
        stats = runner.batcher.stats
        for _ in range(3):
            stats.batch_s.add(0.004)
            stats.count(stats.released, "pass")
            stats.count(stats.dropped, "expired")
            stats.retried += 1
            batches += 1
        totals.remove(runner)
        totals.remove(runner)
        total = totals.stats()
        assert (sum(total.batch_s.counts), total.released, total.dropped) == (
            batches,
            {"pass": batches},
            {"expired": batches},
        )
        assert total.retried == batches


def test_shared_counts_are_added_once() -> None:
    """Batchers of one loop that share their counts are counted once, also after each of them was removed and added again."""
    totals, runners = RunnerTotals(), [_runner(), _runner()]
    stats = runners[1].batcher.stats = runners[0].batcher.stats
    for runner in runners:
        totals.add(runner)
    stats.count(stats.released, "pass")
    assert totals.stats().released == {"pass": 1}
    for runner in (*runners, *runners):
        totals.remove(runner)
        assert totals.stats().released == {"pass": 1}
    totals.add(runners[0])
    stats.count(stats.released, "pass")
    assert totals.stats().released == {"pass": 2}
