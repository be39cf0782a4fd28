"""Measure the figures that the documents quote, write them to ``docs/figures.json``, and list the documents to correct.

Trains each shipped system on its real data (a stored model is not trained again), computes the answer that
README shows, and compares the documents with the results.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.figures.ledger import LEDGER, SYSTEMS, config_sha256, readme_request, stale_figures
from benchmarks.process import ROOT
from serving.model import ServedModel
from serving.settings import ServingSettings
from tabento.bundle.store import load_bundle
from training.config import load_config
from training.config.settings import load_settings
from training.progress import Progress
from training.stages.stored_model import ensure_model

FILES = {
    "california": "california_housing.csv",
    "boston": "boston_housing.csv",
    "churn": "bank_churn.csv",
    "plans": "users_behavior.csv",
}


def measure_system(name: str, data: str | None, progress: Progress) -> tuple[dict[str, Any], str]:
    """Train a shipped system, unless it is stored; return its figures and its tag.

    Args:
        name: of a config.
        data: a CSV file; None for the config's source.
        progress: reports the steps.

    Raises:
        ConfigError, DataError, TabentoError, BundleError: see ``training.stages.stored_model.ensure_model``.
    """
    path = ROOT / "configs" / f"{name}.yaml"
    tag = ensure_model(load_config(path), data, load_settings(allow_synthetic=False), progress)
    bundle = load_bundle(tag)
    return {"config_sha256": config_sha256(path), "metrics": bundle.metrics}, tag


def main() -> int:
    """Measure, write and compare; the exit code is 1 if a document needs a correction."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.figures", description=__doc__)
    parser.add_argument("--data-folder", type=Path, help=f"has {', '.join(FILES.values())} (default: downloads)")
    parser.add_argument("--check", action="store_true", help="measure nothing; compare the documents with the file")
    arguments = parser.parse_args()
    if not arguments.check:
        progress = Progress(out=sys.stderr)
        ledger: dict[str, Any] = {"systems": {}}
        for name in SYSTEMS:
            data = None if arguments.data_folder is None else str(arguments.data_folder / FILES[name])
            ledger["systems"][name], tag = measure_system(name, data, progress)
            if name == "california":
                model = ServedModel(load_bundle(tag), ServingSettings(model=tag))
                answer = model.predict(json.dumps(readme_request()).encode())
                ledger["readme_answer"], ledger["readme_interval"] = answer["prediction"], answer["interval"]
        (ROOT / LEDGER).write_text(json.dumps(ledger, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    lines = stale_figures()
    for line in lines:
        sys.stdout.write(line + "\n")
    sys.stdout.write("the documents agree with the measurements\n" if not lines else "")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
