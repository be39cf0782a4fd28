"""Tests of the comparison of both versions' answers."""

from __future__ import annotations

import pytest

from rollout.answers import AnswerForm
from rollout.shadow.batch import ShadowBatch, ShadowRequest
from rollout.shadow.comparison import COMPARED_ROWS, MIN_RATIOS, ShadowComparison
from runners.work import Values
from tests.bundles import classifier_contract, orchard_contract, reference_of


def _comparison() -> ShadowComparison:
    contract = orchard_contract()
    form = AnswerForm(contract, reference_of(contract))
    return ShadowComparison(form, form.label_map(contract), 0.1)


def _request(name: bytes, values: Values, latency_s: float = 0.010, batch_s: float = 0.002) -> ShadowRequest:
    return ShadowRequest(b"", len(values), values, name, latency_s, batch_s)


def _measure_costs(comparison: ShadowComparison, challenger_s: float, champion_s: float) -> None:
    """Add as many batches of both orders as the ratio of the costs needs."""
    for champion_first in (False, True):
        for _ in range(MIN_RATIOS):
            batch = ShadowBatch([], [], [], challenger_s, 1, champion_s, champion_first)
            comparison.add(batch)


def test_rows_are_compared_and_the_worst_is_named() -> None:
    """Rows above the allowed difference are counted, and the worst is named by request, row and both answers."""
    comparison = _comparison()
    requests = [_request(b"r1", [10.0, 20.0]), _request(b"r2", [30.0])]
    comparison.add(ShadowBatch(requests, [], [[10.0, 15.0], [31.0]], 0.003, 3))
    comparison.flush()
    pairs = comparison.pairs
    assert (pairs.compared, pairs.differing, pairs.flips) == (3, 1, 0)
    first, second = comparison.worst.rows()
    assert (first.request_id, first.row, first.champion, first.challenger) == ("r1", 1, "20", "15")
    assert first.difference == pytest.approx(0.25)
    assert (second.request_id, second.row) == ("r2", 0)


def test_the_latency_of_the_challenger_is_estimated() -> None:
    """A challenger of three times the cost has three times the champion's time in the model, and the same time besides."""
    comparison = _comparison()
    _measure_costs(comparison, 0.003, 0.001)
    # One batch in which the computer paused changes nothing.
    comparison.add(ShadowBatch([], [], [], 0.900, 1, champion_s=0.001))
    comparison.add(ShadowBatch([_request(b"r1", [1.0])], [], [[1.0]], 0.050, 1))
    comparison.flush()
    assert comparison.cost_ratio == pytest.approx(3.0)
    assert comparison.champion.counts().mean_s == pytest.approx(0.010)
    assert comparison.challenger.counts().mean_s == pytest.approx(0.014)


def test_the_order_of_both_models_does_not_matter() -> None:
    """The model that runs first is slower: equal models have equal costs, though each is four times slower if it runs first."""
    comparison = _comparison()
    for _ in range(MIN_RATIOS):
        comparison.add(ShadowBatch([], [], [], 0.001, 1, champion_s=0.004, champion_first=True))
        comparison.add(ShadowBatch([], [], [], 0.004, 1, champion_s=0.001))
    assert comparison.cost_ratio == pytest.approx(1.0)


def test_latencies_do_not_count_before_the_costs_are_known() -> None:
    """A few batches say too little about the costs: until they are known, answers count and latencies do not."""
    comparison = _comparison()
    for _ in range(MIN_RATIOS - 1):
        comparison.add(ShadowBatch([], [], [], 0.900, 1, champion_s=0.001, champion_first=True))
        comparison.add(ShadowBatch([], [], [], 0.900, 1, champion_s=0.001))
    comparison.add(ShadowBatch([_request(b"r1", [1.0])], [], [[1.0]], 0.050, 1))
    comparison.flush()
    assert comparison.cost_ratio is None
    for counts in (comparison.champion.counts(), comparison.challenger.counts()):
        assert (counts.requests, sum(counts.latencies), counts.latency_us) == (1, 0, 0)


def test_a_failed_request_is_an_error_of_the_challenger() -> None:
    """A request on which the challenger fails is its error, and none of its rows is compared."""
    comparison = _comparison()
    comparison.add(ShadowBatch([_request(b"r1", [1.0, 2.0]), _request(b"r2", [3.0])], [], [None, [3.0]], 0.001, 3))
    comparison.flush()
    challenger, champion = comparison.challenger.counts(), comparison.champion.counts()
    assert (challenger.requests, challenger.errors, champion.requests, champion.errors) == (2, 1, 2, 0)
    assert (comparison.failed_rows, comparison.pairs.compared) == (2, 1)


def test_a_batch_that_fails_entirely_is_counted() -> None:
    """If the challenger fails on all requests of a batch, only errors are counted."""
    comparison = _comparison()
    comparison.add(ShadowBatch([_request(b"r1", [1.0])], [], [None], 0.001, 1))
    comparison.flush()
    assert comparison.challenger.counts().error_rate == 1.0
    assert comparison.pairs.compared == 0


def test_flipped_labels_count_as_different() -> None:
    """Another label differs, whatever its probability is."""
    contract = classifier_contract(("a", "b"))
    form = AnswerForm(contract, reference_of(contract))
    comparison = ShadowComparison(form, form.label_map(contract), 0.1)
    comparison.add(ShadowBatch([_request(b"r", [[0.0, 0.51, 0.49]])], [], [[[1.0, 0.49, 0.51]]], 0.001, 1))
    comparison.flush()
    assert (comparison.pairs.differing, comparison.pairs.flips) == (1, 1)
    assert comparison.worst.rows()[0].challenger == "b (p = 0.510)"


def test_several_batches_are_compared_together() -> None:
    """Batches are compared when they have enough rows, each row once and with its own request."""
    comparison = _comparison()
    for number in range(COMPARED_ROWS):
        answers = [float(number + 1)]
        comparison.add(ShadowBatch([_request(b"r%d" % number, answers)], [], [[number + 1.5]], 0.001, 1))
        assert comparison.pairs.compared == (COMPARED_ROWS if number == COMPARED_ROWS - 1 else 0)
    assert comparison.worst.rows()[0].request_id == "r0"
