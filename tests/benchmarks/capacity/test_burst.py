"""The answer to a burst names the delays and the refused requests."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.capacity import burst
from benchmarks.capacity.burst import answer_burst
from benchmarks.capacity.cluster import StartTimes
from benchmarks.capacity.demand import Demand, Slo
from benchmarks.capacity.plan import plan_replicas
from benchmarks.capacity.texts import plan_json, plan_text
from tests.benchmarks.capacity.service_figures import service_figures


def test_replicas_that_start_later_help_later() -> None:
    """A minute for a node delays the first help by a minute and refuses more requests; the text has both figures."""
    plan = plan_replicas(Demand(1_000, Slo(0.1), burst=10), service_figures())
    quick = answer_burst(plan, StartTimes())
    slow = answer_burst(plan, StartTimes(node_s=60, nodes_hold=plan.replicas))
    for early, late in zip(quick, slow, strict=True):
        assert early.first_help_s is not None
        assert late.first_help_s == early.first_help_s + 60
        assert 0 < early.refused < late.refused
        assert late.enough_s is not None
    text = plan_text(plan, slow)
    assert f"the first replica helps after {slow[0].first_help_s} s, enough after {slow[0].enough_s} s" in text
    assert [answer["refused"] for answer in plan_json(plan, slow)["burst_answers"]] == [a.refused for a in slow]


def test_the_worst_begin_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A burst just before a sync is answered earlier than one just after it; the answer is the latest of all begins."""
    plan = plan_replicas(Demand(1_000, Slo(0.1), burst=10), service_figures())
    worst_answers = answer_burst(plan, StartTimes())
    refusals = []
    for phase_s in burst.PHASES_S:
        monkeypatch.setattr(burst, "PHASES_S", (phase_s,))
        refusals.append([answer.refused for answer in answer_burst(plan, StartTimes())])
    assert [answer.refused for answer in worst_answers] == [max(column) for column in zip(*refusals, strict=True)]
    assert len({column[0] for column in refusals}) > 1


def test_enough_means_all_requests() -> None:
    """As long as a tenth of the requests is refused, the replicas are not enough."""
    figures = service_figures(overload=replace(service_figures().overload, good_share=0.5))
    plan = plan_replicas(Demand(3_000, Slo(0.1), burst=2.5), figures)
    assert (plan.replicas, plan.for_burst) == (7, 8)
    for answer in answer_burst(plan, StartTimes(ready_s=60)):
        assert answer.enough_s is None or answer.enough_s > 60


def test_a_burst_that_the_replicas_hold() -> None:
    """Nothing is refused, and no replica must be waited for."""
    plan = plan_replicas(Demand(1_000, Slo(0.1), burst=2), service_figures())
    assert all(answer.refused == 0 and answer.enough_s == 0 for answer in answer_burst(plan, StartTimes()))
