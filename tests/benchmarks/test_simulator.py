"""The simulated server follows its costs, and the real runner runs on it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.loadgen.schedule import Schedule, poisson
from benchmarks.policies import FixedDelay, Immediate
from benchmarks.process import BenchmarkError
from benchmarks.simulation.costs import DEFAULT_COSTS, ModelCosts, ServerCosts, load_costs
from benchmarks.simulation.loop import SimulatedLoop
from benchmarks.simulation.overload import CONNECTIONS, FACTORS, overload, overload_table
from benchmarks.simulation.server import EXPIRED, OK, OVERLOADED, Outcome, SimulatedServer
from benchmarks.simulator import POLICIES, SHAPES, Cell, capacity_per_s, compare, main, table
from runners.policy import Policy

SERVER = ServerCosts(pass_s=1e-6, read_s=10e-6, send_s=5e-6, refuse_s=4e-6, switch_s=0.0, wire_s=50e-6)
MODEL = ModelCosts(row_s=20e-6, batch_s=30e-6, decode_s=3e-6, slo_s=0.010, noise=0.0)


def _schedule_of(*seconds: float) -> Schedule:
    return Schedule(np.array([round(second * 1e9) for second in seconds]), max(seconds))


def _run(schedule: Schedule, policy: Policy | None = None, *, admission: bool = False, rows: int = 1) -> Outcome:
    return SimulatedServer(SERVER, MODEL, policy, admission=admission, rows=rows).run(schedule)


def test_a_lone_request_takes_the_sum_of_its_costs() -> None:
    """Read, decoded, run and answered, with two passes and the wire."""
    outcome = _run(_schedule_of(0.001))
    assert outcome.status.tolist() == [OK]
    assert outcome.latency_s[0] == pytest.approx(10e-6 + 3e-6 + 50e-6 + 5e-6 + 2 * 1e-6 + 50e-6)


def test_requests_of_one_moment_share_a_batch() -> None:
    """A batch has its fixed cost once; immediate dispatch has it for each request."""
    outcome = _run(_schedule_of(*[0.001] * 10))
    alone = _run(_schedule_of(*[0.001] * 10), Immediate())
    assert alone.latency_s.max() - outcome.latency_s.max() == pytest.approx(9 * 30e-6, abs=5e-6)


def test_a_delay_is_seen_in_the_latency() -> None:
    """The simulated clock wakes the batcher's timer."""
    assert _run(_schedule_of(0.001), FixedDelay(0.004, 64)).latency_s[0] == pytest.approx(0.0041, abs=0.0001)


def test_a_run_is_repeatable() -> None:
    """The same seed gives the same figures, to the last bit."""
    noisy = DEFAULT_COSTS.models["forest"]
    runs = [SimulatedServer(SERVER, noisy, None, seed=5).run(poisson(5000, 0.2, 3)) for _ in range(2)]
    np.testing.assert_array_equal(runs[0].latency_s, runs[1].latency_s)
    np.testing.assert_array_equal(runs[0].status, runs[1].status)


def test_without_admission_too_much_load_makes_everyone_late() -> None:
    """Requests wait in the sockets, which no queue of the batcher's sees."""
    outcome = _run(poisson(60_000, 0.3, 1))
    assert outcome.within(MODEL.slo_s) < 0.2


def test_with_admission_too_much_load_is_refused_and_the_rest_in_time() -> None:
    """The real admission on the simulated clock: latencies of answered requests are not far above the SLO."""
    outcome = _run(poisson(60_000, 0.3, 1), admission=True)
    assert np.mean(outcome.status == OVERLOADED) > 0.2
    assert outcome.within(MODEL.slo_s) > 0.2
    assert outcome.p99_s() < 1.5 * MODEL.slo_s


def test_a_refused_request_costs_no_run_of_the_model() -> None:
    """The model has run as many rows as were answered."""
    server = SimulatedServer(SERVER, MODEL, None)
    outcome = server.run(poisson(60_000, 0.1, 1))
    stats = server.runner.batcher.stats
    assert stats.batch_rows.total == np.sum(outcome.status == OK)
    assert set(outcome.status.tolist()) <= {OK, OVERLOADED, EXPIRED}


