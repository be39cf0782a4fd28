"""The configs that ship: what holds for each, and what each of the four systems promises in particular."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bundle.contract import Feature
from training.config import ConfigError, ModelConfig, load_config
from training.cross_validation import make_folds
from training.data.split import split
from training.data.synthetic import generate
from training.data.validation import validate
from training.estimators import build_estimator
from training.evaluation.out_of_fold import out_of_fold
from training.evaluation.variants import with_columns
from training.frames import to_frame, to_rows
from training.metrics import HIGHER_IS_BETTER, measure
from training.parity import pipeline_answers
from training.pipeline import fit_pipeline

CONFIGS = Path(__file__).parents[2] / "configs"
NAMES = sorted(path.stem for path in CONFIGS.glob("*.yaml") if path.stem != "serving")
ROWS = 600
"""Enough rows that each class, category and missing value of the synthetic data turns up."""


def shipped(name: str) -> ModelConfig:
    """Return a config by its name."""
    return load_config(CONFIGS / f"{name}.yaml")


def feature(config: ModelConfig, name: str) -> Feature:
    """Return a config's feature by its name."""
    return next(item for item in config.features if item.name == name)


@pytest.fixture(scope="module", params=NAMES)
def config(request: pytest.FixtureRequest) -> ModelConfig:
    """Return each config that ships, one after the other."""
    return shipped(request.param)


@pytest.fixture(scope="module")
def rows(config: ModelConfig) -> pd.DataFrame:
    """Return synthetic rows of the config, validated."""
    return validate(generate(config.synthetic, rows=ROWS), config)


def test_the_four_systems_ship() -> None:
    """Two regressions and two classifications."""
    assert NAMES == ["boston", "california", "churn", "plans"]
    assert [shipped(name).task for name in NAMES] == ["regression", "regression", "classification", "classification"]


def test_file_is_named_for_the_model(config: ModelConfig) -> None:
    """The file's name is the model's, so that a command can be guessed."""
    assert config.name in NAMES


def test_every_field_is_explained(config: ModelConfig) -> None:
    """Model, target, features, classes and dropped columns each have words for people; numbers have ends."""
    assert config.description
    assert config.target.description
    assert all(item.description for item in config.features)
    assert all(item.description for item in config.target.classes or ())
    assert all(len(reason) > 20 for reason in config.drop.values())
    for item in config.features:
        if item.type in ("number", "integer"):
            assert item.minimum is not None
            assert item.maximum is not None


def test_source_is_pinned_and_attributed(config: ModelConfig) -> None:
    """Altered copies are about: each source has its checksum, its terms and who it is from."""
    assert config.source is not None
    assert config.source.licence
    assert config.source.citation


def test_synthetic_rows_are_valid_and_split(config: ModelConfig, rows: pd.DataFrame) -> None:
    """Made-up rows pass the validation that real ones pass, and each part gets each class."""
    parts = split(rows, config)
    assert len(parts.train) + len(parts.test) == ROWS
    for part in (parts.train, parts.test):
        assert part[config.target.name].nunique() >= len(config.target.classes or (0, 1))


def test_synthetic_rows_are_missing_where_real_ones_are(config: ModelConfig, rows: pd.DataFrame) -> None:
    """Exactly the nullable features have missing values, so that imputation is tried without real data."""
    assert {name for name in rows.columns if rows[name].isna().any()} == {
        item.name for item in config.features if item.nullable
    }


def test_members_differ(config: ModelConfig) -> None:
    """A voting of equal members with one seed would be one member at several times its price."""
    members = [(item.kind, tuple(sorted(item.params.items()))) for item in config.estimator.members]
    assert len(set(members)) == len(members)
    assert build_estimator(config.estimator, config.task, config.seed) is not None


def test_dropped_columns_can_be_evaluated(config: ModelConfig) -> None:
    """What the evaluation looks at a second time is dropped by the config and drawn by its synthetic data."""
    frame = generate(config.synthetic, rows=60)
    wider, decisions = with_columns(config, config.decisions(), config.evaluation.also_with, frame)
    assert len(wider.features) == len(config.features) + len(config.evaluation.also_with)
    assert len(decisions.columns) == len(wider.features)


