"""Pipelines with text vectorizers: bit-equal numbers in front of the graph, or a refusal that names step and remedy."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.feature_selection import SelectKBest, chi2
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from bundle.contract import Contract, Feature, Output
from bundle.texts import TERMS_LIMIT, TEXTS_KEY, read_texts
from training.export import ExportError, export_pipeline, serialise
from training.frames import to_frame, to_rows
from training.parity import ParityReport, check_parity
from training.transformers.text_column import TextColumn

WORDS = [
    "good",
    "bad",
    "great",
    "awful",
    "the",
    "and",
    "Movie",
    "plot",
    "loved",
    "hated",
    "café",
    "Straße",
    "don't",
    "10",
    "really,",
    "very.",
    "not!",
]
TEXT = Feature(name="review", type="text", maximum_length=500)
STARS = Feature(name="stars", type="number", minimum=0, maximum=5)


def reviews(rows: int = 80) -> pd.DataFrame:
    """Reviews and stars."""
    generator = np.random.default_rng(5)
    texts = [" ".join(generator.choice(WORDS, generator.integers(0, 10))) for _ in range(rows)]
    return pd.DataFrame({"review": pd.Series(texts, dtype=object), "stars": generator.uniform(0, 5, rows)})


FRAME = reviews()
PRAISE = (
    (FRAME["review"].str.count("good|great") - FRAME["review"].str.count("bad|awful") + FRAME["stars"]) > 2.5
).astype(int)


def contract_of(*features: Feature, probabilities: bool = True) -> Contract:
    """Return a contract of two classes."""
    output = Output(name="praise", classes=(0, 1), probabilities=probabilities)
    return Contract(name="m", title="M", description="", task="classification", features=features, output=output)


def alone(*steps: Any) -> Pipeline:
    """Return a pipeline that reads the reviews alone."""
    return make_pipeline(TextColumn(), *steps)


def beside(vectorizer: Any, **given: Any) -> ColumnTransformer:
    """Return reviews and stars side by side."""
    return ColumnTransformer([("text", vectorizer, "review"), ("num", StandardScaler(), ["stars"])], **given)


def proven(pipeline: Any, *features: Feature) -> ParityReport:
    """Fit a pipeline and return the proof of its graph."""
    names = [feature.name for feature in features]
    pipeline.fit(FRAME[names], PRAISE)
    contract = contract_of(*features, probabilities=hasattr(pipeline, "predict_proba"))
    model = serialise(export_pipeline(pipeline, contract))
    return check_parity(pipeline, model, contract, FRAME[names].head(40), max_rows=1_000)


ALONE: dict[str, tuple[Any, ...]] = {
    "tfidf, naive Bayes": (TfidfVectorizer(), MultinomialNB()),
    "counts, then weights": (CountVectorizer(binary=True), TfidfTransformer(sublinear_tf=True), MultinomialNB()),
    "hashed": (HashingVectorizer(n_features=64), LogisticRegression()),
    "hashed, then weights": (
        HashingVectorizer(n_features=32, norm=None, alternate_sign=False),
        TfidfTransformer(norm="l1"),
        LogisticRegression(),
    ),
    "words and characters": (
        FeatureUnion(
            [
                ("w", TfidfVectorizer(stop_words=["the"])),
                ("c", CountVectorizer(analyzer="char_wb", ngram_range=(2, 3))),
            ],
            transformer_weights={"w": 2.0},
        ),
        LogisticRegression(),
    ),
    "selected": (TfidfVectorizer(use_idf=False), SelectKBest(chi2, k=5), LogisticRegression()),
    "projected": (TfidfVectorizer(norm=None), TruncatedSVD(3, random_state=1), LogisticRegression()),
    "decision": (TfidfVectorizer(strip_accents="ascii", token_pattern=r"[a-z]+"), LinearSVC()),
}


@pytest.mark.parametrize("steps", ALONE.values(), ids=ALONE.keys())
def test_texts_alone_are_proven(steps: tuple[Any, ...]) -> None:
    """Hostile texts of every kind get the answer of the pipeline, to the last bits of a sum."""
    report = proven(alone(*steps), TEXT)
    assert report.worst_relative < 1e-11
    assert report.label_flips == 0
    assert {part.name for part in report.parts} >= {"test", "texts"}
    assert next(part.rows for part in report.parts if part.name == "texts") > 100


def test_trees_behind_texts_are_bit_equal() -> None:
    """Weights are made in scikit-learn's order, so each tree takes the same branch, and nothing is rounded otherwise."""
    report = proven(
        make_pipeline(beside(TfidfVectorizer(ngram_range=(1, 2))), RandomForestClassifier(5, random_state=0)),
        TEXT,
        STARS,
    )
    assert report.worst_relative == 0.0
    assert report.other_branches == 0


