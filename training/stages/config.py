"""The stage ``config``: it checks the config and writes it with every default.

Every value that a stage depends on is then in this file, including the defaults of the code. DVC compares the sections that
a stage declares.
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
