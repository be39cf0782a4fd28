"""Tests of the cache in front of a batcher, on a loop that the test runs: which rows are run, and what each request receives."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable, Sequence

import pytest

from runners.batch import Model
from runners.costs import BatchCosts
from runners.errors import ExpiredError, InferenceError
from runners.runner import Runner, RunnerOptions
from runners.work import Values, Work
from serving.cache.answer_cache import AnswerCache
from serving.cache.cached_batcher import HIT_LINE, MISS_LINE, PARTIAL_LINE, CachedBatcher
from serving.cache.packed_answers import AnswerFormat, key_function
from tests.runners.echo import EchoModel, WideModel
from tests.runners.manual_loop import ManualLoop

SEAL, OTHER_SEAL = b"s" * 16, b"t" * 16


class ClientRequest:
    """A request whose answer and header lines are recorded."""

    def __init__(self) -> None:
        self.lines = b"ratelimit: r\r\n"
        self.answers: list[tuple[Values | None, Exception | None]] = []
        self.gone = False

    def finish(self, values: Values | None, error: Exception | None) -> None:
        """Record the answer."""
        self.answers.append((values, error))

    def is_abandoned(self) -> bool:
        """Return whether the test made the client leave."""
        return self.gone

    @property
    def values(self) -> Values | None:
        """The values of the only answer."""
        ((values, error),) = self.answers
        assert error is None, error
        return values

    @property
    def cache_line(self) -> bytes:
        """The header line after that of the rate limit."""
        return self.lines.removeprefix(b"ratelimit: r\r\n")


class RemoteDictionary:
    """A second tier whose answers arrive when the test says so."""

    def __init__(self) -> None:
        self.numbers: dict[bytes, bytes] = {}
        self.available = True
        self.waiting: list[tuple[list[bytes], Callable[[list[bytes | None]], None]]] = []

    def is_available(self) -> bool:
        """Return the state that the test set."""
        return self.available

    def fetch(self, keys: list[bytes], receive: Callable[[list[bytes | None]], None]) -> None:
        """Keep the question until ``deliver``."""
        self.waiting.append((keys, receive))

    def store(self, key: bytes, numbers: bytes) -> None:
        """Store immediately."""
        self.numbers[key] = numbers

    def deliver(self) -> None:
        """Answer all questions."""
        waiting, self.waiting = self.waiting, []
        for keys, receive in waiting:
            receive([self.numbers.get(key) for key in keys])


class Bench:
    """A cached batcher with its model on a manual loop."""

    def __init__(
        self,
        model: Model | None = None,
        width: int | None = None,
        cache: AnswerCache | None = None,
        seal: bytes = SEAL,
        remote: RemoteDictionary | None = None,
    ) -> None:
        self.loop = ManualLoop()
        self.model = model or EchoModel()
        self.runner = Runner(
            self.model,
            self.loop,
            lambda function, done: done(function(), None),
            RunnerOptions(slo_s=1.0),
            BatchCosts(1024),
        )
        self.cache = AnswerCache(1 << 20, 1e9) if cache is None else cache
        self.batcher = CachedBatcher(
            self.runner.batcher, self.runner.admission, self.cache, seal, self.model.row_bytes, width, remote
        )

    @property
    def runs(self) -> list[list[float]]:
        """The rows of each run of the model."""
        assert isinstance(self.model, EchoModel)
        return self.model.runs

    def submit(self, *rows: float, deadline: float = float("inf")) -> ClientRequest:
        """Hand rows to the cache, without a turn of the loop."""
        request = ClientRequest()
        self.batcher.submit(Work(array("d", rows).tobytes(), len(rows), self.loop.now, deadline, request))
        return request

    def answer(self, *rows: float) -> ClientRequest:
        """Hand rows to the cache and turn the loop until the request is answered."""
        request = self.submit(*rows)
        while not self.loop.idle:
            self.loop.turn(0.001)
        return request


def _echoes(*rows: float) -> list[float]:
    return [-row - 0.25 for row in rows]


def test_a_known_row_is_answered_without_the_model() -> None:
    """The first request is a miss and runs; the second is answered within ``submit``, with the same value."""
    bench = Bench()
    first = bench.answer(3.0)
    second = bench.submit(3.0)
    assert (first.values, first.cache_line) == (_echoes(3.0), MISS_LINE)
    assert (second.values, second.cache_line) == (_echoes(3.0), HIT_LINE)
    assert bench.runs == [[3.0]]
    assert (bench.cache.hits, bench.cache.misses) == (1, 1)


def test_only_the_unknown_rows_of_a_request_are_run() -> None:
    """Known and computed values are merged in the order of the rows; equal unknown rows are run once."""
    bench = Bench()
    bench.answer(1.0, 2.0)
    request = bench.answer(5.0, 2.0, 6.0, 5.0, 1.0)
    assert (request.values, request.cache_line) == (_echoes(5.0, 2.0, 6.0, 5.0, 1.0), PARTIAL_LINE)
    assert bench.runs == [[1.0, 2.0], [5.0, 6.0]]
    assert (bench.cache.hits, bench.cache.misses) == (2, 5)
    later_request = bench.submit(6.0, 5.0)
    assert (later_request.values, later_request.cache_line) == (_echoes(6.0, 5.0), HIT_LINE)


def test_answers_of_many_numbers_are_kept_bit_by_bit() -> None:
    """An answer of several numbers is a list later_request, with the same bits, and a caller that changes it does not change the cache."""
    bench = Bench(WideModel(), width=2)
    first = bench.answer(0.1, -0.0)
    second = bench.submit(-0.0, 0.1)
    assert first.values == [[0.1, 0.2], [-0.0, -0.0]]
    assert second.values == [[-0.0, -0.0], [0.1, 0.2]]
    assert second.values is not None
    assert struct.pack("=d", second.values[0][0]) == struct.pack("=d", -0.0)
    second.values[1][0] = 7.0
    assert bench.submit(0.1).values == [[0.1, 0.2]]


def test_rows_that_differ_in_one_bit_have_their_own_answers() -> None:
    """0.0 and -0.0 are two rows: a model may answer them differently."""
    bench = Bench()
    bench.answer(0.0)
    assert bench.answer(-0.0).cache_line == MISS_LINE
    assert len(bench.runs) == 2


def test_models_and_versions_do_not_share_answers() -> None:
    """Two models with one cache run the same row once each, since their seals differ."""
    cache = AnswerCache(1 << 20, 1e9)
    first, second = Bench(cache=cache), Bench(cache=cache, seal=OTHER_SEAL)
    first.answer(3.0)
    assert second.answer(3.0).cache_line == MISS_LINE
    assert (first.runs, second.runs) == ([[3.0]], [[3.0]])
    assert first.submit(3.0).cache_line == second.submit(3.0).cache_line == HIT_LINE


def test_a_failed_row_is_named_by_its_index_in_the_request() -> None:
    """The error of a partly cached request has the index of the row in the request; the failure is not kept."""
    model = EchoModel()
    model.raises = {9.0}
    bench = Bench(model)
    bench.answer(1.0, 2.0)
    request = bench.answer(1.0, 4.0, 2.0, 9.0, 9.0)
    ((values, error),) = request.answers
    assert values is None
    assert isinstance(error, InferenceError)
    assert error.row == 3
    model.raises = set()
    assert bench.answer(9.0).cache_line == MISS_LINE


@pytest.mark.parametrize("rows", [(4.0,), (4.0, 5.0)])
def test_other_errors_of_the_batcher_reach_the_request(rows: Sequence[float]) -> None:
    """A request whose deadline passed, or whose client left, is not run and not kept."""
    bench = Bench()
    late = bench.submit(*rows, deadline=bench.loop.now - 1)
    left_request = bench.submit(*rows)
    left_request.gone = True
    bench.loop.turn(0.001)
    ((values, error),) = late.answers
    assert (values, type(error)) == (None, ExpiredError)
    assert left_request.answers[0][0] is None
    assert bench.runs == []
    assert len(bench.cache) == 0


def test_a_request_that_cannot_be_answered_does_not_prevent_its_answer_from_being_kept() -> None:
    """If the request's own callback raises, the batcher counts it, and the answer is kept."""
    bench = Bench()

    def fail(values: Values | None, error: Exception | None) -> None:
        raise ConnectionError("its client left")

    for rows in ((3.0,), (4.0, 5.0)):
        request = bench.submit(*rows)
        request.finish = fail  # type: ignore[method-assign]
        bench.loop.turn(0.001)
        assert bench.answer(*rows).cache_line == HIT_LINE
    assert bench.runner.batcher.stats.callback_errors == 2


