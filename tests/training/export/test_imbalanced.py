"""imbalanced-learn: samplers vanish where a pipeline predicts; its ensembles answer as scikit-learn's do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import AdaBoostClassifier, HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline as plain_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from tests.training.export import grown
from tests.training.export.written import check, labels, number_contract, table, target, write
from training.export import ExportError, export_pipeline, serialise
from training.frames import to_frame
from training.parity import check_parity

pytest.importorskip("imblearn", reason="the dependency group imbalanced-learn is not installed")
from imblearn import FunctionSampler
from imblearn.ensemble import (
    BalancedBaggingClassifier,
    BalancedRandomForestClassifier,
    EasyEnsembleClassifier,
    RUSBoostClassifier,
)
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import Pipeline, make_pipeline
from imblearn.under_sampling import RandomUnderSampler

RAW = table()
ROWS = (RAW - RAW.mean(axis=0)) / RAW.std(axis=0)
FEW = ROWS[:300]
RARE = np.where(target(RAW)[:300] > 1.0, "yes", "no")


@pytest.mark.parametrize("sampler", [SMOTE(random_state=0), RandomUnderSampler(random_state=0), "passthrough"], ids=str)
@pytest.mark.parametrize("place", [0, 1])
def test_samplers_vanish(sampler: Any, place: int) -> None:
    """A sampler in front of a step or behind it changes nothing of the answers."""
    steps = [("scale", StandardScaler()), ("model", LogisticRegression())]
    steps.insert(place, ("sample", sampler))
    check(Pipeline(steps).fit(FEW, RARE), ROWS)


def test_trees_behind_samplers() -> None:
    """Trees look through the scaler; every branch is the same, and the proof says so."""
    contract = number_contract(6, ("no", "yes"), probabilities=True)
    frame = to_frame(FEW, contract)
    model = make_pipeline(
        StandardScaler(), RandomOverSampler(random_state=0), HistGradientBoostingClassifier(max_iter=8)
    ).fit(frame, RARE)
    report = check_parity(model, serialise(export_pipeline(model, contract)), contract, frame, max_rows=400)
    assert (report.other_branches, report.label_flips, report.trees) == (0, 0, 8)


def test_pipelines_inside_pipelines() -> None:
    """As a step that transforms, inside one of scikit-learn's, and with one at its end; a regressor."""
    inner = make_pipeline(StandardScaler(), "passthrough")
    check(plain_pipeline(inner, LogisticRegression()).fit(FEW, RARE), ROWS)
    sampler = FunctionSampler(validate=False)  # which would take numbers for labels
    check(make_pipeline(StandardScaler(), sampler, plain_pipeline(Ridge())).fit(FEW, target(RAW)[:300]), ROWS)


def test_sampler_at_the_end() -> None:
    """A pipeline that ends in a sampler answers nothing, and is refused by name."""
    model = Pipeline([("scale", StandardScaler()), ("sample", RandomUnderSampler(random_state=0))])
    model.fit(FEW, RARE)
    with pytest.raises(ExportError, match="'sample' only draws rows"):
        write(model, 6)


@pytest.mark.parametrize("names", [("no", "yes"), (1, 2, 5)], ids=str)
def test_balanced_forest(names: tuple[Any, ...]) -> None:
    """The trees of a forest, leaf by leaf."""
    rows = grown.table()
    model = BalancedRandomForestClassifier(12, max_depth=5, random_state=0, sampling_strategy="all", replacement=True)
    grown.check(model.fit(rows, grown.labels(rows, *names)), grown.table(seed=5), loose={"probabilities": 2.0**-50})


@pytest.mark.parametrize("names", [["no", "yes"], [3, 1, 7]], ids=str)
@pytest.mark.parametrize(
    "model",
    [
        BalancedBaggingClassifier(n_estimators=5, random_state=0),
        BalancedBaggingClassifier(LogisticRegression(), n_estimators=5, max_features=0.5, random_state=0),
        EasyEnsembleClassifier(n_estimators=2, estimator=AdaBoostClassifier(n_estimators=3), random_state=0),
        RUSBoostClassifier(DecisionTreeClassifier(max_depth=2), n_estimators=6, random_state=0),
    ],
    ids=str,
)
def test_ensembles(model: Any, names: list[Any]) -> None:
    """Means of the members' probabilities and decisions, and weighed votes."""
    check(model.fit(FEW, labels(RAW, names)[:300]), ROWS)


def test_modules_are_named() -> None:
    """A class that is not scikit-learn's is named with its module, for others have the same name."""

    class Ridge2(Ridge):  # type: ignore[misc]
        """Another one."""

        def predict(self, X: Any) -> Any:
            """Answer something else."""
            return super().predict(X) + 1

    with pytest.raises(ExportError, match=r"tests\.training\.export\.test_imbalanced\.Ridge2 has no exact conversion"):
        write(Ridge2().fit(FEW, target(RAW)[:300]), 6)
