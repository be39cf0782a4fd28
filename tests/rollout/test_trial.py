"""Tests of the trial of one challenger in one worker, with real graphs on a manual loop."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

from rollout.document import Challenger, Limits, Step, Sticky
from rollout.settings import RolloutSettings
from rollout.shadow.rows import RowsError
from rollout.shadow.shadow import PAUSE_S
from rollout.traffic.row_units import FieldError
from rollout.trial import Surroundings, Trial, no_losses
from runners.work import Values
from tabento.ab_test.arms import LossSums
from tests.bundles import BREAKS, classifier_contract, orchard_contract
from tests.rollout.versions import COST_S, LiveStub, live_version, packed_rows, run_now, scaled_model
from tests.runners.manual_loop import ManualLoop

ROW_BYTES = 56


class TrialBench:
    """A trial of two versions, with requests that go the way of the hot path."""

    def __init__(
        self, folder: Path, factor: float = 1.0, contract: Any = None, losses: Any = no_losses, **plan: Any
    ) -> None:
        self.loop = ManualLoop()
        model = None if contract is not None else scaled_model(factor)
        self.champion = live_version(folder, "1", self.loop, contract)
        self.challenger = live_version(folder, "2", self.loop, contract, model)
        self.plan = Challenger(tag=f"{self.champion.bundle.name}:2", **plan)
        surroundings = Surroundings(RolloutSettings(), self.loop, run_now, losses)
        self.trial = Trial(self.champion, self.challenger, self.plan, surroundings)
        self.trial.start()
        self.n_requests = 0

    def send(self, count: int, latency_s: float = 0.001, slow: float = 1.0, fail_every: int = 0) -> None:
        """Send requests of one row.

        Args:
            count: the number of requests.
            latency_s: the latency of the champion.
            slow: the challenger's latency as a multiple of it.
            fail_every: each request of the challenger with this number fails; 0 for none.
        """
        data = packed_rows(count, seed=self.n_requests)
        values = self.champion.served.session.run_bytes(data, count)
        challenger_values = self.challenger.served.session.run_bytes(data, count)
        for index in range(count):
            self.n_requests += 1
            row = data[index * ROW_BYTES : (index + 1) * ROW_BYTES]
            request_id = b"r%d" % self.n_requests
            model: LiveStub = self.champion
            if model.split is not None:
                model = model.split.choose(b"", f"user-{self.n_requests}", "10.0.0.1", request_id)
            is_challenger = model is self.challenger
            if model.observer is None:
                continue
            if is_challenger and fail_every and self.n_requests % fail_every == 0:
                model.observer.count_error(500)
                continue
            answer: Values = [(challenger_values if is_challenger else values)[index]]
            jitter = 1.0 + 0.2 * (index % 7) / 7
            model.observer.count_answer(
                row, 1, answer, request_id, latency_s * jitter * (slow if is_challenger else 1.0)
            )

    def run_shadow(self, turns: int = 60) -> None:
        """Let time pass without requests, so that the shadow runs."""
        for _ in range(turns):
            self.loop.turn(PAUSE_S)

    def judge(self) -> Any:
        """Judge this worker's counts."""
        return self.trial.judge(self.trial.series(), self.trial.worst_series())


def test_a_canary_with_errors_loses_its_traffic_at_once(tmp_path: Path) -> None:
    """A challenger that fails every third request is withdrawn by the first verdict, with the reason."""
    bench = TrialBench(tmp_path, mode="canary", steps=(Step(share=0.5),))
    bench.send(1_500, fail_every=3)
    action = bench.judge()
    assert action.kind == "roll_back"
    assert "error_rate" in action.checks
    assert bench.champion.split is None
    assert bench.champion.observer is None
    assert bench.challenger.observer is None
    assert bench.judge() == action, "the document is changed again until it is followed"


def test_an_equal_canary_takes_its_next_step(tmp_path: Path) -> None:
    """A challenger equal to the champion is not rolled back, and advances after its time."""
    bench = TrialBench(tmp_path, mode="canary", steps=(Step(share=0.5, hold_s=0), Step(share=1.0, hold_s=0)))
    actions = []
    for _ in range(10):
        bench.send(400)
        actions.append(bench.judge())
    assert {action.kind for action in actions} == {"advance"}
    totals = bench.trial.totals
    assert totals is not None
    assert totals.champion.requests + totals.challenger.requests == 4_000


def test_a_slow_canary_is_rolled_back(tmp_path: Path) -> None:
    """A challenger that takes three times as long passes the limit of latency."""
    bench = TrialBench(tmp_path, mode="canary", steps=(Step(share=0.5),))
    bench.send(3_000, slow=3.0)
    assert "latency_rise" in bench.judge().checks


def test_latencies_of_an_overload_do_not_count(tmp_path: Path) -> None:
    """While requests are refused for load, latencies count only if the challenger's rows are more expensive than allowed."""
    bench = TrialBench(tmp_path, mode="canary", steps=(Step(share=0.5),))
    bench.champion.runner.budget.spare.note_refusal(bench.loop.time())
    bench.send(3_000, slow=3.0)
    assert bench.judge() is None
    assert bench.trial.totals is not None
    assert bench.trial.totals.challenger.n_latencies == 0
    for _ in range(100):
        bench.challenger.batcher.costs.observe(16, 16 * 3 * COST_S)
    bench.send(3_000, slow=3.0)
    assert bench.judge().checks == ("latency_rise",)


