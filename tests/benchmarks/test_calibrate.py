"""The simulator's costs, measured and learned."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.bodies import BenchModel, write_requests
from benchmarks.calibrate import LearnedCosts, batch_costs, decode_seconds, learned_costs
from benchmarks.process import BenchmarkError
from tabento.bundle.store import load_bundle
from tests.conftest import ORCHARD
from training.config import load_config
from training.data.synthetic import generate
from training.data.validation import validate


@pytest.fixture
def model(orchard_bundle: str, tmp_path: Path) -> BenchModel:
    """The orchard's model with its requests."""
    config = load_config(ORCHARD)
    frame = validate(generate(config.synthetic, 60), config)
    return write_requests(load_bundle(orchard_bundle), frame, tmp_path / "orchard", 12)


EXPOSITION = """# TYPE x gauge
tabento_request_cost_seconds{pid="1"} 3.5e-05
tabento_refusal_cost_seconds 1e-05
tabento_batch_rows_bucket{le="1.0"} 3.0
tabento_batch_rows_count 4.0
tabento_batch_rows_sum 20.0
tabento_batch_seconds_sum 0.002
"""


def test_decoding_is_positive_and_small(model: BenchModel) -> None:
    """Decoding costs something, and less than a millisecond for a tiny model."""
    assert 0 < decode_seconds(model) < 1e-3


def test_what_a_service_learned_is_read_from_its_metrics() -> None:
    """Costs and sums are read from the exposition with any labels."""
    assert learned_costs(EXPOSITION) == LearnedCosts(3.5e-05, 1e-05, 4.0, 20.0, 0.002)


def test_a_service_without_these_metrics_is_refused() -> None:
    """The error names the missing metric."""
    without = EXPOSITION.replace("tabento_refusal_cost_seconds", "other")
    with pytest.raises(BenchmarkError, match=r"but tabento_refusal_cost_seconds is missing"):
        learned_costs(without)


def test_costs_of_a_batch_are_the_line_through_small_and_large_ones() -> None:
    """Batches of one row at 30 us, then of eleven at 80: a batch costs 25, a row in it 5."""
    begin = LearnedCosts(0.0, 0.0, 10.0, 10.0, 1.0)
    quiet = LearnedCosts(0.0, 0.0, 110.0, 110.0, 1.0 + 100 * 30e-6)
    busy = LearnedCosts(0.0, 0.0, 160.0, 110.0 + 50 * 11, 1.0 + 100 * 30e-6 + 50 * 80e-6)
    assert batch_costs(begin, quiet, busy) == pytest.approx((25e-6, 5e-6))


def test_batches_that_do_not_grow_tell_no_line() -> None:
    """The error gives both sizes."""
    begin, quiet = LearnedCosts(0.0, 0.0, 0.0, 0.0, 0.0), LearnedCosts(0.0, 0.0, 10.0, 20.0, 1.0)
    busy = LearnedCosts(0.0, 0.0, 20.0, 42.0, 2.0)
    with pytest.raises(BenchmarkError, match=r"got 2 and 2.2 rows"):
        batch_costs(begin, quiet, busy)
