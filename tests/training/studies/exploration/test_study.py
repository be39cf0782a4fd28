"""Tests of the computations of the study of a data set."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.training.orchards import orchard_config, orchard_frame
from training.studies.exploration import study
from training.studies.exploration.study import compute_study


def test_test_rows_change_the_comparison_only() -> None:
    """With another test part everything but the comparison stays the same."""
    frame = orchard_frame(400)
    first_study = compute_study(orchard_config(), frame.iloc[:300], frame.iloc[300:])
    second_study = compute_study(orchard_config(), frame.iloc[:300], frame.iloc[300:].sort_values("age").iloc[50:])
    assert first_study.comparisons != second_study.comparisons
    assert repr(first_study.profiles) == repr(second_study.profiles)
    assert first_study.relations == second_study.relations
    assert first_study.missing == second_study.missing
    pd.testing.assert_frame_equal(first_study.spearman, second_study.spearman)


def test_many_rows_are_sampled_for_relations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts are of all rows, and relations are of a sample."""
    monkeypatch.setattr(study, "SAMPLE_ROWS", 100)
    frame = orchard_frame(500)
    study_data = compute_study(orchard_config(), frame.iloc[:400], frame.iloc[400:])
    assert study_data.profiles[0].rows == 400
    assert sum(item.rows for item in study_data.relations[0].bins) == 100
