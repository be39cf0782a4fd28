"""The simulator's costs, measured and learned."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.bodies import BenchModel, write_requests
from benchmarks.calibrate import Learned, learned_costs, model_costs
from benchmarks.process import BenchmarkError
from bundle.store import load_bundle
from tests.conftest import ORCHARD
from training.config import load_config
from training.data.synthetic import generate
from training.data.validation import validate


@pytest.fixture
def model(orchard_bundle: str, tmp_path: Path) -> BenchModel:
    """The orchard, ready to be asked."""
    config = load_config(ORCHARD)
    frame = validate(generate(config.synthetic, 60), config)
    return write_requests(load_bundle(orchard_bundle), frame, tmp_path / "orchard", 12)


def test_a_models_costs_are_positive_and_small(model: BenchModel) -> None:
    """A row, a batch and decoding cost something, and less than a millisecond each for a tiny model."""
    costs = model_costs(model, 0.01)
    assert 0 < costs.row_s < 1e-3
    assert 0 < costs.batch_s < 1e-3
    assert 0 < costs.decode_s < 1e-3
    assert costs.slo_s == 0.01


def test_what_a_service_learned_is_read_from_its_metrics() -> None:
    """Both costs come from the exposition, whatever labels stand behind the names."""
    text = '# TYPE x gauge\ntabento_request_cost_seconds{pid="1"} 3.5e-05\ntabento_refusal_cost_seconds 1e-05\n'
    assert learned_costs(text) == Learned(3.5e-05, 1e-05)


def test_a_service_without_these_metrics_is_refused() -> None:
    """The error names both metrics."""
    with pytest.raises(BenchmarkError, match=r"tabento_request_cost_seconds and tabento_refusal_cost_seconds"):
        learned_costs("tabento_request_cost_seconds 1e-05\n")
