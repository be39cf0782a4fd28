"""Whether a pipeline answers the service's frames as it answers the file, and keeps what its contract promises."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from tabento.adopt.columns import column_facts
from tabento.adopt.contract_check import (
    ContractViolation,
    adapt_pipeline,
    compare_readings,
    contract_violations,
    finite_answers,
    relax_contract,
    require_contract_kept,
)
from tabento.adopt.errors import AdoptionError
from tabento.bundle.contract import Contract, Feature, Output
from tabento.tables.frames import to_frame, to_rows

FRAME = pd.DataFrame({"x": [1, 2, 3, 4], "c": ["a", "b", "a", "b"]})
X = Feature(name="x", type="integer", minimum=0, maximum=9)
C = Feature(name="c", type="category", categories=("a", "b"), unknown="ignore")


def contract_of(*features: Feature, classes: tuple[Any, ...] | None = None) -> Contract:
    """A contract over some features."""
    return Contract(
        name="m",
        title="M",
        description="",
        task="regression" if classes is None else "classification",
        features=features,
        output=Output(name="y", classes=classes, probabilities=classes is not None),
    )


def fit_encoded(model: Any = None, **options: Any) -> Pipeline:
    """A pipeline of a number and an encoded text."""
    columns = make_column_transformer((OneHotEncoder(**options), ["c"]), remainder="passthrough")
    return make_pipeline(columns, model or Ridge()).fit(FRAME, [1, 0, 1, 0])


def test_readings_that_agree_give_the_answers() -> None:
    """Integers and text of the file, float64 and objects of the service: the same."""
    contract = contract_of(X, C)
    pipeline = fit_encoded(handle_unknown="ignore")
    answers = compare_readings(pipeline, pipeline, FRAME, to_rows(FRAME, contract), contract)
    np.testing.assert_array_equal(answers, pipeline.predict(FRAME))


def test_labels_and_probabilities_are_compared() -> None:
    """A classifier's answer is the index of its label with the probabilities behind."""
    contract = contract_of(X, C, classes=(0, 1))
    pipeline = fit_encoded(LogisticRegression())
    answers = compare_readings(pipeline, pipeline, FRAME, to_rows(FRAME, contract), contract)
    np.testing.assert_array_equal(answers, np.c_[pipeline.predict(FRAME), pipeline.predict_proba(FRAME)])


def _minds(frame: pd.DataFrame) -> pd.DataFrame:
    """Answer integers otherwise than floats."""
    return frame * (2 if frame["x"].dtype.kind == "i" else 3)


def _fails(frame: pd.DataFrame) -> pd.DataFrame:
    """Take integers only."""
    if frame["x"].dtype.kind != "i":
        raise TypeError("expected integers")
    return frame


@pytest.mark.parametrize(("function", "reason"), [(_minds, "differ by up to"), (_fails, "expected integers")])
def test_readings_that_differ_name_the_column(function: Any, reason: str) -> None:
    """With both types and what came instead."""
    frame = FRAME[["x"]].assign(z=[0.5, 1.5, 2.5, 3.0])
    columns = make_column_transformer((FunctionTransformer(function), ["x"]), ("passthrough", ["z"]))
    pipeline = make_pipeline(columns, Ridge()).fit(frame, [1, 2, 4, 3])
    contract = contract_of(X, Feature(name="z", type="number"))
    with pytest.raises(
        AdoptionError, match=rf"  x \(int64 in the sample, float64 from a request\): .*{reason}"
    ) as error:
        compare_readings(pipeline, pipeline, frame, to_rows(frame, contract), contract)
    assert "  z (" not in str(error.value)


def test_sample_that_cannot_be_answered_is_told() -> None:
    """With what the pipeline said."""
    pipeline = make_pipeline(StandardScaler(), Ridge()).fit(FRAME[["x"]], [1, 2, 3, 4])
    contract = contract_of(Feature(name="x", type="number", nullable=True))
    frame = pd.DataFrame({"x": [1.0, np.nan]})
    with pytest.raises(AdoptionError, match=r"cannot answer the sample as pandas reads it: .*NaN"):
        compare_readings(pipeline, pipeline, frame, to_rows(frame, contract), contract)


def test_answer_that_is_no_number_is_told() -> None:
    """An answer that is NaN or infinite is an error."""
    pipeline = make_pipeline(FunctionTransformer(np.log), Ridge()).fit(FRAME[["x"]], [1, 2, 3, 4])
    pipeline[-1].coef_ = np.array([np.inf])
    with pytest.raises(ValueError, match="to row 1"):
        finite_answers(pipeline, FRAME[["x"]], contract_of(X))


def test_warnings_of_the_pipeline_are_kept_quiet() -> None:
    """The check hides the pipeline's warnings of unknown values, which it causes on purpose."""
    pipeline = fit_encoded(handle_unknown="warn")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert contract_violations(pipeline, to_rows(FRAME, contract_of(X, C)), contract_of(X, C)) == []


def test_contract_violations_are_found() -> None:
    """Null, an unlisted value, and the ends of a range."""
    contract = contract_of(X.model_copy(update={"nullable": True}), C.model_copy(update={"nullable": True}))
    violations = contract_violations(fit_encoded(), to_rows(FRAME, contract), contract)
    assert [(violation.feature, violation.key) for violation in violations] == [
        ("x", "nullable"),
        ("c", "nullable"),
        ("c", "unknown"),
    ]
    logarithm = make_pipeline(FunctionTransformer(np.log), Ridge()).fit(FRAME[["x"]], [1, 2, 3, 4])
    (violation,) = contract_violations(logarithm, to_rows(FRAME, contract_of(X)), contract_of(X))
    assert (violation.feature, violation.key) == ("x", "minimum")


def test_contract_violations_are_reported_with_the_remedy() -> None:
    """One line each."""
    require_contract_kept([], "model.yaml")
    with pytest.raises(
        AdoptionError, match=r"the contract of model\.yaml:\n  x: minimum: this value cannot be answered; raise it"
    ):
        require_contract_kept([ContractViolation("x", "minimum", "inf")], "model.yaml")


def test_violated_values_become_narrow() -> None:
    """The sample's own ends and missing values take their place; the rest stays."""
    narrow = {"x": X.model_copy(update={"minimum": 1.0, "maximum": 4.0}), "c": C}
    smaller = relax_contract(
        contract_of(X, C), [ContractViolation("x", "minimum", ""), ContractViolation("c", "unknown", "")], narrow
    )
    assert (smaller.features[0].minimum, smaller.features[0].maximum) == (1.0, 9.0)
    assert smaller.features[1].unknown == "refuse"


@pytest.mark.parametrize("missing", [None, np.nan])
def test_missing_text_reaches_the_encoder_as_it_was_fitted(missing: Any) -> None:
    """None or NaN: the service's None becomes what the encoder knows."""
    frame = pd.DataFrame({"c": pd.Series(["a", missing, "b", "a"], dtype=object)})
    pipeline = make_pipeline(OneHotEncoder(), Ridge()).fit(frame, [1, 5, 2, 1])
    feature = Feature(name="c", type="category", categories=("a", "b"), nullable=True)
    contract = contract_of(feature)
    ready = adapt_pipeline(pipeline, contract, column_facts(pipeline, ["c"]))
    assert (ready is pipeline) is (missing is None)
    rows = to_rows(frame, contract)
    np.testing.assert_array_equal(finite_answers(ready, to_frame(rows, contract), contract), pipeline.predict(frame))
    assert adapt_pipeline(pipeline, contract_of(feature.model_copy(update={"nullable": False})), {}) is pipeline
