"""``python -m tools.end_to_end.known_rows CONFIG DATA PIPELINE BUNDLE``: rows of the test part with the pipeline's answers, as JSON.

The fitted pipeline of the model store answers them, not the graph. So a service whose answers equal these answers what
scikit-learn answers.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bentoml
import numpy as np

from tabento.bundle.store import load_bundle
from tabento.packaging.examples import to_json_row
from tabento.parity import pipeline_answers
from tabento.tables.frames import to_frame, to_rows
from training.config import load_config
from training.config.settings import load_settings
from training.data.loader import load_dataset
from training.data.resolve import resolve_and_validate
from training.data.split import split

MAX_ROWS = 1_000


def known_rows(config_path: Path, data: str, pipeline_tag: str, bundle_tag: str) -> dict[str, Any]:
    """Return rows as a client sends them, the answer of the pipeline to each, and the true values.

    Returns:
        ``rows``, ``answers`` and ``truths``, of equal length; an answer is a number or a label. ``probabilities`` has shape
        (N, C) if the model answers probabilities, else it is None.
    """
    config, settings = load_config(config_path), load_settings()
    dataset = load_dataset(config, data, settings.data_folder, lambda _: None)
    resolved_config, frame = resolve_and_validate(dataset.frame, config, lambda _: None)
    test = split(frame, resolved_config).test.head(MAX_ROWS)
    contract = load_bundle(bundle_tag).contract
    pipeline = bentoml.sklearn.load_model(pipeline_tag)
    truths = test[resolved_config.target.name].to_numpy(dtype=np.float64)
    answers = pipeline_answers(pipeline, to_frame(to_rows(test, contract), contract), contract)
    classes = contract.output.classes
    if classes is None:
        labels, true_labels = answers.tolist(), truths.tolist()
    else:
        labels = [classes[int(index)] for index in answers.reshape(len(test), -1)[:, 0]]
        true_labels = [classes[int(index)] for index in truths]
    return {
        "rows": [to_json_row(row, contract) for row in test.to_dict("records")],
        "answers": labels,
        "truths": true_labels,
        "probabilities": answers[:, 1:].tolist() if contract.output.probabilities else None,
        "features": [(feature.name, feature.type) for feature in contract.features],
    }


def main(arguments: Sequence[str]) -> int:
    """Print the document."""
    config_path, data, pipeline_tag, bundle_tag = arguments
    json.dump(known_rows(Path(config_path), data, pipeline_tag, bundle_tag), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
