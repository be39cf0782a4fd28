"""The comparison of the outcomes of two arms holds at any time."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from tabento.ab_test.association import association, distance


@pytest.mark.parametrize("planned", [None, 0.3, 0.9])
def test_evidence_has_an_expectation_of_at_most_one(planned: float | None) -> None:
    """Over all arms of 4, 3 and 5 outcomes in three bins, the mean of E is at most 1 for each true share."""
    sizes = (4, 3, 5)
    for share in (0.1, 0.3, 0.5):
        mean = 0.0
        for counts in itertools.product(*(range(size + 1) for size in sizes)):
            n_challenger, total = sum(counts), sum(sizes)
            ways = math.prod(math.comb(size, count) for size, count in zip(sizes, counts, strict=True))
            other = [size - count for size, count in zip(sizes, counts, strict=True)]
            probability = ways * share**n_challenger * (1 - share) ** (total - n_challenger)
            mean += probability * math.exp(association(other, counts, planned))
        assert mean <= 1.0 + 1e-12


def test_equal_arms_rarely_differ() -> None:
    """Of 40 pairs of equal arms whose distribution changes all the time, at most 4 pass in 20 looks at an alpha of 10%."""
    random = np.random.default_rng(3)
    passed = 0
    for _ in range(40):
        champion, challenger = np.zeros(6, np.int64), np.zeros(6, np.int64)
        for _ in range(20):
            shares = random.dirichlet(np.ones(6))
            champion += random.multinomial(90, shares)
            challenger += random.multinomial(10, shares)
            if association(champion.tolist(), challenger.tolist(), 0.1) >= -math.log(0.1):
                passed += 1
                break
    assert passed <= 4


def test_more_errors_are_found_without_the_share() -> None:
    """6% errors against 0.2% are found in 200 requests, earlier if the share of the traffic is known."""
    champion, challenger = [4, 1_796], [12, 188]
    assert association(champion, challenger, 0.1) > association(champion, challenger) > -math.log(0.002)


def test_wrong_share_costs_evidence_only() -> None:
    """Two arms whose sizes contradict the planned share, but whose outcomes agree, do not differ."""
    assert association([300, 300], [100, 100], 0.01) < 0


def test_arm_without_outcomes_is_no_evidence() -> None:
    """An empty arm and empty bins decide nothing."""
    assert association([5, 5], [0, 0]) == association([0, 0], [5, 5]) == 0.0
    assert association([5, 0, 5], [5, 0, 5], 0.5) == association([5, 5], [5, 5], 0.5)


def test_distance_is_the_share_that_moves() -> None:
    """A tenth of the answers in another bin is a distance of 0.1, whatever the sizes of the arms are."""
    assert distance([50, 50], [600, 400]) == pytest.approx(0.1)


@pytest.mark.parametrize("shares", [(0.1, 0.3), (0.3, 0.3), (0.02, 0.5)])
def test_evidence_of_a_worse_challenger_holds_for_a_better_one(shares: tuple[float, float]) -> None:
    """If the challenger fails at most as often, the mean of E over the outcomes in which it looks worse is at most 1."""
    n_errors, n_successes = 6, 9
    mean = 0.0
    for errors, successes in itertools.product(range(n_errors + 1), range(n_successes + 1)):
        if errors * (n_successes - successes) <= (n_errors - errors) * successes:
            continue
        probability = math.prod(
            math.comb(size, count) * share**count * (1 - share) ** (size - count)
            for size, count, share in ((n_errors, errors, shares[0]), (n_successes, successes, shares[1]))
        )
        evidence = association([n_errors - errors, n_successes - successes], [errors, successes], shares[1])
        mean += probability * math.exp(evidence)
    assert mean <= 1.0
