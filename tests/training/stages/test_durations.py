"""What people are told of how long a stage takes: as long as the last time, or as long as it usually does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import ORCHARD
from training.config import ModelConfig, load_config
from training.stages.durations import FILE, TYPICAL_S, Durations, in_words
from training.stages.table import QUICK_STAGES, STAGES


@pytest.fixture(scope="module")
def config() -> ModelConfig:
    """A small config."""
    return load_config(ORCHARD)


def test_first_run_is_told_what_is_usual(tmp_path: Path, config: ModelConfig) -> None:
    """Without a measurement long stages have a range; short ones need no word."""
    durations = Durations(tmp_path, config)
    assert durations.expect("fit") == " (usually 5 s to 60 s)"
    assert durations.expect("config") == durations.expect("data") == ""
    assert "The first time this usually takes" in durations.expect_all(QUICK_STAGES)
    assert durations.expect_all(("config", "data")) == ""
    assert list(tmp_path.iterdir()) == []


def test_later_run_is_told_the_last_time(tmp_path: Path, config: ModelConfig) -> None:
    """A new process uses the measured durations; other models keep their durations."""
    (tmp_path / FILE).write_text(json.dumps({"other": {"fit": 7.0}}), encoding="utf-8")
    Durations(tmp_path, config).record({"fit": 200.0, "gate": 3.0})
    durations = Durations(tmp_path, config)
    assert durations.expect("fit") == " (took 3 min last time)"
    assert durations.expect("gate") == ""
    assert durations.expect_all(("fit", "gate")) == "This took 3 min last time on this computer."
    durations.record({"fit": 20.0})
    assert json.loads((tmp_path / FILE).read_text(encoding="utf-8")) == {
        "orchard": {"fit": 20.0, "gate": 3.0},
        "other": {"fit": 7.0},
    }
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_budgets_of_the_config_count(tmp_path: Path, config: ModelConfig) -> None:
    """Selection and sweep take as long as the config lets them."""
    durations = Durations(tmp_path, config)
    for stage, minutes in (("select", config.selection.minutes), ("sweep", config.sweep.minutes)):
        assert in_words(60 * minutes) in durations.expect(stage)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"\xff", b'{"orchard": 3}', b'{"orchard": {"fit": "x", "gate": -1, "export": true}}']
)
def test_damaged_file_counts_as_none(content: bytes, tmp_path: Path, config: ModelConfig) -> None:
    """Whatever lies there, the run goes on with what is usual."""
    (tmp_path / FILE).write_bytes(content)
    assert "usually" in Durations(tmp_path, config).expect("fit")


def test_folder_that_cannot_be_written_is_no_matter(tmp_path: Path, config: ModelConfig) -> None:
    """Durations are a help only."""
    (tmp_path / "runs").write_text("in the way")
    Durations(tmp_path / "runs", config).record({"fit": 1.0})


def test_every_stage_has_its_usual_time() -> None:
    """The table knows all stages, but for those whose time is in the config."""
    assert {*TYPICAL_S, "select", "sweep"} == set(STAGES)


def test_durations_are_said_as_people_do() -> None:
    """Seconds, minutes, hours."""
    assert [in_words(seconds) for seconds in (0.2, 89, 100, 3_599, 4_800)] == [
        "0 s",
        "89 s",
        "2 min",
        "1 h 0 min",
        "1 h 20 min",
    ]
