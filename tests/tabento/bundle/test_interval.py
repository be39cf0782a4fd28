"""An interval contains its answer, stays within the target's limits, and is found by two binary searches."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tabento.bundle.interval import Interval, IntervalGroup, IntervalTable

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
LOW = IntervalGroup(edges=(10.0,), lower=(-1.0, -2.0), upper=(3.0, 4.0))
HIGH = IntervalGroup(lower=(-5.0,), upper=(6.0,))
MISSING = IntervalGroup(lower=(-7.0,), upper=(0.0,))
GROUPED = Interval(coverage=0.9, by="age", by_edges=(30.0,), groups=(LOW, HIGH, MISSING))


@st.composite
def groups(draw: st.DrawFn) -> IntervalGroup:
    """Draw a group with up to four bins."""
    edges = tuple(sorted(draw(st.sets(NUMBERS, max_size=3))))
    count = len(edges) + 1
    lower = draw(st.lists(st.floats(max_value=0, allow_infinity=False), min_size=count, max_size=count))
    upper = draw(st.lists(st.floats(min_value=0, allow_infinity=False), min_size=count, max_size=count))
    return IntervalGroup(edges=edges, lower=tuple(lower), upper=tuple(upper))


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    """Draw a table with or without groups and limits."""
    limits = sorted(draw(st.tuples(NUMBERS, NUMBERS)))
    minimum, maximum = (draw(st.sampled_from([None, limit])) for limit in limits)
    by_edges = tuple(sorted(draw(st.sets(NUMBERS, max_size=3))))
    grouped = draw(st.booleans())
    count = len(by_edges) + 2 if grouped else 1
    tables = draw(st.lists(groups(), min_size=count, max_size=count))
    return Interval(
        coverage=draw(st.floats(0.01, 0.99)),
        by="age" if grouped else None,
        by_edges=by_edges if grouped else (),
        groups=tuple(tables),
        minimum=minimum,
        maximum=maximum,
    )


@pytest.mark.parametrize(
    ("answer", "by", "ends"),
    [
        (5.0, 20.0, (4.0, 8.0)),
        (10.0, 30.0, (9.0, 13.0)),
        (math.nextafter(10.0, 11.0), 30.0, (8.0, 14.0)),
        (5.0, math.nextafter(30.0, 31.0), (0.0, 11.0)),
        (5.0, math.nan, (-2.0, 5.0)),
        (5.0, math.inf, (0.0, 11.0)),
    ],
)
def test_value_and_answer_determine_the_offsets(answer: float, by: float, ends: tuple[float, float]) -> None:
    """An answer or a value that equals an edge is in the lower part, and a missing value has its own group."""
    assert IntervalTable(GROUPED).ends(answer, by) == pytest.approx(ends, abs=1e-12)


@given(interval=intervals(), answer=NUMBERS, by=st.floats())
def test_interval_contains_its_answer(interval: Interval, answer: float, by: float) -> None:
    """The ends are finite, and the answer is between them, whatever the target's limits are."""
    lower, upper = IntervalTable(interval).ends(answer, by)
    assert -math.inf < lower <= answer <= upper < math.inf
    if interval.minimum is not None:
        assert lower >= min(interval.minimum, answer)
    if interval.maximum is not None:
        assert upper <= max(interval.maximum, answer)


@given(interval=intervals(), answer=NUMBERS, by=st.floats())
def test_stored_table_gives_the_same_interval(interval: Interval, answer: float, by: float) -> None:
    """A table that was written as JSON and read again gives the same ends, bit for bit."""
    stored = Interval.model_validate_json(interval.model_dump_json())
    assert stored == interval
    assert IntervalTable(stored).ends(answer, by) == IntervalTable(interval).ends(answer, by)


def test_many_answers_have_the_ends_of_each() -> None:
    """The ends of many rows are those of each row, and the numbers of answers and values must be equal."""
    table = IntervalTable(GROUPED)
    assert table.all_ends([5.0, 12.0], [20.0, 40.0]) == [table.ends(5.0, 20.0), table.ends(12.0, 40.0)]
    assert table.all_ends([5.0]) == [table.ends(5.0)]
    with pytest.raises(ValueError, match="shorter"):
        table.all_ends([5.0, 12.0], [20.0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"groups": [LOW, HIGH]}, "expected 3 groups, got 2"),
        ({"by": None, "by_edges": [], "groups": [LOW, HIGH]}, "expected 1 groups, got 2"),
        ({"by": None, "groups": [LOW]}, "`by_edges` needs `by`"),
        ({"by_edges": [30.0, 30.0], "groups": [LOW, LOW, HIGH, MISSING]}, "ascending `by_edges`"),
        ({"coverage": 1.0}, "less than 1"),
        ({"groups": [LOW, HIGH, {"edges": [1.0], "lower": [0.0], "upper": [0.0]}]}, "expected 2 offsets"),
        ({"groups": [LOW, HIGH, {"lower": [0.5], "upper": [1.0]}]}, "lower offsets of at most 0"),
        ({"groups": [LOW, HIGH, {"lower": [math.nan], "upper": [1.0]}]}, "finite"),
    ],
)
def test_impossible_tables_are_refused(changes: dict[str, Any], message: str) -> None:
    """A table whose parts do not fit each other is refused with the reason."""
    with pytest.raises(ValidationError, match=message):
        Interval.model_validate(GROUPED.model_dump() | changes)
