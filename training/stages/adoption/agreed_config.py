"""The config of an import: read or inferred, and checked against the pipeline's answers to the sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabento.adopt.agreement import Agreement, SampleReadings, agreement_on, settled_agreement
from tabento.adopt.columns import ColumnFacts
from tabento.adopt.contract_check import answers_per_row, contract_violations, require_contract_kept
from tabento.adopt.expected_answers import compare_expected, read_expected
from tabento.adopt.infer import infer_features, infer_output, model_name
from tabento.adopt.load import LoadedPipeline
from tabento.adopt.sample import Sample, as_contracted, as_read
from tabento.adopt.served_answers import require_servable
from tabento.bundle.contract import Feature
from tabento.tables.frames import to_rows
from training.stages.adoption.config import (
    P99_MS,
    ImportConfig,
    build_config,
    default_gate,
    fitted_to,
    load_import_config,
)
from training.stages.adoption.error_explanations import remedy_for
from training.stages.adoption.remarks import unused_options
from training.stages.adoption.request import Request


@dataclass(frozen=True)
class AgreedConfig:
    """A config that fits pipeline and sample, with the pipeline's answers to the sample."""

    config: ImportConfig
    is_new: bool
    pipeline: Any
    """The pipeline that takes the service's frames."""
    frame: pd.DataFrame
    """The sample, typed by the contract."""
    answers: NDArray[np.float64]
    """The pipeline's answers to the sample, shape (N,) or (N, W)."""
    read: pd.DataFrame
    """The sample as pandas reads it, with the contract's columns."""
    remarks: tuple[str, ...] = ()
    comments: Mapping[str, str] = field(default_factory=dict)
    """For a new config: by feature, a comment on its values in the sample."""


def agree_on_config(
    request: Request,
    loaded: LoadedPipeline,
    facts: Mapping[str, ColumnFacts],
    sample: Sample,
    columns: tuple[str, ...],
) -> AgreedConfig:
    """Read the config if it exists, otherwise infer one. The pipeline keeps the contract of either.

    Raises:
        AdoptionError, ConfigError, DataError: config, pipeline and sample do not fit each other.
    """
    count = answers_per_row(loaded.pipeline, as_read(sample, columns, facts))
    output = infer_output(loaded.pipeline, request.target, count, columns)
    if request.config.exists():
        config = fitted_to(load_import_config(request.config), columns, output, request.config)
        agreed = _check_config(loaded, config, facts, sample)
        contract = config.contract()
        violations = contract_violations(agreed.pipeline, to_rows(agreed.frame, contract), contract)
        require_contract_kept(violations, str(request.config))
        remarks = (*unused_options(request, config), *_expected_remarks(request, loaded, agreed))
        return replace(agreed, remarks=remarks)
    inferred = infer_features(sample, columns, facts)
    narrow = {column.feature.name: column.narrow for column in inferred}
    p99_ms = P99_MS if request.p99_ms is None else request.p99_ms
    name = model_name(request.name, request.pipeline.stem)
    config = build_config(
        name=name,
        title=name.replace("_", " ").capitalize(),
        description=f"{type(loaded.pipeline).__name__} imported from {loaded.source}.",
        p99_ms=p99_ms,
        output=output,
        features=tuple(column.feature for column in inferred),
        gate=default_gate(p99_ms),
    )
    agreed = _narrow_config(loaded, config, facts, sample, narrow)
    comments = {column.feature.name: column.remark for column in inferred}
    return replace(agreed, remarks=_expected_remarks(request, loaded, agreed), comments=comments)


def _narrow_config(
    loaded: LoadedPipeline,
    config: ImportConfig,
    facts: Mapping[str, ColumnFacts],
    sample: Sample,
    narrow: Mapping[str, Feature],
) -> AgreedConfig:
    """Check a new config. A feature whose contract the pipeline does not keep becomes as narrow as the sample."""
    readings = _readings(sample, facts)
    versions = loaded.fitted_version.foreign
    agreement = settled_agreement(loaded.pipeline, config.contract(), facts, readings, narrow, versions)
    config = config.model_copy(update={"features": agreement.contract.features})
    return _servable(loaded, config, True, agreement, readings, sample)


def _check_config(
    loaded: LoadedPipeline, config: ImportConfig, facts: Mapping[str, ColumnFacts], sample: Sample
) -> AgreedConfig:
    """Check an existing config: the pipeline answers the sample as the file has it and as requests bring it."""
    readings = _readings(sample, facts)
    agreement = agreement_on(loaded.pipeline, config.contract(), facts, readings, loaded.fitted_version.foreign)
    return _servable(loaded, config, False, agreement, readings, sample)


def _readings(sample: Sample, facts: Mapping[str, ColumnFacts]) -> SampleReadings:
    """Return both readings of a CSV file."""
    return SampleReadings(
        as_read=lambda contract: as_read(sample, contract.feature_names, facts),
        as_contracted=lambda contract: as_contracted(sample, contract, facts),
    )


def _servable(
    loaded: LoadedPipeline,
    config: ImportConfig,
    is_new: bool,
    agreement: Agreement,
    readings: SampleReadings,
    sample: Sample,
) -> AgreedConfig:
    """Return an agreement whose answers to the sample can all be served.

    Raises:
        AdoptionError: the service would refuse an answer.
    """
    require_servable(
        agreement.answers,
        agreement.contract,
        lambda row: f"is row {row + 1} of {sample.source}",
        remedy_for(loaded, "Change the pipeline so that each answer can be served.", perhaps_rows=False),
    )
    read = readings.as_read(agreement.contract)
    return AgreedConfig(config, is_new, agreement.pipeline, agreement.frame, agreement.answers, read)


def _expected_remarks(request: Request, loaded: LoadedPipeline, agreed: AgreedConfig) -> tuple[str, ...]:
    """Compare the answers to the sample with the file of expected answers, if one was named, and return the result."""
    if request.expected is None:
        return ()
    contract = agreed.config.contract()
    expected = read_expected(request.expected, contract, len(agreed.frame))
    versions = " and ".join(loaded.fitted_version.foreign)
    origin = f"with scikit-learn {versions}" if versions else "where it was fitted"
    return (compare_expected(expected, agreed.answers, contract, origin).in_words(),)
