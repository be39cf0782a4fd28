"""The benchmark's models are made once and found again."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.models import SHIPPED_CONFIG, ensure_forest, make_models
from benchmarks.process import BenchmarkError
from benchmarks.wide import wide_config
from tabento.bundle.store import load_bundle
from training.config import load_config
from training.config.settings import TrainingSettings
from training.data.synthetic import generate
from training.data.validation import validate
from training.progress import silence


def test_the_wide_table_is_wide() -> None:
    """A hundred columns, twenty of them categories, some with holes, and rows that its own contract takes."""
    config = wide_config()
    assert len(config.features) == 100
    assert sum(feature.type == "category" for feature in config.features) == 20
    frame = validate(generate(config.synthetic, 60), config)
    assert len(frame) == 60
    assert frame.isna().any(axis=None)


def test_a_forest_is_made_once(model_store: Path) -> None:
    """The second call returns the forest that the first has stored; another number of trees is another forest."""
    shipped = load_config(SHIPPED_CONFIG)
    assert shipped.synthetic is not None
    config = shipped.model_copy(
        update={"name": "forest", "synthetic": shipped.synthetic.model_copy(update={"rows": 400})}
    )
    settings = TrainingSettings(download=False, latency_budget_s=0.05)
    first = ensure_forest(config, "synthetic", settings, silence(), trees=2)
    bundle = load_bundle(first)
    assert bundle.name == "forest"
    assert bundle.parity["worst_relative"] < 1e-12
    assert bundle.manifest.provenance.pipeline_tag is not None
    assert ensure_forest(config, "synthetic", settings, silence(), trees=2) == first
    assert ensure_forest(config, "synthetic", settings, silence(), trees=3) != first


def test_an_unknown_model_is_refused() -> None:
    """The error lists the known models."""
    with pytest.raises(BenchmarkError, match=r"no model elm.*forest, wide"):
        make_models(None, ("elm",))
