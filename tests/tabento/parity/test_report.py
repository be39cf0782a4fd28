"""The report: exceeded limits as sentences, and a file that can be read back."""

from __future__ import annotations

import json

from tabento.parity.report import BatchParity, Limits, ParityError, ParityPart, ParityReport, WorstRow

PART = ParityPart(name="test", rows=100, worst_absolute=1.0, worst_relative=0.5, beyond_share=0.1)
REPORT = ParityReport(
    limit=1e-9,
    rows=100,
    worst_absolute=1.0,
    worst_relative=0.5,
    beyond_share=0.1,
    other_branches=4,
    label_flips=3,
    worst_probability=0.25,
    parts=(PART,),
    batches=(BatchParity(size=50, bit_equal=False, worst_relative=0.5),),
    worst_rows=(
        WorstRow(
            part="test",
            row={"age": 3.0, "soil": None},
            answer="label",
            pipeline="clay",
            onnx=True,
            relative=1.0,
            step="model/forest",
            cause="column 1 is 2, in the graph 3",
        ),
    ),
)


def test_every_excess_is_said() -> None:
    """Numbers, branches, labels and probabilities each have a sentence with limit and figure."""
    numbers, branches, labels, probabilities = REPORT.excesses()
    assert numbers == "differences within 1e-09 relative, got 0.5 at worst and 10.000% of 100 rows beyond"
    assert branches == "at most 0 rows on another branch, got 4"
    assert labels == "at most 0 other labels, got 3"
    assert probabilities == "probabilities within 1e-09, got 0.25 at worst"


def test_limits_can_be_lifted() -> None:
    """The report has no sentence if no limit is below its figure; NaN is never within a limit."""
    wide = Limits(relative=1.0, probability=1.0, other_branches=None, label_flips=3)
    assert REPORT.model_copy(update={"limits": wide}).excesses() == []
    assert REPORT.model_copy(update={"limits": wide, "worst_relative": float("nan")}).excesses()


def test_rows_that_are_counted_separately_are_limited() -> None:
    """Too many undecided rows, knife edges or answers without the pipeline's have a sentence each."""
    test = PART.model_copy(update={"undecided": 1, "knife_edges": 2, "cancelled": 7})
    edges = PART.model_copy(update={"name": "edges", "undecided": 6, "knife_edges": 9})
    wide = Limits(relative=1.0, probability=1.0, other_branches=None, label_flips=None)
    report = REPORT.model_copy(update={"limits": wide, "parts": (test, edges), "raised": 3})
    raised, undecided, hostile, cancelled, knife = report.excesses()
    assert raised.startswith("no answer where the pipeline has none, got one for 3 rows that the contract takes")
    assert undecided.startswith("at most 0.100% of the test rows undecided, got 1.000%")
    assert hostile.startswith("at most 1.000% of the hostile rows undecided, got 6.000%")
    assert cancelled.startswith("at most 5.000% of the test rows with large terms that cancel, got 7.000%")
    assert knife == "at most 0 test rows on a knife edge, got 2"
    lifted = ("undecided_share", "undecided_hostile_share", "cancelled_share", "knife_edges")
    none = wide.model_copy(update=dict.fromkeys(lifted))
    assert report.model_copy(update={"limits": none, "raised": 0}).excesses() == []


def test_error_names_step_batches_and_rows() -> None:
    """The message names the step at which both first differ, the batch sizes that differ and the worst rows."""
    message = str(ParityError(REPORT))
    assert "They first differ at step 'model/forest'." in message
    assert "Rows differ between alone and in batches of 50." in message
    assert "model/forest (column 1 is 2, in the graph 3); age=3, soil=None" in message


def test_rows_beside_thresholds_have_a_remedy() -> None:
    """If only rows next to thresholds take other branches, the message has a remedy."""
    at_thresholds = PART.model_copy(update={"name": "derived_thresholds", "other_branches": 4})
    assert "give the trees the columns themselves" in str(
        ParityError(REPORT.model_copy(update={"parts": (at_thresholds,)}))
    )
    test = PART.model_copy(update={"other_branches": 1})
    assert "the columns themselves" not in str(ParityError(REPORT.model_copy(update={"parts": (at_thresholds, test)})))


def test_report_survives_its_file() -> None:
    """Labels of every type and all figures are read back as they were."""
    assert ParityReport.model_validate(json.loads(REPORT.model_dump_json())) == REPORT


def test_reports_of_before_are_read() -> None:
    """A report without the newer figures is still valid."""
    old = {
        "limit": 1e-9,
        "rows": 1,
        "worst_absolute": 0.0,
        "worst_relative": 0.0,
        "beyond_share": 0.0,
        "parts": [{"name": "test", "rows": 1, "worst_absolute": 0.0, "worst_relative": 0.0, "beyond_share": 0.0}],
        "batches": [],
        "worst_rows": [],
    }
    assert ParityReport.model_validate(old).excesses() == []
