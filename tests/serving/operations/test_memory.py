"""After a burst the process gives its free memory back to the system, and not often."""

from __future__ import annotations

import itertools

import pytest

from serving.operations.memory import (
    GROWTH_BYTES,
    LONGEST_PAUSE_S,
    MIB,
    PAUSE_S,
    MemoryTrimmer,
    c_library_trim,
    resident_bytes,
)


class Process:
    """The memory of a made-up process: ``trim`` leaves what is in use."""

    def __init__(self) -> None:
        self.bytes = self.in_use = 100 * MIB
        self.trims = 0

    def resident(self) -> int:
        """Return what it holds."""
        return self.bytes

    def trim(self) -> None:
        """Release the unused memory."""
        self.trims += 1
        self.bytes = self.in_use


def test_growth_is_given_back_once() -> None:
    """Memory is given back if the process has grown by the limit, and not again while it stays small."""
    process = Process()
    trimmer = MemoryTrimmer(process.resident, process.trim)
    assert not trimmer.check(0.0)
    process.bytes += GROWTH_BYTES - 1
    assert not trimmer.check(1.0)
    process.bytes += 1
    assert trimmer.check(2.0)
    assert (process.trims, process.bytes) == (1, 100 * MIB)
    assert not trimmer.check(2.0 + PAUSE_S)


def test_a_process_that_needs_its_memory_is_tried_ever_more_rarely() -> None:
    """If the memory is in use, each attempt doubles the pause to the next, up to the longest."""
    process = Process()
    trimmer = MemoryTrimmer(process.resident, process.trim)
    trimmer.check(0.0)
    process.bytes = process.in_use = 200 * MIB
    attempts = [second for second in range(1, 4_000) if trimmer.check(float(second))]
    pauses = [later - earlier for earlier, later in itertools.pairwise(attempts)]
    assert pauses[:6] == [20, 40, 80, 160, 320, 600]
    assert set(pauses[6:]) == {LONGEST_PAUSE_S}


def test_memory_that_was_in_use_at_the_first_attempt_is_given_back_later() -> None:
    """An attempt while the burst goes on does not make its size the new normal."""
    process = Process()
    trimmer = MemoryTrimmer(process.resident, process.trim)
    trimmer.check(0.0)
    process.bytes = process.in_use = 120 * MIB
    assert trimmer.check(1.0)
    process.in_use = 100 * MIB
    assert not trimmer.check(2.0)
    assert trimmer.check(1.0 + 2 * PAUSE_S)
    assert process.bytes == 100 * MIB


def test_there_is_a_pause_between_two_attempts() -> None:
    """However fast the process grows, memory is given back at most once in the pause."""
    process = Process()
    trimmer = MemoryTrimmer(process.resident, process.trim)
    trimmer.check(0.0)
    for second in range(1, 31):
        process.bytes += 2 * GROWTH_BYTES
        trimmer.check(float(second))
    assert process.trims == 30 // PAUSE_S


def test_nothing_is_done_where_it_cannot_be_known_or_done() -> None:
    """Without malloc_trim, or if the system does not tell a process's memory, nothing happens."""
    process = Process()
    assert not MemoryTrimmer(process.resident, None).check(0.0)
    assert not MemoryTrimmer(lambda: None, process.trim).check(0.0)
    assert process.trims == 0


def test_a_real_heap_gives_back_what_was_freed_inside_it() -> None:
    """Small blocks that were freed below one that is in use go back to the system."""
    trim = c_library_trim()
    if trim is None:
        pytest.skip("this C library has no malloc_trim")
    trim()  # what other tests have freed would take the blocks without any growth
    trimmer = MemoryTrimmer(trim=trim)
    trimmer.check(0.0)
    blocks = [bytes(2_000) for _ in range(20_000)]
    buffers = blocks[-1]
    before = resident_bytes()
    blocks.clear()
    assert trimmer.check(1.0)
    after = resident_bytes()
    assert before is not None
    assert after is not None
    assert before - after > 30 * MIB
    assert len(buffers) == 2_000
