"""The cases of the league: the zoo's pipelines, fitted, with plain and hostile rows and Tabento's graph."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.league.case import TIMED_ROWS, Case, keep
from benchmarks.league.result import Outcome, compare
from benchmarks.zoo.data import ROWS, shipments
from benchmarks.zoo.measure import Specimen, fit, quiet, rows_of_proof
from benchmarks.zoo.pipelines import zoo
from training.export import ExportError, export_pipeline, serialise
from training.export.convert import plain_graph
from training.frames import to_rows
from training.parity import pipeline_answers
from training.parity.sessions import answers, open_session

ROWS_OF_A_KIND = 2_000
"""The most plain rows, and the most hostile rows, of a case."""
SEED = 5


def make_cases(names: Sequence[str], folder: Path, rows: int = ROWS) -> list[Outcome]:
    """Fit pipelines of the zoo, keep a case of each in a folder, and return what Tabento does with them."""
    outcomes = []
    for number, name in enumerate(names):
        with quiet():
            specimen = fit(zoo()[name], shipments(rows))
            case, outcome = _case(name, specimen)
        keep(case, folder, number)
        outcomes.append(outcome)
    return outcomes


def _case(name: str, specimen: Specimen) -> tuple[Case, Outcome]:
    contract = specimen.contract
    graph, refused = None, None
    plain_form = None
    try:
        plain_form = plain_graph(specimen.pipeline, contract)
        graph = serialise(export_pipeline(specimen.pipeline, contract))
    except ExportError as error:
        refused = str(error)
    frames, plain = rows_of_proof(specimen, plain_form, boundary=False)
    draw = np.random.default_rng(SEED)
    everything = pd.concat(frames, ignore_index=True)
    kept = np.concatenate(
        [
            np.sort(draw.choice(np.arange(*ends), min(ROWS_OF_A_KIND, ends[1] - ends[0]), replace=False))
            for ends in ((0, plain), (plain, len(everything)))
        ]
    )
    frame = everything.iloc[kept].reset_index(drop=True)
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
        return case, Outcome(case=name, family=specimen.family, refused=refused)
    got = answers(open_session(graph), to_rows(frame, contract)).reshape(len(frame), -1)
    if contract.output.classes is None:
        return case, Outcome(case=name, family=specimen.family, **compare(case, got, None))
    labels = np.array(contract.output.classes, dtype=object)[got[:, 0].astype(int)]
    return case, Outcome(case=name, family=specimen.family, **compare(case, labels, got[:, 1:]))
