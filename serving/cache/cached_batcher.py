"""The cache in front of a batcher: known rows are answered immediately, the other rows go to the batcher.

It takes the place of ``MicroBatcher.submit``, so all protocols use it. Without a cache ``serving.live_model`` calls the batcher
itself. The body of an answer is the same with and without a cache; the header ``x-cache`` has the difference:

- ``hit``: all rows were answered from a cache;
- ``partial``: a part of the rows was;
- ``miss``: no row was.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Protocol, cast

from runners.admission import Admission
from runners.batcher import MicroBatcher
from runners.errors import InferenceError
from runners.work import Requester, Values, Work
from serving.cache.answer_cache import AnswerCache
from serving.cache.packed_answers import AnswerFormat, key_function
from serving.tracing.request_trace import RequestTrace

CACHE_START = b"x-cache: "
"""The beginning of the lines of all answers of a service with a cache."""
HIT_LINE = b"x-cache: hit\r\n"
PARTIAL_LINE = b"x-cache: partial\r\n"
MISS_LINE = b"x-cache: miss\r\n"


class HeaderRequester(Requester, Protocol):
    """A request whose answer can have further headers."""

    lines: bytes
    """Further headers of the answer, as lines."""
    trace: RequestTrace | None
    """The trace of the request, if it is sampled."""

    @property
    def request_id(self) -> str:
        """The id of the request."""
        ...


class RemoteAnswers(Protocol):
    """The second tier of the cache: ``serving.cache.redis_answers.RedisAnswers``."""

    def is_available(self) -> bool:
        """Return whether entries can be fetched now."""
        ...

    def fetch(self, keys: list[bytes], receive: Callable[[list[bytes | None]], None]) -> None:
        """Fetch the numbers of answers.

        Args:
            keys: the keys.
            receive: called once on the loop, later, with a packed answer or None for each key.
        """
        ...

    def store(self, key: bytes, numbers: bytes) -> None:
        """Store the numbers of an answer, later."""
        ...


class CachedBatcher:
    """Answers the requests of one model from a cache, or passes their rows on.

    Args:
        batcher: the model's batcher.
        admission: the model's admission.
        cache: the answers of this process.
        seal: the seal of the model's bundle, see ``serving.cache.packed_answers.seal_of``.
        row_bytes: the length of a packed row.
        width: the number of numbers of an answer; None if it is a float.
        remote: the second tier, if there is one.
    """

    def __init__(
        self,
        batcher: MicroBatcher,
        admission: Admission,
        cache: AnswerCache,
        seal: bytes,
        row_bytes: int,
        width: int | None,
        remote: RemoteAnswers | None = None,
    ) -> None:
        self.batcher = batcher
        self.cache = cache
        self.remote = remote
        self.format = AnswerFormat(width)
        self.row_bytes = row_bytes
        self._admission = admission
        self._key_of = key_function(seal, row_bytes)
        self._get = cache.get
        self._unpack = self.format.unpack

    def submit(self, work: Work) -> None:
        """Answer a request from the cache, or add its unknown rows to the batcher; see ``MicroBatcher.submit``.

        Args:
            work: the rows; the requester is a ``HeaderRequester``.
        """
        if work.count > 1:
            self._submit_many(work)
            return
        key = self._key_of(work.data)
        entry = self._get(key, work.arrived)
        requester = cast(HeaderRequester, work.requester)
        if entry is not None:
            self.cache.hits += 1
            requester.lines += HIT_LINE
            self._admission.reuse(1)
            self.batcher.answer(work, [self._unpack(entry)])
        elif self.remote is not None and self.remote.is_available():
            UnknownRows(self, work, [None], {key: [0]}).fetch(self.remote)
        else:
            self.cache.misses += 1
            requester.lines += MISS_LINE
            work.requester = _UnknownRow(self, requester, key)
            self.batcher.submit(work)

    def _submit_many(self, work: Work) -> None:
        """Look many rows up. Equal unknown rows are run once."""
        started_s = perf_counter()
        get, key_of, unpack, width = self._get, self._key_of, self._unpack, self.row_bytes
        data, arrived_s = work.data, work.arrived
        values: Values = []
        unknown: dict[bytes, list[int]] = {}
        for index in range(work.count):
            key = key_of(data[index * width : (index + 1) * width])
            entry = get(key, arrived_s)
            if entry is not None:
                values.append(unpack(entry))
                continue
            values.append(None)
            indices = unknown.get(key)
            if indices is None:
                unknown[key] = [index]
            else:
                indices.append(index)
        self._admission.worked(perf_counter() - started_s)
        rows = UnknownRows(self, work, values, unknown)
        if unknown and self.remote is not None and self.remote.is_available():
            rows.fetch(self.remote)
        else:
            rows.run()

    def reuse(self, rows: int) -> None:
        """Report rows that need not run; see ``Admission.reuse``."""
        self._admission.reuse(rows)

    def keep(self, key: bytes, answer: object) -> None:
        """Store an answer of the model in both tiers."""
        entry = self.format.pack(perf_counter(), answer)
        self.cache.put(key, entry)
        if self.remote is not None:
            self.remote.store(key, self.format.numbers_of(entry))


class _UnknownRow:
    """A request of one row that the model answers; a ``runners.work.Requester``.

    Args:
        cached_batcher: the cache that keeps the answer.
        requester: the request.
        key: the key of its row.
    """

    __slots__ = ("_cached_batcher", "_key", "_requester", "is_abandoned")

    def __init__(self, cached_batcher: CachedBatcher, requester: Requester, key: bytes) -> None:
        self._cached_batcher = cached_batcher
        self._requester = requester
        self._key = key
        self.is_abandoned = requester.is_abandoned

    @property
    def trace(self) -> RequestTrace | None:
        """The trace of the request, if it is sampled."""
        return cast(HeaderRequester, self._requester).trace

    @property
    def request_id(self) -> str:
        """The id of the request."""
        return cast(HeaderRequester, self._requester).request_id

    def finish(self, values: Values | None, error: Exception | None) -> None:
        """Answer the request, then keep the answer."""
        try:
            self._requester.finish(values, error)
        finally:
            if values is not None:
                self._cached_batcher.keep(self._key, values[0])


class UnknownRows:
    """A request with rows that the cache of this process does not know; a ``runners.work.Requester`` for those rows.

    Args:
        cached_batcher: the cache that keeps the answers.
        work: all rows of the request.
        values: the answers in the order of the rows; None for an unknown row.
        unknown: the keys of the unknown rows in the order of their first rows, and the indices of the rows that have the key.
    """

    __slots__ = ("_cached_batcher", "_unknown", "_values", "_work", "is_abandoned")

    def __init__(
        self, cached_batcher: CachedBatcher, work: Work, values: Values, unknown: dict[bytes, list[int]]
    ) -> None:
        self._cached_batcher = cached_batcher
        self._work = work
        self._values = values
        self._unknown = unknown
        self.is_abandoned = work.requester.is_abandoned

    @property
    def trace(self) -> RequestTrace | None:
        """The trace of the request, if it is sampled."""
        return cast(HeaderRequester, self._work.requester).trace

    @property
    def request_id(self) -> str:
        """The id of the request."""
        return cast(HeaderRequester, self._work.requester).request_id

    def fetch(self, remote: RemoteAnswers) -> None:
        """Ask the second tier, then continue with ``run``."""
        remote.fetch(list(self._unknown), self._receive)

    def run(self) -> None:
        """Answer the request if all rows are known, otherwise hand the unknown ones to the batcher."""
        cached_batcher, work, unknown = self._cached_batcher, self._work, self._unknown
        cache, batcher = cached_batcher.cache, cached_batcher.batcher
        n_unknown = sum(map(len, unknown.values()))
        cache.misses += n_unknown
        cache.hits += work.count - n_unknown
        if n_unknown < work.count:
            cached_batcher.reuse(work.count - n_unknown)
        requester = cast(HeaderRequester, work.requester)
        if not unknown:
            requester.lines += HIT_LINE
            batcher.answer(work, self._values)
            return
        requester.lines += PARTIAL_LINE if n_unknown < work.count else MISS_LINE
        data = work.data
        if len(unknown) < work.count:
            width = cached_batcher.row_bytes
            data = b"".join([data[rows[0] * width : (rows[0] + 1) * width] for rows in unknown.values()])
        batcher.submit(Work(data, len(unknown), work.arrived, work.deadline, self, work.strict))

    def finish(self, values: Values | None, error: Exception | None) -> None:
        """Answer the request, then keep the answers of the model."""
        requester = self._work.requester
        if values is None:
            if isinstance(error, InferenceError):
                error = InferenceError(str(error), list(self._unknown.values())[error.row][0])
            requester.finish(None, error)
            return
        merged = self._values
        for indices, value in zip(self._unknown.values(), values, strict=True):
            for index in indices:
                merged[index] = value
        try:
            requester.finish(merged, None)
        finally:
            for key, value in zip(self._unknown, values, strict=True):
                self._cached_batcher.keep(key, value)

    def _receive(self, fetched: list[bytes | None]) -> None:
        """Continue with the answers of the second tier: one or None for each unknown key."""
        cached_batcher, unknown = self._cached_batcher, self._unknown
        cache, answer_format = cached_batcher.cache, cached_batcher.format
        for key, numbers in zip(list(unknown), fetched, strict=True):
            if numbers is None or len(numbers) != answer_format.numbers_bytes:
                continue
            entry = answer_format.entry_of(perf_counter(), numbers)
            value = answer_format.unpack(entry)
            indices = unknown.pop(key)
            for index in indices:
                self._values[index] = value
            cache.remote_hits += len(indices)
            cache.put(key, entry)
        self.run()
