"""Do the service, the loaded bundle and the scikit-learn pipeline give the same number for the same row?

Takes rows of a data set, sends them over HTTP to a served bundle, runs them through the bundle's graph and through the
fitted pipeline, and prints the worst differences. Exits with 1 if a difference exceeds the model's own parity limit.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import bentoml
import numpy as np

from benchmarks.machine import describe_machine
from benchmarks.process import ROOT, BenchmarkError, post, serve_bento
from runners.session import OnnxSession
from tabento.bundle.errors import BundleError
from tabento.bundle.store import load_bundle
from tabento.packaging.examples import to_json_row
from tabento.tables.faults import DataError
from tabento.tables.frames import to_frame, to_rows
from training.config import ConfigError, load_config
from training.data.loader import load_dataset
from training.data.validation import validate

ROWS_PER_REQUEST = 100


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


def _largest_difference(left: np.ndarray, right: np.ndarray) -> float:
    return float(np.max(np.abs(left - right) / np.abs(right)))


def _compare(config_path: Path, data: str | None, count: int, seed: int) -> tuple[dict[str, object], float]:
    config = load_config(config_path)
    frame = validate(load_dataset(config, data, Path("data"), _say).frame, config)
    bundle = load_bundle(config.name)
    contract = bundle.contract
    frame = frame.sample(min(count, len(frame)), random_state=seed)
    rows = to_rows(frame, contract)
    sent_rows = [to_json_row(record, contract) for record in to_frame(rows, contract).to_dict("records")]
    from_bundle = np.array(OnnxSession(bundle.model_path, rows.shape[1]).run(rows))
    tag = bundle.manifest.provenance.pipeline_tag
    if tag is None:
        raise BenchmarkError(f"{bundle.tag} does not say which pipeline it comes from")
    from_pipeline = bentoml.sklearn.load_model(tag).predict(to_frame(rows, contract))
    with serve_bento(sys.executable, "service:Tabento", "--arg", f"model={bundle.tag}") as server:
        url = f"{server.address}/predict"
        parts = [sent_rows[start : start + ROWS_PER_REQUEST] for start in range(0, len(sent_rows), ROWS_PER_REQUEST)]
        batched = np.array([value for part in parts for value in post(url, {"instances": part})["predictions"]])
        alone = np.array([post(url, row)["prediction"] for row in sent_rows])
    worst = {
        "bundle_against_pipeline": _largest_difference(from_bundle, from_pipeline),
        "service_against_pipeline": _largest_difference(batched, from_pipeline),
        "service_one_row_a_request_against_pipeline": _largest_difference(alone, from_pipeline),
    }
    result: dict[str, object] = {
        "question": (__doc__ or "").splitlines()[0],
        "machine": describe_machine(),
        "model": bundle.tag,
        "rows": len(rows),
        "seed": seed,
        "worst_relative_difference": worst,
        "limit": config.gate.parity_relative_max,
    }
    return result, max(worst.values())


def main() -> int:
    """Compare and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.agreement", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="the model's config; its latest bundle is served")
    parser.add_argument("--data", help="a CSV file or URL, as for make train")
    parser.add_argument("--rows", type=int, default=1000, help="how many rows (default 1000)")
    parser.add_argument("--seed", type=int, default=1, help="which rows (default 1)")
    arguments = parser.parse_args()
    try:
        result, worst = _compare(ROOT / arguments.config, arguments.data, arguments.rows, arguments.seed)
    except (BenchmarkError, BundleError, ConfigError, DataError) as error:
        _say(f"error: {error}")
        return 1
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    limit = result["limit"]
    return 0 if isinstance(limit, float) and worst <= limit else 1


if __name__ == "__main__":
    sys.exit(main())
