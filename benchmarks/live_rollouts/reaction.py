"""The time from the answer that passes a limit until no worker gives the challenger traffic."""

from __future__ import annotations

import time
from dataclasses import dataclass

from benchmarks.live_rollouts.service import TrialService
from benchmarks.live_rollouts.traffic import Traffic
from benchmarks.live_rollouts.trial import SERVER_ERROR, challenger_answers, passing_time_s
from benchmarks.live_rollouts.versions import NAME, tag_of
from benchmarks.process import BenchmarkError
from rollout.changes import Start
from rollout.document import Limits, Step, Sticky

SHARE = 0.5
SOUND_S = 3.0
"""The seconds for which the challenger answers well before it breaks."""
AFTER_S = 3.0
"""The seconds of load after the first worker has taken its traffic away."""
LONGEST_S = 60.0


@dataclass(frozen=True)
class Reaction:
    """The end of a challenger that breaks suddenly."""

    workers: int
    is_read_only: bool
    workers_with_challenger: int
    """The workers that gave the challenger traffic."""
    seconds: float
    """The seconds from the answer that passed the limit until the last answer of the challenger, over all workers."""
    by_worker: tuple[float, ...]
    """The same of each worker."""
    errors_after: int
    """The failed requests after the limit was passed."""
    wrong: int
    other_errors: int
    """The failed requests that the challenger did not fail."""
    has_override: bool
    """Whether the rollback is an override of this replica, because the document cannot be written."""

    @property
    def is_right(self) -> bool:
        """Whether all workers had the challenger, and only the challenger failed requests."""
        has_all = self.workers_with_challenger == self.workers
        return has_all and not self.wrong and not self.other_errors and self.has_override == self.is_read_only


def measure_reaction(
    service: TrialService, workers: int, seed: int, rate_per_s: float, *, is_read_only: bool
) -> Reaction:
    """Try a challenger that answers well for some seconds and then fails each request.

    Args:
        service: a service whose champion is alone.
        workers: its workers.
        seed: the seed of the traffic.
        rate_per_s: the requests a second.
        is_read_only: whether the service cannot write its document.

    Raises:
        BenchmarkError: the challenger does not get live, or is not rolled back.
    """
    service.wait_for_workers(workers)
    traffic = Traffic(service.address, rate_per_s, seed)
    traffic.breaks = False
    limits = Limits()
    plan = Start(
        tag_of("errors"), mode="canary", steps=(Step(share=SHARE),), sticky=Sticky(by="request"), limits=limits
    )
    with traffic.running():
        service.start(plan)
        started_s = time.monotonic()
        time.sleep(SOUND_S)
        worker_of_port = service.worker_of_port()
        traffic.breaks = True
        end_s = time.monotonic() + LONGEST_S
        while service.has_challenger():
            if time.monotonic() > end_s:
                raise BenchmarkError(f"the challenger was not rolled back within {LONGEST_S:g} s")
            time.sleep(0.02)
        time.sleep(AFTER_S)
        worker_of_port |= service.worker_of_port()
        has_override = NAME in service.store.overrides.active(service.store.read())
    answers = traffic.since(started_s)
    passed_s = passing_time_s(answers, "errors", limits, SHARE)
    if passed_s is None:
        raise BenchmarkError("the challenger was rolled back before it had passed a limit")
    last_s: dict[int, float] = {}
    for answer in challenger_answers(answers, "errors"):
        worker = worker_of_port.get(answer.port, 0)
        last_s[worker] = max(last_s.get(worker, 0.0), answer.done_s)
    statuses = traffic.statuses()
    by_worker = sorted(round(moment_s - passed_s, 3) for moment_s in last_s.values())
    service.abort()
    return Reaction(
        workers,
        is_read_only,
        len([worker for worker in last_s if worker]),
        by_worker[-1],
        tuple(by_worker),
        sum(answer.status == SERVER_ERROR and answer.done_s > passed_s for answer in answers),
        len(traffic.wrong),
        sum(count for status, count in statuses.items() if status not in (200, SERVER_ERROR)),
        has_override,
    )
