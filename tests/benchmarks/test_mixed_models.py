"""The benchmark of several models in one worker: who answered which arrival, and the tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.loadgen.result import LoadResult
from benchmarks.mixed_models import MIXED, MixedModel, MixedRun, MixedTarget, load_mixed_model, markdown
from benchmarks.process import BenchmarkError
from tabento.bundle.store import read_bundle
from tests.bundles import write_bundle

MS = 1_000_000


def _run(latencies_ms: list[list[float]], slos_s: tuple[float, ...], status: int = 200) -> MixedRun:
    """Return a run with the latencies of each model; all requests arrived at the start."""
    owners = np.repeat(np.arange(len(latencies_ms)), [len(latencies) for latencies in latencies_ms])
    done_ns = (np.concatenate(latencies_ms) * MS).astype(np.int64)
    zeros = np.zeros(len(owners), np.int64)
    statuses = np.full(len(owners), status, np.int32)
    flags = zeros.astype(np.uint32)
    result = LoadResult(zeros, zeros + 1, zeros + 1, done_ns, statuses, flags, seconds=1.0, connections=1)
    return MixedRun(result, owners, slos_s)


def test_a_mix_is_as_good_as_its_worst_model() -> None:
    """Latencies are counted by the SLO of their own model: 15 ms are late for the first one only."""
    run = _run([[5.0] * 990 + [15.0] * 10, [15.0] * 1000], (0.010, 0.020))
    assert run.latencies_s().max() == pytest.approx(1.5)
    assert run.of_model(1).max() == pytest.approx(0.75)
    assert run.model_summary(0)["within_slo"] == 0.99
    assert run.model_summary(1) == {"requests": 1000, "within_slo": 1.0, "refused": 0.0, "p99_ms": 15.0}


def test_refused_requests_are_not_within_the_slo() -> None:
    """A model of which every request was refused has no latency of answers."""
    summary = _run([[1.0] * 10], (0.010,), 503).model_summary(0)
    assert summary == {"requests": 10, "within_slo": 0.0, "refused": 1.0, "p99_ms": None}


def test_each_model_gets_its_share_of_the_requests(tmp_path: Path) -> None:
    """The requests go to the paths of their models, as many as the weights say."""
    bundle = read_bundle(write_bundle(tmp_path / "bundle"), "orchard:v1")
    models = [MixedModel(name, bundle, list(bundle.examples), 0.01) for name in ("orchard", "other")]
    target = MixedTarget("http://127.0.0.1:1", models, np.array([3.0, 1.0])).target
    other = sum(payload.startswith(b"POST /models/other/predict ") for payload in target.requests.payloads)
    assert other == pytest.approx(len(target.requests.payloads) / 4, abs=1)


def test_an_unknown_model_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    """A name that the model store does not have is reported before any service starts."""
    with pytest.raises(BenchmarkError, match=r"nobody.*benchmarks\.models"):
        load_mixed_model("nobody", tmp_path)


def test_the_tables_have_all_models() -> None:
    """A line for each model and the sum, and one for each model beside each flood."""
    flood: dict[str, Any] = {
        "asked_per_s": 30.0,
        "requests": 3,
        "within_slo": 0.5,
        "refused": 0.25,
        "p99_ms": None,
    }
    text = markdown(
        {
            "models": {"a": {"slo_ms": 10.0}, "b": {"slo_ms": 20.0}},
            "services": {"a": {"qps": 1000.0}, "b": {"qps": 500.0}, MIXED: {"qps": 700.0}},
            "shares": {"a": 0.5, "b": 0.4},
            "sum_of_shares": 0.9,
            "floods": {"a": {"a": flood, "b": {**flood, "p99_ms": 3.21}}},
        }
    )
    assert "| all in one worker | 700 | 0.90 |" in text
    assert "| a | b | 30 | 50.00% | 25.00% | 3.2 |" in text
    assert text.count("\n") == 10
