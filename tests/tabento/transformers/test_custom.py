"""A transformer of one's own is fitted, exported by its own method and proven like every other."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tabento.export import ExportError, export_pipeline, serialise
from tabento.parity import check_parity
from tabento.tables.frames import to_frame, to_rows
from tests.training.config.test_custom_code import documented_class, read
from tests.training.orchards import answers, orchard_frame
from training.config import ModelConfig
from training.model.attribution import raw_sources
from training.model.cross_validation import cross_validate, make_folds
from training.model.pipeline import fit_pipeline
from training.registry.provenance import Origin, fingerprint

ORIGIN = Origin(kind="synthetic", source="made up", sha256="0" * 64, rows=1)


@pytest.fixture(autouse=True)
def _forget_modules() -> Iterator[None]:
    """Forget the modules of a test, so that the next may use their names."""
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if name.startswith("income_"):
            del sys.modules[name]


def _export(config: ModelConfig) -> None:
    export_pipeline(fit_pipeline(config, orchard_frame(60)), config.contract())


@pytest.mark.parametrize("kind", ["ridge", "decision_tree"])
def test_documented_example_is_served_exactly(tmp_path: Path, kind: str) -> None:
    """The graph's answers are equal to the pipeline's, after a sum and after thresholds."""
    config = read(tmp_path, documented_class(), columns=["height", "crown width"])
    config = config.model_copy(
        update={"estimator": config.estimator.model_copy(update={"kind": kind, "target": "identity", "params": {}})}
    )
    frame = orchard_frame(150)
    pipeline = fit_pipeline(config, frame)
    contract = config.contract()
    model = serialise(export_pipeline(pipeline, contract))
    rows = to_rows(frame, contract)
    np.testing.assert_allclose(answers(model, rows), pipeline.predict(to_frame(rows, contract)), rtol=1e-12)
    report = check_parity(pipeline, model, contract, to_frame(rows, contract), limit=400)
    assert report.worst_relative < 1e-9


def test_columns_are_traced_to_their_features(tmp_path: Path) -> None:
    """Each of its columns counts for all features that it is given, and leaving one out leaves it out."""
    config = read(tmp_path, documented_class(), columns=["height", "crown width"])
    frame = orchard_frame(60)
    assert raw_sources(fit_pipeline(config, frame)["features"]).count(("height", "crown width")) == 2
    fewer = config.decisions().model_copy(update={"columns": ("age", "height")})
    assert "custom_0" not in fit_pipeline(config, frame, fewer)["features"].named_transformers_


def test_other_processes_find_the_class(tmp_path: Path) -> None:
    """A cross-validation in worker processes gives the figures of one in this process."""
    config, frame = read(tmp_path, documented_class()), orchard_frame(60)
    folds = make_folds(config, frame, 2, 1)
    assert cross_validate(config, frame, None, folds, n_jobs=2) == cross_validate(config, frame, None, folds, n_jobs=1)


def test_code_counts_into_the_fingerprint(tmp_path: Path) -> None:
    """Other code is another model."""
    before = fingerprint(read(tmp_path, documented_class()), ORIGIN)
    assert fingerprint(read(tmp_path, documented_class() + "\n# other\n"), ORIGIN) != before


@pytest.mark.parametrize(
    ("replaced", "by", "message"),
    [
        ("return numbers(log, columns.width)", "return log", "expected to return columns of numbers, got str"),
        ("return numbers(log, columns.width)", "return numbers(log, 7)", "returns 7 columns"),
        ("return numbers(log, columns.width)", "raise KeyError('no')", "raised KeyError"),
    ],
)
def test_broken_method_is_refused_by_name(tmp_path: Path, replaced: str, by: str, message: str) -> None:
    """The error about a wrong method names the step and the class."""
    config = read(tmp_path, documented_class().replace(replaced, by))
    with pytest.raises(ExportError, match=f"custom_0.*LogIncome.*{message}|{message}"):
        _export(config)


def test_subclass_with_another_transform_is_refused(tmp_path: Path) -> None:
    """A subclass with its own `transform` is refused, because the parent's graph does not compute it."""
    child = "\n\nclass Child(LogIncome):\n    def transform(self, X):\n        return -super().transform(X)\n"
    config = read(tmp_path, documented_class() + child, transformer="income_features:Child")
    with pytest.raises(ExportError, match="inherits `write_graph` from LogIncome"):
        _export(config)
