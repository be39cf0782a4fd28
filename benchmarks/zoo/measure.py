"""One member of the zoo from fit to results: exported exactly and naively, both graphs compared with the pipeline."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from benchmarks.alternation import time_in_alternation
from benchmarks.error_text import shorten
from benchmarks.zoo import naive
from benchmarks.zoo.compare import compare, typical_magnitude
from benchmarks.zoo.data import SERVICES, Table, Task, contract_of
from benchmarks.zoo.member import Member
from benchmarks.zoo.results import Exact, Naive, Result, Speed
from benchmarks.zoo.timing import ROUNDS, runner, session
from tabento.bundle.contract import Contract, Output
from tabento.bundle.format import INPUT_NAME, PREDICTION_NAME
from tabento.export import ExportError, export_pipeline, serialise
from tabento.export.convert import plain_graph
from tabento.export.graph.graph import Graph
from tabento.parity import MAX_ROWS, ParityError, check_parity, pipeline_answers
from tabento.parity.check import SEED
from tabento.parity.rows.proof_rows import proof_rows
from tabento.parity.rows.split_lines import sample_indices
from tabento.tables.frames import to_frame, to_rows

ERROR_LENGTH = 160
"""The maximum length of another library's error."""
TIMED_ROWS = 100
TARGETS: dict[Task, str] = {
    "regression": "cost",
    "binary": "late",
    "classes": "service",
    "grades": "grade",
    "outputs": "cost_and_hours",
}


@dataclass(frozen=True)
class Specimen:
    """A fitted pipeline with its contract and test rows."""

    name: str
    family: str
    task: str
    pipeline: Any
    """Fitted on frames of ``tabento.tables.frames.to_frame``."""
    contract: Contract
    test: pd.DataFrame
    """The rows outside the training part, in the form of the pipeline's input."""


@dataclass(frozen=True)
class MeasuredMember:
    """The result of a member with its graphs, which are timed when nothing else runs."""

    result: Result
    contract: Contract
    exact: bytes | None
    """The exact graph; None for a refused pipeline."""
    naive: bytes | None
    """The naive graph; None if the conversion or the graph fails."""
    rows: pd.DataFrame
    """The first ``TIMED_ROWS`` rows of the test split."""


