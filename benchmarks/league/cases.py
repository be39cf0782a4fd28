"""The cases of the league: the zoo's pipelines, fitted, with plain and hostile rows and Tabento's graph."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.league.case import TIMED_ROWS, Case, keep
from benchmarks.league.result import Outcome, compare
from benchmarks.zoo.data import ROWS, shipments
from benchmarks.zoo.measure import Specimen, fit, rows_of_proof, without_warnings
from benchmarks.zoo.pipelines import zoo
from tabento.bundle.session import LOG_ERRORS, open_session
from tabento.export import ExportError, export_pipeline, serialise
from tabento.export.convert import plain_graph
from tabento.parity import pipeline_answers
from tabento.parity.sessions import answers
from tabento.tables.frames import to_rows

ROWS_OF_A_KIND = 2_000
"""The maximum number of plain rows, and of hostile rows, of a case."""
SEED = 5


def make_cases(names: Sequence[str], folder: Path, rows: int = ROWS) -> list[Outcome]:
    """Fit pipelines of the zoo, write a case of each to a folder, and return Tabento's outcomes."""
    outcomes = []
    for number, name in enumerate(names):
        with without_warnings():
            specimen = fit(zoo()[name], shipments(rows))
            case, outcome = _case(name, specimen)
        keep(case, folder, number)
        outcomes.append(outcome)
    return outcomes


def _case(name: str, specimen: Specimen) -> tuple[Case, Outcome]:
    contract = specimen.contract
    graph, refusal = None, None
    plain_form = None
    try:
        plain_form = plain_graph(specimen.pipeline, contract)
        graph = serialise(export_pipeline(specimen.pipeline, contract))
    except ExportError as error:
        refusal = str(error)
    frames, plain = rows_of_proof(specimen, plain_form, boundary=False)
    draw = np.random.default_rng(SEED)
    all_rows = pd.concat(frames, ignore_index=True)
    selected = np.concatenate(
        [
            np.sort(draw.choice(np.arange(*ends), min(ROWS_OF_A_KIND, ends[1] - ends[0]), replace=False))
            for ends in ((0, plain), (plain, len(all_rows)))
        ]
    )
    frame = all_rows.iloc[selected].reset_index(drop=True)
    expected = pipeline_answers(specimen.pipeline, frame, contract).reshape(len(frame), -1)
    texts = tuple(feature.name for feature in contract.features if feature.type == "category")
    count = min(ROWS_OF_A_KIND, plain)
    case = Case(
        name=name,
        family=specimen.family,
        task=specimen.task,
        pipeline=specimen.pipeline,
        texts=texts,
        frame=frame,
        plain=count,
        expected=expected,
        typical=np.asarray(np.abs(expected[:count]).mean(axis=0)),
        classes=contract.output.classes,
        probabilities=contract.output.probabilities,
        graph=graph,
        packed=to_rows(frame.iloc[:TIMED_ROWS], contract),
    )
    if graph is None:
        return case, Outcome(case=name, family=specimen.family, refused=refusal)
    graph_answers = answers(open_session(graph, log_severity=LOG_ERRORS), to_rows(frame, contract)).reshape(
        len(frame), -1
    )
    if contract.output.classes is None:
        return case, Outcome(case=name, family=specimen.family, **compare(case, graph_answers, None))
    labels = np.array(contract.output.classes, dtype=object)[graph_answers[:, 0].astype(int)]
    return case, Outcome(case=name, family=specimen.family, **compare(case, labels, graph_answers[:, 1:]))