def test_nobody_is_left_without_an_answer() -> None:
    """Each arrival has a status and a latency for every load and size of requests."""
    for rows in (1, 30, 300):
        outcome = _run(poisson(3000, 0.1, 2), rows=rows, admission=True)
        assert np.all(outcome.status > 0)
        assert np.all(outcome.latency_s > 0)


def test_the_loop_runs_what_was_called_soon_in_the_next_pass() -> None:
    """A callback runs after the next read of the sockets, so that requests of one moment share a batch."""
    loop, order = SimulatedLoop(), list[str]()

    def read(index: int) -> None:
        order.append(f"read {index}")
        loop.spend(0.5)
        loop.call_soon(order.append, f"task {index}")

    loop.run([0.0, 0.1, 0.7, 3.0], read)
    assert order == ["read 0", "task 0", "read 1", "task 1", "read 2", "task 2", "read 3", "task 3"]


def test_a_cancelled_timer_does_not_run() -> None:
    """And timers run in the order of their times."""
    loop, order = SimulatedLoop(), list[str]()
    loop.call_later(2.0, order.append, "second")
    loop.call_later(1.0, order.append, "first")
    loop.call_later(1.5, order.append, "never").cancel()
    loop.run()
    assert order == ["first", "second"]
    assert loop.time() == 2.0


def test_the_thread_has_half_of_the_core_while_the_loop_works_and_all_while_it_waits() -> None:
    """A second in the thread and half a second on the loop take one and a half seconds."""
    loop, ended_s = SimulatedLoop(), list[float]()
    loop.offload(lambda: loop.spend(1.0), lambda result, error: ended_s.append(loop.time()))
    loop.call_soon(loop.spend, 0.5)
    loop.run()
    assert ended_s == [pytest.approx(1.5)]


def test_the_end_of_the_thread_comes_after_the_switch() -> None:
    """The callback gets the function's result or error."""
    loop, ends = SimulatedLoop(switch_s=0.25), list[tuple[object, BaseException | None, float]]()

    def fail() -> None:
        loop.spend(1.0)
        raise OSError("lost")

    loop.offload(lambda: 7, lambda result, error: ends.append((result, error, loop.time())))
    loop.offload(fail, lambda result, error: ends.append((result, error, loop.time())))
    loop.run()
    assert ends[0] == (7, None, 0.25)
    assert ends[1][0] is None
    assert isinstance(ends[1][1], OSError)
    assert ends[1][2] == pytest.approx(1.25)


def test_sockets_that_become_readable_are_read_in_the_pass_of_their_moment() -> None:
    """In the order of their moments, also those that became so while callbacks ran."""
    loop, order = SimulatedLoop(), list[tuple[str, float]]()
    for name, moment_s in (("late", 2.0), ("first", 0.5), ("meanwhile", 1.2)):
        loop.readable_at(moment_s, lambda name=name: order.append((name, loop.time())))
    loop.call_later(1.0, loop.spend, 0.5)
    loop.run()
    assert order == [("first", 0.5), ("meanwhile", 1.5), ("late", 2.0)]


def test_overload_is_told_for_each_factor_and_number_of_connections() -> None:
    """More than the capacity is refused or late: good answers are at most about the capacity, and fewer as refusals cost."""
    results = overload("any", MODEL, SERVER, 20_000.0, 0.2, 1)
    assert [(result.connections, result.factor) for result in results] == [
        (connections, factor) for connections in CONNECTIONS for factor in FACTORS
    ]
    assert all(0.0 <= result.good_share < 1.3 for result in results)
    assert results[0].good_share > results[-1].good_share
    assert overload_table(results).count("any") == len(results)


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_arrivals_have_the_rate_that_was_asked_for(shape: str) -> None:
    """The mean is within the deviation of a random process of this length."""
    schedule = SHAPES[shape](2000.0, 4.0, 1)
    assert schedule.rate_per_s == pytest.approx(2000, rel=0.15)


def test_capacity_lies_where_the_core_is_full() -> None:
    """Batches make rows cheaper than one by one; no rate is above the limit of the core."""
    minimum_s = SERVER.read_s + SERVER.send_s + MODEL.decode_s + MODEL.row_s
    figures = {
        policy: capacity_per_s(Cell("any", "poisson", policy, MODEL, SERVER, 0.3, 1))
        for policy in ("coalesce", "immediate")
    }
    assert 0.75 / minimum_s < figures["coalesce"] <= 1 / minimum_s
    # A hundredth may be late, and a short run may end with a queue: hence the last few per cent.
    assert figures["immediate"] < 1.03 / (minimum_s + MODEL.batch_s)


