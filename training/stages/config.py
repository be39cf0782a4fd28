"""The stage ``config``: the config is checked and written out with every default.

What a stage depends on is then a value in this file, also where the config leaves a key out and the code's default
counts. DVC compares the sections of it that a stage declares.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from training.stages.context import Context
from training.stages.outcome import Outcome

CONFIG_FILE = "config.yaml"


def run(context: Context, folder: Path) -> Outcome:
    """Write ``config.yaml``."""
    content = yaml.safe_dump(context.config.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=120)
    (folder / CONFIG_FILE).write_text(content, encoding="utf-8")
    return Outcome(f"{context.config.name}, {context.config.task}, {len(context.config.features)} features")
