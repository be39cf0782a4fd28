"""One batch, by itself: joined, run, split again."""

from __future__ import annotations

from runners.batch import BatchRun, Segment, fail_all
from runners.errors import InferenceError
from runners.stats import Stats
from tests.runners.echo import EchoModel, Ticket, WideModel, answers_to, wide_answers_to


def _segments(*parts: tuple[int, int, int, int]) -> list[Segment]:
    """Return segments of requests, each as (request, its rows, first row, rows of the segment)."""
    return [Segment(Ticket(request, rows).work(), start, count) for request, rows, start, count in parts]


def test_segments_are_joined_and_their_predictions_split() -> None:
    """Whole requests and slices of others, each with the predictions of just its rows."""
    segments = _segments((1, 3, 0, 3), (2, 10, 4, 2), (3, 1, 0, 1))
    outcome = BatchRun(EchoModel(), Stats()).run(segments, 6)
    assert outcome == [answers_to(1, 3), answers_to(2, 10)[4:6], answers_to(3, 1)]


def test_predictions_of_several_numbers_stay_whole() -> None:
    """A classifier's answers are split by rows, not by numbers, also when a row fails and the batch is halved."""
    model = WideModel()
    assert BatchRun(model, Stats()).run(_segments((1, 3, 0, 3), (2, 10, 4, 2)), 5) == [
        wide_answers_to(1, 3),
        wide_answers_to(2, 10)[4:6],
    ]
    model.raises = {2000.0}
    first, second = BatchRun(model, Stats()).run(_segments((1, 3, 0, 3), (2, 4, 0, 4)), 7)
    assert first == wide_answers_to(1, 3)
    assert isinstance(second, InferenceError)


def test_every_bad_request_of_a_batch_is_found() -> None:
    """Two of them, however they break; the others are answered, and the rows are counted from the request's start."""
    model, stats = EchoModel(), Stats()
    model.raises, model.drops = {2005.0}, {4000.0}
    segments = _segments((1, 2, 0, 2), (2, 10, 4, 4), (3, 2, 0, 2), (4, 2, 0, 2))
    outcome = BatchRun(model, stats).run(segments, 10)
    assert outcome[0] == answers_to(1, 2)
    assert outcome[2] == answers_to(3, 2)
    failures = [result for result in (outcome[1], outcome[3]) if isinstance(result, InferenceError)]
    assert [failure.row for failure in failures] == [5, 0]
    assert stats.retried > 0


def test_a_model_that_always_fails_is_not_asked_forever() -> None:
    """A request of n rows costs at most one run a halving until its first row is alone."""
    model = EchoModel()
    model.raises = {1000.0 + row for row in range(256)}
    (failure,) = BatchRun(model, Stats()).run(_segments((1, 256, 0, 256)), 256)
    assert isinstance(failure, InferenceError)
    assert failure.row == 0
    assert [len(rows) for rows in model.runs] == [256, 128, 64, 32, 16, 8, 4, 2, 1]


def test_fail_all_gives_each_segment_the_reason() -> None:
    """As many failures as segments."""
    outcome = fail_all(_segments((1, 1, 0, 1), (2, 1, 0, 1)), "no thread")
    assert [str(result) for result in outcome] == ["no thread", "no thread"]
