"""The gain of the passes: three tables, before and after."""

from __future__ import annotations

from benchmarks.zoo.speed import markdown, measure_passes


def test_three_tables_are_timed() -> None:
    """The passes do not increase the number of nodes, and all times exist."""
    measured = measure_passes(200, trees=5, rounds=2)
    assert [passes.name.partition(":")[0] for passes in measured] == ["narrow", "wide", "wordy"]
    for passes in measured:
        assert passes.nodes_after <= passes.nodes_before
        assert set(passes.us_per_row_before) == set(passes.us_per_row_after) == {1, 100}
    lines = markdown(measured).splitlines()
    assert len(lines) == 5
    assert {line.count("|") for line in lines} == {5}
