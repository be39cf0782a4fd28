"""Recoding: the pipeline over packed rows answers what the pipeline over the frame answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from bundle.contract import Contract
from tests.training.orchards import orchard_frame
from training.export.errors import ExportError
from training.export.recode import recode
from training.frames import to_frame, to_rows


def _fitted(groups: list[tuple[str, Any, Any]], contract: Contract) -> Pipeline:
    frame = orchard_frame(80)
    pipeline = Pipeline([("columns", ColumnTransformer(groups)), ("line", LinearRegression())])
    return pipeline.fit(to_frame(to_rows(frame, contract), contract), frame["apples"])


def test_recoded_columns_are_the_pipelines_columns(
    pipeline: Pipeline, contract: Contract, rows: NDArray[np.float64]
) -> None:
    """Every group but the nullable categories gives the same features; scikit-learn itself cannot encode NaN codes."""
    wanted = pipeline[:-1].transform(to_frame(rows, contract))
    known = rows[:, 6] >= 0
    got = recode(pipeline, contract)[:-1].transform(rows[known])
    np.testing.assert_array_equal(got, wanted[known])


def test_original_is_left_as_it_was(pipeline: Pipeline, contract: Contract, rows: NDArray[np.float64]) -> None:
    """Recoding shares the fitted arrays but changes nothing of the pipeline."""
    before = pipeline.predict(to_frame(rows, contract))
    recode(pipeline, contract)
    np.testing.assert_array_equal(pipeline.predict(to_frame(rows, contract)), before)


def test_dropped_columns_are_left_out(contract: Contract) -> None:
    """A group that is dropped, or that has no columns, has no place in the graph."""
    pipeline = _fitted(
        [("age", StandardScaler(), ["age"]), ("rest", "drop", ["height"]), ("none", StandardScaler(), [])], contract
    )
    assert [name for name, *_ in recode(pipeline, contract).steps[0][1].transformers_] == ["age"]


def test_single_column_by_name(contract: Contract) -> None:
    """A group inside a pipeline whose head encodes gets its codes."""
    pipeline = _fitted([("sort", make_pipeline(OneHotEncoder(sparse_output=False)), ["sort"])], contract)
    head = recode(pipeline, contract).steps[0][1].transformers_[0][1].steps[0][1]
    np.testing.assert_array_equal(head.categories_[0], [0.0, 1.0, 2.0])


def test_first_step_must_choose_columns_by_name(contract: Contract) -> None:
    """A pipeline without a ColumnTransformer is refused by its first step's name."""
    with pytest.raises(ExportError, match=r"step 'scale'.*StandardScaler.*ColumnTransformer"):
        recode(Pipeline([("scale", StandardScaler()), ("line", LinearRegression())]), contract)


def test_strings_must_be_encoded(contract: Contract) -> None:
    """An encoder that the export does not know is refused with the nearest that it knows."""
    with pytest.raises(ExportError, match=r"step 'sorts'.*OrdinalEncoder.*\['sort'\].*OneHotEncoder"):
        recode(_fitted([("sorts", OrdinalEncoder(), ["sort"])], contract), contract)


def test_encoder_of_numbers_is_refused(contract: Contract) -> None:
    """A number among an encoder's categories is refused by its name."""
    groups = [("mixed", OneHotEncoder(sparse_output=False, handle_unknown="ignore"), ["pruned", "sort"])]
    with pytest.raises(ExportError, match="pruned"):
        recode(_fitted(groups, contract), contract)


def test_category_that_the_contract_lacks_is_refused(contract: Contract) -> None:
    """An encoder that knows more than the contract names the value."""
    encoder = OneHotEncoder(categories=[["BOSKOOP", "COX", "ELSTAR", "GLOSTER"]], sparse_output=False)
    with pytest.raises(ExportError, match="'ELSTAR'"):
        recode(_fitted([("sorts", encoder, ["sort"])], contract), contract)


def test_column_that_the_contract_lacks_is_refused(contract: Contract) -> None:
    """A column outside the contract is named."""
    pipeline = _fitted([("numbers", StandardScaler(), ["age", "height"])], contract)
    smaller = contract.model_copy(update={"features": contract.features[:2]})
    with pytest.raises(ExportError, match="'height'"):
        recode(pipeline, smaller)
