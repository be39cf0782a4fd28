"""The public face: a fitted pipeline and a sample of its rows become an exact ONNX model, and the proof of it.

from tabento import export_pipeline, prove

exported = export_pipeline(pipeline, sample)
print(prove(pipeline, exported, sample).worst_relative)
exported.save("model.onnx")
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import ValidationError
from sklearn.pipeline import Pipeline

from tabento.adopt.agreement import SampleReadings, agreement_on, settled_agreement
from tabento.adopt.columns import ColumnFacts, column_facts, drops_by_name, takes_one_text
from tabento.adopt.contract_check import (
    adapt_pipeline,
    answers_per_row,
    contract_violations,
    require_contract_kept,
    without_warnings,
)
from tabento.adopt.errors import AdoptionError
from tabento.adopt.frame_sample import contracted_rows, sample_of_frame
from tabento.adopt.infer import InferredFeature, infer_features, infer_output, input_names
from tabento.adopt.sample import agreed_columns, target_columns
from tabento.bundle.contract import Contract, Output
from tabento.bundle.session import open_session
from tabento.errors import SaveError
from tabento.packaging.bundle_builder import BundleBuilder, GraphLimits
from tabento.parity import MAX_ROWS, Limits, ParityReport
from tabento.tables.frames import to_frame, to_rows
from tabento.tables.wide_rows import wide_rows
from tabento.transformers.text_column import TextColumn


@dataclass(frozen=True)
class ExportedPipeline:
    """An ONNX model and the contract of its rows."""

    model: bytes
    """The serialised model: one input ``rows``, float64 (N, F), and one output ``prediction``."""
    contract: Contract
    """The columns in the order of ``rows``, their types, ranges and categories, and the meaning of the answer."""

    def encode(self, rows: pd.DataFrame) -> NDArray[np.float64]:
        """Return rows as the model takes them, float64 of shape (N, F); the model splits texts into more columns.

        Raises:
            DataError: cells do not fit the contract; each fault is listed with its rows.
        """
        packed = to_rows(contracted_rows(rows, self.contract), self.contract)
        return wide_rows(open_session(self.model), packed) if self.contract.texts else packed

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the model, and next to it the contract: ``model.onnx`` and ``model.contract.json``.

        Returns:
            The path of the contract.

        Raises:
            SaveError: a file cannot be written.
        """
        model_path = Path(path)
        contract_path = model_path.with_suffix(".contract.json")
        try:
            model_path.write_bytes(self.model)
            contract_path.write_text(
                self.contract.model_dump_json(indent=2, exclude_none=True) + "\n", encoding="utf-8"
            )
        except OSError as error:
            raise SaveError(
                f"the model cannot be written to {model_path}: {error.strerror}. Give a path in a folder that exists and"
                " can be written."
            ) from error
        return contract_path


def export_pipeline(
    pipeline: Any,
    sample: pd.DataFrame,
    *,
    contract: Contract | None = None,
    name: str = "model",
    target: str | Sequence[str] | None = None,
) -> ExportedPipeline:
    """Export a fitted pipeline as an exact ONNX model.

    Args:
        pipeline: a fitted scikit-learn pipeline or estimator: a classifier, a regressor or an outlier detector.
        sample: rows with the columns on which it was fitted; other columns are ignored. A pipeline that was fitted on an
            array takes all columns of the sample but ``target``, in their order.
        contract: the meaning of each column; by default it is inferred from the sample and the fitted steps.
        name: the model's name: lower-case letters, digits and underscores. Not used with ``contract``.
        target: the name of the answer, or one name for each of several answers. Not used with ``contract``.

    Raises:
        AdoptionError: the pipeline is not fitted, the sample lacks columns, or no contract fits both.
        DataError: cells of the sample do not fit the contract.
        ExportError: a step has no exact conversion. The message names the step, the reason and the nearest alternative.
    """
    cells = sample_of_frame(sample)
    targets = target_columns(target)
    header = [column for column in map(str, sample.columns) if column not in targets]
    if contract is not None:
        header = list(contract.feature_names)
    table_pipeline, facts = _table_pipeline(pipeline, header)
    known_targets = tuple(column for column in targets if column in sample.columns)
    columns = agreed_columns(cells, facts, drops_by_name(table_pipeline), known_targets)
    readings = SampleReadings(
        as_read=lambda agreed: sample[list(agreed.feature_names)].reset_index(drop=True),
        as_contracted=lambda agreed: contracted_rows(sample, agreed),
    )
    with without_warnings():
        if contract is not None:
            agreement = agreement_on(table_pipeline, _in_order_of(contract, columns), facts, readings)
            rows = to_rows(agreement.frame, agreement.contract)
            require_contract_kept(contract_violations(agreement.pipeline, rows, agreement.contract), "the contract")
        else:
            inferred = infer_features(cells, columns, facts)
            output = infer_output(
                table_pipeline,
                target,
                answers_per_row(table_pipeline, sample[list(columns)]),
                columns,
            )
            contract = _inferred_contract(name, type(pipeline).__name__, inferred, output)
            narrow = {column.feature.name: column.narrow for column in inferred}
            agreement = settled_agreement(table_pipeline, contract, facts, readings, narrow)
        model = BundleBuilder(agreement.pipeline, agreement.contract).export()
    return ExportedPipeline(model, agreement.contract)


