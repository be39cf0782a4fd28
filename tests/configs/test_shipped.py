"""The configs in `configs/`: properties of all of them, and properties of each of the four systems."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabento.bundle.contract import Feature
from tabento.parity import pipeline_answers
from tabento.tables.frames import to_frame, to_rows
from training.config import ConfigError, ModelConfig, load_config
from training.data.split import split
from training.data.synthetic import generate
from training.data.validation import validate
from training.model.cross_validation import make_folds
from training.model.estimators import build_estimator
from training.model.metrics import HIGHER_IS_BETTER, measure
from training.model.out_of_fold import predict_out_of_fold
from training.model.pipeline import fit_pipeline
from training.studies.evaluation.variants import add_columns

CONFIGS = Path(__file__).parents[2] / "configs"
NAMES = sorted(path.stem for path in CONFIGS.glob("*.yaml") if path.stem != "serving")
ROWS = 600
"""Enough rows for each class, category and missing value of the synthetic data."""


def shipped_config(name: str) -> ModelConfig:
    """Return a config by its name."""
    return load_config(CONFIGS / f"{name}.yaml")


def feature(config: ModelConfig, name: str) -> Feature:
    """Return a config's feature by its name."""
    return next(item for item in config.features if item.name == name)


@pytest.fixture(scope="module", params=NAMES)
def config(request: pytest.FixtureRequest) -> ModelConfig:
    """Each config of a system."""
    return shipped_config(request.param)


@pytest.fixture(scope="module")
def rows(config: ModelConfig) -> pd.DataFrame:
    """Synthetic rows of the config, validated."""
    return validate(generate(config.synthetic, rows=ROWS), config)


def test_the_four_systems_ship() -> None:
    """Two systems are regressions and two are classifications."""
    assert NAMES == ["boston", "california", "churn", "plans"]
    assert [shipped_config(name).task for name in NAMES] == [
        "regression",
        "regression",
        "classification",
        "classification",
    ]


def test_file_is_named_for_the_model(config: ModelConfig) -> None:
    """The name of the file is the name of the model."""
    assert config.name in NAMES


def test_every_field_is_explained(config: ModelConfig) -> None:
    """Model, target, features, classes and dropped columns have descriptions; numbers have a minimum and a maximum."""
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
    """Each source has a checksum, because altered copies exist, and a licence and a citation."""
    assert config.source is not None
    assert config.source.licence
    assert config.source.citation


def test_synthetic_rows_are_valid_and_split(config: ModelConfig, rows: pd.DataFrame) -> None:
    """Synthetic rows pass the validation of real rows, and each part of the split has each class."""
    parts = split(rows, config)
    assert len(parts.train) + len(parts.test) == ROWS
    for part in (parts.train, parts.test):
        assert part[config.target.name].nunique() >= len(config.target.classes or (0, 1))


def test_synthetic_rows_have_missing_values_in_nullable_features(config: ModelConfig, rows: pd.DataFrame) -> None:
    """Exactly the nullable features have missing values, so synthetic data tests imputation."""
    assert {name for name in rows.columns if rows[name].isna().any()} == {
        item.name for item in config.features if item.nullable
    }


def test_members_differ(config: ModelConfig) -> None:
    """The members of a voting estimator differ; equal members with one seed would only multiply the cost."""
    members = [(item.kind, tuple(sorted(item.params.items()))) for item in config.estimator.members]
    assert len(set(members)) == len(members)
    assert build_estimator(config.estimator, config.task, config.seed) is not None


def test_dropped_columns_can_be_evaluated(config: ModelConfig) -> None:
    """Columns that the evaluation adds are dropped by the config and exist in its synthetic data."""
    frame = generate(config.synthetic, rows=60)
    wider, decisions = add_columns(config, config.decisions(), config.evaluation.also_with, frame)
    assert len(wider.features) == len(config.features) + len(config.evaluation.also_with)
    assert len(decisions.columns) == len(wider.features)


def test_gate_limits_the_metrics_of_the_task(config: ModelConfig, rows: pd.DataFrame) -> None:
    """Each metric with a limit exists for the task, and its limit is a minimum if higher values are better."""
    targets = rows[config.target.name].to_numpy(dtype=np.float64)
    answers = targets
    if config.target.classes is not None:
        answers = np.column_stack([targets, np.where(targets == 1, 0.2, 0.8), np.where(targets == 1, 0.8, 0.2)])
    metrics = measure(config, targets, answers)
    assert config.gate.metrics
    for metric, limit in config.gate.metrics.items():
        assert metric in metrics
        assert (limit.at_least is not None) == (metric in HIGHER_IS_BETTER)


