"""Tests of all trials of a worker: judged, acted upon in the document, counted, and reported."""

from __future__ import annotations

import asyncio
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from rollout.document import ModelRollout, Step
from rollout.overrides import Override
from rollout.report_page import report_page
from rollout.settings import RolloutSettings
from rollout.store import DocumentStore
from rollout.trial import Series, Surroundings, no_losses
from rollout.trials import RunningTrial, Trials
from tests.rollout.documents import TIME, orchard_document, store_in
from tests.rollout.versions import LiveStub, live_version, packed_rows, run_now, scaled_model
from tests.runners.manual_loop import ManualLoop

ROW_BYTES = 56
HALF = (Step(share=0.5, hold_s=0), Step(share=1.0, hold_s=0))


class TickingLoop(ManualLoop):
    """A simulated loop whose clock goes on with each look, so that each batch takes some time."""

    def time(self) -> float:
        """Return the time, a microsecond later than at the last look."""
        self.now += 1e-6
        return super().time()


class TrialsBench:
    """The trials of two workers of one replica, which share a document."""

    def __init__(self, folder: Path, settings: RolloutSettings | None = None, **plan: Any) -> None:
        self.loop = TickingLoop()
        self.document = orchard_document("2", **plan)
        self.store: DocumentStore = store_in(folder, self.document)
        self.champion = live_version(folder, "1", self.loop)
        self.challenger = live_version(folder, "2", self.loop, model=scaled_model(1.2))
        surroundings = Surroundings(settings or RolloutSettings(), self.loop, run_now, no_losses)
        self.trials = Trials(surroundings, self.store, self.collect)
        self.other_workers: Series = {}
        self.other_overrides: Series = {}

    async def collect(self) -> tuple[Series, Series, Series]:
        """Return the counts of both workers."""
        series, worst = self.trials.series()
        names = series.keys() | self.other_workers.keys()
        return (
            {name: series.get(name, 0) + self.other_workers.get(name, 0) for name in names},
            worst,
            self.other_overrides,
        )

    def start(self) -> RunningTrial:
        """Start the trial of the document."""
        return self.trials.start("orchard", self.champion, self.challenger, self.entry)

    @property
    def entry(self) -> ModelRollout:
        """The document's entry."""
        return self.store.read().models["orchard"]

    def send(self, count: int, fails: bool = False) -> None:
        """Send requests of one row."""
        data = packed_rows(count)
        for index in range(count):
            request_id = b"r%d" % index
            model: LiveStub = self.champion
            if model.split is not None:
                model = model.split.choose(b"", f"user-{index}", "10.0.0.1", request_id)
            if fails and model is self.challenger:
                model.observer.count_error(500)
            elif model.observer is not None:
                row = data[index * ROW_BYTES : (index + 1) * ROW_BYTES]
                model.observer.count_answer(row, 1, [float(index % 5)], request_id, 0.001)


