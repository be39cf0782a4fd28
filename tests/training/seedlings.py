"""An invented table of seedlings for the tests: a small classification with missing values, as validated rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from training.config import ModelConfig, load_config

CONFIG = Path(__file__).parent.parent / "configs" / "seedling.yaml"


def seedling_config(**changes: object) -> ModelConfig:
    """Return the seedlings' config with some of its keys changed."""
    data = load_config(CONFIG).model_dump()
    data.update(changes)
    return ModelConfig.model_validate(data)


def seedling_frame(rows: int, seed: int = 5) -> pd.DataFrame:
    """Return validated rows, of which about a fifth died (class 1); some leaves, moistures and shades are missing."""
    generator = np.random.default_rng(seed)
    height = np.clip(generator.gamma(6, 14 / 6, rows), 0.5, 80)
    leaves = np.minimum(generator.poisson(2 + 0.5 * height), 60).astype(np.float64)
    moisture = np.round(generator.random(rows), 3)
    shaded = (generator.random(rows) < 0.4).astype(np.float64)
    bed = generator.choice(np.array(["clay", "loam", "loam", "sand"], dtype=object), rows)
    odds = np.exp(1.2 - 0.12 * height - 4 * moisture + 1.5 * (bed == "sand") + 0.6 * shaded)
    died = (generator.random(rows) < odds / (1 + odds)).astype(np.float64)
    return pd.DataFrame(
        {
            "height": height,
            "leaves": np.where(generator.random(rows) < 0.08, np.nan, leaves),
            "moisture": np.where(generator.random(rows) < 0.1, np.nan, moisture),
            "shaded": np.where(generator.random(rows) < 0.05, np.nan, shaded),
            "bed": bed,
            "fate": died,
        }
    )
