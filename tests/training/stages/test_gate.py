"""The stage ``gate`` finds the champion that a model has to stand up to."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.training.stages.small import context_of, copy_artifacts, small_config
from training.progress import Progress
from training.stages import gate


def test_champion_of_the_same_kind_of_data_is_the_rival(
    orchard_bundle: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model of synthetic data is compared with a champion of synthetic data; without such a champion, with no model."""
    copy_artifacts(tmp_path, "config,data")
    context = context_of(small_config(), tmp_path, "gate", "config")
    assert gate.rival(context) is None
    monkeypatch.setattr(gate, "champion_tag", lambda context: orchard_bundle)
    assert gate.rival(context) == orchard_bundle


def test_champion_of_another_kind_of_data_is_none(
    orchard_bundle: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model of real data is not held against a champion of made-up rows, and the run says so."""
    copy_artifacts(tmp_path, "config,data")
    output = io.StringIO()
    context = context_of(small_config(), tmp_path, "gate", "config")
    context = replace(context, progress=Progress(out=output, err=output))
    source = context.workspace.path("data/source.json")
    source.write_text(json.dumps({**json.loads(source.read_text(encoding="utf-8")), "kind": "real"}), encoding="utf-8")
    monkeypatch.setattr(gate, "champion_tag", lambda context: orchard_bundle)
    assert gate.rival(context) is None
    assert "was trained on synthetic data, this model on real" in " ".join(output.getvalue().replace("!", " ").split())