def test_a_rollback_is_in_the_document_and_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A challenger that passes a limit leaves the document, with the judge and the limit as the origin of the change."""

    async def run() -> None:
        bench = TrialsBench(tmp_path, mode="canary", steps=HALF)
        bench.start()
        bench.send(1_000, fails=True)
        await bench.trials.tick()
        entry = bench.entry
        assert entry.challenger is None
        assert entry.who == "judge"
        assert "Errors of the challenger" in entry.why
        assert ("orchard", "2", "error_rate") in bench.trials.rolled_back
        n_lines = len(caplog.records)
        await bench.trials.tick()  # the reconciler has not followed yet
        assert len(caplog.records) == n_lines
        await bench.trials.stop()

    asyncio.run(run())
    assert "orchard:2 is rolled back" in caplog.text


def test_the_counts_of_all_workers_decide(tmp_path: Path) -> None:
    """A worker whose own requests were all right rolls back for the errors of another worker."""

    async def run() -> None:
        bench = TrialsBench(tmp_path, mode="canary", steps=HALF)
        bench.start()
        bench.send(1_000, fails=True)
        bench.other_workers, _ = bench.trials.series()
        bench.trials.running["orchard"].stop()
        bench.start()
        bench.send(100)
        await bench.trials.tick()
        assert bench.entry.challenger is None
        await bench.trials.stop()

    asyncio.run(run())


def test_steps_and_the_promotion_follow_the_document(tmp_path: Path) -> None:
    """An equal challenger takes its steps, and becomes the champion by itself if document and service allow it."""

    async def run() -> None:
        settings = RolloutSettings(rollout_approval=False)
        bench = TrialsBench(tmp_path, settings, mode="canary", steps=HALF, promote="automatic")
        running = bench.start()
        bench.send(1_000)
        await bench.trials.tick()
        challenger = bench.entry.challenger
        assert challenger is not None
        assert challenger.step == 1
        running.update(bench.entry)
        bench.send(1_000)
        await bench.trials.tick()
        assert bench.entry.champion == "orchard:2"
        await bench.trials.stop()

    asyncio.run(run())


def test_a_document_that_cannot_be_read_is_reported_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The traffic is gone at once also if the document is broken; the log names the fault once, not twice a second."""

    async def run() -> None:
        bench = TrialsBench(tmp_path, mode="canary", steps=HALF)
        bench.start()
        bench.send(1_000, fails=True)
        bench.store.path.write_text("{", encoding="utf-8")
        for _ in range(3):
            await bench.trials.tick()
        assert bench.champion.split is None
        await bench.trials.stop()

    asyncio.run(run())
    assert caplog.text.count("could not be judged") == 1


def test_a_change_that_is_not_possible_takes_the_traffic(tmp_path: Path) -> None:
    """If the document asks for a key that does not exist, the challenger has no traffic, and the status has the reason."""

    async def run() -> None:
        bench = TrialsBench(tmp_path, mode="canary", steps=HALF)
        running = bench.start()
        changed = orchard_document("2", mode="canary", sticky={"by": "field", "name": "weight"}).models["orchard"]
        running.update(changed)
        assert "'weight'" in running.status()["fault"]
        traffic = [bench.champion.split]
        running.update(bench.entry)
        traffic.append(bench.champion.split)
        assert traffic[0] is None
        assert traffic[1] is not None
        assert running.status()["fault"] is None
        await bench.trials.stop()

    asyncio.run(run())


def test_a_challenger_that_was_started_again_is_judged_again(tmp_path: Path) -> None:
    """The rollback of a former try does not end a new try of the same version, which the reconciler has not seen yet."""

    async def run() -> None:
        bench = TrialsBench(tmp_path, mode="canary", steps=HALF, step_since="2026-11-28T09:00:00Z")
        running = bench.start()
        bench.send(1_000, fails=True)
        second_plan = orchard_document("2", mode="canary", steps=HALF, step_since="2026-11-28T09:00:30Z").models[
            "orchard"
        ]
        bench.store.change(
            None, lambda document: document.model_copy(update={"models": {"orchard": second_plan}}), "test"
        )
        await bench.trials.tick()
        traffic = [bench.champion.split]
        assert bench.entry.challenger == second_plan.challenger
        assert not bench.trials.rolled_back
        running.update(second_plan)
        traffic.append(bench.champion.split)
        assert traffic[0] is None
        assert traffic[1] is not None
        bench.send(1_000, fails=True)
        await bench.trials.tick()
        assert bench.entry.challenger is None
        await bench.trials.stop()

    asyncio.run(run())


def test_a_challenger_without_traffic_takes_no_step(tmp_path: Path) -> None:
    """After a change that is not possible, the counts of the former plan neither advance nor promote the challenger."""

    async def run() -> None:
        settings = RolloutSettings(rollout_approval=False)
        plan = {"mode": "canary", "steps": (Step(share=1.0, hold_s=0),), "promote": "automatic"}
        bench = TrialsBench(tmp_path, settings, **plan)
        running = bench.start()
        bench.send(1_000)
        changed = orchard_document("2", **plan, sticky={"by": "field", "name": "weight"}).models["orchard"]
        bench.store.change(None, lambda document: document.model_copy(update={"models": {"orchard": changed}}), "test")
        running.update(changed)
        await bench.trials.tick()
        assert bench.entry.champion == "orchard:1"
        assert bench.entry.challenger is not None
        running.update(bench.document.models["orchard"])
        bench.send(1_000)
        bench.store.change(None, lambda _: bench.document, "test")
        await bench.trials.tick()
        assert bench.entry.champion == "orchard:2"
        await bench.trials.stop()

    asyncio.run(run())