def test_a_promise_that_no_rate_can_keep_is_capacity_zero() -> None:
    """The search ends."""
    hopeless = ModelCosts(row_s=0.02, batch_s=0.0, decode_s=0.0, slo_s=0.01)
    assert capacity_per_s(Cell("any", "poisson", "coalesce", hopeless, SERVER, 0.3, 1)) == 0.0


def test_the_table_has_a_line_per_model_and_shape() -> None:
    """A column per policy, and the geometric means below."""
    cells = [Cell("any", "poisson", policy, MODEL, SERVER, 0.05, 1) for policy in POLICIES]
    figures = compare(cells, 1)
    lines = table(cells, figures).splitlines()
    assert lines[0].split() == ["model", "arrivals", *POLICIES]
    assert lines[1].split() == ["any", "poisson", *(f"{figure:,.0f}" for figure in figures)]
    assert lines[2].split()[:2] == ["geometric", "mean"]


def test_costs_are_read_from_json(tmp_path: Path) -> None:
    """Missing costs of the server have defaults; a model must have all its costs."""
    path = tmp_path / "costs.json"
    path.write_text(
        '{"server": {"read_s": 0.00002},'
        ' "models": {"mine": {"row_s": 1e-5, "batch_s": 2e-5, "decode_s": 3e-6, "slo_s": 0.01}}}'
    )
    costs = load_costs(path)
    assert costs.server.read_s == 0.00002
    assert costs.server.send_s == ServerCosts().send_s
    assert costs.models["mine"].batch_s == 2e-5


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "truncated"),
        ('{"server": {}}', "models"),
        ('{"server": {"reed_s": 1}, "models": {}}', "reed_s"),
        ('{"server": {}, "models": {"mine": {"row_s": "much"}}}', "row_s"),
    ],
)
def test_costs_of_another_form_are_refused(tmp_path: Path, content: str, reason: str) -> None:
    """The error has the file's name, the problem, and the document that explains each key."""
    path = tmp_path / "costs.json"
    path.write_text(content)
    with pytest.raises(BenchmarkError, match=rf"got costs\.json: .*{reason}.*explains each key"):
        load_costs(path)


def test_a_missing_file_of_costs_is_an_error_of_ours(tmp_path: Path) -> None:
    """Not a traceback."""
    with pytest.raises(BenchmarkError, match=r"absent\.json"):
        load_costs(tmp_path / "absent.json")


def test_several_processes_find_what_one_finds() -> None:
    """In the order of the cells."""
    cells = [Cell("any", "poisson", policy, MODEL, SERVER, 0.02, 1) for policy in ("coalesce", "immediate")]
    assert compare(cells, 2) == compare(cells, 1)


def test_the_command_prints_a_table_or_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the costs in the file, under each policy and shape."""
    path = tmp_path / "costs.json"
    path.write_text(
        '{"server": {}, "models": {"mine": {"row_s": 1e-4, "batch_s": 2e-4, "decode_s": 3e-6, "slo_s": 0.01}}}'
    )
    command = ["simulator", "--costs", str(path), "--seconds", "0.05", "--processes", "1"]
    monkeypatch.setattr("sys.argv", command)
    assert main() == 0
    assert capsys.readouterr().out.count("mine") == len(SHAPES)
    monkeypatch.setattr("sys.argv", [*command, "--json"])
    assert main() == 0
    cells = json.loads(capsys.readouterr().out)["cells"]
    assert len(cells) == len(SHAPES) * len(POLICIES)
    assert all(cell["qps"] > 0 for cell in cells)
    monkeypatch.setattr("sys.argv", [*command, "--overload"])
    assert main() == 0
    assert capsys.readouterr().out.count("mine") == len(FACTORS) * len(CONNECTIONS)
    monkeypatch.setattr("sys.argv", [*command, "--overload", "--json"])
    assert main() == 0
    assert {entry["model"] for entry in json.loads(capsys.readouterr().out)["overload"]} == {"mine"}


def test_the_command_says_what_is_wrong_with_costs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard error, with a failing status."""
    monkeypatch.setattr("sys.argv", ["simulator", "--costs", str(tmp_path / "absent.json")])
    assert main() == 1
    assert "absent.json" in capsys.readouterr().err
