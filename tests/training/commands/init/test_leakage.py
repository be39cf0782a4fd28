"""Suspects of leakage."""

from __future__ import annotations

import numpy as np
import pandas as pd

from training.commands.init.leakage import dropped_suspect, leakage_suspects
from training.config import ModelConfig

ROWS = 300
RANDOM = np.random.default_rng(7)
HONEST = RANDOM.normal(size=ROWS)


def config_of(task: str, names: list[str], target: dict[str, object]) -> ModelConfig:
    """A config of numbers."""
    features = [{"name": name, "type": "number"} for name in names]
    return ModelConfig.model_validate({"name": "m", "task": task, "target": target, "features": features})


def test_copy_of_the_target_is_suspected() -> None:
    """A column that says the class is found, an honest one is not."""
    truth = (HONEST + RANDOM.normal(size=ROWS) > 0).astype(float)
    rows = pd.DataFrame({"honest": HONEST, "refunded": 3 - 2 * truth, "y": truth})
    config = config_of("classification", ["honest", "refunded"], {"name": "y", "classes": [0, 1]})
    assert list(leakage_suspects(config, rows)) == ["refunded"]


def test_part_of_a_sum_is_suspected() -> None:
    """A number that is the target but for a little is found."""
    rows = pd.DataFrame({"honest": HONEST, "net": HONEST * 5})
    rows["y"] = rows["net"] * 1.2 + RANDOM.normal(size=ROWS) * 0.1
    rows["honest"] = RANDOM.normal(size=ROWS) + rows["y"] / 5
    config = config_of("regression", ["honest", "net"], {"name": "y", "minimum": -99})
    assert list(leakage_suspects(config, rows)) == ["net"]


def test_suspect_is_told_with_the_way_back() -> None:
    """The score is said, and what to change if the column is known in time."""
    decision = dropped_suspect("net", 0.991, "gross", is_number=True)
    assert decision.reason == "Suspected of leakage: alone it predicts gross with R² of 0.991."
    assert "gate.leakage.single_feature_max: null" in (decision.doubt or "")
    assert "an area under the ROC curve of 0.990" in dropped_suspect("a", 0.99, "y", is_number=False).reason
