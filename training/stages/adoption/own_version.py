"""The comparison of an import with the version of scikit-learn that fitted the pipeline, if the user asks for it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tabento.adopt.contract_check import without_warnings
from tabento.adopt.errors import AdoptionError
from tabento.adopt.load import LoadedPipeline
from tabento.adopt.versions.version_comparison import (
    Case,
    Environments,
    VersionComparison,
    compare_with_version,
    requested_version,
)
from training.gate import parity_limits
from training.progress import Progress
from training.stages.adoption.agreed_config import AgreedConfig
from training.stages.adoption.request import Request


def compare_with_own_version(
    request: Request,
    progress: Progress,
    loaded: LoadedPipeline,
    agreed: AgreedConfig,
    model: bytes,
    proof_rows: NDArray[np.float64],
    environments: Environments,
) -> VersionComparison | None:
    """Compare pipeline and graph with the version that fitted the pipeline. Returns None if the user did not ask for it.

    Raises:
        AdoptionError: that version cannot answer, or gives other answers.
    """
    version = requested_version(request.sklearn, loaded)
    if version is None:
        return None
    contract = agreed.config.contract()
    if len(contract.output.label_sets) > 1:
        raise AdoptionError(
            "--sklearn compares one label a row, and this pipeline gives several. Leave --sklearn out, and give the answers"
            " of the other version with --expected."
        )
    with progress.step(f"Open an environment of scikit-learn {version}") as step:
        environment, paths = environments(version, loaded.pipeline)
        step.detail = "made" if environment.is_new else "kept from an earlier run"
    case = Case(
        path=request.pipeline,
        loaded=loaded,
        pipeline=agreed.pipeline,
        model=model,
        contract=contract,
        sample=agreed.read,
        sample_answers=agreed.answers,
        packed=proof_rows,
        limits=parity_limits(agreed.config.gate),
        max_rows=agreed.config.gate.parity_rows,
    )
    with progress.step(f"Compare with scikit-learn {version}") as step, without_warnings():
        comparison = compare_with_version(case, environment, paths)
        step.detail = comparison.in_words()
    return comparison
