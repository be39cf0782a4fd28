"""Pipelines with text vectorizers: bit-equal numbers before the graph, or a refusal that names step and remedy."""

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

from tabento.bundle.contract import Contract, Feature, Output
from tabento.bundle.texts import TERMS_LIMIT, TEXTS_KEY, read_texts
from tabento.export import ExportError, export_pipeline, serialise
from tabento.parity import ParityReport, check_parity
from tabento.tables.frames import to_frame, to_rows
from tabento.transformers.text_column import TextColumn
from tests.tabento.review_words import WORDS

TEXT = Feature(name="review", type="text", maximum_length=500)
STARS = Feature(name="stars", type="number", minimum=0, maximum=5)


def reviews(rows: int = 80) -> pd.DataFrame:
    """Return a frame of reviews and stars."""
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


def reviews_only(*steps: Any) -> Pipeline:
    """Return a pipeline that reads only the reviews."""
    return make_pipeline(TextColumn(), *steps)


def reviews_and_stars(vectorizer: Any, **arguments: Any) -> ColumnTransformer:
    """Return a column transformer of reviews and stars."""
    return ColumnTransformer([("text", vectorizer, "review"), ("num", StandardScaler(), ["stars"])], **arguments)


def prove(pipeline: Any, *features: Feature) -> ParityReport:
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
    """Hostile texts of every kind get the pipeline's answer, up to the last bits of a sum."""
    report = prove(reviews_only(*steps), TEXT)
    assert report.worst_relative < 1e-11
    assert report.label_flips == 0
    assert {part.name for part in report.parts} >= {"test", "texts"}
    assert next(part.rows for part in report.parts if part.name == "texts") > 100


def test_trees_behind_texts_are_bit_equal() -> None:
    """Weights have scikit-learn's order of operations, so each tree takes the same branch."""
    report = prove(
        make_pipeline(
            reviews_and_stars(TfidfVectorizer(ngram_range=(1, 2))), RandomForestClassifier(5, random_state=0)
        ),
        TEXT,
        STARS,
    )
    assert report.worst_relative == 0.0
    assert report.other_branches == 0


@pytest.mark.parametrize(
    "pipeline",
    [
        make_pipeline(reviews_and_stars(TfidfVectorizer()), LogisticRegression()),
        make_pipeline(reviews_and_stars(TfidfVectorizer(), sparse_threshold=0), LogisticRegression()),
        GridSearchCV(
            make_pipeline(reviews_and_stars(TfidfVectorizer()), LogisticRegression()),
            {"logisticregression__C": [1.0]},
            cv=2,
        ),
        VotingClassifier(
            [
                ("a", make_pipeline(reviews_and_stars(TfidfVectorizer()), LogisticRegression())),
                ("b", make_pipeline(reviews_and_stars(CountVectorizer()), LinearSVC())),
            ]
        ),
    ],
    ids=["sparse", "dense", "search", "vote"],
)
def test_texts_beside_numbers_are_proven(pipeline: Any) -> None:
    """Thresholds and edges of the numbers are tested with the texts of real rows."""
    report = prove(pipeline, TEXT, STARS)
    assert report.worst_relative < 1e-11
    assert report.label_flips == 0


def test_the_graph_carries_its_texts() -> None:
    """The metadata of the graph's file holds each term once; the row is as wide as features and terms."""
    pipeline = reviews_only(CountVectorizer(), TfidfTransformer(), LogisticRegression()).fit(FRAME[["review"]], PRAISE)
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
    """A graph without texts has no metadata."""
    contract = contract_of(STARS)
    model: onnx.ModelProto = export_pipeline(LogisticRegression().fit(FRAME[["stars"]], PRAISE), contract)
    assert not [entry for entry in model.metadata_props if entry.key == TEXTS_KEY]


