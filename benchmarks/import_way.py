"""The way of ``tabento import``, without the store: a pickled pipeline and a CSV sample become a contract and a graph.

What the command does is done with its own functions: the file is read, the steps are walked, the contract is inferred and
its promises are tried, the graph is exported and proven. Left out are latency, gate and store.
"""

from __future__ import annotations

import pickle
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from threadpoolctl import threadpool_limits

from bundle.contract import Contract
from training.adoption import run as adoption
from training.adoption.column_names import keeps_names
from training.adoption.columns import column_facts, drops_by_name
from training.adoption.infer import input_names
from training.adoption.load import load_pipeline
from training.adoption.promises import broken_promises, quietly, require_kept
from training.adoption.sample import agreed_columns, read_sample
from training.adoption.served_answers import require_servable
from training.export import export_pipeline, serialise
from training.export.tracing import trusted_functions
from training.frames import to_frame, to_rows
from training.parity import MAX_ROWS, ParityError, ParityReport, check_parity

NotProvenError = ParityError
"""Exported, and stopped by the proof."""
PROOF_ROWS = 2_000
"""About how many rows a short proof compares: a tenth of an import's."""
FULL_PROOF_ROWS = MAX_ROWS
"""About how many rows an import's proof compares."""


@dataclass(frozen=True)
class Imported:
    """A pipeline that was exported and proven."""

    pipeline: Any
    """As it came out of the file."""
    contract: Contract
    model: bytes
    parity: ParityReport | None
    sample: pd.DataFrame
    """The sample as the contract types it."""
    seconds: dict[str, float] = field(default_factory=dict)


def import_pipeline(
    pipeline: Any,
    sample: pd.DataFrame,
    *,
    proof_rows: int | None = PROOF_ROWS,
    edit: Callable[[Contract], Contract] | None = None,
    columns_from_sample: bool = False,
    trust: tuple[str, ...] = (),
    trust_functions: tuple[str, ...] = (),
) -> Imported:
    """Import a fitted pipeline as ``tabento import`` would.

    Args:
        pipeline: fitted; it is pickled and read back.
        sample: rows of its table; they are written to a CSV file and read back.
        proof_rows: about how many rows the proof compares; None for no proof, and ``parity`` is None.
        edit: what a person changes in the inferred contract, if anything.
        columns_from_sample: whether the sample names the columns of a pipeline that has no names for them.
        trust: what the person who imports says to trust.
        trust_functions: functions and classes of the person's own that may be traced, as ``--trust-function`` names them.

    Raises:
        TrainingError: it is refused, as ``ExportError``, ``AdoptionError``, ``ConfigError`` or ``DataError``.
        ParityError: it is exported and not proven.
        Exception: anything else is a fault of the import.
    """
    with tempfile.TemporaryDirectory(prefix="judge-") as name, threadpool_limits(1):
        folder = Path(name)
        request = adoption.Request(
            pipeline=folder / "pipeline.pkl",
            sample=folder / "sample.csv",
            config=folder / "config.yaml",
            columns_from_sample=columns_from_sample,
            trust_pickle=True,
            trust=trust,
            trust_functions=trust_functions,
        )
        request.pipeline.write_bytes(pickle.dumps(pipeline))
        # A text may be empty without being missing: the zoo has such a category.
        sample.to_csv(request.sample, index=False, na_rep="NA")
        with trusted_functions(trust_functions):
            return _imported(request, proof_rows, edit)


def _imported(
    request: adoption.Request, proof_rows: int | None, edit: Callable[[Contract], Contract] | None
) -> Imported:
    began = time.perf_counter()
    loaded = load_pipeline(request.pipeline, trust=request.trust, trust_pickle=True)
    rows_read = read_sample(request.sample)
    header = [str(name) for name in rows_read.cells.columns] if request.columns_from_sample else None
    facts = column_facts(loaded.pipeline, input_names(loaded.pipeline, header))
    droppable = keeps_names(loaded.pipeline) and drops_by_name(loaded.pipeline)
    columns = agreed_columns(rows_read, facts, droppable, None)
    fitted = adoption._fit(request, loaded, facts, rows_read, columns)
    contract = fitted.config.contract()
    rows = to_rows(fitted.frame, contract)
    if edit is not None:
        contract = edit(contract)
        require_kept(broken_promises(fitted.pipeline, rows, contract), "the edited config")
    agreed = time.perf_counter()
    model = serialise(export_pipeline(fitted.pipeline, contract))
    exported = time.perf_counter()
    parity = None
    if proof_rows is not None:
        with quietly():
            parity = check_parity(
                fitted.pipeline,
                model,
                contract,
                to_frame(rows, contract),
                max_rows=proof_rows,
                check_answers=lambda _, answers: require_servable(
                    answers, contract, lambda row: f"is row {row}", "Narrow the ranges."
                ),
            )
    seconds = {
        "contract": agreed - began,
        "export": exported - agreed,
        "proof": time.perf_counter() - exported,
    }
    return Imported(loaded.pipeline, contract, model, parity, fitted.frame, seconds)