def test_a_hit_takes_back_its_charge_for_the_model() -> None:
    """Admission charges a request with its row in the model, and takes the charge back on a hit, but never below 0."""
    bench = Bench(EchoModel())
    bench.answer(3.0)
    admission = bench.runner.admission
    assert admission.admit()
    spent_s = admission.budget.claimed_s
    admission.first_row_s = spent_s / 3
    bench.submit(3.0)
    assert admission.budget.claimed_s == pytest.approx(spent_s * 2 / 3)
    for _ in range(50):
        bench.submit(3.0)
        bench.submit(3.0, 3.0)
    assert admission.budget.claimed_s == 0.0


def test_wide_rows_are_known_by_a_digest() -> None:
    """A row with the numbers of texts has a key of 48 bytes; a usual row is its own key after the seal."""
    narrow, wide = key_function(SEAL, 80), key_function(SEAL, 80_000)
    row = bytes(range(80))
    assert narrow(row) == SEAL + row
    long_row = bytes(80_000)
    assert len(wide(long_row)) == 48
    assert wide(long_row).startswith(SEAL)
    assert wide(long_row) != wide(long_row[:-1] + b"\x01")


def test_the_second_tier_is_asked_for_unknown_rows_only() -> None:
    """Answers of the second tier are used and kept; the rows that it does not know are run and stored there."""
    remote = RemoteDictionary()
    other = Bench(remote=remote)
    other.submit(1.0, 2.0)
    remote.deliver()
    other.loop.turn(0.001)
    assert len(remote.numbers) == 2

    bench = Bench(remote=remote)
    request = bench.submit(2.0, 7.0, 1.0)
    assert len(remote.waiting[0][0]) == 3
    assert request.answers == []
    remote.deliver()
    bench.loop.turn(0.001)
    assert (request.values, request.cache_line) == (_echoes(2.0, 7.0, 1.0), PARTIAL_LINE)
    assert bench.runs == [[7.0]]
    assert (bench.cache.hits, bench.cache.remote_hits, bench.cache.misses) == (2, 2, 1)
    assert len(remote.numbers) == 3
    assert bench.submit(1.0).cache_line == HIT_LINE
    assert remote.waiting == []

    single = Bench(remote=remote)
    request = single.submit(7.0)
    remote.deliver()
    assert (request.values, request.cache_line, single.runs) == (_echoes(7.0), HIT_LINE, [])


