"""What fitted steps tell of their input columns."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import (
    AdaBoostRegressor,
    BaggingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
    StackingRegressor,
    VotingRegressor,
)
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.frozen import FrozenEstimator
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
    TargetEncoder,
)

from tabento.adopt.columns import ColumnFacts, column_facts, drops_by_name

NAMES = ("x", "n", "s", "t", "unused")


def table(rows: int = 60) -> pd.DataFrame:
    """Two numbers, two texts (``t`` has missing values) and a number that nobody reads."""
    generator = np.random.default_rng(4)
    return pd.DataFrame(
        {
            "x": generator.normal(size=rows),
            "n": generator.integers(0, 3, rows),
            "s": generator.choice(np.array(["b", "a", "ä"], dtype=object), rows),
            "t": pd.Series(generator.choice(np.array(["u", "v", None], dtype=object), rows), dtype=object),
            "unused": generator.normal(size=rows),
        }
    )


def facts_of(columns: Any, last: Any | None = None, frame: pd.DataFrame | None = None) -> dict[str, ColumnFacts]:
    """Fit and walk."""
    frame = table() if frame is None else frame
    target = frame["x"] + frame["n"]
    pipeline = make_pipeline(columns, last or Ridge()).fit(frame, target)
    return column_facts(pipeline, pipeline.feature_names_in_)


def test_column_transformer_tells_who_reads_what() -> None:
    """Encoders know values in their order, numbers are numbers, and a dropped column is not read."""
    facts = facts_of(
        make_column_transformer(
            (StandardScaler(), ["x"]),
            (OneHotEncoder(), ["s"]),
            (OneHotEncoder(categories=[["v", "u", None]], handle_unknown="ignore"), ["t"]),
            ("passthrough", ["n"]),
        )
    )
    assert facts["s"].values == ["a", "b", "ä"]
    assert facts["s"].text
    assert facts["s"].refuses_unknown
    assert facts["t"].values == ["v", "u"]
    assert (facts["t"].missing_as, facts["t"].imputed, facts["t"].refuses_unknown) == ("none", True, False)
    assert facts["x"].number
    assert facts["n"].number
    assert not facts["unused"].read
    assert [name for name, fact in facts.items() if fact.read] == ["x", "n", "s", "t"]


def test_missing_text_is_nan_where_it_was_fitted_so() -> None:
    """A file read by pandas has NaN, and the encoder learns it as such."""
    frame = table()
    frame["t"] = frame["t"].astype("str")
    facts = facts_of(make_column_transformer((OneHotEncoder(), ["t"])), frame=frame)
    assert facts["t"].missing_as == "nan"


def test_imputers_are_seen_through() -> None:
    """An encoder behind an imputer belongs to the column; a mean makes a number of it."""
    facts = facts_of(
        make_column_transformer(
            (make_pipeline(SimpleImputer(strategy="most_frequent", missing_values=None), OrdinalEncoder()), ["t"]),
            (make_pipeline(SimpleImputer(), StandardScaler()), ["x"]),
            (KNNImputer(), ["n"]),
        )
    )
    assert (facts["t"].values, facts["t"].missing_as, facts["t"].imputed) == (["u", "v"], "none", True)
    assert (facts["x"].number, facts["x"].imputed) == (True, True)
    assert (facts["n"].number, facts["n"].imputed) == (True, True)
    assert not facts["s"].read


def test_several_encoders_of_a_column_add_up() -> None:
    """Two groups may encode the same column: what either knows is known, and the stricter decides."""
    union = FeatureUnion(
        [
            ("one", OneHotEncoder(categories=[["a", "b", "ä"]], handle_unknown="ignore")),
            ("ordinal", OrdinalEncoder(categories=[["z", "a", "b", "ä"]])),
        ]
    )
    facts = facts_of(make_column_transformer((union, ["s"])))
    assert facts["s"].values == ["a", "b", "ä", "z"]
    assert facts["s"].refuses_unknown


@pytest.mark.parametrize(
    ("encoder", "refuses"),
    [
        (OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=2), False),
        (OneHotEncoder(handle_unknown="warn"), False),
        (OrdinalEncoder(), True),
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), False),
        (TargetEncoder(target_type="continuous", cv=2), False),
    ],
)
def test_unknown_values(encoder: Any, refuses: bool) -> None:
    """Whether an encoder raises on a value that it does not know."""
    facts = facts_of(make_column_transformer((encoder, ["s"])))
    assert facts["s"].encoded
    assert facts["s"].refuses_unknown is refuses


def test_native_categories_of_boosting_are_known() -> None:
    """The encoder inside histogram gradient boosting counts, and the other columns are numbers."""
    frame = table()
    model = HistGradientBoostingRegressor(max_iter=2, categorical_features=["s"]).fit(
        frame[["x", "s"]].assign(s=frame["s"].astype("category")), frame["x"]
    )
    facts = column_facts(model, model.feature_names_in_)
    assert facts["s"].values == ["a", "b", "ä"]
    assert not facts["s"].refuses_unknown
    assert (facts["x"].number, facts["x"].text) == (True, False)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda inner: VotingRegressor([("one", inner)]),
        lambda inner: StackingRegressor([("one", inner)], final_estimator=Ridge(), cv=2),
        lambda inner: GridSearchCV(inner, {}, cv=2),
        lambda inner: TransformedTargetRegressor(inner, func=np.tanh, inverse_func=np.arctanh, check_inverse=False),
    ],
)
def test_wrappers_are_looked_into(wrap: Any) -> None:
    """What sees the same columns inside another estimator tells of them."""
    frame = table()
    inner = make_pipeline(make_column_transformer((OneHotEncoder(), ["s"])), Ridge())
    fitted = wrap(inner).fit(frame, np.tanh(frame["x"]) / 2)
    facts = column_facts(fitted, fitted.feature_names_in_)
    assert facts["s"].values == ["a", "b", "ä"]
    assert not facts["x"].read


@pytest.mark.parametrize("kind", [BaggingRegressor, AdaBoostRegressor])
def test_members_rather_than_their_template(kind: Any) -> None:
    """Bags and AdaBoost keep a template that was never fitted; their members tell."""
    frame = table()[["x", "n"]].fillna(0.0)
    fitted = kind(HistGradientBoostingRegressor(max_iter=2), n_estimators=2).fit(frame, frame["x"])
    facts = column_facts(fitted, fitted.feature_names_in_)
    assert facts["x"].number
    assert facts["n"].number


def test_members_of_a_bag_see_columns_of_their_own_choice() -> None:
    """A member's place is looked up in what it was given."""
    frame = pd.DataFrame({"x": np.arange(60.0), "s": np.arange(60.0) % 3})
    inner = make_pipeline(OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), Ridge())
    fitted = BaggingRegressor(inner, n_estimators=4, max_features=1, random_state=0).fit(frame, frame["x"])
    facts = column_facts(fitted, fitted.feature_names_in_)
    assert sorted(facts["s"].values) == [0.0, 1.0, 2.0]
    assert len(facts["x"].values) > 3