def fit(member: Member, table: Table) -> Specimen:
    """Fit a member on the first rows of the table; the other rows are the test split."""
    frame = table.frame[list(member.columns)]
    target = table.targets[member.task]
    labels = {"binary": (False, True), "classes": SERVICES, "grades": (0, 1, 2)}.get(member.task)
    output = Output(name=TARGETS[member.task], classes=labels)
    contract = contract_of(frame, output, unknown=member.unknown)
    frame_of_pipeline = to_frame(to_rows(frame, contract), contract)
    rows = min(member.fit_rows, len(frame) // 2)
    with without_warnings():
        pipeline = member.build().fit(frame_of_pipeline.iloc[:rows], target[:rows])
    if labels is not None and hasattr(pipeline, "predict_proba"):
        contract = contract.model_copy(update={"output": output.model_copy(update={"probabilities": True})})
    return Specimen(member.name, member.family, member.task, pipeline, contract, frame_of_pipeline.iloc[rows:])


def measure(specimen: Specimen) -> MeasuredMember:
    """Export a specimen both ways and compare both graphs with the pipeline."""
    contract = specimen.contract
    refusal = error_text = graph = proof = None
    plain: Graph | None = None
    with without_warnings():
        try:
            plain = plain_graph(specimen.pipeline, contract)
            exported = export_pipeline(specimen.pipeline, contract)
            graph = serialise(exported)
            proof = prove(specimen, graph, len(exported.graph.node))
        except ExportError as error:
            refusal = str(error)
        except Exception as error:  # a faulty converter is a line of the table and does not end the run
            error_text = shorten(f"{type(error).__name__}: {error}", ERROR_LENGTH)
        other, converted = _convert_naively(specimen, plain)
    result = Result(
        name=specimen.name,
        family=specimen.family,
        task=specimen.task,
        refused=refusal,
        broken=error_text,
        exact=proof,
        naive=other,
    )
    return MeasuredMember(result, contract, graph, converted, specimen.test.iloc[:TIMED_ROWS])


def prove(specimen: Specimen, graph: bytes, nodes: int) -> Exact:
    """Run the proof of ``tabento.parity`` and return its results, also if the proof fails."""
    failed = None
    try:
        report = check_parity(specimen.pipeline, graph, specimen.contract, specimen.test)
    except ParityError as error:
        report = error.report
        steps = dict.fromkeys(repr(row.step) for row in report.worst_rows if row.step)
        failed = shorten(f"at step {', '.join(steps) or '?'}: expected {'; '.join(report.excesses())}", ERROR_LENGTH)
    return Exact(
        rows=report.rows,
        worst_relative=report.worst_relative,
        other_branch_share=report.other_branch_share,
        undecided=report.undecided,
        knife_edges=report.knife_edges,
        cancelled=report.cancelled,
        raised=report.raised_by_both,
        label_flips=report.label_flips,
        worst_probability=report.worst_probability,
        single_precision=bool(report.single_precision),
        failed=failed,
        nodes=nodes,
        size=len(graph),
    )


def _convert_naively(specimen: Specimen, plain: Graph | None) -> tuple[Naive, bytes | None]:
    """Convert naively, and compare on the rows of the proof."""
    contract = specimen.contract
    frames, test = rows_of_proof(specimen, plain)
    frame = pd.concat(frames, ignore_index=True)
    expected = pipeline_answers(specimen.pipeline, frame, contract)
    try:
        graph = naive.convert(specimen.pipeline, contract)
        naive_session = session(graph)
        naive_answers = naive.naive_answers(naive_session, naive.feed(naive_session, frame), contract)
        difference = compare(expected, naive_answers, contract, typical_magnitude(expected[:test]))
    except Exception as error:  # skl2onnx's and ONNX Runtime's errors share no public base class
        return Naive(failed=shorten(f"{type(error).__name__}: {error}", ERROR_LENGTH)), None
    noticed = difference.noticed
    figures = Naive(
        rows=len(frame),
        test_share=float(noticed[:test].mean()),
        share=float(noticed.mean()),
        worst=float(difference.far.max(initial=0.0)),
        flips=None if difference.flips is None else int(difference.flips.sum()),
    )
    return figures, graph


def rows_of_proof(specimen: Specimen, plain: Graph | None, *, boundary: bool = True) -> tuple[list[pd.DataFrame], int]:
    """Return the rows of the proof in the form of the pipeline's input, and the number of test rows among them.

    Args:
        specimen: the fitted pipeline with its contract.
        plain: the graph as the converters write it; None for a refused pipeline, which then has fewer hostile rows.
        boundary: whether rows exactly on a decision's boundary are included; there both labels are valid.
    """
    contract = specimen.contract
    packed = to_rows(specimen.test, contract)
    packed = packed[sample_indices(len(packed), MAX_ROWS // 2, np.random.default_rng(SEED))]
    kinds = proof_rows(specimen.pipeline, contract, plain, packed, MAX_ROWS)
    frames = [kind.frame for kind in kinds if boundary or kind.name != "boundary"]
    return [to_frame(packed, contract), *frames], len(packed)


def time_graphs(measured: MeasuredMember, rounds: int = ROUNDS) -> Speed | None:
    """Time the exact graph, and the naive graph if it exists. Return None if no exact graph exists."""
    if measured.exact is None:
        return None
    graphs = {"exact": session(measured.exact)}
    if measured.naive is not None:
        graphs["naive"] = session(measured.naive)
    frame = measured.rows
    costs: dict[str, float] = {}
    for count in (1, TIMED_ROWS):
        rows = to_rows(frame.iloc[:count], measured.contract)
        runs = {"exact": runner(graphs["exact"], [PREDICTION_NAME], {INPUT_NAME: rows})}
        if "naive" in graphs:
            runs["naive"] = runner(graphs["naive"], None, naive.feed(graphs["naive"], frame.iloc[:count]))
        costs |= {
            f"{name}_{count}": 1e6 * seconds / count for name, seconds in time_in_alternation(runs, rounds).items()
        }
    return Speed(**costs)


@contextmanager
def without_warnings() -> Iterator[None]:
    """Hide warnings of fits and conversions (no convergence, overflow on raw columns), because no model is tuned here.

    BLAS uses one thread, so that sums do not depend on the number of cores.
    """
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")
        yield