def test_a_new_step_counts_from_zero_and_keeps_its_users(tmp_path: Path) -> None:
    """A step of the document changes the share in place, and its counts are those of the step alone."""
    steps = (Step(share=0.1), Step(share=0.5))
    bench = TrialBench(tmp_path, mode="canary", steps=steps)
    bench.send(1_000)
    split = bench.champion.split
    before = bench.trial.lifetime()
    changed = bench.plan.model_copy(update={"step": 1, "step_since": "2026-11-28T09:00:00Z"})
    assert bench.trial.follow(changed)
    assert bench.champion.split is split
    assert split.share == 0.5
    bench.send(1_000)
    bench.judge()
    totals = bench.trial.totals
    assert totals is not None
    assert totals.champion.requests + totals.challenger.requests == 1_000
    assert 400 < totals.challenger.requests < 600
    after = bench.trial.lifetime()
    assert after["champion", "requests"] + after["challenger", "requests"] == 2_000
    assert after["champion", "requests"] > before["champion", "requests"]


def test_counts_of_another_step_are_not_added(tmp_path: Path) -> None:
    """A worker that is still at the former step does not change the counts of this one."""
    bench = TrialBench(tmp_path, mode="canary", steps=(Step(share=0.1), Step(share=0.5)))
    bench.send(500)
    former = bench.trial.series()
    bench.trial.follow(bench.plan.model_copy(update={"step": 1}))
    bench.send(300)
    bench.trial.judge({**former, **bench.trial.series()}, {})
    totals = bench.trial.totals
    assert totals is not None
    assert totals.champion.requests + totals.challenger.requests == 300


def test_the_shadow_answers_the_same_rows(tmp_path: Path) -> None:
    """A challenger in the shadow gets no request; its answers are compared, and the worst rows have request ids."""
    bench = TrialBench(tmp_path, factor=1.3, limits=Limits(differing_share=0.1))
    bench.send(400)
    assert bench.champion.split is None
    bench.run_shadow()
    action = bench.judge()
    totals = bench.trial.totals
    assert totals is not None
    assert totals.pairs.compared == totals.pairs.differing == 400
    assert totals.challenger.requests == totals.champion.requests == 400
    assert totals.worst[0].request_id.startswith("r")
    assert totals.worst[0].difference == pytest.approx(0.3 / 1.3)
    assert (action.kind, action.checks) == ("roll_back", ("differing_share",))


def test_an_equal_shadow_has_no_difference(tmp_path: Path) -> None:
    """The same graph in the shadow has no differing row, and nothing happens to it."""
    bench = TrialBench(tmp_path, limits=Limits(differing_share=0.01))
    bench.send(800)
    bench.run_shadow()
    assert bench.judge() is None
    totals = bench.trial.totals
    assert totals is not None
    assert (totals.pairs.compared, totals.pairs.differing, totals.worst) == (800, 0, ())


def test_a_shadow_that_fails_is_rolled_back(tmp_path: Path) -> None:
    """Rows on which the challenger fails are errors of the challenger alone."""
    contract = classifier_contract()
    bench = TrialBench(tmp_path, contract=contract)
    index = contract.feature_names.index("slope")
    data = bytearray(packed_rows(300))
    good = bench.champion.served.session.run_bytes(bytes(data), 300)
    for row in range(300):
        part = bytearray(data[row * ROW_BYTES : (row + 1) * ROW_BYTES])
        if row % 3 == 0:
            part[8 * index : 8 * index + 8] = memoryview(bytearray(_pack_number(BREAKS)))
        bench.champion.observer.count_answer(bytes(part), 1, [good[row]], b"r%d" % row, 0.001)
    bench.run_shadow()
    assert "error_rate" in bench.judge().checks
    totals = bench.trial.totals
    assert totals is not None
    assert (totals.challenger.errors, totals.champion.errors) == (100, 0)


def test_a_worse_quality_is_rolled_back(tmp_path: Path) -> None:
    """A challenger whose answers are farther from the truths of the feedback loses its traffic."""
    sums = {"champion": LossSums(1_000, 500.0, 300.0), "challenger": LossSums(1_000, 1_000.0, 1_100.0)}
    steps = (Step(share=0.5),)
    bench = TrialBench(tmp_path, mode="canary", steps=steps, losses=lambda name, version, variant: sums[variant])
    bench.send(1_000)
    assert bench.judge().checks == ("quality",)


def test_other_changes_need_a_new_trial(tmp_path: Path) -> None:
    """Another mode or key begins a new trial; other limits are followed in place."""
    bench = TrialBench(tmp_path, mode="canary", steps=(Step(share=0.5),))
    assert bench.trial.follow(bench.plan.model_copy(update={"limits": Limits(error_rate=0.5)}))
    assert not bench.trial.follow(bench.plan.model_copy(update={"mode": "shadow"}))
    assert not bench.trial.follow(bench.plan.model_copy(update={"sticky": Sticky(by="request")}))


def test_a_trial_that_is_not_possible_is_refused(tmp_path: Path) -> None:
    """A field that does not exist, and rows that the challenger cannot have, are named."""
    with pytest.raises(FieldError, match="'weight'"):
        TrialBench(tmp_path / "a", mode="canary", sticky=Sticky(by="field", name="weight"))
    loop = ManualLoop()
    features = [feature for feature in orchard_contract().features if feature.name != "height"]
    old = orchard_contract().model_copy(update={"features": tuple(features)})
    champion = live_version(tmp_path / "b", "1", loop, old)
    challenger = live_version(tmp_path / "b", "2", loop)
    with pytest.raises(RowsError, match="'height'"):
        Trial(
            champion,
            challenger,
            Challenger(tag="orchard:2"),
            Surroundings(RolloutSettings(), loop, run_now, no_losses),
        )


def _pack_number(number: float) -> bytes:
    return struct.pack("=d", number)
