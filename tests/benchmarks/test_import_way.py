"""The import without the store: what it makes, and what it lets through as it is."""

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
from bundle.contract import Contract
from training.adoption.errors import AdoptionError
from training.export import ExportError

ROWS = 200


class Own(RBFSampler):  # type: ignore[misc]
    """A class of somebody's own: what it computes is not known."""

    def transform(self, X: Any) -> Any:
        """Compute what its parent does, which nobody else knows."""
        return super().transform(X)


@pytest.fixture
def frame() -> pd.DataFrame:
    """Two numbers and a text."""
    draw = np.random.default_rng(5)
    return pd.DataFrame({"size": np.round(draw.normal(50, 9, 80), 1), "rooms": draw.integers(1, 6, 80)})


def test_a_pipeline_becomes_contract_graph_and_proof(frame: pd.DataFrame) -> None:
    """The contract is that of the sample; how long each part took is told."""
    pipeline = DecisionTreeClassifier(max_depth=2).fit(frame, frame["size"] > 50)
    made = import_pipeline(pipeline, frame, proof_rows=ROWS)
    assert [feature.type for feature in made.contract.features] == ["number", "integer"]
    assert made.contract.output.classes == (False, True)
    assert made.parity is not None
    assert made.parity.rows > 100
    assert set(made.seconds) == {"contract", "export", "proof"}


def test_the_contract_may_be_edited_and_the_proof_left_out(frame: pd.DataFrame) -> None:
    """As a person edits the config; a promise that the pipeline does not keep is refused."""
    pipeline = LinearRegression().fit(frame, frame["size"])

    def changed(contract: Contract, **change: object) -> Contract:
        features = tuple(feature.model_copy(update=change) for feature in contract.features)
        return contract.model_copy(update={"features": features})

    made = import_pipeline(pipeline, frame, proof_rows=None, edit=lambda contract: changed(contract, minimum=None))
    assert made.parity is None
    assert made.contract.features[0].minimum is None
    with pytest.raises(AdoptionError, match="the edited config"):
        import_pipeline(pipeline, frame, proof_rows=None, edit=lambda contract: changed(contract, nullable=True))


def test_a_pipeline_without_names_takes_the_samples(frame: pd.DataFrame) -> None:
    """If that is asked for; else it is refused."""
    pipeline = LinearRegression().fit(frame.to_numpy(), frame["size"])
    made = import_pipeline(pipeline, frame, proof_rows=None, columns_from_sample=True)
    assert made.contract.feature_names == ("size", "rooms")
    with pytest.raises(AdoptionError, match="--columns-from-sample"):
        import_pipeline(pipeline, frame, proof_rows=None)


def test_refusals_come_through(frame: pd.DataFrame) -> None:
    """With the step that they name."""
    pipeline = make_pipeline(Own(n_components=4), LinearRegression()).fit(frame, frame["size"])
    with pytest.raises(ExportError) as refused:
        import_pipeline(pipeline, frame, proof_rows=None)
    assert refused.value.step == "own"
