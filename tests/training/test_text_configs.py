"""Texts from end to end: from a config in YAML and a CSV file to the proof, and in statistics, gate and studies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabento.bundle.compatibility import breaking_changes
from tabento.bundle.contract import Feature
from tabento.bundle.format import LATER_KEYS_FORMAT
from tabento.bundle.reference import NumberDistribution
from tabento.export import export_pipeline, serialise
from tabento.packaging.reference import build_reference
from tabento.parity import check_parity, pipeline_answers
from tabento.tables.faults import DataError
from tabento.tables.frames import to_frame, to_rows
from tabento.tables.texts import with_lengths
from training.config import ConfigError, ModelConfig, load_config
from training.data.imitation import imitate
from training.data.loader import load_dataset
from training.data.validation import validate
from training.gate.leakage import single_feature_scores
from training.gate.slices import parts_of
from training.model.attribution import raw_sources
from training.model.importances import measure_importances
from training.model.pipeline import fit_pipeline
from training.stages.retraining.drift import measure_drift
from training.stages.retraining.schema import compare_schema
from training.studies.exploration.study import compute_study

REVIEWS = Path(__file__).parents[1] / "configs" / "reviews.yaml"
WORDS = ["good", "bad", "great", "awful", "the", "and", "Movie", "plot", "loved", "hated", "café", "really", "very"]


def table(rows: int = 200) -> pd.DataFrame:
    """Return reviews with stars and praise; one is empty and one is the text NA."""
    generator = np.random.default_rng(11)
    texts = [" ".join(generator.choice(WORDS, generator.integers(1, 10))) for _ in range(rows)]
    texts[3:5] = ["", "NA"]
    frame = pd.DataFrame({"review": texts, "stars": np.round(generator.uniform(0, 5, rows), 1)})
    score = frame["review"].str.count("good|great") - frame["review"].str.count("bad|awful") + frame["stars"]
    return frame.assign(praise=np.where(score > 2.5, "yes", "no"))


@pytest.fixture(scope="module")
def config() -> ModelConfig:
    """The reviews' config."""
    return load_config(REVIEWS)