def test_calibrated_and_frozen_estimators_are_looked_into() -> None:
    """Calibration keeps its estimators one level deeper; a frozen one is fitted already."""
    frame = table()
    label = (frame["x"] > 0).to_numpy()
    inner = make_pipeline(make_column_transformer((OneHotEncoder(), ["s"])), LogisticRegression()).fit(frame, label)
    for model in (CalibratedClassifierCV(inner, cv=2), CalibratedClassifierCV(FrozenEstimator(inner))):
        facts = column_facts(model.fit(frame, label), NAMES)
        assert facts["s"].values == ["a", "b", "ä"]


def test_selection_passes_columns_on() -> None:
    """An encoder behind a selection belongs to the columns that were selected."""
    frame = table()[["n", "x"]]
    pipeline = make_pipeline(
        SelectKBest(f_regression, k=1), OneHotEncoder(handle_unknown="ignore"), RandomForestRegressor(2, max_depth=2)
    ).fit(frame, frame["n"] * 100.0 + frame["x"])
    facts = column_facts(pipeline, pipeline.feature_names_in_)
    assert facts["n"].values == [0.0, 1.0, 2.0]
    assert not facts["x"].encoded


def test_unknown_steps_are_noted() -> None:
    """Of a function nothing is known; whether it reads text is left to the sample."""
    facts = facts_of(make_column_transformer((FunctionTransformer(np.abs), ["x"]), (StandardScaler(), ["n"])))
    assert (facts["x"].opaque, facts["x"].number) == (True, False)
    assert (facts["n"].opaque, facts["n"].number) == (False, True)


