"""The sample: read in two ways, compared with the pipeline column by column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tabento.adopt.columns import ColumnFacts
from tabento.adopt.errors import AdoptionError
from tabento.adopt.sample import (
    Sample,
    agreed_columns,
    as_contracted,
    as_read,
    class_indices,
    left_out_columns,
    left_out_remarks,
    missing_texts,
    present_texts,
    read_sample,
    true_answers,
)
from tabento.bundle.contract import Contract, Feature, Output
from tabento.tables.faults import DataError


def sample_of(text: str | bytes, folder: Path) -> Sample:
    """Write a file and read it."""
    path = folder / "rows.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_sample(path)


def facts_of(**facts: dict[str, Any]) -> dict[str, ColumnFacts]:
    """Facts by column, read unless it says otherwise."""
    return {name: ColumnFacts(name, **{"read": True, **values}) for name, values in facts.items()}


def contract_of(*features: Feature, classes: tuple[Any, ...] | None = None) -> Contract:
    """A contract over some features."""
    return Contract(
        name="m",
        title="M",
        description="",
        task="regression" if classes is None else "classification",
        features=features,
        output=Output(name="y", classes=classes),
    )


def test_every_cell_is_kept_as_it_stands(tmp_path: Path) -> None:
    """Leading zeros, words for missing and blanks: nothing is interpreted yet."""
    sample = sample_of("a,b\n01,NA\n,x\n", tmp_path)
    assert sample.cells.to_numpy().tolist() == [["01", "NA"], ["", "x"]]
    assert (len(sample), sample.source) == (2, "rows.csv")


def test_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    """Excel writes one."""
    assert sample_of(b"\xef\xbb\xbfa,b\r\n1,2\r\n", tmp_path).cells.columns.tolist() == ["a", "b"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"a,b\n", "no rows"),
        (b"a;b\n1;2\n", "got semicolons"),
        (b"a\tb\n1\t2\n", "got tabs"),
        (b"a,a\n1,2\n", "'a' more than once"),
        (b"a,b\n1,2,3\n", "more values than the header"),
        ("a\nß\n".encode("latin-1"), "expected UTF-8"),
    ],
)
def test_what_is_no_table_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    """Content that is not a table is an error with the reason."""
    with pytest.raises(DataError, match=message):
        sample_of(content, tmp_path)


def test_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A missing file is an error that names the option."""
    with pytest.raises(DataError, match="--sample"):
        read_sample(tmp_path / "nowhere.csv")
    with pytest.raises(DataError, match="cannot be read"):
        read_sample(tmp_path)


def test_columns_that_agree_are_returned_in_the_pipelines_order(tmp_path: Path) -> None:
    """The columns have the pipeline's order, without the target."""
    sample = sample_of("y,b,a\n1,2,3\n", tmp_path)
    assert agreed_columns(sample, facts_of(a={}, b={}), droppable=False, target="y") == ("a", "b")


def test_disagreement_is_told_column_by_column(tmp_path: Path) -> None:
    """The error names missing and additional columns, and pairs of names that are probably the same."""
    sample = sample_of("Area,rooms,id\n1,2,3\n", tmp_path)
    with pytest.raises(AdoptionError) as error:
        agreed_columns(sample, facts_of(area={}, rooms={}, age={}), droppable=True, target=None)
    lines = str(error.value).splitlines()
    assert "  area: the pipeline takes it, the sample lacks it (is it 'Area'?)" in lines
    assert "  age: the pipeline takes it, the sample lacks it" in lines
    assert "  Area: the sample has it, the pipeline does not take it (is it 'area'?)" in lines
    assert "  id: the sample has it, the pipeline does not take it" in lines


def test_columns_that_the_pipeline_does_not_take_are_left_out(tmp_path: Path) -> None:
    """They are told, and that one of them may hold the true answers."""
    sample, facts = sample_of("id,a,price\n7,1,2\n", tmp_path), facts_of(a={})
    assert agreed_columns(sample, facts, droppable=False, target=None) == ("a",)
    assert left_out_columns(sample, facts, "price") == ["id"]
    (remark,) = left_out_remarks(sample, facts, None)
    assert "does not take them: 'id', 'price'. If one of them holds the true answers, say --target NAME" in remark
    (remark,) = left_out_remarks(sample, facts, "price")
    assert remark.endswith("does not take it: 'id'")
    assert left_out_remarks(sample_of("a\n1\n", tmp_path), facts, None) == ()


@pytest.mark.parametrize(("target", "message"), [("a", "cannot be its answer"), ("z", "is not a column of")])
def test_target_must_be_a_column_of_its_own(target: str, message: str, tmp_path: Path) -> None:
    """Neither a feature nor something that is not there."""
    with pytest.raises(AdoptionError, match=message):
        agreed_columns(sample_of("a,y\n1,2\n", tmp_path), facts_of(a={}), droppable=False, target=target)