def test_numbers_of_another_length_are_a_miss() -> None:
    """An answer of the second tier with another number of numbers is ignored."""
    remote = RemoteDictionary()
    bench = Bench(remote=remote)
    remote.numbers[key_function(SEAL, 8)(array("d", [3.0]).tobytes())] = b"12345"
    request = bench.submit(3.0)
    remote.deliver()
    bench.loop.turn(0.001)
    assert (request.values, request.cache_line) == (_echoes(3.0), MISS_LINE)


def test_a_second_tier_that_is_not_available_is_not_asked() -> None:
    """Requests of one and of many rows go to the batcher immediately."""
    remote = RemoteDictionary()
    remote.available = False
    bench = Bench(remote=remote)
    assert bench.answer(3.0).values == _echoes(3.0)
    assert bench.answer(4.0, 5.0).values == _echoes(4.0, 5.0)
    assert remote.waiting == []


def test_an_entry_has_the_bits_of_its_numbers() -> None:
    """Packing and unpacking keep every number, of a float and of a list."""
    numbers = [0.1, -0.0, 5e-324, 1.7976931348623157e308]
    single, several = AnswerFormat(None), AnswerFormat(4)
    assert [single.unpack(single.pack(1.0, number)) for number in numbers] == numbers
    entry = several.pack(1.0, numbers)
    assert several.unpack(entry) == numbers
    assert several.entry_of(1.0, several.numbers_of(entry)) == entry
    assert len(several.numbers_of(entry)) == several.numbers_bytes == 32
