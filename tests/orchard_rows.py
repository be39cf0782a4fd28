"""Rows of the orchard's table that its tiny model was not trained on, as a client sends them."""

from __future__ import annotations

from typing import Any

from tests.bundles import ORCHARD_CONFIG
from training.config import load_config
from training.data.synthetic import generate
from training.data.validation import validate

SEED = 99
"""Another seed than the config's, so that the rows are new."""


def orchard_rows(count: int) -> list[dict[str, Any]]:
    """Return synthetic rows."""
    config = load_config(ORCHARD_CONFIG)
    assert config.synthetic is not None
    frame = validate(generate(config.synthetic.model_copy(update={"seed": SEED}), count), config)
    kinds = {feature.name: feature.type for feature in config.features}
    rows = []
    for record in frame[list(kinds)].to_dict("records"):
        row: dict[str, Any] = {}
        for name, value in record.items():
            missing = value is None or value != value
            row[str(name)] = None if missing else bool(value) if kinds[str(name)] == "boolean" else value
        rows.append(row)
    return rows
