"""One member of the zoo from fitting to figures: exported exactly and naively, both compared with the pipeline."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from benchmarks.zoo import naive
from benchmarks.zoo.compare import compare, typical_magnitude
from benchmarks.zoo.data import SERVICES, Table, Task, contract_of
from benchmarks.zoo.member import Member
from benchmarks.zoo.results import Exact, Naive, Result, Speed
from benchmarks.zoo.timing import in_turns, runner, session
from bundle.contract import Contract, Output
from bundle.format import INPUT_NAME, PREDICTION_NAME
from training.export import ExportError, export_pipeline, serialise
from training.export.convert import plain_graph
from training.export.graph import Graph
from training.frames import to_frame, to_rows
from training.parity import MAX_ROWS, ParityError, check_parity, pipeline_answers
from training.parity.check import SEED
from training.parity.lines import draw
from training.parity.proof_rows import proof_rows

ERROR_LENGTH = 160
"""Characters of another library's error that are kept."""
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
    """A fitted pipeline with what belongs to it."""

    name: str
    family: str
    task: str
    pipeline: Any
    """Fitted on frames of ``training.frames.to_frame``."""
    contract: Contract
    test: pd.DataFrame
    """The rows that it was not fitted on, as the pipeline sees them."""


@dataclass(frozen=True)
class Measured:
    """What was found, and the graphs, to be timed when nothing else runs."""

    result: Result
    contract: Contract
    exact: bytes | None
    """The exact graph; None for a refused pipeline."""
    naive: bytes | None
    """The naive graph; None where it does not convert or does not run."""
    rows: pd.DataFrame
    """The first ``TIMED_ROWS`` rows of the test split."""


def fit(member: Member, table: Table) -> Specimen:
    """Fit a member on the first rows of the table; the others are its test split."""
    frame = table.frame[list(member.columns)]
    target = table.targets[member.task]
    labels = {"binary": (False, True), "classes": SERVICES, "grades": (0, 1, 2)}.get(member.task)
    output = Output(name=TARGETS[member.task], classes=labels)
    contract = contract_of(frame, output, unknown=member.unknown)
    seen = to_frame(to_rows(frame, contract), contract)
    rows = min(member.fit_rows, len(frame) // 2)
    with quiet():
        pipeline = member.build().fit(seen.iloc[:rows], target[:rows])
    if labels is not None and hasattr(pipeline, "predict_proba"):
        contract = contract.model_copy(update={"output": output.model_copy(update={"probabilities": True})})
    return Specimen(member.name, member.family, member.task, pipeline, contract, seen.iloc[rows:])


def measure(specimen: Specimen) -> Measured:
    """Export a specimen both ways and compare both graphs with the pipeline."""
    contract = specimen.contract
    refused = broken = graph = proof = None
    plain: Graph | None = None
    with quiet():
        try:
            plain = plain_graph(specimen.pipeline, contract)
            exported = export_pipeline(specimen.pipeline, contract)
            graph = serialise(exported)
            proof = prove(specimen, graph, len(exported.graph.node))
        except ExportError as error:
            refused = str(error)
        except Exception as error:  # one faulty converter is a line of the table, not its end
            broken = short(f"{type(error).__name__}: {error}")
        other, converted = _naively(specimen, plain)
    result = Result(
        name=specimen.name,
        family=specimen.family,
        task=specimen.task,
        refused=refused,
        broken=broken,
        exact=proof,
        naive=other,
    )
    return Measured(result, contract, graph, converted, specimen.test.iloc[:TIMED_ROWS])


def prove(specimen: Specimen, graph: bytes, nodes: int) -> Exact:
    """Run the proof of ``training.parity`` and keep its figures, whether it holds or not."""
    failed = None
    try:
        report = check_parity(specimen.pipeline, graph, specimen.contract, specimen.test)
    except ParityError as error:
        report = error.report
        steps = dict.fromkeys(repr(row.step) for row in report.worst_rows if row.step)
        failed = short(f"at step {', '.join(steps) or '?'}: expected {'; '.join(report.excesses())}")
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


def _naively(specimen: Specimen, plain: Graph | None) -> tuple[Naive, bytes | None]:
    """Convert naively and compare on the rows of the proof."""
    contract = specimen.contract
    frames, test = rows_of_proof(specimen, plain)
    frame = pd.concat(frames, ignore_index=True)
    expected = pipeline_answers(specimen.pipeline, frame, contract)
    try:
        graph = naive.convert(specimen.pipeline, contract)
        opened = session(graph)
        got = naive.ask(opened, naive.feed(opened, frame), contract)
        difference = compare(expected, got, contract, typical_magnitude(expected[:test]))
    except Exception as error:  # skl2onnx's and ONNX Runtime's errors share no public base class
        return Naive(failed=short(f"{type(error).__name__}: {error}")), None
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
    """Return the rows that the proof compares, as the pipeline sees them, and how many of them are test rows.

    Args:
        specimen: what is proven.
        plain: its graph as the converters write it; of a refused pipeline there is none, so its hostile rows are fewer.
        boundary: whether the rows right on a decision's boundary are among them: there either label may be given.
    """
    contract = specimen.contract
    packed = to_rows(specimen.test, contract)
    packed = packed[draw(len(packed), MAX_ROWS // 2, np.random.default_rng(SEED))]
    kinds = proof_rows(specimen.pipeline, contract, plain, packed, MAX_ROWS)
    frames = [kind.frame for kind in kinds if boundary or kind.name != "boundary"]
    return [to_frame(packed, contract), *frames], len(packed)


def time_graphs(measured: Measured) -> Speed | None:
    """Time what could be exported exactly, and the naive graph beside it; None where there is no exact graph."""
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
        costs |= {f"{name}_{count}": 1e6 * seconds / count for name, seconds in in_turns(runs).items()}
    return Speed(**costs)


def short(text: str) -> str:
    """Return the first lines of an error, cut to what a table's cell may hold."""
    line = " ".join(text.split())
    return line if len(line) <= ERROR_LENGTH else line[: ERROR_LENGTH - 1] + "…"


@contextmanager
def quiet() -> Iterator[None]:
    """Leave out warnings of fitting and converting (no convergence, overflow on raw columns): no model is tuned here.

    BLAS keeps to one thread, so that sums do not depend on the number of cores.
    """
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")
        yield
