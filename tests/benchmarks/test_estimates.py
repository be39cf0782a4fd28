"""The measurement of estimated quality trains, drifts and compares, on few invented rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.estimates import Drift, draw, drift_scores, hold_out, main, measure_split, summarize, to_markdown
from tests.training.stages.small import small_config
from training.data.identity import SYNTHETIC

ORCHARD = Drift("orchard.csv", ("mae", "rmse"), {"age": 1, "slope": -1})


def test_a_small_stream_is_compared(tmp_path: Path) -> None:
    """Every window has truth and estimate, the mix of rows drifts, and table and picture are written."""
    config = small_config()
    assert config.synthetic is not None
    config = config.model_copy(update={"synthetic": config.synthetic.model_copy(update={"rows": 1200})})
    streams, repeated = [], []
    for seed in range(2):
        held_out = hold_out(config, SYNTHETIC, seed, future_rows=600)
        assert len(held_out.rows) == len(held_out.truth) == 600
        streams.append(measure_split(held_out, ORCHARD, seed, 150))
        repeated.append(measure_split(held_out, ORCHARD, seed, 1000, repeated_rows=True))
    scores = drift_scores(held_out, ORCHARD.columns)
    assert scores.mean() == pytest.approx(0, abs=1e-9)
    assert np.corrcoef(scores, held_out.rows[:, held_out.contract.feature_names.index("age")])[0, 1] > 0.5
    figures = summarize(streams, repeated, "mae")
    assert 0 < figures["error"] < figures["truth_first"]
    assert figures["coverage"] > 0.5
    model = {"name": "orchard", "rows": "synthetic", "splits": 2, "window_rows": 150, "windows": len(streams[0])}
    results = {
        "models": [
            model
            | {"metrics": {name: summarize(streams, repeated, name) for name in ORCHARD.metrics}, "stream": streams[0]}
        ]
    }
    assert "| orchard | rmse |" in to_markdown(results)
    draw(results, tmp_path / "stream.png")
    assert (tmp_path / "stream.png").stat().st_size > 10_000


def test_impossible_options_are_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Real rows cannot be invented, and a window needs rows."""
    for options in (["--future-rows", "9", "--data-folder", str(tmp_path)], ["--splits", "0"], ["--window-rows", "9"]):
        with pytest.raises(SystemExit):
            main(options)
        assert "expected" in capsys.readouterr().err


def test_a_missing_file_is_an_error(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A folder without the file of the model is named, and nothing is written."""
    results = tmp_path / "results.json"
    options = ["--models", "churn", "--data-folder", str(tmp_path / "absent"), "--results", str(results)]
    assert main(options) == 1
    assert "bank_churn.csv" in capsys.readouterr().err
    assert not results.exists()