def test_counters_never_fall(tmp_path: Path) -> None:
    """The counts of a challenger survive a change of its mode and its end."""

    async def run() -> None:
        bench = TrialsBench(tmp_path, mode="canary", steps=HALF)
        running = bench.start()
        bench.send(100)
        running.update(orchard_document("2").models["orchard"])
        bench.send(50)
        running.stop()
        assert not bench.trials.running
        counts = bench.trials.lifetimes()["orchard", "2"]
        assert counts["champion", "requests"] + counts["challenger", "requests"] == 100
        assert counts["shadow", "dropped"] == 50
        await bench.trials.stop()

    asyncio.run(run())


def test_the_report_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The report has both arms, the rows that differ and the verdict; its page escapes all texts."""

    async def run() -> None:
        bench = TrialsBench(tmp_path)
        loop_time, ticks = bench.loop.time, count()
        # Time goes on at each look at the clock, so that both models have costs, and few batches are enough to compare them.
        monkeypatch.setattr("rollout.shadow.comparison.MIN_RATIOS", 1)
        monkeypatch.setattr(bench.loop, "time", lambda: loop_time() + 1e-6 * next(ticks))
        bench.start()
        data = packed_rows(200)
        values = bench.champion.served.session.run_bytes(data, 200)
        for index in range(200):
            row = data[index * ROW_BYTES : (index + 1) * ROW_BYTES]
            bench.champion.observer.count_answer(row, 1, [values[index]], b"<b>%d" % index, 0.001)
            if index % 2:  # latencies count only after some batches
                bench.loop.turn(0.02)
        for _ in range(40):
            bench.loop.turn(0.005)
        await bench.trials.tick()
        (report,) = bench.trials.reports()
        assert report["shadow"]["compared_rows"] == report["shadow"]["differing_rows"] == 200
        assert report["arms"]["champion"]["requests"] == report["arms"]["challenger"]["requests"] == 200
        assert report["decision"] in ("hold", "no_difference")
        assert {check["name"] for check in report["verdict"]["tests"]} >= {"error_rate", "latency_rise"}
        assert report["fixed_comparison"]["verdict"] in ("no_difference", "keep_a")
        page = report_page([report], "2026-11-28T09:00:00Z")
        assert "orchard:2 beside orchard:1" in page
        assert "<b>1" not in page
        assert "http" not in page
        await bench.trials.stop()

    asyncio.run(run())


def test_a_report_before_the_first_verdict_is_empty(tmp_path: Path) -> None:
    """A report that is asked for at once has no counts and no verdict."""

    async def run() -> None:
        bench = TrialsBench(tmp_path, mode="canary", steps=HALF)
        bench.start()
        (report,) = bench.trials.reports()
        assert report["decision"] is None
        assert "Nothing was judged yet" in report_page([report], "now")
        assert "No challenger" in report_page([], "now")
        await bench.trials.stop()

    asyncio.run(run())


def test_an_override_of_another_worker_is_used(tmp_path: Path) -> None:
    """If the other worker cannot write its rollback anywhere, this worker has it after the next verdict."""
    bench = TrialsBench(tmp_path, mode="canary", steps=HALF)
    override = Override(entry=bench.entry, replacement=orchard_document().models["orchard"], since=TIME)
    bench.other_overrides = {("orchard", override.model_dump_json()): 1}
    asyncio.run(bench.trials.tick())
    document = bench.store.read()
    assert document.models["orchard"].challenger is not None
    assert bench.store.overrides.apply(document).models["orchard"].challenger is None