def test_texts_in_packed_rows_become_the_same_frame() -> None:
    """Rows and frames convert into each other for any text."""
    frame = pd.DataFrame({"review": pd.Series(["", "a", "\x00", "日本", "a"], dtype=object), "stars": 1.0})
    contract = contract_of(TEXT, STARS)
    pd.testing.assert_frame_equal(to_frame(to_rows(frame, contract), contract), frame)


class Subclass(CountVectorizer):  # type: ignore[misc]
    """A vectorizer that may split in another way."""


def fit_on_reviews(*steps: Any) -> Pipeline:
    """Return a fitted pipeline over the reviews."""
    pipeline: Pipeline = reviews_only(*steps).fit(FRAME[["review"]], PRAISE)
    return pipeline


REFUSALS: dict[str, tuple[Any, str]] = {
    "tokenizer": (
        lambda: fit_on_reviews(CountVectorizer(tokenizer=str.split, token_pattern=None), LogisticRegression()),
        "tokenizer is a function of your own",
    ),
    "preprocessor": (
        lambda: fit_on_reviews(CountVectorizer(preprocessor=str.lower), LogisticRegression()),
        "preprocessor is a function",
    ),
    "analyzer": (
        lambda: fit_on_reviews(CountVectorizer(analyzer=str.split), LogisticRegression()),
        "analyzer is a function of your own",
    ),
    "strip_accents": (
        lambda: fit_on_reviews(CountVectorizer(strip_accents=str.lower), LogisticRegression()),
        "strip_accents is a function",
    ),
    "pattern": (
        lambda: fit_on_reviews(CountVectorizer(token_pattern=r"(?i)(?:a|b)+"), LogisticRegression()),
        "the token pattern",
    ),
    "dtype": (
        lambda: fit_on_reviews(CountVectorizer(dtype=np.float32), LogisticRegression()),
        "its numbers are float32",
    ),
    "idf in float32": (
        lambda: fit_on_reviews(TfidfVectorizer(dtype=np.float32), LogisticRegression()),
        "fitted on float32",
    ),
    "hashed terms": (
        lambda: fit_on_reviews(HashingVectorizer(), LogisticRegression()),
        f"1,048,576 columns.*n_features={TERMS_LIMIT}",
    ),
    "long runs": (
        lambda: fit_on_reviews(CountVectorizer(ngram_range=(1, 11)), LogisticRegression()),
        "less than or equal to 10",
    ),
    "subclass": (lambda: fit_on_reviews(Subclass(), LogisticRegression()), "it would receive the texts of"),
    "function": (
        lambda: fit_on_reviews(
            FunctionTransformer(lambda texts: texts.str.lower()), TfidfVectorizer(), LogisticRegression()
        ),
        "a function of texts",
    ),
    "weights of numbers": (
        lambda: fit_on_reviews(CountVectorizer(), SelectKBest(chi2, k=3), TfidfTransformer(), LogisticRegression()),
        "do not come right out of a text vectorizer",
    ),
    "weights twice": (
        lambda: fit_on_reviews(TfidfVectorizer(), TfidfTransformer(), LogisticRegression()),
        "weighted already",
    ),
    "logarithm of signs": (
        lambda: fit_on_reviews(
            HashingVectorizer(n_features=8, norm=None, token_pattern="g[or][oe][da]t?"),
            TfidfTransformer(sublinear_tf=True),
            LogisticRegression(),
        ),
        "logarithm of negative numbers",
    ),
    "infinite idf": (
        lambda: fit_on_reviews(TfidfVectorizer(vocabulary=["good", "never"], smooth_idf=False), LogisticRegression()),
        "not finite",
    ),
    "encoder": (
        lambda: make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression()).fit(
            FRAME[["review"]], PRAISE
        ),
        r"it would receive the texts of \['review'\].*TfidfVectorizer",
    ),
    "dictionaries": (
        lambda: Pipeline([("d", DictVectorizer()), ("l", LogisticRegression())]).fit([{"a": 1}, {"a": 2}], [0, 1]),
        "it takes dictionaries.*OneHotEncoder",
    ),
    "bagging": (
        lambda: BaggingClassifier(make_pipeline(TextColumn(), CountVectorizer(), LogisticRegression()), n_estimators=1),
        "it would receive the texts of",
    ),
}


