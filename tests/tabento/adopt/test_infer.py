"""The contract as sample and steps tell it: one test for each rule."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import LocalOutlierFactor
from sklearn.svm import LinearSVC

from tabento.adopt.columns import ColumnFacts
from tabento.adopt.errors import AdoptionError
from tabento.adopt.infer import (
    categories,
    feature_type,
    infer_features,
    infer_output,
    input_names,
    model_name,
)
from tabento.adopt.sample import Sample

FRAME = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0]})


def sample_of(**columns: list[str]) -> Sample:
    """A sample of some cells."""
    return Sample("", "rows.csv", "", pd.DataFrame(columns))


def infer_column(cells: list[str], **facts: Any) -> Any:
    """The feature that is inferred for a column ``c``."""
    (feature_c,) = infer_features(sample_of(c=cells), ["c"], {"c": ColumnFacts("c", **facts)})
    return feature_c


@pytest.mark.parametrize(
    ("cells", "facts", "expected"),
    [
        (["1", "-2", "+3"], {}, "integer"),
        (["1.0", "2"], {}, "number"),
        (["1e3", "inf", ".5"], {}, "number"),
        (["True", "false"], {}, "boolean"),
        (["0", "1"], {}, "integer"),
        (["x", "2"], {}, "category"),
        (["x", "2"], {"number": True}, "number"),
        (["1", "2"], {"values": ["1", "2"]}, "category"),
        (["True", "False"], {"values": ["False", "True"]}, "category"),
        (["1", "2"], {"values": [1.0, 2.0], "encoded": True}, "integer"),
        (["1", "2"], {"values": [0.5, 1.0], "encoded": True}, "number"),
        (["x"], {"values": [1, 2], "encoded": True}, "number"),
    ],
)
def test_type(cells: list[str], facts: dict[str, Any], expected: str) -> None:
    """Encoders decide the type first, then the steps, then the cells."""
    assert feature_type(cells, ColumnFacts("c", **facts)) == expected


def test_categories_are_the_encoders_then_the_samples() -> None:
    """The encoder's categories are first, in its order; other values follow unless the encoder refuses them."""
    fact = ColumnFacts("c", values=["b", "a"])
    assert categories(["z", "a", "y", "z"], fact) == ("b", "a", "y", "z")
    assert categories(["z"], ColumnFacts("c", values=["b"], refuses_unknown=True)) == ("b",)


def test_feature_tells_what_was_seen() -> None:
    """The remark summarises the values of the sample for the user who edits the config."""
    feature_c = infer_column(["1", "3", "", "2"])
    assert feature_c.feature.nullable
    assert (feature_c.feature.minimum, feature_c.feature.maximum) == (0.0, 4.0)
    assert feature_c.remark == "the sample has 1 to 3; 25.0% missing"
    assert (feature_c.narrow.minimum, feature_c.narrow.maximum, feature_c.narrow.nullable) == (1.0, 3.0, True)
    assert infer_column(["true", "false"]).remark == "the sample has true in 50.0%; none missing"


def test_missing_is_taken_where_seen_or_imputed() -> None:
    """A feature is nullable if the sample has missing values or a step imputes them."""
    assert not infer_column(["1"]).feature.nullable
    assert infer_column(["1", ""]).feature.nullable
    assert infer_column(["1"], imputed=True).feature.nullable
    assert not infer_column(["1"], imputed=True).narrow.nullable


def test_unknown_values_are_taken_where_encoders_take_them() -> None:
    """An encoder that raises, and a column that no encoder reads, refuse."""
    assert infer_column(["x"], values=["x"], encoded=True).feature.unknown == "ignore"
    assert infer_column(["x"], values=["x"], encoded=True, refuses_unknown=True).feature.unknown == "refuse"
    assert infer_column(["x"], opaque=True).feature.unknown == "refuse"


def test_encoded_numbers_keep_to_what_the_encoder_knows() -> None:
    """Without gaps they are a range; with gaps there is no way to say it, and the remedy is named."""
    feature_c = infer_column(["2", "3"], values=[1, 2, 3], encoded=True, refuses_unknown=True)
    assert (feature_c.feature.minimum, feature_c.feature.maximum) == (1.0, 3.0)
    with pytest.raises(AdoptionError, match="handle_unknown='ignore'"):
        infer_column(["1", "5"], values=[1, 5], encoded=True, refuses_unknown=True)


def test_column_without_a_value_is_refused() -> None:
    """Nothing can be inferred of it."""
    with pytest.raises(AdoptionError, match=r"'c': every one of the 2 values in rows\.csv is missing"):
        infer_column(["", "NA"])


def test_name_under_which_requests_send_rows_is_refused() -> None:
    """The message says why and what to rename."""
    cells = sample_of(instances=["1", "2"])
    with pytest.raises(AdoptionError, match=r"many rows under that key\. Rename the column in the training data"):
        infer_features(cells, ["instances"], {"instances": ColumnFacts("instances")})