def test_columns_that_nobody_reads_may_be_left_out(tmp_path: Path) -> None:
    """Where the pipeline chooses by name, a column that it drops is neither wanted nor in the way."""
    facts = facts_of(a={}, id={"read": False})
    for text in ("a\n1\n", "a,id\n1,2\n"):
        assert agreed_columns(sample_of(text, tmp_path), facts, droppable=True, target=None) == ("a",)
    with pytest.raises(AdoptionError, match="id: the pipeline takes it"):
        agreed_columns(sample_of("a\n1\n", tmp_path), facts, droppable=False, target=None)


def test_words_for_missing_are_values_where_an_encoder_knows_them(tmp_path: Path) -> None:
    """`NA` is a country to who was fitted on it, and missing to all others."""
    sample = sample_of("a\nNA\nDE\n\nNaN\n", tmp_path)
    assert present_texts(sample, "a", ColumnFacts("a", values=["DE", "NA"])) == ["NA", "DE"]
    assert present_texts(sample, "a", ColumnFacts("a")) == ["DE"]
    assert "NA" not in missing_texts(ColumnFacts("a", values=["NA"]))


def test_reading_is_that_of_pandas(tmp_path: Path) -> None:
    """Integers, booleans and numbers by their looks; text of an encoder stays text; missing text is None if the pipeline was fitted on None."""
    sample = sample_of("i,f,b,c,d\n1,1.5,True,01,x\n2,,False,02,\n", tmp_path)
    facts = facts_of(i={}, f={}, b={}, c={"values": ["01"]}, d={"values": ["x"], "missing_as": "none"})
    frame = as_read(sample, list(facts), facts)
    assert [frame[name].dtype.kind for name in "ifb"] == ["i", "f", "b"]
    assert frame["c"].tolist() == ["01", "02"]
    assert frame["d"].tolist() == ["x", None]


def test_contracted_reading_gives_floats_and_text(tmp_path: Path) -> None:
    """Numbers, integers and booleans as float64, categories as text or None."""
    sample = sample_of("i,b,c\n1,True,x\n2,,\n", tmp_path)
    contract = contract_of(
        Feature(name="i", type="integer"),
        Feature(name="b", type="boolean", nullable=True),
        Feature(name="c", type="category", categories=("x",), nullable=True),
    )
    frame = as_contracted(sample, contract, facts_of(i={}, b={}, c={"values": ["x"]}))
    assert frame["i"].tolist() == [1.0, 2.0]
    assert frame["b"].iloc[0] == 1.0
    assert np.isnan(frame["b"].iloc[1])
    assert frame["c"].tolist() == ["x", None]


def test_cells_that_do_not_fit_are_told_with_their_rows(tmp_path: Path) -> None:
    """The error lists every wrong cell."""
    sample = sample_of("i,c\none,x\n2,z\n99,x\n", tmp_path)
    contract = contract_of(
        Feature(name="i", type="integer", maximum=10), Feature(name="c", type="category", categories=("x",))
    )
    with pytest.raises(DataError) as error:
        as_contracted(sample, contract, facts_of(i={}, c={"values": ["x"]}))
    for part in ("rows.csv", "'one' in row 1", "in row 3", "'z' in row 2"):
        assert part in str(error.value)


@pytest.mark.parametrize(
    ("classes", "cells", "indices"),
    [
        (("late", "on time"), "late\non time", [0, 1]),
        ((False, True), "True\nfalse\n1", [1, 0, 1]),
        ((1, 2), "2\n1.0", [1, 0]),
        ((0.5, 2.0), "2\n0.5", [1, 0]),
    ],
)
def test_truth_of_a_classification_is_the_index_of_the_class(
    classes: tuple[Any, ...], cells: str, indices: list[int], tmp_path: Path
) -> None:
    """However a CSV file writes a label."""
    sample = sample_of(f"y\n{cells}\n", tmp_path)
    contract = contract_of(Feature(name="a", type="number"), classes=classes)
    assert true_answers(sample, contract, "y").tolist() == indices


def test_truth_that_is_none_is_told(tmp_path: Path) -> None:
    """A label that the pipeline does not know, a number that is missing."""
    classes = contract_of(Feature(name="a", type="number"), classes=("x", "z"))
    with pytest.raises(DataError, match=r"expected one of 'x', 'z'.*'w' in row 2"):
        true_answers(sample_of("y\nx\nw\n", tmp_path), classes, "y")
    with pytest.raises(DataError, match="no missing value"):
        true_answers(sample_of("y,z\n1,2\n,2\n", tmp_path), contract_of(Feature(name="a", type="number")), "y")


def test_places_of_classes() -> None:
    """Each way of writing leads to the first class that it may mean."""
    assert class_indices((1, 2)) == {"1": 0, "1.0": 0, "2": 1, "2.0": 1}