@pytest.mark.parametrize(
    "pipeline",
    [
        make_pipeline(beside(TfidfVectorizer()), LogisticRegression()),
        make_pipeline(beside(TfidfVectorizer(), sparse_threshold=0), LogisticRegression()),
        GridSearchCV(
            make_pipeline(beside(TfidfVectorizer()), LogisticRegression()), {"logisticregression__C": [1.0]}, cv=2
        ),
        VotingClassifier(
            [
                ("a", make_pipeline(beside(TfidfVectorizer()), LogisticRegression())),
                ("b", make_pipeline(beside(CountVectorizer()), LinearSVC())),
            ]
        ),
    ],
    ids=["sparse", "dense", "search", "vote"],
)
def test_texts_beside_numbers_are_proven(pipeline: Any) -> None:
    """Thresholds and edges of the numbers are tried with the texts of real rows."""
    report = proven(pipeline, TEXT, STARS)
    assert report.worst_relative < 1e-11
    assert report.label_flips == 0


def test_the_graph_carries_its_texts() -> None:
    """Terms stand in the metadata of the graph's own file, once each; the row is as wide as features and terms."""
    pipeline = alone(CountVectorizer(), TfidfTransformer(), LogisticRegression()).fit(FRAME[["review"]], PRAISE)
    contract = contract_of(TEXT)
    model = export_pipeline(pipeline, contract)
    assert serialise(model) == serialise(export_pipeline(pipeline, contract))
    texts = read_texts({entry.key: entry.value for entry in model.metadata_props})
    assert texts is not None
    assert len(texts.blocks) == 1, "the counts alone are needed by nobody"
    assert texts.blocks[0].weights == ("idf", "l2")
    (rows,) = model.graph.input
    assert rows.type.tensor_type.shape.dim[1].dim_value == 1 + texts.width


def test_a_graph_without_texts_has_no_metadata() -> None:
    """Contracts without texts keep the bytes that they had."""
    contract = contract_of(STARS)
    model: onnx.ModelProto = export_pipeline(LogisticRegression().fit(FRAME[["stars"]], PRAISE), contract)
    assert not [entry for entry in model.metadata_props if entry.key == TEXTS_KEY]


def test_texts_in_packed_rows_become_the_same_frame() -> None:
    """Rows and frames are each other's inverse, whatever is in a text."""
    frame = pd.DataFrame({"review": pd.Series(["", "a", "\x00", "日本", "a"], dtype=object), "stars": 1.0})
    contract = contract_of(TEXT, STARS)
    pd.testing.assert_frame_equal(to_frame(to_rows(frame, contract), contract), frame)


class Subclass(CountVectorizer):  # type: ignore[misc]
    """A vectorizer that may split in another way."""


def fitted(*steps: Any) -> Pipeline:
    """Return a fitted pipeline over the reviews."""
    pipeline: Pipeline = alone(*steps).fit(FRAME[["review"]], PRAISE)
    return pipeline


REFUSED: dict[str, tuple[Any, str]] = {
    "tokenizer": (
        lambda: fitted(CountVectorizer(tokenizer=str.split, token_pattern=None), LogisticRegression()),
        "tokenizer is a function of your own",
    ),
    "preprocessor": (
        lambda: fitted(CountVectorizer(preprocessor=str.lower), LogisticRegression()),
        "preprocessor is a function",
    ),
    "analyzer": (
        lambda: fitted(CountVectorizer(analyzer=str.split), LogisticRegression()),
        "analyzer is a function of your own",
    ),
    "strip_accents": (
        lambda: fitted(CountVectorizer(strip_accents=str.lower), LogisticRegression()),
        "strip_accents is a function",
    ),
    "pattern": (
        lambda: fitted(CountVectorizer(token_pattern=r"(?i)(?:a|b)+"), LogisticRegression()),
        "the token pattern",
    ),
    "dtype": (lambda: fitted(CountVectorizer(dtype=np.float32), LogisticRegression()), "its numbers are float32"),
    "idf in float32": (lambda: fitted(TfidfVectorizer(dtype=np.float32), LogisticRegression()), "fitted on float32"),
    "hashed terms": (
        lambda: fitted(HashingVectorizer(), LogisticRegression()),
        f"1,048,576 columns.*n_features={TERMS_LIMIT}",
    ),
    "long runs": (
        lambda: fitted(CountVectorizer(ngram_range=(1, 11)), LogisticRegression()),
        "less than or equal to 10",
    ),
    "subclass": (lambda: fitted(Subclass(), LogisticRegression()), "it would see the texts of"),
    "function": (
        lambda: fitted(FunctionTransformer(lambda texts: texts.str.lower()), TfidfVectorizer(), LogisticRegression()),
        "a function of texts",
    ),
    "weights of numbers": (
        lambda: fitted(CountVectorizer(), SelectKBest(chi2, k=3), TfidfTransformer(), LogisticRegression()),
        "do not come right out of a text vectorizer",
    ),
    "weights twice": (lambda: fitted(TfidfVectorizer(), TfidfTransformer(), LogisticRegression()), "weighted already"),
    "logarithm of signs": (
        lambda: fitted(
            HashingVectorizer(n_features=8, norm=None, token_pattern="g[or][oe][da]t?"),
            TfidfTransformer(sublinear_tf=True),
            LogisticRegression(),
        ),
        "logarithm of negative numbers",
    ),
    "infinite idf": (
        lambda: fitted(TfidfVectorizer(vocabulary=["good", "never"], smooth_idf=False), LogisticRegression()),
        "not finite",
    ),
    "encoder": (
        lambda: make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression()).fit(
            FRAME[["review"]], PRAISE
        ),
        r"it would see the texts of \['review'\].*TfidfVectorizer",
    ),
    "dictionaries": (
        lambda: Pipeline([("d", DictVectorizer()), ("l", LogisticRegression())]).fit([{"a": 1}, {"a": 2}], [0, 1]),
        "it takes dictionaries.*OneHotEncoder",
    ),
    "bagging": (
        lambda: BaggingClassifier(make_pipeline(TextColumn(), CountVectorizer(), LogisticRegression()), n_estimators=1),
        "it would see the texts of",
    ),
}


