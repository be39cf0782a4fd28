"""The siege's rows and their sums."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.siege.model import siege_contract, write_bundle
from benchmarks.siege.rows import prediction, row
from runners.session import OnnxSession
from tabento.bundle.contract import encode_value
from tabento.bundle.store import read_bundle


def test_the_stored_model_answers_the_sums(tmp_path: Path) -> None:
    """The graph of the siege's bundle and a client compute the same answer to each row, to the last bit."""
    write_bundle(tmp_path)
    features = siege_contract().features
    numbers = [*range(100), 2**30 - 1, 2**40]
    rows = np.array([[encode_value(feature, row(number)[feature.name]) for feature in features] for number in numbers])
    answers = OnnxSession(read_bundle(tmp_path, "siege:1").model_path, len(features)).run(rows)
    assert list(answers) == [prediction(number) for number in numbers]


@pytest.mark.parametrize("number", [1, 29, 210])
def test_a_shifted_row_has_another_sum(number: int) -> None:
    """A client that gets its neighbor's answer sees it."""
    assert prediction(number) != prediction(number + 1)
