"""The import without the store: its result and its errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from benchmarks.import_way import import_pipeline
from tabento.adopt.errors import AdoptionError
from tabento.bundle.contract import Contract
from tabento.export import ExportError

ROWS = 200


class OwnSampler(RBFSampler):  # type: ignore[misc]
    """A user's own class, whose computation is unknown to the export."""

    def transform(self, X: Any) -> Any:
        """Return the parent's result."""
        return super().transform(X)


@pytest.fixture
def frame() -> pd.DataFrame:
    """Return two columns of numbers."""
    draw = np.random.default_rng(5)
    return pd.DataFrame({"size": np.round(draw.normal(50, 9, 80), 1), "rooms": draw.integers(1, 6, 80)})


def test_a_pipeline_becomes_contract_graph_and_proof(frame: pd.DataFrame) -> None:
    """The contract describes the sample, and the result contains the duration of each part."""
    pipeline = DecisionTreeClassifier(max_depth=2).fit(frame, frame["size"] > 50)
    imported = import_pipeline(pipeline, frame, proof_rows=ROWS)
    assert [feature.type for feature in imported.contract.features] == ["number", "integer"]
    assert imported.contract.output.classes == (False, True)
    assert imported.parity is not None
    assert imported.parity.rows > 100
    assert set(imported.seconds) == {"contract", "export", "proof"}


def test_the_contract_can_be_edited_and_the_proof_omitted(frame: pd.DataFrame) -> None:
    """An edit of the contract is applied; a contract that the pipeline violates is refused."""
    pipeline = LinearRegression().fit(frame, frame["size"])

    def with_change(contract: Contract, **change: object) -> Contract:
        features = tuple(feature.model_copy(update=change) for feature in contract.features)
        return contract.model_copy(update={"features": features})

    imported = import_pipeline(
        pipeline, frame, proof_rows=None, edit=lambda contract: with_change(contract, minimum=None)
    )
    assert imported.parity is None
    assert imported.contract.features[0].minimum is None
    with pytest.raises(AdoptionError, match="the edited config"):
        import_pipeline(pipeline, frame, proof_rows=None, edit=lambda contract: with_change(contract, nullable=True))


def test_a_pipeline_without_names_gets_the_names_of_the_sample(frame: pd.DataFrame) -> None:
    """A pipeline without column names gets the sample's names if requested; otherwise it is refused."""
    pipeline = LinearRegression().fit(frame.to_numpy(), frame["size"])
    imported = import_pipeline(pipeline, frame, proof_rows=None, columns_from_sample=True)
    assert imported.contract.feature_names == ("size", "rooms")
    with pytest.raises(AdoptionError, match="--columns-from-sample"):
        import_pipeline(pipeline, frame, proof_rows=None)


def test_a_refusal_names_its_step(frame: pd.DataFrame) -> None:
    """A refusal of the export is raised unchanged, with its step."""
    pipeline = make_pipeline(OwnSampler(n_components=4), LinearRegression()).fit(frame, frame["size"])
    with pytest.raises(ExportError) as error:
        import_pipeline(pipeline, frame, proof_rows=None)
    assert error.value.step == "ownsampler"
