"""The trials of a worker, connected to its loop, its metrics, the feedback, and the rollout document."""

from __future__ import annotations

import asyncio
from functools import partial
from time import perf_counter

from monitoring.recorder import Recorder
from monitoring.records import PredictionRecord
from monitoring.snapshots import Series
from rollout.shadow.batch import ShadowBatch
from rollout.trial import LiveVersion, Losses, Surroundings, no_losses
from rollout.trials import Trials
from runners.clock import RunningLoop, ThreadOffload
from serving.fleet.reconcile import Rollout
from serving.operations.metrics import Metrics
from serving.operations.monitoring import Monitoring
from serving.operations.rollout_numbers import COUNTS, OVERRIDES, WORST, RolloutNumbers
from serving.settings import ServingSettings
from tabento.ab_test.arms import LossSums

LOSSES = "tabento_arm_losses"
"""The metric of the monitor with the sums of losses by model, version, variant and ``count``, ``sum`` or ``squares``."""


def build_trials(
    settings: ServingSettings, rollout: Rollout, metrics: Metrics, monitoring: Monitoring | None
) -> Trials:
    """Return the trials of this worker, and let the reconciler start them; called on the running event loop.

    Args:
        settings: the serving settings.
        rollout: the reconciler.
        metrics: the numbers of this worker, and of all workers.
        monitoring: the monitor's numbers have the losses of true values; None if the service has no monitor process.
    """
    loop = asyncio.get_running_loop()

    async def collect() -> tuple[Series, Series, Series]:
        values = (await metrics.total()).values
        return values.get(COUNTS, {}), values.get(WORST, {}), values.get(OVERRIDES, {})

    losses = no_losses if monitoring is None else _losses_of(monitoring)
    record = None if monitoring is None else partial(_record, monitoring.recorder)
    surroundings = Surroundings(settings, RunningLoop(loop), ThreadOffload(loop), losses, record)
    trials = Trials(surroundings, rollout.store, collect)
    rollout.start_trial = trials.start
    metrics.rollout = RolloutNumbers(
        trials, lambda: rollout.refusals, lambda: rollout.source.fault, rollout.live_versions
    )
    return trials


def _record(recorder: Recorder, challenger: LiveVersion, batch: ShadowBatch) -> None:
    """Keep records of a challenger's answers in the shadow; truths of these requests are joined with both versions' answers."""
    ended_s = perf_counter()
    started_s = ended_s - batch.seconds
    for request, data, values in zip(batch.requests, batch.data, batch.answers, strict=True):
        if values is not None:
            recorder.record(
                PredictionRecord(
                    challenger.key,
                    request.request_id,
                    None,
                    data,
                    request.n_rows,
                    values,
                    b"",
                    started_s,
                    started_s,
                    started_s,
                    batch.seconds,
                    ended_s,
                    None,
                    b"",
                )
            )


def _losses_of(monitoring: Monitoring) -> Losses:
    """Return a function that reads the sums of losses from the monitor's last numbers."""

    def losses(name: str, version: str, variant: str) -> LossSums:
        numbers = monitoring.link.numbers
        series = {} if numbers is None else numbers.snapshot.values.get(LOSSES, {})
        stats = [series.get((name, version, variant, stat), 0.0) for stat in ("count", "sum", "squares")]
        return LossSums(int(stats[0]), stats[1], stats[2])

    return losses