def test_gate_limits_the_metrics_of_the_task(config: ModelConfig, rows: pd.DataFrame) -> None:
    """Each limited metric exists for the task and is limited on the side on which it is bad."""
    truth = rows[config.target.name].to_numpy(dtype=np.float64)
    answers = truth
    if config.target.classes is not None:
        answers = np.column_stack([truth, np.where(truth == 1, 0.2, 0.8), np.where(truth == 1, 0.8, 0.2)])
    known = measure(config, truth, answers)
    assert config.gate.metrics
    for metric, limit in config.gate.metrics.items():
        assert metric in known
        assert (limit.at_least is not None) == (metric in HIGHER_IS_BETTER)


@pytest.mark.parametrize("name", ["boston", "plans"])
def test_synthetic_model_keeps_its_gate(name: str) -> None:
    """A model of made-up rows keeps the limits that one of real rows keeps: both go through one gate."""
    config = shipped(name)
    parts = split(validate(generate(config.synthetic), config), config)
    contract = config.contract()
    pipeline = fit_pipeline(config, parts.train)
    answers = pipeline_answers(pipeline, to_frame(to_rows(parts.test, contract), contract), contract)
    metrics = measure(config, parts.test[config.target.name], answers)
    for metric, limit in config.gate.metrics.items():
        assert limit.at_least is None or metrics[metric] >= limit.at_least
        assert limit.at_most is None or metrics[metric] <= limit.at_most


def test_ranges_are_those_asked_for() -> None:
    """The ranges that the requirements name are the contracts' (M50)."""
    boston, churn = shipped("boston"), shipped("churn")
    assert (feature(boston, "CRIM").minimum, feature(boston, "CRIM").maximum) == (0, 100)
    assert (feature(boston, "NOX").minimum, feature(boston, "NOX").maximum) == (0.3, 1)
    assert (feature(churn, "CreditScore").minimum, feature(churn, "CreditScore").maximum) == (300, 850)


def test_boston_asks_for_nine_fields_and_takes_three_more() -> None:
    """ZN, INDUS and CHAS may be left out (M51); CRIM, AGE and LSTAT may be unknown, as in the data."""
    features = shipped("boston").features
    assert [item.name for item in features if not item.required] == ["ZN", "INDUS", "CHAS"]
    assert {item.name for item in features if item.nullable} == {"CRIM", "ZN", "INDUS", "CHAS", "AGE", "LSTAT"}


def test_boston_leaves_race_out_and_says_so() -> None:
    """No client can send B, the reason says what it is, and what leaving it out costs is measured."""
    config = shipped("boston")
    assert "B" not in {item.name for item in config.features}
    assert "race" in config.drop["B"]
    assert config.evaluation.also_with == ("B",)


def test_customers_are_not_known_by_name() -> None:
    """Line number, identifier and surname are dropped with a reason; the positive class is the one that leaves."""
    config = shipped("churn")
    assert {*config.drop} == {"RowNumber", "CustomerId", "Surname"}
    assert [item.label for item in config.target.classes or ()] == ["kept", "lost"]
    assert config.decision.by == "f1"


def test_plans_are_ranked() -> None:
    """The answer is a plan, with all of them ranked and their probabilities."""
    output = shipped("plans").contract().output
    assert (output.classes, output.ranking, output.probabilities) == (("Smart", "Ultra"), True, True)


def test_one_more_plan_needs_no_code() -> None:
    """The recommendation is written for any number of plans: with a third in config and data it answers three."""
    data = shipped("plans").model_dump()
    data["target"]["classes"] = (*data["target"]["classes"], {"value": 2, "label": "Unlimited"})
    data["gate"]["directions"] = ()  # they speak of one of two classes
    data["estimator"]["params"]["n_estimators"] = 10
    config = ModelConfig.model_validate(data)
    frame = generate(shipped("plans").synthetic, rows=ROWS)
    frame.loc[frame["mb_used"] > 22_000, "is_ultra"] = 2
    valid = validate(frame, config)
    folds = make_folds(config, valid, 2, 1)
    answers = out_of_fold(config, valid, config.decisions(), folds, n_jobs=1)
    assert answers[0].shape[1] == 4
    assert measure(config, valid["is_ultra"].to_numpy()[folds[0][1]], answers[0])["accuracy"] > 0.6


def test_misspelt_key_is_refused(tmp_path: Path) -> None:
    """A shipped config with a wrong word in it is refused with the word, not read without it."""
    text = (CONFIGS / "boston.yaml").read_text(encoding="utf-8").replace("also_with:", "also_with_column:")
    (tmp_path / "boston.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="also_with_column"):
        load_config(tmp_path / "boston.yaml")
