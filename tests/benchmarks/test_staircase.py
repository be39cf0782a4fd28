"""Staircases settle at a server's known capacity, and compare servers on a busy machine."""

from __future__ import annotations

import random

import pytest

from benchmarks.search import RATE_LEAST_PER_S, Measure
from benchmarks.staircase import LAST_STEP, Staircase, climb, ratio
from tests.benchmarks.known_server import KnownServer

SLO_S = 0.010


def _climb(servers: dict[str, Measure], rounds: int = 40, start_per_s: float = 500.0) -> dict[str, Staircase]:
    questions = {name: (measure, SLO_S, start_per_s) for name, measure in servers.items()}
    return climb(questions, rounds, 2.0, say=lambda line: None)


@pytest.mark.parametrize("start_per_s", [30.0, 1_000.0, 90_000.0])
def test_a_staircase_settles_at_the_capacity(start_per_s: float) -> None:
    """From wherever it starts, within the last step."""
    stair = _climb({"oak": KnownServer(lambda rate, run: rate <= 1_000)}, start_per_s=start_per_s)["oak"]
    assert stair.to_json()["qps"] == pytest.approx(1_000, rel=LAST_STEP - 1)


def test_ratios_hold_on_a_machine_whose_speed_changes() -> None:
    """The ratio of two servers is found although both slow down to a third at times."""
    chance = random.Random(3)
    speeds = [chance.choice((1.0, 0.8, 0.6, 0.35)) for _ in range(60)]
    stairs = _climb(
        {
            "fast": KnownServer(lambda rate, run: rate <= 2_000 * speeds[run]),
            "slow": KnownServer(lambda rate, run: rate <= 1_000 * speeds[run]),
        },
        rounds=60,
    )
    assert ratio(stairs["fast"], stairs["slow"])["median"] == pytest.approx(2.0, rel=0.15)


def test_a_round_without_a_generator_in_time_changes_nothing() -> None:
    """A void round is recorded, and the same rate is measured again."""
    server = KnownServer(lambda rate, run: rate <= 1_000, generator=lambda run: 0.0 if run == 2 else 1e9)
    stair = _climb({"oak": server}, rounds=6)["oak"]
    assert stair.outcomes[2] is None
    assert stair.rates[3] == stair.rates[2]


def test_all_are_asked_in_each_round_with_the_same_seed() -> None:
    """Equal rates are equal arrivals; a low rate lasts longer, until it has enough queries."""
    servers = {name: KnownServer(lambda rate, run: rate <= 1_000) for name in ("oak", "elm")}
    _climb(dict(servers), rounds=5)
    assert servers["oak"].runs == servers["elm"].runs
    assert [seed for _, _, seed in servers["oak"].runs] == [1, 2, 3, 4, 5]
    assert servers["oak"].runs[0][1] == 4.0


def test_a_server_that_holds_nothing_is_asked_the_least() -> None:
    """The rate stops at the point where a run has too few queries to pass."""
    stair = _climb({"oak": KnownServer(lambda rate, run: False)}, rounds=30)["oak"]
    assert min(stair.rates) == RATE_LEAST_PER_S


def test_each_round_is_told() -> None:
    """Progress has a line a round, with every server's rate and its outcome."""
    lines: list[str] = []
    climb({"oak": (KnownServer(lambda rate, run: rate <= 1_000), SLO_S, 800.0)}, 3, 2.0, say=lines.append)
    assert lines == [
        "round 1 of 3: oak 800/s +",
        "round 2 of 3: oak 1,600/s -",
        "round 3 of 3: oak 1,131/s -",
    ]