def prove(
    pipeline: Any,
    exported: ExportedPipeline,
    rows: pd.DataFrame,
    *,
    limits: Limits | None = None,
    max_rows: int = MAX_ROWS,
) -> ParityReport:
    """Prove that an exported model answers what its pipeline answers.

    Compared are the given rows, and rows that are made from them and from the pipeline: rows at each threshold and edge,
    each category, missing and unknown values, and rows alone against rows in batches.

    Args:
        pipeline: the fitted pipeline that was exported.
        exported: the result of ``export_pipeline``.
        rows: at least one row, best of the test part, with the columns of the contract.
        limits: the largest differences allowed; by default 1e-9 relative, no other label and no other branch.
        max_rows: about the largest number of compared rows.

    Raises:
        ParityError: a limit is exceeded. The message shows the worst rows and the step at which the two diverge.
        DataError: cells of the rows do not fit the contract.
    """
    contract = exported.contract
    table_pipeline, facts = _table_pipeline(pipeline, list(contract.feature_names))
    adapter = adapt_pipeline(table_pipeline, contract, facts)
    packed = to_rows(contracted_rows(rows, contract), contract)
    with without_warnings():
        return BundleBuilder(adapter, contract).prove(
            exported.model, to_frame(packed, contract), GraphLimits(limits or Limits(), max_rows)
        )


def _inferred_contract(name: str, kind: str, inferred: Sequence[InferredFeature], output: Output) -> Contract:
    """Return the contract of inferred features.

    Raises:
        AdoptionError: the name is not allowed, or a feature does not go with another; each error is named.
    """
    try:
        return Contract(
            name=name,
            title=name.replace("_", " ").capitalize(),
            description=f"{kind} exported by Tabento.",
            task="classification" if output.label_sets else "regression",
            features=tuple(column.feature for column in inferred),
            output=output,
        )
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or 'contract'}: {problem['msg']}, got {problem['input']!r}"
            for problem in error.errors(include_url=False)
        )
        raise AdoptionError(
            f"the contract is not valid: {problems}. A name has lower-case letters, digits and underscores, begins with a"
            " letter and has at most 54 characters."
        ) from error


def _table_pipeline(pipeline: Any, header: list[str]) -> tuple[Any, Mapping[str, ColumnFacts]]:
    """Return a pipeline that takes a table, and the facts of its columns.

    A vectorizer as first step takes texts alone; a step before it gives it the texts of the one column.

    Raises:
        AdoptionError: it is not a fitted pipeline, or it takes texts alone and the table has several columns.
    """
    names = input_names(pipeline, header)
    if takes_one_text(pipeline):
        if len(names) != 1:
            raise AdoptionError(
                f"the {type(pipeline).__name__} takes texts alone, and the sample has {len(names)} columns:"
                f" {', '.join(map(repr, names))}. Give a sample with the one column of texts."
            )
        column = TextColumn().fit(pd.DataFrame(columns=list(names)))
        pipeline = Pipeline([("text", column), ("pipeline", pipeline)])
    return pipeline, column_facts(pipeline, names)


def _in_order_of(contract: Contract, columns: tuple[str, ...]) -> Contract:
    """Return a contract with its features in the order of the pipeline's columns.

    Raises:
        AdoptionError: it lacks a column, or has one that the pipeline does not take.
    """
    features = {feature.name: feature for feature in contract.features}
    missing = [name for name in columns if name not in features]
    extra = [name for name in features if name not in columns]
    if missing or extra:
        raise AdoptionError(
            "the features of the contract are not the columns of the pipeline:"
            + (f" missing are {', '.join(map(repr, missing))}" if missing else "")
            + (" and" if missing and extra else "")
            + (f" not taken are {', '.join(map(repr, extra))}" if extra else "")
            + f". List {', '.join(map(repr, columns))}."
        )
    return contract.model_copy(update={"features": tuple(features[name] for name in columns)})
