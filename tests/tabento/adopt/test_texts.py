"""Imports of pipelines that read texts, from the file to answers over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from tabento.adopt.columns import column_facts, takes_one_text
from tabento.adopt.errors import AdoptionError
from tabento.bundle.store import load_bundle
from tabento.export import ExportError
from tabento.parity.rows.hostile_texts import HOSTILE_TEXTS
from tests.conftest import bentoml_home
from tests.tabento.adopt.bundle_server import serve
from tests.tabento.adopt.makers import save_joblib, save_skops
from tests.tabento.review_words import WORDS
from training.config.settings import TrainingSettings
from training.progress import silence
from training.stages.adoption.request import ImportResult, Request
from training.stages.adoption.run import adopt

SETTINGS = TrainingSettings(latency_budget_s=0.05)


@pytest.fixture(autouse=True)
def store(tmp_path: Path) -> Iterator[None]:
    """A model store for each test."""
    with bentoml_home(tmp_path / "bentoml"):
        yield


def reviews(rows: int = 120) -> pd.DataFrame:
    """Reviews with their stars, and whether they praise; some are empty, and one says NA."""
    generator = np.random.default_rng(7)
    texts = [" ".join(generator.choice(WORDS, generator.integers(0, 12))) for _ in range(rows)]
    texts[5] = "NA"
    frame = pd.DataFrame(
        {"review": pd.Series(texts, dtype=object), "stars": np.round(generator.uniform(0, 5, rows), 1)}
    )
    score = frame["review"].str.count("good|great|loved") - frame["review"].str.count("bad|awful|hated")
    frame["praise"] = np.where(score + frame["stars"] - 2.5 > 0, "yes", "no")
    return frame


def month_of(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the month of a date, as its owner has it from pandas."""
    return pd.DataFrame({"month": frame["when"].dt.month})


def run(folder: Path, path: Path, frame: pd.DataFrame, **options: Any) -> ImportResult:
    """Import a pipeline with a frame as its sample, quietly."""
    frame.to_csv(folder / "rows.csv", index=False)
    request = Request(
        pipeline=path, sample=folder / "rows.csv", config=folder / "model.yaml", target="praise", **options
    )
    return adopt(request, SETTINGS, silence())


def test_texts_beside_numbers_answer_as_their_pipeline(tmp_path: Path) -> None:
    """A review and its stars go through HTTP to the bits that `predict_proba` gives, hostile texts included."""
    frame = reviews()
    columns = ColumnTransformer(
        [
            ("text", TfidfVectorizer(ngram_range=(1, 2), stop_words="english", sublinear_tf=True), "review"),
            ("num", StandardScaler(), ["stars"]),
        ]
    )
    pipeline = make_pipeline(columns, LogisticRegression()).fit(frame[["review", "stars"]], frame["praise"])
    result = run(tmp_path, save_skops(pipeline, tmp_path / "m.skops"), frame)
    assert [feature.type for feature in result.config.features] == ["text", "number"]
    assert not result.config.features[0].nullable
    bundle = load_bundle(result.tags.bundle)
    assert bundle.manifest.format_version == 2
    queried = pd.DataFrame({"review": [*HOSTILE_TEXTS, "x" * 10_000, *frame["review"][:20]]}).assign(stars=2.5)
    expected = pipeline.predict_proba(queried)
    with serve(result.tags.bundle) as client:
        sent = queried.to_dict("records")
        batch = client.post("/predict", json={"instances": sent}).json()["probabilities"]
        alone = client.post("/predict", json=sent[-1]).json()["probabilities"]
        refusals = [
            client.post("/predict", json={**sent[0], "review": "x" * 10_001}),
            client.post(
                "/predict", content=b'{"review": "\\ud800", "stars": 1}', headers={"content-type": "application/json"}
            ),
            client.post("/predict", json={**sent[0], "review": None}),
            client.post("/predict", json={**sent[0], "review": 5}),
        ]
        schema = client.get("/docs.json").json()["components"]["schemas"]["Row"]["properties"]["review"]
    np.testing.assert_allclose([row["yes"] for row in batch], expected[:, 1], rtol=1e-12)
    assert alone["yes"] == pytest.approx(expected[-1, 1], rel=1e-12)
    assert [answer.status_code for answer in refusals] == [422] * 4
    assert "a text of at most 10000 characters" in refusals[0].json()["error"]["message"]
    assert schema == {"type": "string", "maxLength": 10_000}


