"""Tests of the answers of one process: age, order of use, and memory."""

from __future__ import annotations

import struct
import tracemalloc
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from serving.cache.answer_cache import ENTRY_BYTES, AnswerCache

PACK = struct.Struct("=dd").pack
ENTRY = PACK(100.0, 1.5)
SIZE = 4 + len(ENTRY) + ENTRY_BYTES
"""The counted bytes of an entry with a key of four bytes."""


def _key(number: int) -> bytes:
    return number.to_bytes(4, "big")


def test_an_entry_is_returned_until_it_is_too_old() -> None:
    """An entry is used up to its age limit. A later look-up removes it and counts it as an eviction by age."""
    cache = AnswerCache(max_bytes=1000, max_age_s=60.0)
    cache.put(b"key1", ENTRY)
    assert cache.get(b"key1", 160.0) == ENTRY
    assert cache.get(b"key2", 100.0) is None
    assert cache.get(b"key1", 160.5) is None
    assert (len(cache), cache.bytes, cache.evictions) == (0, 0, {"size": 0, "age": 1})


def test_the_least_recently_used_entry_is_removed_first() -> None:
    """A look-up makes an entry the most recently used one; the oldest use is removed if there are too many bytes."""
    cache = AnswerCache(max_bytes=3 * SIZE, max_age_s=60.0)
    for number in range(3):
        cache.put(_key(number), ENTRY)
    assert cache.get(_key(0), 100.0) == ENTRY
    cache.put(_key(3), ENTRY)
    assert [number for number in range(4) if cache.get(_key(number), 100.0)] == [0, 2, 3]
    assert (cache.bytes, cache.evictions) == (3 * SIZE, {"size": 1, "age": 0})


def test_a_stored_key_is_replaced() -> None:
    """Storing a key again replaces its entry, counts its bytes once, and makes it the most recently used one."""
    cache = AnswerCache(max_bytes=2 * SIZE, max_age_s=60.0)
    newer = PACK(130.0, 2.5)
    cache.put(_key(0), ENTRY)
    cache.put(_key(1), ENTRY)
    cache.put(_key(0), newer)
    cache.put(_key(2), ENTRY)
    assert (cache.get(_key(0), 130.0), cache.get(_key(1), 130.0), cache.bytes) == (newer, None, 2 * SIZE)


def test_an_entry_larger_than_the_cache_is_not_kept() -> None:
    """A cache with less room than one entry stays empty."""
    cache = AnswerCache(max_bytes=10, max_age_s=60.0)
    cache.put(b"key1", ENTRY)
    assert (len(cache), cache.bytes) == (0, 0)


@given(st.lists(st.tuples(st.integers(0, 8), st.booleans(), st.integers(0, 100)), max_size=60))
def test_the_count_of_bytes_is_right_after_any_use(uses: list[tuple[int, bool, int]]) -> None:
    """After any sequence of uses the counted bytes are those of the entries, and within the limit."""
    cache = AnswerCache(max_bytes=4 * SIZE, max_age_s=10.0)
    for number, stores, now in uses:
        if stores:
            cache.put(_key(number), PACK(float(now), 0.0))
        else:
            cache.get(_key(number), float(now))
        assert cache.bytes == len(cache) * SIZE <= 4 * SIZE


def test_the_counted_bytes_are_the_memory() -> None:
    """Python allocates at most the counted bytes, and at least 70% of them, for 5,000 to 40,000 entries."""

    def measure(fill: Callable[[], AnswerCache]) -> float:
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            cache = fill()
            return (tracemalloc.get_traced_memory()[0] - before) / cache.bytes
        finally:
            tracemalloc.stop()

    def fill(count: int) -> AnswerCache:
        cache = AnswerCache(1 << 30, 60.0)
        for number in range(count):
            cache.put(number.to_bytes(80, "big"), PACK(0.0, float(number)))
        return cache

    ratios = [measure(lambda count=count: fill(count)) for count in (5_000, 11_000, 40_000)]  # type: ignore[misc]
    assert all(0.7 < ratio <= 1.0 for ratio in ratios), ratios
