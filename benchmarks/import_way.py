"""The path of ``tabento import`` without the store: a pickled pipeline and a CSV sample become a contract and a graph.

The functions of the command itself read the file, walk the steps, infer and check the contract, export the graph and prove
it. Latency, gate and store are omitted.
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

from tabento.adopt.column_names import keeps_column_names
from tabento.adopt.columns import column_facts, drops_by_name
from tabento.adopt.contract_check import contract_violations, require_contract_kept, without_warnings
from tabento.adopt.infer import input_names
from tabento.adopt.load import load_pipeline
from tabento.adopt.sample import agreed_columns, read_sample
from tabento.adopt.served_answers import require_servable
from tabento.bundle.contract import Contract
from tabento.export import export_pipeline, serialise
from tabento.export.tracing import trusted_functions
from tabento.parity import MAX_ROWS, ParityError, ParityReport, check_parity
from tabento.tables.frames import to_frame, to_rows
from training.stages.adoption.agreed_config import agree_on_config
from training.stages.adoption.request import Request

NotProvenError = ParityError
"""The error of a graph that is exported and not proven."""
PROOF_ROWS = 2_000
"""The approximate number of rows of a short proof: a tenth of the rows of an import."""
FULL_PROOF_ROWS = MAX_ROWS
"""The approximate number of rows of an import's proof."""


@dataclass(frozen=True)
class ImportedPipeline:
    """A pipeline that was exported and proven."""

    pipeline: Any
    """The pipeline as read from the file."""
    contract: Contract
    model: bytes
    parity: ParityReport | None
    sample: pd.DataFrame
    """The sample with the types of the contract."""
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
) -> ImportedPipeline:
    """Import a fitted pipeline as ``tabento import`` would.

    Args:
        pipeline: the fitted pipeline; it is pickled and read back.
        sample: rows of the pipeline's table; they are written to a CSV file and read back.
        proof_rows: the approximate number of rows of the proof; None for no proof, then ``parity`` is None.
        edit: a user's change of the inferred contract, if any.
        columns_from_sample: whether the sample names the columns of a pipeline that has no names for them.
        trust: the types that the user trusts.
        trust_functions: the user's own functions and classes that may be traced, as in ``--trust-function``.

    Raises:
        TabentoError: the pipeline is refused, as ``ExportError``, ``AdoptionError``, ``ConfigError`` or ``DataError``.
        ParityError: the graph is exported and not proven.
        Exception: any other error is a bug of the import.
    """
    with tempfile.TemporaryDirectory(prefix="judge-") as name, threadpool_limits(1):
        folder = Path(name)
        request = Request(
            pipeline=folder / "pipeline.pkl",
            sample=folder / "sample.csv",
            config=folder / "config.yaml",
            columns_from_sample=columns_from_sample,
            trust_pickle=True,
            trust=trust,
            trust_functions=trust_functions,
        )
        request.pipeline.write_bytes(pickle.dumps(pipeline))
        # An empty text is not a missing one: the zoo has such a category.
        sample.to_csv(request.sample, index=False, na_rep="NA")
        with trusted_functions(trust_functions):
            return _import_request(request, proof_rows, edit)


def _import_request(
    request: Request, proof_rows: int | None, edit: Callable[[Contract], Contract] | None
) -> ImportedPipeline:
    started_s = time.perf_counter()
    loaded = load_pipeline(request.pipeline, trust=request.trust, trust_pickle=True)
    rows_read = read_sample(request.sample)
    header = [str(name) for name in rows_read.cells.columns] if request.columns_from_sample else None
    facts = column_facts(loaded.pipeline, input_names(loaded.pipeline, header))
    droppable = keeps_column_names(loaded.pipeline) and drops_by_name(loaded.pipeline)
    columns = agreed_columns(rows_read, facts, droppable, None)
    fitted = agree_on_config(request, loaded, facts, rows_read, columns)
    contract = fitted.config.contract()
    rows = to_rows(fitted.frame, contract)
    if edit is not None:
        contract = edit(contract)
        require_contract_kept(contract_violations(fitted.pipeline, rows, contract), "the edited config")
    agreed = time.perf_counter()
    model = serialise(export_pipeline(fitted.pipeline, contract))
    exported = time.perf_counter()
    parity = None
    if proof_rows is not None:
        with without_warnings():
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
        "contract": agreed - started_s,
        "export": exported - agreed,
        "proof": time.perf_counter() - exported,
    }
    return ImportedPipeline(loaded.pipeline, contract, model, parity, fitted.frame, seconds)
