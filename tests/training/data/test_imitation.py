"""Rows for a config without a synthetic section: like those of a stored model, and only for who asks for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bundle.reference import Reference
from tests.training.seedlings import seedling_config, seedling_frame
from training.config import ModelConfig
from training.data.errors import DataError
from training.data.imitation import imitate
from training.data.loader import load_dataset
from training.data.validation import validate
from training.reference import build_reference

ROWS = 600


def bare(**changes: Any) -> ModelConfig:
    """Return the seedlings' config without its synthetic section."""
    return seedling_config(synthetic=None, **changes)


def reference() -> Reference:
    """Return the distributions of seedlings, with a model that always answers that they live."""
    answers = np.tile([0.0, 0.8, 0.2], (ROWS, 1))
    return build_reference(bare(), seedling_frame(ROWS), answers)


def test_rows_are_valid_and_distributed_as_the_model_saw_them() -> None:
    """The same columns, types, ranges, categories, missing values and classes; the same rows every time."""
    config, known = bare(), reference()
    rows = imitate(config, config.contract(), known, "seedling:1")
    pd.testing.assert_frame_equal(rows, imitate(config, config.contract(), known, "seedling:1"))
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
    known = reference()
    features = {name: drawn for name, drawn in known.features.items() if name != "bed"}
    with pytest.raises(DataError, match=r"the stored model seedling:1 has no column 'bed'\. Give a file"):
        imitate(config, config.contract(), known.model_copy(update={"features": features}), "seedling:1")
    with pytest.raises(DataError, match="does not know how 'fate' was distributed"):
        imitate(config, config.contract(), known.model_copy(update={"target": None}), "seedling:1")


def test_rows_are_not_made_up_without_a_stored_model(model_store: Path, tmp_path: Path) -> None:
    """Who asks for synthetic rows before a model was trained is told when there will be some."""
    with pytest.raises(
        DataError, match=r"no model seedling is stored.*After a model was trained on it, DATA=synthetic"
    ):
        load_dataset(bare(), "synthetic", tmp_path, print)


def test_rows_are_never_made_up_for_who_did_not_ask(tmp_path: Path) -> None:
    """Without data and without a section the run is refused."""
    with pytest.raises(DataError, match="expected data for seedling, got none, because the config names no source"):
        load_dataset(bare(), None, tmp_path, print)