@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:Upper case", "ignore:.*token_pattern", "ignore:.*dtype")
@pytest.mark.parametrize("name", REFUSALS)
def test_what_cannot_be_split_exactly_is_refused(name: str) -> None:
    """The error names the parameter and a class or parameter that can be exported instead."""
    make, reason = REFUSALS[name]
    with pytest.raises(ExportError, match=reason):
        export_pipeline(make(), contract_of(TEXT))


def test_a_table_in_front_of_a_vectorizer_is_refused() -> None:
    """A column in brackets is a table, and a vectorizer would read its column names: refused."""
    columns = ColumnTransformer([("text", CountVectorizer(), "review")])
    pipeline = make_pipeline(columns, LogisticRegression()).fit(FRAME[["review"]], PRAISE)
    (name, step, _) = columns.transformers_[0]
    columns.transformers_ = [(name, step, ["review"])]
    with pytest.raises(ExportError, match=re.escape("it gets a table, of which it would read the column names")):
        export_pipeline(pipeline, contract_of(TEXT))


def test_a_table_of_one_column_may_be_flattened() -> None:
    """`FunctionTransformer(np.ravel)` between a table of one column and a vectorizer is accepted."""
    flat = make_pipeline(FunctionTransformer(np.ravel), TfidfVectorizer())
    columns = ColumnTransformer([("text", flat, ["review"]), ("num", StandardScaler(), ["stars"])])
    assert prove(make_pipeline(columns, LogisticRegression()), TEXT, STARS).worst_relative < 1e-11


def test_a_vocabulary_of_bytes_is_refused() -> None:
    """A vocabulary of bytes is refused, because bytes equal no word in scikit-learn."""
    pipeline = fit_on_reviews(CountVectorizer(), LogisticRegression())
    pipeline[1].vocabulary_ = {term.encode(): place for term, place in pipeline[1].vocabulary_.items()}
    with pytest.raises(ExportError, match="terms that are not texts"):
        export_pipeline(pipeline, contract_of(TEXT))


def test_a_missing_text_is_refused() -> None:
    """A contract with a missing text is refused, because vectorizers raise on None."""
    pipeline = fit_on_reviews(CountVectorizer(), LogisticRegression())
    with pytest.raises(ExportError, match=r"raises on a missing text.*`nullable: false`"):
        export_pipeline(pipeline, contract_of(TEXT.model_copy(update={"nullable": True})))


def test_a_category_in_front_of_a_vectorizer_is_refused() -> None:
    """A category before a vectorizer is refused, because a code has no words."""
    category = Feature(name="review", type="category", categories=("good", "bad"))
    with pytest.raises(ExportError, match="`type: text` for its column"):
        export_pipeline(fit_on_reviews(CountVectorizer(), LogisticRegression()), contract_of(category))


def test_too_many_terms_in_all_vectorizers_are_refused() -> None:
    """Vectorizers within the limit are refused if their terms together exceed it."""
    union = FeatureUnion([("a", HashingVectorizer(n_features=TERMS_LIMIT)), ("b", CountVectorizer())])
    with pytest.raises(ExportError, match="terms, and a graph takes up to 10,000"):
        export_pipeline(fit_on_reviews(union, LogisticRegression()), contract_of(TEXT))


def test_an_unused_text_needs_no_terms() -> None:
    """A text feature that the pipeline drops needs no terms."""
    columns = ColumnTransformer([("num", StandardScaler(), ["stars"])])
    pipeline = make_pipeline(columns, Ridge()).fit(FRAME, PRAISE)
    contract = Contract(
        name="m", title="M", description="", task="regression", features=(TEXT, STARS), output=Output(name="y")
    )
    model = serialise(export_pipeline(pipeline, contract))
    assert check_parity(pipeline, model, contract, FRAME.head(20), max_rows=400).worst_relative < 1e-12