def test_name_that_no_request_can_hold_is_refused() -> None:
    """A name that a request cannot have is an error that names the allowed characters."""
    with pytest.raises(AdoptionError, match="cannot be served"):
        infer_features(sample_of(**{'a"b': ["1"]}), ['a"b'], {'a"b': ColumnFacts('a"b')})


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["x", "y", "x", "y"], ("x", "y")),
        ([3, 1, 3, 1], (1, 3)),
        ([True, False, True, False], (False, True)),
        ([0.5, 1.5, 0.5, 1.5], (0.5, 1.5)),
    ],
)
def test_classes_keep_their_types(labels: list[Any], expected: tuple[Any, ...]) -> None:
    """JSON tells text, integers, numbers and booleans apart; so does the contract."""
    output = infer_output(DummyClassifier().fit(FRAME, labels), "target")
    assert output.classes == expected
    assert [type(label) for label in output.classes or ()] == [type(label) for label in expected]
    assert output.probabilities
    assert output.name == "target"


def test_probabilities_only_where_there_are_any() -> None:
    """A support vector classifier has none."""
    assert not infer_output(LinearSVC().fit(FRAME, [0, 1, 0, 1]), None).probabilities
    assert infer_output(LinearRegression().fit(FRAME, [1.0, 2, 3, 4]), None).name == "prediction"


def test_single_class_is_refused() -> None:
    """There is nothing to choose from."""
    with pytest.raises(AdoptionError, match="at least two labels"):
        infer_output(DummyClassifier().fit(FRAME, ["x"] * 4), None)


def test_input_names_are_those_of_the_fit() -> None:
    """In the order of the frame."""
    frame = FRAME.assign(b=1.0)[["b", "a"]]
    assert input_names(LinearRegression().fit(frame, frame["a"])) == ("b", "a")


@pytest.mark.parametrize("value", [LinearRegression, {"a": 1}, "text", None])
def test_other_objects_are_no_pipelines(value: Any) -> None:
    """A class, a dict, text and nothing at all."""
    with pytest.raises(AdoptionError, match="not a scikit-learn pipeline"):
        input_names(value)


@pytest.mark.parametrize(
    ("requested_name", "stem", "expected"),
    [
        ("mine", "model", "mine"),
        (None, "Model v2 (final)", "model_v2_final"),
        (None, "2024-flats", "model_2024_flats"),
        (None, "模型", "model"),
        (None, "x" * 80, "x" * 54),
    ],
)
def test_model_name_comes_from_the_file(requested_name: str | None, stem: str, expected: str) -> None:
    """The name is made valid for the store, unless the user gives one."""
    assert model_name(requested_name, stem) == expected


def test_outlier_detector_answers_two_integers() -> None:
    """It has neither ``classes_`` nor probabilities."""
    model = IsolationForest(n_estimators=2).fit(FRAME)
    assert input_names(model) == ("a",)
    output = infer_output(model, None)
    assert (output.classes, output.probabilities) == ((-1, 1), False)


def test_outlier_detector_of_its_own_rows_only_is_refused() -> None:
    """Without ``novelty=True`` there is no ``predict``."""
    with pytest.raises(AdoptionError, match=r"only among the rows.*IsolationForest"):
        input_names(LocalOutlierFactor(n_neighbors=2).fit(FRAME))


def test_split_column_is_a_text() -> None:
    """Its default length holds unless the sample has longer texts; an empty cell is a text, so none is missing."""
    feature_c = infer_column(["", "some words", "NA"], split=True)
    assert (feature_c.feature.type, feature_c.feature.nullable, feature_c.feature.maximum_length) == (
        "text",
        False,
        None,
    )
    assert feature_c.remark == "the sample has texts of up to 10 characters"
    assert infer_column(["x" * 12_000], split=True).feature.maximum_length == 24_000
    assert infer_column(["x" * 40_000], split=True).feature.maximum_length == 50_000


def test_integers_that_are_rounded_are_refused() -> None:
    """A request could not send them; what float64 holds exactly is let through, and so is text."""
    with pytest.raises(AdoptionError, match=r"column 'c': 9007199254740993 is beyond 2\^53.*astype\(str\)"):
        infer_column(["1", "9007199254740993"])
    assert infer_column(["1", "9007199254740994"]).feature.type == "integer"
    assert infer_column(["9007199254740993"], values=["9007199254740993"]).feature.type == "category"


def test_encoded_dates_are_refused() -> None:
    """They would arrive as seconds."""
    with pytest.raises(AdoptionError, match="column 'c': an encoder knows dates"):
        infer_column(["2024-01-01"], dates=True, encoded=True)
