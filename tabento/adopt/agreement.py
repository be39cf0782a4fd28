"""A pipeline and a contract that agree: inferred from a sample or given, and checked on its rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabento.adopt.columns import ColumnFacts
from tabento.adopt.contract_check import (
    adapt_pipeline,
    compare_readings,
    contract_violations,
    relax_contract,
    require_contract_kept,
)
from tabento.bundle.contract import Contract, Feature
from tabento.tables.frames import to_rows


@dataclass(frozen=True)
class Agreement:
    """A contract that a pipeline keeps on the rows of a sample."""

    contract: Contract
    pipeline: Any
    """The pipeline that takes the frames of ``tabento.tables.frames.to_frame``."""
    frame: pd.DataFrame
    """The sample in the types of the contract."""
    answers: NDArray[np.float64]
    """The pipeline's answers to the sample, shape (N,) or (N, W)."""


@dataclass(frozen=True)
class SampleReadings:
    """The two readings of a sample that must give the same answers."""

    as_read: Callable[[Contract], pd.DataFrame]
    """Returns the contract's columns as the pipeline's owner has them."""
    as_contracted: Callable[[Contract], pd.DataFrame]
    """Returns the contract's columns as requests bring them."""


def agreement_on(
    pipeline: Any,
    contract: Contract,
    facts: Mapping[str, ColumnFacts],
    readings: SampleReadings,
    versions: Sequence[str] = (),
) -> Agreement:
    """Compare the pipeline's answers to both readings of the sample.

    Args:
        pipeline: the fitted pipeline.
        contract: the meaning of its columns and answers.
        facts: by input column, what the pipeline's steps know about it.
        readings: the sample.
        versions: the versions of scikit-learn that fitted the pipeline, if they are not the installed one.

    Raises:
        AdoptionError: the pipeline cannot answer the sample, or answers the two readings differently.
        DataError: cells do not fit the contract.
    """
    frame = readings.as_contracted(contract)
    adapter = adapt_pipeline(pipeline, contract, facts)
    rows = to_rows(frame, contract)
    answers = compare_readings(pipeline, adapter, readings.as_read(contract), rows, contract, versions)
    return Agreement(contract, adapter, frame, answers)


def settled_agreement(
    pipeline: Any,
    contract: Contract,
    facts: Mapping[str, ColumnFacts],
    readings: SampleReadings,
    narrow: Mapping[str, Feature],
    versions: Sequence[str] = (),
) -> Agreement:
    """Agree on an inferred contract: each part that the pipeline does not keep becomes as narrow as the sample.

    Args:
        pipeline: see ``agreement_on``.
        contract: the inferred contract.
        facts: see ``agreement_on``.
        readings: see ``agreement_on``.
        narrow: by name, each feature as narrow as the sample.
        versions: see ``agreement_on``.

    Raises:
        AdoptionError: see ``agreement_on``; or the pipeline does not keep the narrow contract either.
        DataError: cells do not fit the contract.
    """
    agreement = agreement_on(pipeline, contract, facts, readings, versions)
    violations = contract_violations(agreement.pipeline, to_rows(agreement.frame, contract), contract)
    if not violations:
        return agreement
    contract = relax_contract(contract, violations, narrow)
    agreement = agreement_on(pipeline, contract, facts, readings, versions)
    require_contract_kept(contract_violations(agreement.pipeline, to_rows(agreement.frame, contract), contract), None)
    return agreement