@pytest.fixture(scope="module")
def frame(config: ModelConfig, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The reviews, read from a CSV file and validated."""
    path = tmp_path_factory.mktemp("reviews") / "reviews.csv"
    table().to_csv(path, index=False)
    return validate(load_dataset(config, str(path), Path(), lambda _: None).frame, config)


@pytest.fixture(scope="module")
def pipeline(config: ModelConfig, frame: pd.DataFrame) -> Any:
    """A pipeline fitted on the reviews."""
    return fit_pipeline(config, frame)


def change_config(config: ModelConfig, **changes: Any) -> ModelConfig:
    """Return the config with some of its keys changed."""
    return ModelConfig.model_validate({**config.model_dump(), **changes})


def test_any_cell_is_a_text(frame: pd.DataFrame) -> None:
    """An empty cell is an empty text, and NA is a word."""
    assert frame["review"].tolist()[3:5] == ["", "NA"]


def test_a_config_with_a_text_is_proven(config: ModelConfig, frame: pd.DataFrame, pipeline: Any) -> None:
    """A config with a text is exported and proven, and its contract has the later format number."""
    contract = config.contract()
    assert contract.format_version == LATER_KEYS_FORMAT
    report = check_parity(
        pipeline, serialise(export_pipeline(pipeline, contract)), contract, frame.head(50), max_rows=800
    )
    assert report.worst_relative < 1e-11
    assert report.label_flips == 0
    vectorizer = pipeline["features"].named_transformers_["text_0"]
    assert (vectorizer.max_features, vectorizer.ngram_range, vectorizer.sublinear_tf) == (12, (1, 2), True)


@pytest.mark.parametrize(
    ("features", "derived", "reason"),
    [
        (
            [{"name": "review", "type": "text"}],
            {},
            r"'review' is a text that the model cannot use directly; add `texts:",
        ),
        ([{"name": "review", "type": "text", "nullable": True}], {"texts": [{"column": "review"}]}, "cannot be null"),
        ([{"name": "review", "type": "number"}], {"texts": [{"column": "review"}]}, "'review' is not a text"),
        ([{"name": "review", "type": "text"}], {"texts": [{"column": "review"}] * 2}, "'review' appears twice"),
        (
            [{"name": name, "type": "text"} for name in ("a", "b")],
            {"texts": [{"column": name, "max_features": 6_000} for name in ("a", "b")]},
            "12,000 words in total are too many",
        ),
    ],
)
def test_a_config_that_contradicts_itself_is_refused(
    config: ModelConfig, features: list[dict[str, Any]], derived: dict[str, Any], reason: str
) -> None:
    """A text must be split into words exactly once, and cannot be null."""
    with pytest.raises((ConfigError, ValueError), match=reason):
        change_config(config, features=features, derived=derived)


def test_a_text_that_is_too_long_is_a_fault_with_a_remedy(config: ModelConfig) -> None:
    """Data and service have the same limit of the length; the message has the line that raises it."""
    rows = table()
    rows.loc[7, "review"] = "word " * 200
    with pytest.raises(DataError, match=r"at most 500 characters; 1 value is not.*\n.*\n.*maximum_length: 1000"):
        validate(rows, config)


def test_statistics_are_about_the_length(config: ModelConfig, frame: pd.DataFrame, pipeline: Any) -> None:
    """The reference, drift, slices and the leakage probe use the number of characters of a text."""
    contract = config.contract()
    answers = pipeline_answers(pipeline, to_frame(to_rows(frame, contract), contract), contract)
    reference = build_reference(config.contract(), frame, answers)
    described = reference.features["review"]
    assert isinstance(described, NumberDistribution)
    assert described.maximum == frame["review"].str.len().max()
    assert not measure_drift(reference, frame, config).drifted
    longer = frame.assign(review=frame["review"] + " and" * 30)
    assert [column.name for column in measure_drift(reference, longer, config).drifted] == ["review"]
    names = [name for name, _ in parts_of(frame["review"], contract.features[0], 4)]
    assert names[0].startswith("from 0 to")
    assert set(single_feature_scores(config, frame)) == {"review", "stars"}
    with pytest.raises(DataError, match="'review' holds texts, of which only the lengths are known"):
        imitate(config, contract, reference, "reviews:1")


def test_a_study_uses_lengths(config: ModelConfig, frame: pd.DataFrame) -> None:
    """A text is profiled by its length, so no text is written into a report."""
    lengths = with_lengths(frame, config.features)
    profiles = {profile.name: profile for profile in compute_study(config, lengths[:150], lengths[150:]).profiles}
    assert profiles["review"].distinct == frame["review"][:150].str.len().nunique()


def test_words_are_attributed_to_their_text(config: ModelConfig, frame: pd.DataFrame, pipeline: Any) -> None:
    """Importances are measured for the fields of a request, so the words of a text belong to its field."""
    contract = config.contract()
    assert raw_sources(pipeline["features"])[-1] == ("review",)
    model = serialise(export_pipeline(pipeline, contract))
    importances = measure_importances(config, model, contract, frame[:150], frame[150:])
    assert {item.feature for item in importances.top} == {"review", "stars"}


def test_a_shorter_length_breaks_clients(config: ModelConfig) -> None:
    """A new model with a shorter limit is a breaking change of that field; longer cells of new data are out of range."""
    contract = config.contract()
    shorter = contract.model_copy(
        update={"features": (Feature(name="review", type="text", maximum_length=100), contract.features[1])}
    )
    assert breaking_changes(contract, shorter) == [
        "'review' takes a text of at most 100 characters, before a text of at most 500 characters"
    ]
    rows = table()
    rows.loc[0, "review"] = "x" * 501
    (change,) = compare_schema(rows, contract, config).columns
    assert (change.name, change.out_of_range) == ("review", 1)
