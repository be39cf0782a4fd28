"""Rows for a config without a synthetic section imitate a stored model, and only on request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabento.bundle.reference import Reference
from tabento.packaging.reference import build_reference
from tabento.tables.faults import DataError
from tests.training.seedlings import seedling_config, seedling_frame
from training.config import ModelConfig
from training.data.imitation import imitate
from training.data.loader import load_dataset
from training.data.validation import validate

ROWS = 600


def bare(**changes: Any) -> ModelConfig:
    """Return the seedlings' config without its synthetic section."""
    return seedling_config(synthetic=None, **changes)


def reference() -> Reference:
    """Return the distributions of seedlings, with a model that always predicts the same class."""
    answers = np.tile([0.0, 0.8, 0.2], (ROWS, 1))
    return build_reference(bare().contract(), seedling_frame(ROWS), answers)


def test_rows_are_valid_and_distributed_like_the_training_data() -> None:
    """Columns, types, ranges, categories, missing values and classes are the same; each call gives the same rows."""
    config, stored_reference = bare(), reference()
    rows = imitate(config, config.contract(), stored_reference, "seedling:1")
    pd.testing.assert_frame_equal(rows, imitate(config, config.contract(), stored_reference, "seedling:1"))
    valid = validate(rows, config)
    before = seedling_frame(ROWS)
    assert len(rows) == ROWS
    assert valid["fate"].mean() == pytest.approx(before["fate"].mean(), abs=0.05)
    assert valid["height"].median() == pytest.approx(before["height"].median(), rel=0.15)
    assert valid["leaves"].isna().mean() == pytest.approx(before["leaves"].isna().mean(), abs=0.04)
    assert set(valid["bed"]) == {"clay", "loam", "sand"}


def test_model_with_other_columns_cannot_be_imitated() -> None:
    """The message names the column that the stored model does not have."""
    config = bare()
    stored_reference = reference()
    features = {name: generated for name, generated in stored_reference.features.items() if name != "bed"}
    with pytest.raises(DataError, match=r"the stored model seedling:1 has no column 'bed'\. Give a file"):
        imitate(config, config.contract(), stored_reference.model_copy(update={"features": features}), "seedling:1")
    with pytest.raises(DataError, match="has no distribution of 'fate'"):
        imitate(config, config.contract(), stored_reference.model_copy(update={"target": None}), "seedling:1")


def test_rows_are_not_generated_without_a_stored_model(model_store: Path, tmp_path: Path) -> None:
    """A request for synthetic rows before a training is an error that tells when they are available."""
    with pytest.raises(
        DataError, match=r"no model seedling is stored.*After a model was trained on it, DATA=synthetic"
    ):
        load_dataset(bare(), "synthetic", tmp_path, print)


def test_rows_are_never_generated_without_a_request(tmp_path: Path) -> None:
    """Without data and without a section the run is refused."""
    with pytest.raises(DataError, match="expected data for seedling, got none, because the config names no source"):
        load_dataset(bare(), None, tmp_path, print)
