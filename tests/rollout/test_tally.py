"""Tests of an arm's observer, its counts, and their sum over workers."""

from __future__ import annotations

import pytest

from rollout.answers import AnswerForm
from rollout.cells import arm_cells, arm_counts, pair_cells, pair_counts
from rollout.observer import FLUSH_ANSWERS, ArmObserver
from rollout.tally import ArmTally
from rollout.traffic.unit_firsts import MAX_PENDING, UnitFirsts
from tabento.ab_test.arms import merge_arms
from tabento.ab_test.pairs import PairCounts, merge_pairs
from tests.bundles import orchard_contract, reference_of


def _tally() -> ArmTally:
    contract = orchard_contract()
    return ArmTally(AnswerForm(contract, reference_of(contract)))


def test_answers_are_counted_many_at_once() -> None:
    """Each answer is counted once, when enough have come or when the counts are asked for."""
    tally = _tally()
    observer = ArmObserver(tally.add)
    for _ in range(FLUSH_ANSWERS + 3):
        observer.count_answer(b"", 2, [0.5, 7.0], b"r", 0.010)
    assert tally.counts().requests == FLUSH_ANSWERS
    observer.flush()
    observer.flush()
    counts = tally.counts()
    assert (counts.requests, counts.rows) == (FLUSH_ANSWERS + 3, 2 * (FLUSH_ANSWERS + 3))
    assert counts.quantile_s(0.5) == pytest.approx(0.010, rel=0.05)
    assert counts.answers == {"prediction": [FLUSH_ANSWERS + 3, 0, 0]}, "the first row of each request counts"


def test_the_latency_of_a_cached_answer_does_not_count() -> None:
    """An answer from the cache counts as an answer without a latency: the cache of a new version is empty."""
    tally = _tally()
    observer = ArmObserver(tally.add)
    observer.count_answer(b"", 1, [0.5], b"r1", 0.00001, from_cache=True)
    observer.count_answer(b"", 1, [0.5], b"r2", 0.010)
    observer.flush()
    counts = tally.counts()
    assert (counts.requests, counts.n_latencies) == (2, 1)
    assert counts.mean_s == pytest.approx(0.010)


def test_errors_of_the_version_are_told_from_others() -> None:
    """A fault is the version's error; a refusal for load, a missed deadline and a lost client are not; a wrong value is a refusal."""
    observer = ArmObserver(_tally().add)
    for status in (500, 503, 504, 499, 422, 400):
        observer.count_error(status)
    assert (observer.errors, observer.refused) == (1, 2)


def test_only_the_first_answer_of_a_unit_counts_for_the_distribution() -> None:
    """A user who asks a hundred times counts once for the distribution of answers, and a hundred times for the latency."""
    firsts = UnitFirsts()
    tally = _tally()
    observer = ArmObserver(tally.add, firsts.take)
    for index in range(100):
        request_id = b"r%d" % index
        firsts.note(unit=7, request_id=request_id)
        observer.count_answer(b"", 1, [0.5], request_id, 0.001)
    observer.flush()
    counts = tally.counts()
    assert counts.requests == 100
    assert counts.answers == {"prediction": [1, 0, 0]}


def test_first_requests_without_an_answer_are_forgotten() -> None:
    """The list of units whose first answer is due is bounded."""
    firsts = UnitFirsts()
    for unit in range(MAX_PENDING + 1):
        firsts.note(unit, b"r%d" % unit)
    assert not firsts.take(b"r0")
    assert firsts.take(b"r%d" % MAX_PENDING)


def test_the_sum_of_cells_is_the_sum_of_the_counts() -> None:
    """Cells that are added up as counters have the counts of both workers together."""
    workers = []
    for factor in (1, 2):
        tally = _tally()
        tally.errors = factor
        tally.add([[0.5]] * 10 * factor + [[5.0]], [0.001 * factor] * (10 * factor + 1))
        workers.append(tally.counts())
    cells: dict[tuple[str, ...], float] = {}
    for counts in workers:
        for names, number in arm_cells("challenger", counts).items():
            cells[names] = cells.get(names, 0) + number
    assert arm_counts("challenger", cells) == merge_arms(workers)
    assert arm_counts("champion", cells).requests == 0


def test_the_sum_of_compared_rows_is_kept_in_cells() -> None:
    """Compared rows are added up by their cells as well, sums of differences included."""
    first, second = PairCounts(compared=3, differing=1, difference_sum=0.25), PairCounts(compared=2, flips=2)
    first.differences[3] = 2
    cells: dict[tuple[str, ...], float] = {}
    for pairs in (first, second):
        for names, number in pair_cells("pairs", pairs).items():
            cells[names] = cells.get(names, 0) + number
    assert pair_counts("pairs", cells) == merge_pairs([first, second])
