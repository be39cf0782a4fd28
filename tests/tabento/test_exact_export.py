"""The public face: export and proof from a fitted pipeline and a DataFrame."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from tabento import Contract, ExportedPipeline, ParityError, export_pipeline, prove
from tabento.adopt.errors import AdoptionError
from tabento.errors import SaveError
from tabento.export import ExportError
from tabento.parity import Limits
from tabento.tables.faults import DataError
from tests.tabento.adopt.makers import (
    boat_pipeline,
    boats,
    letter_pipeline,
    letters,
    small_pipeline,
    stone_pipeline,
    stones,
)

Maker = Callable[..., pd.DataFrame]


@pytest.mark.parametrize(
    ("rows", "fitted"), [(boats, boat_pipeline), (letters, letter_pipeline), (stones, stone_pipeline)]
)
def test_pipeline_is_exported_and_proven(rows: Maker, fitted: Callable[[pd.DataFrame], Any]) -> None:
    """Numbers, booleans, text and missing values of a DataFrame become a model that answers the same."""
    frame = rows()
    pipeline = fitted(frame)
    exported = export_pipeline(pipeline, frame)
    report = prove(pipeline, exported, frame, max_rows=1000)
    assert report.worst_relative <= 1e-12
    assert report.rows > len(frame) // 2
    assert report.other_branches == report.label_flips == 0


def test_encoded_rows_get_the_answers_of_the_pipeline() -> None:
    """What ``encode`` returns goes into ONNX Runtime as it is."""
    frame = boats()
    pipeline = boat_pipeline(frame)
    exported = export_pipeline(pipeline, frame)
    session = onnxruntime.InferenceSession(exported.model, providers=["CPUExecutionProvider"])
    (answers,) = session.run(None, {"rows": exported.encode(frame)})
    np.testing.assert_allclose(answers, pipeline.predict(frame), rtol=1e-12)


def test_contract_is_inferred_from_sample_and_steps() -> None:
    """Types, categories and missing values come from the sample and the fitted steps; the target is left out."""
    frame = boats()
    contract = export_pipeline(boat_pipeline(frame), frame, name="boats", target="price").contract
    assert contract.name == "boats"
    assert contract.output.name == "price"
    types = {feature.name: (feature.type, feature.nullable) for feature in contract.features}
    assert types == {
        "length": ("number", True),
        "berths": ("integer", False),
        "sails": ("boolean", False),
        "hull": ("category", True),
        "engine hours": ("number", True),
    }


def test_given_contract_is_used_in_the_order_of_the_pipeline() -> None:
    """A contract may list the columns in any order; its ranges are those of the model."""
    frame = boats()
    pipeline = boat_pipeline(frame)
    inferred = export_pipeline(pipeline, frame).contract
    reversed_contract = inferred.model_copy(update={"features": inferred.features[::-1], "name": "ships"})
    exported = export_pipeline(pipeline, frame, contract=reversed_contract)
    assert exported.contract.feature_names == inferred.feature_names
    assert exported.contract.name == "ships"


def test_contract_of_other_columns_is_refused() -> None:
    """The message names the columns that are missing and the ones that are not taken."""
    pipeline = small_pipeline(2)
    frame = pd.DataFrame({"a": [0.5, 1.0], "b": [1.5, 2.0]})
    contract = export_pipeline(pipeline, frame).contract
    renamed = contract.features[1].model_copy(update={"name": "c"})
    other = contract.model_copy(update={"features": (contract.features[0], renamed)})
    with pytest.raises(AdoptionError, match=r"missing are 'b' and not taken are 'c'. List 'a', 'b'"):
        export_pipeline(pipeline, frame, contract=other)


def test_contract_that_the_pipeline_breaks_is_refused() -> None:
    """A missing value that the pipeline cannot answer must not be promised."""
    pipeline = small_pipeline(2)
    frame = pd.DataFrame({"a": [0.5, 1.0], "b": [1.5, 2.0]})
    contract = export_pipeline(pipeline, frame).contract
    nullable = contract.features[0].model_copy(update={"nullable": True})
    with pytest.raises(AdoptionError, match="a: nullable: null cannot be answered; set it to false"):
        export_pipeline(
            pipeline, frame, contract=contract.model_copy(update={"features": (nullable, contract.features[1])})
        )


def test_pipeline_fitted_on_an_array_takes_the_columns_in_their_order() -> None:
    """A pipeline without column names takes those of the sample, and the target is not one of them."""
    generator = np.random.default_rng(5)
    values = generator.normal(size=(60, 2))
    pipeline = make_pipeline(StandardScaler(), Ridge()).fit(values, values.sum(axis=1))
    frame = pd.DataFrame(values, columns=["width", "height"]).assign(area=values.prod(axis=1))
    exported = export_pipeline(pipeline, frame, target="area")
    assert exported.contract.feature_names == ("width", "height")
    assert prove(pipeline, exported, frame, max_rows=200).worst_relative <= 1e-12


def test_texts_are_split_by_encode() -> None:
    """A pipeline that takes one column of texts is exported, and ``encode`` counts the words."""
    generator = np.random.default_rng(7)
    words = ["good", "bad", "boat", "sail", "mast"]
    frame = pd.DataFrame({"text": [" ".join(generator.choice(words, 4)) for _ in range(60)]})
    pipeline = make_pipeline(CountVectorizer(), Ridge()).fit(frame["text"], generator.normal(size=60))
    exported = export_pipeline(pipeline, frame)
    session = onnxruntime.InferenceSession(exported.model, providers=["CPUExecutionProvider"])
    (answers,) = session.run(None, {"rows": exported.encode(frame)})
    np.testing.assert_allclose(answers, pipeline.predict(frame["text"]), rtol=1e-12)
    assert prove(pipeline, exported, frame, max_rows=200).worst_relative <= 1e-9


def test_step_without_an_exact_conversion_is_refused_by_name() -> None:
    """A function of the user has no conversion; the error names the step."""
    frame = pd.DataFrame({"a": [0.5, 1.0, 2.0], "b": [1.5, 2.0, 1.0]})
    pipeline = make_pipeline(FunctionTransformer(_sorted_rows), Ridge()).fit(frame, [1.0, 2.0, 3.0])
    with pytest.raises(ExportError, match="functiontransformer"):
        export_pipeline(pipeline, frame)


def _sorted_rows(table: pd.DataFrame) -> pd.DataFrame:
    return table.rank()


@pytest.mark.slow
def test_model_of_another_pipeline_is_not_proven() -> None:
    """The proof compares answers: a model of another pipeline exceeds the limits."""
    frame = boats()
    exported = export_pipeline(boat_pipeline(frame), frame)
    with pytest.raises(ParityError) as error:
        prove(boat_pipeline(boats(seed=9)), exported, frame, max_rows=400)
    assert error.value.report.worst_relative > 1e-3


def test_limits_can_be_given() -> None:
    """Limits that the model cannot keep are an error; the report has them."""
    frame = boats()
    pipeline = boat_pipeline(frame)
    exported = export_pipeline(pipeline, frame)
    report = prove(pipeline, exported, frame, limits=Limits(relative=0.5), max_rows=400)
    assert report.limits.relative == 0.5


def test_saved_model_has_its_contract_next_to_it(tmp_path: Path) -> None:
    """Both files can be read back; a folder that does not exist is an error with a remedy."""
    frame = stones()
    exported = export_pipeline(stone_pipeline(frame), frame)
    contract_path = exported.save(tmp_path / "stones.onnx")
    assert contract_path == tmp_path / "stones.contract.json"
    contract = Contract.model_validate_json(contract_path.read_text(encoding="utf-8"))
    assert ExportedPipeline((tmp_path / "stones.onnx").read_bytes(), contract) == exported
    with pytest.raises(SaveError, match="Give a path in a folder that exists"):
        exported.save(tmp_path / "none" / "stones.onnx")


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        (np.zeros((3, 2)), "expected the sample as a pandas.DataFrame, got a ndarray"),
        (pd.DataFrame({"a": [], "b": []}), "at least one row"),
        (pd.DataFrame({0: [1.0], 1: [2.0]}), "columns whose names are text, got 0"),
        (pd.DataFrame([[1.0, 2.0]], columns=["a", "a"]), "the column 'a' appears twice"),
        (pd.DataFrame({"a": [1.0]}), "b: the pipeline takes it, the sample lacks it"),
    ],
)
def test_sample_that_cannot_be_used_is_refused(sample: Any, message: str) -> None:
    """The error names the fault of the sample and the remedy."""
    with pytest.raises(AdoptionError, match=message):
        export_pipeline(small_pipeline(2), sample)


def test_name_that_is_not_allowed_is_refused() -> None:
    """The error names the wrong name and the allowed characters."""
    frame = pd.DataFrame({"a": [0.5, 1.0], "b": [1.5, 2.0]})
    with pytest.raises(AdoptionError, match=r"got 'My Model'\. A name has lower-case letters"):
        export_pipeline(small_pipeline(2), frame, name="My Model")


def test_rows_outside_the_contract_are_refused() -> None:
    """A value that the contract does not allow is named with its row."""
    frame = boats()
    exported = export_pipeline(boat_pipeline(frame), frame)
    with pytest.raises(DataError, match="berths"):
        exported.encode(frame.assign(berths=1.5))
    with pytest.raises(DataError, match="got none for 'hull'"):
        exported.encode(frame.drop(columns="hull"))


def test_float32_and_text_of_numbers_keep_their_values() -> None:
    """Inference reads each cell as the double that the pipeline computes with, and digits in text stay text."""
    generator = np.random.default_rng(6)
    frame = pd.DataFrame(
        {
            "share": generator.random(80).astype(np.float32),
            "zone": generator.choice(np.array(["01", "02", "10"], dtype=object), 80),
        }
    )
    columns = ColumnTransformer([("zone", OneHotEncoder(), ["zone"])], remainder=StandardScaler())
    pipeline = make_pipeline(columns, Ridge()).fit(frame.astype({"share": float}), generator.normal(size=80))
    exported = export_pipeline(pipeline, frame.astype({"share": float}))
    assert exported.contract.features[1].categories == ("01", "02", "10")
    np.testing.assert_array_equal(exported.encode(frame)[:, 0], frame["share"].astype(np.float64))
