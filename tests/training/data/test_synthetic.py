"""Synthetic rows follow their config, and a wrong config is reported with column and expression."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from training.config import ModelConfig, Synthetic
from training.data.synthetic import SyntheticError, generate
from training.data.validation import validate


def spec(*columns: dict[str, Any], rows: int = 400, seed: int = 1) -> Synthetic:
    """Return a section with these columns."""
    return Synthetic.model_validate({"rows": rows, "seed": seed, "columns": columns})


IDENTITY = {"name": "id", "draw": "uniform", "low": 0, "high": 1}


def test_same_seed_gives_same_rows_and_another_seed_others(orchard: ModelConfig) -> None:
    """The rows depend on the seed alone."""
    first = generate(orchard.synthetic)
    assert orchard.synthetic is not None
    other = generate(orchard.synthetic.model_copy(update={"seed": 4}))
    pd.testing.assert_frame_equal(first, generate(orchard.synthetic))
    assert not first.equals(other)


@pytest.mark.parametrize("name", ["orchard", "california"])
def test_shipped_configs_generate_valid_rows(name: str, request: pytest.FixtureRequest) -> None:
    """Every generated row of a shipped config passes the validation of the same config."""
    config: ModelConfig = request.getfixturevalue(name)
    frame = generate(config.synthetic)
    assert config.synthetic is not None
    assert len(frame) == config.synthetic.rows == len(validate(frame, config))
    assert not frame.duplicated().any()


def test_california_resembles_the_census(california: ModelConfig) -> None:
    """The shipped set has its share of missing bedrooms, every category, and the cap on house values."""
    frame = generate(california.synthetic)
    assert 0.005 < frame["total_bedrooms"].isna().mean() < 0.015
    assert frame.drop(columns="total_bedrooms").notna().all().all()
    assert set(frame["ocean_proximity"]) == {"<1H OCEAN", "INLAND", "ISLAND", "NEAR BAY", "NEAR OCEAN"}
    assert frame["median_house_value"].max() == 500_001
    assert np.corrcoef(frame["median_income"], frame["median_house_value"])[0, 1] > 0.6


def test_every_distribution_has_the_configured_mean() -> None:
    """The mean of a gamma distribution is its parameter `mean`, regardless of the shape."""
    frame = generate(
        spec(
            {"name": "normal", "draw": "normal", "mean": 5, "sd": 1},
            {"name": "lognormal", "draw": "lognormal", "mean": 1, "sd": 0.1},
            {"name": "uniform", "draw": "uniform", "low": 2, "high": 4},
            {"name": "gamma", "draw": "gamma", "mean": 6, "shape": 9},
            {"name": "poisson", "draw": "poisson", "mean": 3},
            {"name": "bernoulli", "draw": "bernoulli", "p": 0.25},
            {"name": "sum", "draw": "expression", "value": "2 * normal + `uniform`"},
            rows=20_000,
        )
    )
    expected = [5, np.exp(1.005), 3, 6, 3, 0.25, 13]
    assert frame.mean().to_numpy() == pytest.approx(expected, rel=0.03)
    assert set(frame["bernoulli"]) == {0, 1}


def test_choice_follows_weights() -> None:
    """The weights of a choice need not sum to 1, and a value with weight zero never occurs."""
    frame = generate(spec(IDENTITY, {"name": "c", "draw": "choice", "values": {"a": 3, "b": 1, "z": 0}}, rows=8_000))
    shares = frame["c"].value_counts(normalize=True)
    assert shares["a"] == pytest.approx(0.75, abs=0.02)
    assert set(shares.index) == {"a", "b"}


def test_names_with_spaces_and_conditions_work_in_expressions() -> None:
    """Backticks quote a name with spaces, and the first true condition gives the text."""
    frame = generate(
        spec(
            {"name": "crown width", "draw": "uniform", "low": 0, "high": 10},
            {"name": "size", "draw": "expression", "where": {"big": "`crown width` > 5", "small": "True"}},
        )
    )
    assert ((frame["crown width"] > 5) == (frame["size"] == "big")).all()
    assert set(frame["size"]) == {"big", "small"}


def test_latent_columns_are_used_and_dropped() -> None:
    """A column with a leading underscore affects later columns but is not in the data."""
    frame = generate(
        spec(
            {"name": "_wealth", "draw": "normal", "mean": 0, "sd": 1},
            {"name": "income", "draw": "expression", "value": "exp(_wealth)"},
        )
    )
    assert list(frame.columns) == ["income"]


def test_values_are_rounded_then_clipped() -> None:
    """A clipped value is exactly the end of its range, and no zero is negative."""
    column = {"name": "x", "draw": "normal", "mean": 0, "sd": 200, "decimals": -2, "clip": [-300, 499]}
    values = generate(spec(IDENTITY, column))["x"].to_numpy()
    assert values.max() == 499
    assert set(values) <= {-300, -200, -100, 0, 100, 200, 300, 400, 499}
    assert not np.signbit(values[values == 0]).any()


def test_missing_values_are_removed_last() -> None:
    """A later column depends on the value before it was removed."""
    frame = generate(
        spec(
            {"name": "x", "draw": "normal", "mean": 0, "sd": 1, "missing": 0.3},
            {"name": "kind", "draw": "choice", "values": {"a": 1, "b": 1}, "missing": 0.2},
            {"name": "double", "draw": "expression", "value": "2 * x"},
        )
    )
    not_missing = frame["x"].notna()
    assert 0.2 < (~not_missing).mean() < 0.4
    assert 0.1 < frame["kind"].isna().mean() < 0.3
    assert frame["double"].notna().all()
    assert (frame["double"][not_missing] == 2 * frame["x"][not_missing]).all()


def test_duplicates_are_replaced() -> None:
    """Coarse columns still give the configured number of distinct rows."""
    columns = [{"name": name, "draw": "uniform", "low": 0, "high": 10, "decimals": 0} for name in "ab"]
    frame = generate(spec(*columns, rows=90))
    assert len(frame.drop_duplicates()) == 90


def test_too_coarse_columns_are_an_error() -> None:
    """If there are too few distinct rows, the message states it with a remedy."""
    with pytest.raises(SyntheticError, match=r"expected 50 distinct rows, got only 2 .*more `decimals`"):
        generate(spec({"name": "x", "draw": "bernoulli", "p": 0.5}, rows=50))


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("2 * nope", "name 'nope' is not defined"),
        ("2 *", "invalid syntax"),
        ("id.to_csv('stolen.csv')", "methods and attributes"),
        ("`id`.sum()", "methods and attributes"),
        ("__import__('os')", "not a supported function"),
        ("@pd", "invalid syntax"),
        ("log(id - 2)", "expected finite numbers .* got nan in 400 of 400 rows"),
        ("'text'", "expected a number per row"),
    ],
)
def test_wrong_expression_names_column_and_expression(expression: str, reason: str) -> None:
    """The error of an expression names column, expression and reason; an expression cannot reach outside the frame."""
    with pytest.raises(SyntheticError, match=reason) as error:
        generate(spec(IDENTITY, {"name": "y", "draw": "expression", "value": expression}))
    assert "'y'" in str(error.value)
    assert repr(expression) in str(error.value)


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ({"a": "id > 2"}, "no condition is true in 400 of 400 rows"),
        ({"a": "id + 1"}, "expected true or false per row"),
    ],
)
def test_wrong_conditions_are_named(where: dict[str, str], reason: str) -> None:
    """Conditions must be true or false, and one of them must be true in every row."""
    with pytest.raises(SyntheticError, match=rf"column 'y': where.*{reason}"):
        generate(spec(IDENTITY, {"name": "y", "draw": "expression", "where": where}))


def test_impossible_parameters_are_named() -> None:
    """The error about a negative standard deviation or a probability above 1 names the column and the value."""
    with pytest.raises(SyntheticError, match=r"column 'y': normal cannot be sampled with .*'sd': '0 - id'"):
        generate(spec(IDENTITY, {"name": "y", "draw": "normal", "mean": 0, "sd": "0 - id"}))
    with pytest.raises(SyntheticError, match=r"column 'y': bernoulli cannot be sampled with .*'p': 2"):
        generate(spec(IDENTITY, {"name": "y", "draw": "bernoulli", "p": 2}))


def test_no_rows_is_an_error(orchard: ModelConfig) -> None:
    """A number of rows below one is an error."""
    with pytest.raises(ValueError, match="at least 1 row"):
        generate(orchard.synthetic, rows=0)
