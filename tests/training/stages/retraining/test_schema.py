"""The schema of new data against the champion's contract."""

from __future__ import annotations

import pandas as pd

from tests.training.orchards import orchard_config
from training.data.synthetic import generate
from training.stages.retraining.schema import SchemaReport, compare_schema


def usual() -> pd.DataFrame:
    """Return rows as they are read from a file."""
    return generate(orchard_config().synthetic)


def compare(frame: pd.DataFrame) -> SchemaReport:
    """Compare rows with the orchard's contract."""
    return compare_schema(frame, orchard_config().contract(), orchard_config())


def test_usual_rows_change_nothing() -> None:
    """Columns that are dropped on purpose are known, and values outside a category that ignores them are only told."""
    report = compare(usual().assign(tag="A1"))
    assert not report.changed
    assert report.in_words() == []
    assert report.rows == 800


def test_columns_that_came_and_went_are_named() -> None:
    """Removed are features of the champion, added is what nobody knows."""
    report = compare(usual().rename(columns={"slope": "gradient"}))
    assert (report.removed, report.added) == (("slope",), ("gradient",))
    assert report.in_words() == ["the column 'slope' of the champion is missing", "the column 'gradient' is new"]


def test_values_the_champion_never_met_are_counted() -> None:
    """Text among numbers, fractions among integers, numbers out of range, new categories, empty cells."""
    frame = usual().astype({"age": object, "pruned": object})
    frame.loc[0, "age"] = "old"
    frame.loc[1, "age"] = 3.5
    frame.loc[2, "age"] = 200
    frame.loc[3, "crown width"] = None
    frame.loc[4, "pruned"] = "maybe"
    frame.loc[5:7, "sort"] = "elstar"
    frame.loc[8, "sort"] = "jonagold"
    report = compare(frame)
    changes = {change.name: change for change in report.columns}
    assert set(changes) == {"age", "crown width", "pruned", "sort"}
    assert (changes["age"].other_type, changes["age"].out_of_range) == (2, 1)
    assert changes["crown width"].missing == 1
    assert changes["pruned"].other_type == 1
    assert list(changes["sort"].unknown.items()) == [("ELSTAR", 3), ("JONAGOLD", 1)]
    words = "\n".join(report.in_words())
    assert "'age': expected an integer between 1 and 90, got 2 cells of another type, 1 values out of range" in words
    assert "unknown values 'ELSTAR' (3 rows), 'JONAGOLD' (1 rows)" in words


def test_many_unknown_values_are_not_all_named() -> None:
    """Five are enough to understand."""
    frame = usual()
    frame["sort"] = [f"S{row % 9}" for row in range(len(frame))]
    (change,) = compare(frame).columns
    assert list(change.unknown) == ["S0", "S1", "S2", "S3", "S4"]
