"""The requests of the cache's benchmark, its calls, and its table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.bodies import BenchModel
from benchmarks.cache import HOT_ROWS, OFF, ON, ON_NEW, make_requests, markdown, measure_calls
from tabento.bundle.format import CONTRACT_FILE, MODEL_FILE
from tests.bundles import TREE, linear_answer, orchard_contract, write_bundle


@pytest.fixture
def model(tmp_path: Path) -> BenchModel:
    """The orchard's model with two rows."""
    bundle = write_bundle(tmp_path / "bundle")
    single = tmp_path / "single.jsonl"
    rows = [{**TREE, "age": age} for age in (3, 4)]
    lines = [json.dumps({"rows": [row], "predictions": ["1.0"], "pipeline": ["1.0"]}) for row in rows]
    single.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return BenchModel(
        "orchard", "orchard:v1", bundle / MODEL_FILE, bundle / CONTRACT_FILE, Path("none"), single, Path("none")
    )


def _body(payload: bytes) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(payload.partition(b"\r\n\r\n")[2])
    return content


def test_a_share_of_the_requests_repeats_the_hot_rows(model: BenchModel) -> None:
    """All requests without repeats differ; with repeats, about the share of them is one of the hot rows."""
    distinct = make_requests(model, 0.0, 1_000)
    assert len(set(distinct.payloads)) == 1_000
    repeating = make_requests(model, 0.3, 1_000)
    hot = set(distinct.payloads[:HOT_ROWS])
    assert 270 <= sum(payload in hot for payload in repeating.payloads) <= 400
    assert set(repeating.payloads) <= set(distinct.payloads)


def test_the_expected_answers_are_those_of_the_model(model: BenchModel) -> None:
    """Each request is sent with the beginning of its own answer."""
    requests = make_requests(model, 0.3, 100)
    for payload, expected in zip(requests.payloads, requests.expected, strict=True):
        answer = json.loads(expected.removesuffix(b",") + b"}")["prediction"]
        assert answer == pytest.approx(linear_answer(_body(payload), orchard_contract()))


def test_a_hit_and_a_miss_have_a_time() -> None:
    """Both times are measured in microseconds."""
    times = measure_calls(72, 200)
    assert set(times) == {"hit", "miss"}
    assert all(time >= 0 for time in times.values())


def test_the_table_has_a_line_for_each_service() -> None:
    """The services with a cache have their ratio to the one without, and their hits."""
    share = {"median": 1.2, "low": 1.1, "high": 1.3}
    model = {
        "model": "forest",
        "slo_ms": 20.0,
        "services": {name: {"qps": 5000.0} for name in (OFF, ON, ON_NEW)},
        "ratios": {ON: share, ON_NEW: share},
        "hit_share": {ON: 0.31, ON_NEW: 0.0},
        "calls_us": {"hit": 0.5, "miss": 0.9},
    }
    lines = markdown({"models": [model]}).splitlines()
    assert len(lines) == 5
    assert lines[2] == "| forest, 20 ms | off | 5,000 |  |  |  |"
    assert lines[3] == "| forest, 20 ms | on | 5,000 | 1.20 (1.10 to 1.30) | 31% | 0.5, 0.9 |"