@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:Upper case", "ignore:.*token_pattern", "ignore:.*dtype")
@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_split_exactly_is_refused(name: str) -> None:
    """The message names the parameter and what can be exported instead."""
    make, reason = REFUSED[name]
    with pytest.raises(ExportError, match=reason):
        export_pipeline(make(), contract_of(TEXT))


def test_a_table_in_front_of_a_vectorizer_is_refused() -> None:
    """A column in brackets arrives as a table, of which a vectorizer reads the column names."""
    columns = ColumnTransformer([("text", CountVectorizer(), "review")])
    pipeline = make_pipeline(columns, LogisticRegression()).fit(FRAME[["review"]], PRAISE)
    (name, step, _) = columns.transformers_[0]
    columns.transformers_ = [(name, step, ["review"])]
    with pytest.raises(ExportError, match=re.escape("it gets a table, of which it would read the column names")):
        export_pipeline(pipeline, contract_of(TEXT))


def test_a_table_of_one_column_may_be_flattened() -> None:
    """`FunctionTransformer(np.ravel)` stands between brackets and a vectorizer in many pipelines."""
    flat = make_pipeline(FunctionTransformer(np.ravel), TfidfVectorizer())
    columns = ColumnTransformer([("text", flat, ["review"]), ("num", StandardScaler(), ["stars"])])
    assert proven(make_pipeline(columns, LogisticRegression()), TEXT, STARS).worst_relative < 1e-11


def test_a_vocabulary_of_bytes_is_refused() -> None:
    """Bytes equal no word in scikit-learn, and would equal one when they are written."""
    pipeline = fitted(CountVectorizer(), LogisticRegression())
    pipeline[1].vocabulary_ = {term.encode(): place for term, place in pipeline[1].vocabulary_.items()}
    with pytest.raises(ExportError, match="terms that are no texts"):
        export_pipeline(pipeline, contract_of(TEXT))


def test_a_missing_text_is_refused() -> None:
    """Vectorizers raise on None, and the contract must not let it through."""
    pipeline = fitted(CountVectorizer(), LogisticRegression())
    with pytest.raises(ExportError, match=r"raises on a missing text.*`nullable: false`"):
        export_pipeline(pipeline, contract_of(TEXT.model_copy(update={"nullable": True})))


def test_a_category_in_front_of_a_vectorizer_is_refused() -> None:
    """A column that travels by codes has no words."""
    category = Feature(name="review", type="category", categories=("good", "bad"))
    with pytest.raises(ExportError, match="`type: text` for its column"):
        export_pipeline(fitted(CountVectorizer(), LogisticRegression()), contract_of(category))


def test_too_many_terms_in_all_vectorizers_are_refused() -> None:
    """Each may be within the limit, and all of them not."""
    union = FeatureUnion([("a", HashingVectorizer(n_features=TERMS_LIMIT)), ("b", CountVectorizer())])
    with pytest.raises(ExportError, match="terms, and a graph takes up to 10,000"):
        export_pipeline(fitted(union, LogisticRegression()), contract_of(TEXT))


def test_an_unused_text_needs_no_terms() -> None:
    """A contract may ask for a text that the pipeline drops."""
    columns = ColumnTransformer([("num", StandardScaler(), ["stars"])])
    pipeline = make_pipeline(columns, Ridge()).fit(FRAME, PRAISE)
    contract = Contract(
        name="m", title="M", description="", task="regression", features=(TEXT, STARS), output=Output(name="y")
    )
    model = serialise(export_pipeline(pipeline, contract))
    assert check_parity(pipeline, model, contract, FRAME.head(20), max_rows=400).worst_relative < 1e-12
