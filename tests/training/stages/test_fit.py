"""The stage fit keeps the out-of-fold answers, from which later stages describe the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.training.stages.small import context_of, run, small_config

STEPS = "config,data,validate,fit"


def test_out_of_fold_answers_are_kept(tmp_path: Path) -> None:
    """With intervals each training row has an answer of a pipeline that has not seen it; without them there are none."""
    config = small_config(intervals={"coverage": 0.8, "folds": 3})
    run(config, tmp_path / "intervals", STEPS)
    context = context_of(config, tmp_path / "intervals", STEPS)
    answers = context.out_of_fold_answers()
    assert answers is not None
    assert answers.shape == (len(context.train()),)
    assert np.isfinite(answers).all()
    plain = small_config(intervals=None)
    run(plain, tmp_path / "plain", STEPS)
    assert context_of(plain, tmp_path / "plain", STEPS).out_of_fold_answers() is None
