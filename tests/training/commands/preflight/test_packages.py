"""Packages: those of every estimator that a run fits, and of no other."""

from __future__ import annotations

import pytest

from tests.conftest import ORCHARD
from training.commands.preflight import packages
from training.commands.preflight.packages import package_problems
from training.config import Estimator, ModelConfig, load_config
from training.installing import EXTRAS
from training.model.estimator_kinds import SPECS


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> ModelConfig:
    """A config, on a machine with no optional package."""
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    return load_config(ORCHARD)


def with_estimator(config: ModelConfig, estimator: object) -> ModelConfig:
    """Return a config with another estimator."""
    return config.model_copy(update={"estimator": Estimator.model_validate(estimator)})


def test_missing_package_is_told_with_its_command(config: ModelConfig) -> None:
    """The estimator, the package and what installs it."""
    (line,) = package_problems(with_estimator(config, {"kind": "lightgbm"}), ())
    assert "estimator lightgbm needs the package lightgbm" in line
    assert "lightgbm`" in line


def test_members_and_final_count(config: ModelConfig) -> None:
    """What a composite is made of is fitted as well."""
    stack = {"kind": "stack", "members": [{"kind": "ridge"}, {"kind": "xgboost"}], "final": {"kind": "lightgbm"}}
    assert len(package_problems(with_estimator(config, stack), ())) == 2


def test_selection_counts_if_it_runs(config: ModelConfig) -> None:
    """Kinds and candidates are compared by the stage `select` only."""
    candidates = ({"name": "light", "estimator": {"kind": "lightgbm"}},)
    selection = type(config.selection).model_validate({"kinds": ["xgboost"], "candidates": candidates})
    selecting = config.model_copy(update={"selection": selection})
    assert package_problems(selecting, ("fit",)) == []
    assert len(package_problems(selecting, ("select", "fit"))) == 2


def test_table_of_extras_is_whole() -> None:
    """Every kind of another library than scikit-learn has its package among the extras."""
    foreign = {kind: spec.module.partition(".")[0] for kind, spec in SPECS.items()}
    assert {kind: module for kind, module in foreign.items() if module != "sklearn"} == {name: name for name in EXTRAS}
