"""The split keeps strata and missing values even, or is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import train_test_split

from training.config import ModelConfig, Split, Stratify
from training.data.split import SplitError, split
from training.data.synthetic import generate
from training.data.validation import validate


def with_split(config: ModelConfig, **settings: Any) -> ModelConfig:
    """Return the config with other keys of its split."""
    return config.model_copy(update={"split": Split(**settings)})


@pytest.fixture
def frame(orchard: ModelConfig) -> pd.DataFrame:
    """Return all synthetic rows of the small config, validated."""
    return validate(generate(orchard.synthetic), orchard)


def test_shipped_split_is_the_published_one(california: ModelConfig) -> None:
    """The stratified split is, row for row, the split of the published results: pandas.cut, seed 42, a fifth."""
    frame = validate(generate(california.synthetic), california)
    bins = pd.cut(frame["median_income"], [0, 1.5, 3, 4.5, 6, np.inf], labels=False)
    train, test = train_test_split(frame, test_size=0.2, random_state=42, stratify=bins)
    parts = split(frame, california)
    pd.testing.assert_frame_equal(parts.train, train)
    pd.testing.assert_frame_equal(parts.test, test)
    assert len(parts.train) == 16_512


def test_values_on_an_edge_belong_to_the_lower_bin(orchard: ModelConfig, frame: pd.DataFrame) -> None:
    """Bins are open below and closed above, as in pandas.cut."""
    frame = frame.assign(age=np.resize([9.0, 10.0, 10.5, 30.0, 31.0], len(frame)))
    bins = pd.cut(frame["age"], [-np.inf, 10, 30, np.inf], labels=False)
    train, _ = train_test_split(frame, test_size=0.25, random_state=7, stratify=bins)
    assert list(split(frame, orchard).train.index) == list(train.index)


def test_parts_are_all_rows_once(orchard: ModelConfig, frame: pd.DataFrame) -> None:
    """No row is lost or in both parts, and the test part has the configured size."""
    parts = split(frame, orchard)
    assert sorted([*parts.train.index, *parts.test.index]) == list(frame.index)
    assert len(parts.test) == len(frame) // 4


def test_strata_have_equal_shares(orchard: ModelConfig, frame: pd.DataFrame) -> None:
    """Each bin has the same share in both parts, within one row."""
    parts = split(frame, orchard)
    young = [(part["age"] <= 10).mean() for part in (parts.train, parts.test)]
    assert young[0] == pytest.approx(young[1], abs=1 / len(parts.test))


def test_split_without_strata_follows_its_seed(orchard: ModelConfig, frame: pd.DataFrame) -> None:
    """Without bins the split is random; another seed gives another test part."""
    tests = [list(split(frame, with_split(orchard, seed=seed)).test.index) for seed in (1, 1, 2)]
    assert tests[0] == tests[1] != tests[2]


def test_missing_values_are_a_stratum_of_their_own(orchard: ModelConfig, frame: pd.DataFrame) -> None:
    """Rows without a stratifying value have equal shares in both parts."""
    config = with_split(orchard, stratify=Stratify(column="slope", edges=(15.0,)))
    parts = split(frame, config)
    rates = [part["slope"].isna().mean() for part in (parts.train, parts.test)]
    assert rates[0] == pytest.approx(rates[1], abs=0.01)


def test_split_with_uneven_missing_values_is_refused(orchard: ModelConfig, frame: pd.DataFrame) -> None:
    """If a seed puts every missing value into one part, the error names column, both rates and the remedy."""
    unlucky = split(frame, orchard).test.index[:40]
    poisoned = frame.assign(slope=frame["age"])
    poisoned.loc[unlucky, "slope"] = np.nan
    with pytest.raises(SplitError) as error:
        split(poisoned, orchard)
    message = str(error.value)
    assert "slope: missing in 0.000% of 600 training rows and in 20.000% of 200 test rows" in message
    assert "split.stratify" in message
    assert "split.seed" in message
    assert "soil" not in message


def test_limit_of_the_null_rate_check_is_the_configs(orchard: ModelConfig, frame: pd.DataFrame) -> None:
    """The p-value is configurable: a slightly uneven column passes a small limit and fails a large one."""
    parts = split(frame, orchard)
    uneven = frame.assign(slope=frame["age"], soil="loam")
    uneven.loc[[*parts.train.index[:12], *parts.test.index[:12]], "slope"] = np.nan
    strata = orchard.split.stratify
    strict = with_split(orchard, test_size=0.25, seed=7, stratify=strata, null_rate_p_value=1e-4)
    assert split(uneven, strict).test["slope"].isna().sum() == 12
    lax = with_split(orchard, test_size=0.25, seed=7, stratify=strata, null_rate_p_value=0.5)
    with pytest.raises(SplitError, match=r"slope: .*2\.000% .*6\.000% .*limit 0\.062"):
        split(uneven, lax)


@pytest.mark.parametrize(
    ("ages", "stratum"), [([5.0], "age <= 10"), ([20.0], "10 < age <= 30"), ([50.0], "30 < age"), ([np.nan], "missing")]
)
def test_stratum_of_one_row_is_named(
    orchard: ModelConfig, frame: pd.DataFrame, ages: list[float], stratum: str
) -> None:
    """A bin with one row cannot be in both parts; the message names the bin."""
    remaining_rows = {5.0: 20.0, 20.0: 50.0, 50.0: 5.0}.get(ages[0], 5.0)
    lonely = frame.assign(age=[*ages, *[remaining_rows] * (len(frame) - 1)])
    with pytest.raises(SplitError, match=f"at least 2 rows in every bin of 'age', got 1 with .*{stratum}.*edges"):
        split(lonely, orchard)


def test_too_small_test_part_is_an_error(orchard: ModelConfig, frame: pd.DataFrame) -> None:
    """A test part with fewer rows than bins is an error that names the config's keys."""
    config = with_split(orchard, test_size=0.001, stratify=orchard.split.stratify)
    with pytest.raises(SplitError, match=r"800 rows cannot be split with test_size 0.001: .*split\.test_size"):
        split(frame, config)
