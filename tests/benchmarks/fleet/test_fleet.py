"""The fleet of the benchmark: bundles that verify, requests by Zipf's law, and the first request of each model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.fleet.bundles import LABELS, ensure_fleet, make_contents, model_name, store_model
from benchmarks.fleet.measure import first_of_each_model
from benchmarks.fleet.report import markdown
from benchmarks.fleet.traffic import ModelRows, read_rows, requests_of_each, zipf_requests, zipf_shares
from benchmarks.loadgen.result import LoadResult
from benchmarks.process import BenchmarkError
from serving.settings import ServingSettings
from tabento.bundle.store import store_folder
from tests.conftest import bentoml_home

ROWS = [ModelRows((b"{}",), (b"",)) for _ in range(3)]


@pytest.mark.parametrize("number", range(5))
def test_each_kind_of_model_is_served(number: int, tmp_path: Path) -> None:
    """Its bundle verifies, the service answers its examples, and the answers name the model."""
    with bentoml_home(tmp_path):
        assert store_model(number, "f" * 64) == f"{model_name(number)}:1"
        rows = read_rows(store_folder().parent, number)
    assert len(rows.bodies) == len(rows.answers) > 10
    answer = json.loads(rows.answers[0] + b'"request_id":"1"}')
    assert answer["model"] == model_name(number)
    assert (answer["prediction"] in LABELS) == (number >= 3)


def test_models_differ_and_are_the_same_each_time() -> None:
    """The number is the seed."""
    first, second, other = (make_contents(number).model for number in (0, 0, 5))
    assert first == second != other


def test_a_fleet_of_other_code_is_not_mixed(tmp_path: Path) -> None:
    """The error names the folder."""
    (tmp_path / "fleet.json").write_text('"other"', encoding="utf-8")
    with pytest.raises(BenchmarkError, match="Remove the folder"):
        ensure_fleet(tmp_path, 1)


def test_the_traffic_follows_zipfs_law() -> None:
    """The second model has half of the requests of the first one, and each request has its own path."""
    shares = zipf_shares(3)
    assert shares.tolist() == pytest.approx([6 / 11, 3 / 11, 2 / 11])
    requests = zipf_requests(ROWS, 2_000)
    counts = [sum(model_name(number).encode() in payload for payload in requests.payloads) for number in range(3)]
    assert np.array(counts) / 2_000 == pytest.approx(shares, abs=0.05)
    assert [payload.split(b" ")[1] for payload in requests_of_each(ROWS).payloads] == [
        f"/models/{model_name(number)}/predict".encode() for number in range(3)
    ]


def test_the_first_request_of_each_model_is_found() -> None:
    """Each model has one first request among the arrivals."""
    count = 50
    numbers = np.arange(count, dtype=np.int64)
    run = LoadResult(numbers, numbers, numbers, numbers, numbers.astype("<i4"), numbers.astype("<u4"), 1.0, 1)
    is_first = first_of_each_model(run, zipf_requests(ROWS, 100), seed=1)
    assert is_first.shape == (count,)
    assert is_first.sum() == 3
    assert is_first[0]


def test_only_measured_parts_are_reported() -> None:
    """Without figures there is no table."""
    assert markdown({}) == "\n"
    assert ServingSettings().models_memory_bytes == 1 << 30