@pytest.mark.parametrize("package", ["lightgbm", "xgboost"])
def test_categories_of_pandas_are_no_numbers(package: str) -> None:
    """Trees that learned pandas' own categories read no numbers: the text of a request is made the fitted category."""
    library = pytest.importorskip(package)
    frame = table()[["x", "s"]].assign(s=np.arange(60) % 2)
    frame["s"] = frame["s"].map({0: "even", 1: "odd"}).astype("category")
    if package == "lightgbm":
        model = library.LGBMRegressor(n_estimators=2, verbose=-1)
    else:
        model = library.XGBRegressor(n_estimators=2, enable_categorical=True)
    facts = column_facts(model.fit(frame, frame["x"]), ["x", "s"])
    assert (facts["s"].number, facts["s"].categorical, facts["s"].refuses_unknown) == (False, True, True)
    assert facts["s"].pandas_categories == tuple(frame["s"].cat.categories)
    assert facts["x"].number
    assert column_facts(model.fit(frame[["x"]], frame["x"]), ["x"])["x"].number


def test_columns_may_be_left_out_where_they_are_chosen_by_name() -> None:
    """Only behind a column transformer, however deep it lies at the front."""
    frame, columns = table(), ColumnTransformer([("x", StandardScaler(), ["x"])])
    fitted = make_pipeline(columns, Ridge()).fit(frame, frame["x"])
    assert drops_by_name(fitted)
    assert drops_by_name(GridSearchCV(make_pipeline(columns, Ridge()), {}, cv=2).fit(frame, frame["x"]))
    assert not drops_by_name(make_pipeline(StandardScaler(), Ridge()).fit(frame[["x"]], frame["x"]))


def test_samplers_are_passed_by() -> None:
    """A sampler of imbalanced-learn hands its columns on: the step behind it reads them."""
    pipelines = pytest.importorskip(
        "imblearn.pipeline", reason="the dependency group imbalanced-learn is not installed"
    )
    samplers = pytest.importorskip("imblearn.under_sampling")
    frame = table()
    target = np.arange(60) % 3 == 0
    step = samplers.RandomUnderSampler(random_state=0)
    model = pipelines.make_pipeline(step, SimpleImputer(), LogisticRegression()).fit(frame[["x", "n"]], target)
    facts = column_facts(model, ["x", "n"])
    assert all(fact.read and fact.imputed and fact.number and not fact.opaque for fact in facts.values())


@pytest.mark.others
def test_categories_of_catboost() -> None:
    """What CatBoost takes for categories is one, even if it looks like a number; from a file it counts no columns."""
    catboost = pytest.importorskip(
        "catboost", reason="the dependency group catboost is not installed: make test-others"
    )
    frame = table()[["x", "n", "s"]].assign(n=lambda rows: (rows["x"] > 0).astype(int))
    model = catboost.CatBoostRegressor(iterations=3, verbose=0, allow_writing_files=False, cat_features=["n", "s"])
    model.fit(frame, frame["x"])
    facts = column_facts(pickle.loads(pickle.dumps(model)), ["x", "n", "s"])  # noqa: S301 - an object of the test
    assert [fact.categorical for fact in facts.values()] == [False, True, True]
    assert [fact.number for fact in facts.values()] == [True, False, False]
