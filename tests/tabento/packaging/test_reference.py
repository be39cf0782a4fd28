"""The reference describes the training part so that drift can be measured against it."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabento.bundle.reference import UNKNOWN_VALUE, CategoryDistribution, NumberDistribution, Reference, check_reference
from tabento.packaging.reference import build_reference, number_distribution
from tests.training.seedlings import seedling_config, seedling_frame
from training.config import ModelConfig, load_config
from training.data.synthetic import generate
from training.data.validation import validate

ORCHARD = Path(__file__).parents[2] / "configs" / "orchard.yaml"


@pytest.fixture(scope="module")
def config() -> ModelConfig:
    """Return the small config."""
    return load_config(ORCHARD)


@pytest.fixture
def train(config: ModelConfig) -> pd.DataFrame:
    """Return valid rows of the small config."""
    return validate(generate(config.synthetic), config)


def test_reference_covers_features_target_and_predictions(config: ModelConfig, train: pd.DataFrame) -> None:
    """Numbers become number distributions, categories and booleans shares; JSON keeps all of it."""
    reference = build_reference(config.contract(), train, train["apples"] * 2)
    assert tuple(reference.features) == config.contract().feature_names
    kinds = {name: type(distribution) for name, distribution in reference.features.items()}
    categorical = {"pruned", "sort", "soil"}
    assert {name for name, kind in kinds.items() if kind is CategoryDistribution} == categorical
    assert isinstance(reference.prediction, NumberDistribution)
    assert isinstance(reference.target, NumberDistribution)
    assert reference.prediction.mean == pytest.approx(2 * reference.target.mean)
    assert Reference.model_validate_json(reference.model_dump_json()) == reference


def test_deciles_share_a_continuous_column_evenly(config: ModelConfig, train: pd.DataFrame) -> None:
    """Ten bins of a tenth each, by edges that ascend; missing values are counted apart."""
    slope = build_reference(config.contract(), train, train["apples"]).features["slope"]
    assert isinstance(slope, NumberDistribution)
    present = train["slope"].dropna()
    assert slope.count == len(present)
    assert slope.null_rate == pytest.approx(train["slope"].isna().mean())
    assert len(slope.edges) == 9
    assert list(slope.edges) == sorted(set(slope.edges))
    assert slope.shares == pytest.approx([0.1] * 10, abs=0.01)
    assert (slope.mean, slope.std, slope.p50) == pytest.approx((present.mean(), present.std(ddof=0), present.median()))


@pytest.mark.parametrize(
    ("values", "edges", "shares"),
    [
        ([4.0] * 30, (), (1.0,)),
        ([0.0] * 95 + [7.0] * 5, (0.0,), (0.95, 0.05)),
        ([1.0, 2.0], (1.0,), (0.5, 0.5)),
        ([np.nan] * 99 + [3.5], (), (1.0,)),
    ],
)
def test_coarse_columns_get_fewer_bins_none_empty(
    values: list[float], edges: tuple[float, ...], shares: tuple[float, ...]
) -> None:
    """Constant, two-valued and nearly always missing columns have distinct edges and no empty bin."""
    distribution = number_distribution(np.array(values), "x")
    assert distribution.edges == edges
    assert distribution.shares == pytest.approx(shares)
    assert sum(distribution.shares) == pytest.approx(1)
    assert distribution.count == np.isfinite(values).sum()


def test_shares_count_values_as_the_format_says() -> None:
    """Bin i holds edge i-1 < x <= edge i, with open ends outside."""
    values = np.random.default_rng(0).poisson(3, 1000).astype(float)
    distribution = number_distribution(values, "x")
    bounds = [-np.inf, *distribution.edges, np.inf]
    counted = [((values > low) & (values <= high)).mean() for low, high in itertools.pairwise(bounds)]
    assert distribution.shares == pytest.approx(counted)
    assert min(distribution.shares) > 0


def test_categories_of_the_contract_are_all_listed(config: ModelConfig, train: pd.DataFrame) -> None:
    """A category that never occurs has a share of 0; values outside the contract are counted together."""
    soil = train["soil"].where(train["soil"] != "sand", "peat")
    distribution = build_reference(config.contract(), train.assign(soil=soil), train["apples"]).features["soil"]
    assert isinstance(distribution, CategoryDistribution)
    assert list(distribution.shares) == ["clay", "loam", "sand", "naïve", UNKNOWN_VALUE]
    assert distribution.shares["sand"] == 0
    assert distribution.shares[UNKNOWN_VALUE] > 0
    assert sum(distribution.shares.values()) == pytest.approx(1)
    assert distribution.null_rate == pytest.approx(train["soil"].isna().mean())


def test_booleans_have_two_shares(config: ModelConfig, train: pd.DataFrame) -> None:
    """A boolean is described by the shares of false and true."""
    distribution = build_reference(config.contract(), train, train["apples"]).features["pruned"]
    assert isinstance(distribution, CategoryDistribution)
    assert distribution.shares == pytest.approx({"false": 1 - train["pruned"].mean(), "true": train["pruned"].mean()})


@pytest.mark.parametrize(("column", "missing"), [("slope", np.nan), ("soil", None)])
def test_column_without_values_is_refused(
    config: ModelConfig, train: pd.DataFrame, column: str, missing: float | None
) -> None:
    """A column without values is an error that names the column."""
    with pytest.raises(ValueError, match=rf"{column}: expected at least one value in 800 training rows"):
        build_reference(config.contract(), train.assign(**{column: pd.Series([missing] * 800)}), train["apples"])


def test_predictions_must_match_rows(config: ModelConfig, train: pd.DataFrame) -> None:
    """One prediction per row, or both numbers are named."""
    with pytest.raises(ValueError, match=r"shape \(800,\), got \(3,\)"):
        build_reference(config.contract(), train, [1.0, 2.0, 3.0])


def test_classification_is_described_by_labels_and_probabilities() -> None:
    """Shares of labels for answers and truth, a distribution for the probability of each class."""
    config, frame = seedling_config(), seedling_frame(100)
    second = np.linspace(0.05, 0.95, 100)
    reference = build_reference(config.contract(), frame, np.c_[second >= 0.5, 1 - second, second])
    assert isinstance(reference.prediction, CategoryDistribution)
    assert isinstance(reference.target, CategoryDistribution)
    assert reference.prediction.shares == {"alive": 0.5, "died": 0.5}
    assert reference.target.shares["died"] == pytest.approx(frame["fate"].mean())
    assert reference.probabilities is not None
    assert reference.probabilities["died"].mean == pytest.approx(0.5)
    check_reference(reference, config.contract())


def test_answers_of_another_shape_are_refused() -> None:
    """A classification's answers are a label and a probability per class."""
    with pytest.raises(ValueError, match=r"shape \(20, 3\), got \(20,\)"):
        build_reference(seedling_config().contract(), seedling_frame(20), np.zeros(20))