@pytest.mark.parametrize("name", ["boston", "plans"])
def test_synthetic_model_passes_the_gate(name: str) -> None:
    """A model of synthetic rows keeps the same limits as a model of real rows."""
    config = shipped_config(name)
    parts = split(validate(generate(config.synthetic), config), config)
    contract = config.contract()
    pipeline = fit_pipeline(config, parts.train)
    answers = pipeline_answers(pipeline, to_frame(to_rows(parts.test, contract), contract), contract)
    metrics = measure(config, parts.test[config.target.name], answers)
    for metric, limit in config.gate.metrics.items():
        assert limit.at_least is None or metrics[metric] >= limit.at_least
        assert limit.at_most is None or metrics[metric] <= limit.at_most


def test_ranges_are_those_of_the_requirements() -> None:
    """The contracts have the ranges of the requirements (M50)."""
    boston, churn = shipped_config("boston"), shipped_config("churn")
    assert (feature(boston, "CRIM").minimum, feature(boston, "CRIM").maximum) == (0, 100)
    assert (feature(boston, "NOX").minimum, feature(boston, "NOX").maximum) == (0.3, 1)
    assert (feature(churn, "CreditScore").minimum, feature(churn, "CreditScore").maximum) == (300, 850)


def test_boston_requires_nine_fields_and_accepts_three_more() -> None:
    """ZN, INDUS and CHAS can be omitted (M51); CRIM, AGE and LSTAT can be null, as in the data."""
    features = shipped_config("boston").features
    assert [item.name for item in features if not item.required] == ["ZN", "INDUS", "CHAS"]
    assert {item.name for item in features if item.nullable} == {"CRIM", "ZN", "INDUS", "CHAS", "AGE", "LSTAT"}


def test_boston_excludes_race_and_gives_the_reason() -> None:
    """Column B is not a feature, its reason names race, and the evaluation measures the score with it."""
    config = shipped_config("boston")
    assert "B" not in {item.name for item in config.features}
    assert "race" in config.drop["B"]
    assert config.evaluation.also_with == ("B",)


def test_churn_does_not_identify_customers() -> None:
    """Row number, identifier and surname are dropped; the positive class is the lost customer."""
    config = shipped_config("churn")
    assert {*config.drop} == {"RowNumber", "CustomerId", "Surname"}
    assert [item.label for item in config.target.classes or ()] == ["kept", "lost"]
    assert config.decision.by == "f1"


def test_plans_are_ranked() -> None:
    """The answer is a plan, with the ranking and the probabilities of all plans."""
    output = shipped_config("plans").contract().output
    assert (output.classes, output.ranking, output.probabilities) == (("Smart", "Ultra"), True, True)


def test_one_more_plan_needs_no_code() -> None:
    """With a third plan in config and data, the recommendation has three plans."""
    data = shipped_config("plans").model_dump()
    data["target"]["classes"] = (*data["target"]["classes"], {"value": 2, "label": "Unlimited"})
    data["gate"]["directions"] = ()  # they are about one of two classes
    data["estimator"]["params"]["n_estimators"] = 10
    config = ModelConfig.model_validate(data)
    frame = generate(shipped_config("plans").synthetic, rows=ROWS)
    frame.loc[frame["mb_used"] > 22_000, "is_ultra"] = 2
    valid = validate(frame, config)
    folds = make_folds(config, valid, 2, 1)
    answers = predict_out_of_fold(config, valid, config.decisions(), folds, n_jobs=1)
    assert answers[0].shape[1] == 4
    assert measure(config, valid["is_ultra"].to_numpy()[folds[0][1]], answers[0])["accuracy"] > 0.6


def test_misspelt_key_is_refused(tmp_path: Path) -> None:
    """A config with an unknown key is refused, and the message names the key."""
    text = (CONFIGS / "boston.yaml").read_text(encoding="utf-8").replace("also_with:", "also_with_column:")
    (tmp_path / "boston.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="also_with_column"):
        load_config(tmp_path / "boston.yaml")
