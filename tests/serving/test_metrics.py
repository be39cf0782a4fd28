"""Metrics are right across worker processes, and cost a request next to nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from prometheus_client import CollectorRegistry, Histogram

from runners.stats import Stats, Tally
from serving.metrics import MULTIPROCESS_VARIABLE, Metrics, _move_tally

ROOT = Path(__file__).parents[2]
_COUNT = """
from serving.metrics import Metrics
metrics = Metrics()
metrics.answered[("/predict", 200)] = {count}
for _ in range({count}):
    metrics.latency_s.add(0.002)
metrics.in_flight = {count}
metrics.sync()
"""
_COUNT_AND_CLOSE = _COUNT + "metrics.close()\n"
_SHOW = "from serving.metrics import Metrics; print(Metrics().exposition().decode())"


def _run(code: str, folder: Path) -> str:
    environment = {**os.environ, MULTIPROCESS_VARIABLE: str(folder)}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, check=True)
    return done.stdout.decode()


def test_workers_add_up(tmp_path: Path) -> None:
    """Whichever worker is scraped, counts and histograms are those of all, also of those that have ended."""
    _run(_COUNT_AND_CLOSE.format(count=2), tmp_path)
    _run(_COUNT_AND_CLOSE.format(count=3), tmp_path)
    text = _run(_SHOW, tmp_path)
    assert 'tabento_requests_total{route="/predict",status="200"} 5.0' in text
    assert 'tabento_request_seconds_bucket{le="0.001"} 0.0' in text
    assert 'tabento_request_seconds_bucket{le="0.0025"} 5.0' in text
    assert "tabento_request_seconds_count 5.0" in text


def test_a_worker_that_ended_leaves_the_gauges(tmp_path: Path) -> None:
    """What a worker had in flight is not counted for ever once it is gone."""
    _run(_COUNT.format(count=2), tmp_path)
    assert "tabento_in_flight_requests 2.0" in _run(_SHOW, tmp_path)
    for file in tmp_path.glob("*.db"):
        file.unlink()
    _run(_COUNT_AND_CLOSE.format(count=2), tmp_path)
    assert "tabento_in_flight_requests 2.0" not in _run(_SHOW, tmp_path)


def test_one_process_needs_no_folder() -> None:
    """Without BentoML's folder the process shows its own counts, each once however often it is scraped."""
    metrics = Metrics()
    metrics.answered[("/predict", 200)] = 1
    metrics.shed["budget"] = 4
    for _ in range(2):
        text = metrics.exposition()
        assert b'tabento_requests_total{route="/predict",status="200"} 1.0' in text
        assert b'tabento_shed_total{reason="budget"} 4.0' in text


def test_the_runners_counts_are_shown() -> None:
    """Queue wait, batch rows, batch seconds, release, drop and retry come from the runner's own numbers."""
    metrics, stats = Metrics(), Stats()
    metrics.attach(stats, lambda: (7, 0.00005, 0.00001))
    stats.wait_s.add(0.0002)
    stats.batch_rows.add(3)
    stats.batch_s.add(0.004)
    stats.predicted_ratio.add(1.2)
    stats.count(stats.released, "pass")
    stats.count(stats.dropped, "expired")
    stats.retried = 2
    stats.callback_errors = 1
    text = metrics.exposition().decode()
    for line in (
        'tabento_queue_wait_seconds_bucket{le="0.00025"} 1.0',
        'tabento_batch_rows_bucket{le="4.0"} 1.0',
        'tabento_batch_seconds_bucket{le="0.005"} 1.0',
        'tabento_batch_predicted_ratio_bucket{le="1.25"} 1.0',
        'tabento_batches_total{reason="pass"} 1.0',
        'tabento_dropped_total{reason="expired"} 1.0',
        "tabento_batch_retries_total 2.0",
        "tabento_callback_errors_total 1.0",
        "tabento_queue_rows 7.0",
        "tabento_request_cost_seconds 5e-05",
        "tabento_refusal_cost_seconds 1e-05",
    ):
        assert line in text


def test_a_tally_becomes_the_histogram_that_observing_would_make() -> None:
    """Pins the names inside prometheus_client through which many observations are added at once."""
    values = (0.5, 1.0, 1.5, 2.0, 99.0)
    registry = CollectorRegistry()
    observed = Histogram("observed", "o", buckets=(1, 2), registry=registry)
    moved = Histogram("moved", "m", buckets=(1, 2), registry=registry)
    tally = Tally((1, 2))
    move = _move_tally(tally, moved)
    for value in values:
        observed.observe(value)
        tally.add(value)
        move()
    ours, theirs = (
        [s[1:3] for m in h.collect() for s in m.samples if s.name[-7:] != "created"] for h in (moved, observed)
    )
    assert ours == theirs
