"""Metrics are right across worker processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from serving.metrics import MULTIPROCESS_VARIABLE, Metrics

ROOT = Path(__file__).parents[2]
_COUNT = 'from serving.metrics import Metrics; Metrics().requests.labels("/predict", "200").inc({})'
_SHOW = "from serving.metrics import Metrics; print(Metrics().exposition().decode())"


def _run(code: str, folder: Path) -> str:
    environment = {**os.environ, MULTIPROCESS_VARIABLE: str(folder)}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, check=True)
    return done.stdout.decode()


def test_workers_add_up(tmp_path: Path) -> None:
    """Whichever worker is scraped, the counts are those of all."""
    _run(_COUNT.format(2), tmp_path)
    _run(_COUNT.format(3), tmp_path)
    assert 'tabento_requests_total{route="/predict",status="200"} 5.0' in _run(_SHOW, tmp_path)


def test_one_process_needs_no_folder() -> None:
    """Without BentoML's folder the process shows its own counts."""
    metrics = Metrics()
    metrics.requests.labels("/predict", "200").inc()
    assert b'tabento_requests_total{route="/predict",status="200"} 1.0' in metrics.exposition()