def test_texts_alone_need_no_names(tmp_path: Path) -> None:
    """A pipeline that was fitted on a series takes the one column of the sample, whatever it is called."""
    frame = reviews().drop(columns="stars")
    pipeline = make_pipeline(TfidfVectorizer(), MultinomialNB()).fit(frame["review"], frame["praise"])
    assert takes_one_text(pipeline)
    result = run(tmp_path, save_joblib(pipeline, tmp_path / "m.joblib"), frame, trust_pickle=True)
    with serve(result.tags.bundle) as client:
        answer = client.post("/predict", json={"review": "good plot"}).json()
    assert answer["probabilities"]["yes"] == pytest.approx(pipeline.predict_proba(["good plot"])[0, 1], rel=1e-12)


def test_several_columns_for_texts_alone_are_refused(tmp_path: Path) -> None:
    """Which column holds the texts is not guessed."""
    frame = reviews()
    pipeline = make_pipeline(TfidfVectorizer(), MultinomialNB()).fit(frame["review"], frame["praise"])
    with pytest.raises(AdoptionError, match="takes texts alone, and the sample has 2 columns"):
        run(tmp_path, save_joblib(pipeline, tmp_path / "m.joblib"), frame, trust_pickle=True)


def test_a_vectorizer_with_a_function_is_refused_by_name(tmp_path: Path) -> None:
    """The message names the step and the parameter, not faults of the data."""
    frame = reviews().drop(columns="stars")
    pipeline = make_pipeline(TfidfVectorizer(tokenizer=str.split, token_pattern=None), MultinomialNB()).fit(
        frame["review"], frame["praise"]
    )
    with pytest.raises(ExportError, match=r"'pipeline/tfidfvectorizer'.*tokenizer is a function of your own"):
        run(tmp_path, save_joblib(pipeline, tmp_path / "m.joblib"), frame, trust_pickle=True)


def test_facts_of_a_split_column() -> None:
    """A column that a vectorizer splits is a text, and no cell of it counts as missing."""
    frame = reviews()
    columns = ColumnTransformer([("text", TfidfVectorizer(), "review"), ("num", StandardScaler(), ["stars"])])
    pipeline = make_pipeline(columns, LogisticRegression()).fit(frame[["review", "stars"]], frame["praise"])
    facts = column_facts(pipeline, ["review", "stars"])
    assert facts["review"].split
    assert facts["review"].text
    assert not facts["stars"].text
    assert not takes_one_text(pipeline)
    flat = make_pipeline(FunctionTransformer(np.ravel), TfidfVectorizer())
    flattened = ColumnTransformer([("text", flat, ["review"])]).fit(frame[["review"]])
    assert column_facts(flattened, ["review"])["review"].split


def test_parts_of_dates_are_refused_with_the_reason(tmp_path: Path) -> None:
    """A step that asks pandas for parts of a date cannot answer what a request brings; the message says what can."""
    frame = pd.DataFrame({"when": ["2024-01-01", "2024-06-01", "2024-07-05"] * 10, "praise": ["no", "yes", "yes"] * 10})
    months = FunctionTransformer(month_of)
    pipeline = make_pipeline(months, LogisticRegression()).fit(frame[["when"]].apply(pd.to_datetime), frame["praise"])
    pipeline[0].feature_names_in_ = np.array(["when"], dtype=object)
    with pytest.raises(AdoptionError, match=r"'when' holds dates: the service passes them on as seconds.*DateParts"):
        run(tmp_path, save_joblib(pipeline, tmp_path / "m.joblib"), frame, trust_pickle=True)
