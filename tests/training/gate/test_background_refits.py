"""Another process makes the same checks as the gate itself, and its failure changes no result."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.gate.gates import seedling_gate_input, with_gate
from training.config import load_config
from training.data.parquet import write_table
from training.gate.background_refits import BackgroundRefits
from training.gate.gate_input import GateInput
from training.gate.refits import REFITS, Request, refit

pytestmark = pytest.mark.slow

CONFIGS = sorted(path for path in (Path(__file__).parents[3] / "configs").glob("*.yaml") if path.stem != "serving")


@pytest.fixture
def gate_input() -> GateInput:
    """The seedlings' model, whose gate asks for both kinds of refits."""
    leakage = {"single_feature_max": 0.99, "permuted_target_max": 0.3}
    return with_gate(seedling_gate_input(), seeds={"seeds": [1, 2], "spread_max": 0.5}, leakage=leakage)


@pytest.fixture
def train_file(gate_input: GateInput, tmp_path: Path) -> Path:
    """The training part as the stage ``validate`` leaves it."""
    write_table(gate_input.train, tmp_path / "train.parquet")
    return tmp_path / "train.parquet"


def test_another_process_finds_the_same(gate_input: GateInput, train_file: Path) -> None:
    """Every check, figure and word is that of refits in this process; what was taken is not there a second time."""
    refits = BackgroundRefits()
    refits.start(gate_input.config, gate_input.decisions, train_file, processes=2)
    refits.wait()
    assert refits.take() == tuple(tuple(look(gate_input)) for _, look in REFITS)
    assert refits.take() is None


def test_refits_that_fail_are_left_to_the_gate(gate_input: GateInput, tmp_path: Path) -> None:
    """A process that ends with an error, here for want of its rows, gives nothing and raises nothing."""
    refits = BackgroundRefits()
    refits.start(gate_input.config, gate_input.decisions, tmp_path / "nowhere.parquet", processes=2)
    assert refits.take() is None


def test_one_core_starts_nothing(gate_input: GateInput, train_file: Path) -> None:
    """Without a second core, and without a refit to make, there is nothing to wait for."""
    refits = BackgroundRefits()
    refits.start(gate_input.config, gate_input.decisions, train_file, processes=1)
    assert refits.take() is None
    off = with_gate(gate_input, seeds=None, leakage=None)
    refits.start(off.config, off.decisions, train_file, processes=2)
    assert refits.take() is None


def test_stopped_refits_are_gone(gate_input: GateInput, train_file: Path) -> None:
    """A run that ends early leaves no process behind, and a second stop is not an error."""
    refits = BackgroundRefits()
    refits.start(gate_input.config, gate_input.decisions, train_file, processes=2)
    refits.stop()
    refits.stop()
    assert refits.take() is None


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_request_keeps_the_config(path: Path, tmp_path: Path) -> None:
    """Another process reads exactly the config and decisions that were sent."""
    config = load_config(path)
    request = Request(config=config, decisions=config.decisions(), train_file=tmp_path)
    assert Request.model_validate_json(request.model_dump_json()) == request


def test_missing_rows_are_an_error_here(gate_input: GateInput, tmp_path: Path) -> None:
    """Refits in this process raise the error."""
    request = Request(config=gate_input.config, decisions=gate_input.decisions, train_file=tmp_path / "nowhere.parquet")
    with pytest.raises(OSError, match="nowhere"):
        refit(request)
