"""imbalanced-learn: a pipeline predicts without its samplers; its ensembles answer as scikit-learn's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import AdaBoostClassifier, HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline as plain_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from tabento.export import ExportError, export_pipeline, serialise
from tabento.parity import check_parity
from tabento.tables.frames import to_frame
from tests.tabento.export import tree_graphs
from tests.tabento.export.estimator_graphs import check, labels, number_contract, table, target, write

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
TRAINING_ROWS = ROWS[:300]
RARE = np.where(target(RAW)[:300] > 1.0, "yes", "no")


@pytest.mark.parametrize("sampler", [SMOTE(random_state=0), RandomUnderSampler(random_state=0), "passthrough"], ids=str)
@pytest.mark.parametrize("place", [0, 1])
def test_samplers_vanish(sampler: Any, place: int) -> None:
    """A sampler before or after a step does not change the predictions."""
    steps = [("scale", StandardScaler()), ("model", LogisticRegression())]
    steps.insert(place, ("sample", sampler))
    check(Pipeline(steps).fit(TRAINING_ROWS, RARE), ROWS)


def test_trees_behind_samplers() -> None:
    """Trees are folded through the scaler, and the proof finds the same branches."""
    contract = number_contract(6, ("no", "yes"), probabilities=True)
    frame = to_frame(TRAINING_ROWS, contract)
    model = make_pipeline(
        StandardScaler(), RandomOverSampler(random_state=0), HistGradientBoostingClassifier(max_iter=8)
    ).fit(frame, RARE)
    report = check_parity(model, serialise(export_pipeline(model, contract)), contract, frame, max_rows=400)
    assert (report.other_branches, report.label_flips, report.trees) == (0, 0, 8)


def test_pipelines_inside_pipelines() -> None:
    """A pipeline converts as a step, inside scikit-learn's pipeline, and around one; also as a regressor."""
    inner = make_pipeline(StandardScaler(), "passthrough")
    check(plain_pipeline(inner, LogisticRegression()).fit(TRAINING_ROWS, RARE), ROWS)
    sampler = FunctionSampler(validate=False)  # which would take numbers for labels
    check(make_pipeline(StandardScaler(), sampler, plain_pipeline(Ridge())).fit(TRAINING_ROWS, target(RAW)[:300]), ROWS)


def test_sampler_at_the_end() -> None:
    """A pipeline that ends in a sampler is refused, because it has no predictions."""
    model = Pipeline([("scale", StandardScaler()), ("sample", RandomUnderSampler(random_state=0))])
    model.fit(TRAINING_ROWS, RARE)
    with pytest.raises(ExportError, match="'sample' only draws rows"):
        write(model, 6)


@pytest.mark.parametrize("names", [("no", "yes"), (1, 2, 5)], ids=str)
def test_balanced_forest(names: tuple[Any, ...]) -> None:
    """The trees of a forest agree leaf by leaf."""
    rows = tree_graphs.table()
    model = BalancedRandomForestClassifier(12, max_depth=5, random_state=0, sampling_strategy="all", replacement=True)
    tree_graphs.check(
        model.fit(rows, tree_graphs.labels(rows, *names)), tree_graphs.table(seed=5), loose={"probabilities": 2.0**-50}
    )


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
    """Means of probabilities and decisions, and weighted votes, agree."""
    check(model.fit(TRAINING_ROWS, labels(RAW, names)[:300]), ROWS)


def test_modules_are_named() -> None:
    """The error names a foreign class with its module, because class names repeat."""

    class Ridge2(Ridge):  # type: ignore[misc]
        """Another one."""

        def predict(self, X: Any) -> Any:
            """Answer something else."""
            return super().predict(X) + 1

    with pytest.raises(ExportError, match=r"test_imbalanced_learn\.Ridge2 has no exact conversion"):
        write(Ridge2().fit(TRAINING_ROWS, target(RAW)[:300]), 6)
