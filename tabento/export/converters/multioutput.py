"""Writes MultiOutputRegressor, MultiOutputClassifier, RegressorChain and ClassifierChain of sklearn.multioutput.

Digits: the inner estimators' own, as adjacent columns.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor, RegressorChain

from tabento.export.converters.inner_estimators import classify_each, regress_each
from tabento.export.converters.shared_checks import require_present
from tabento.export.formulas.class_indices import label_values, multilabel_scores
from tabento.export.formulas.links import second_probability
from tabento.export.graph.values import Columns, Scores, numbers
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import classifier, classify, regress, regressor, same_in_float32

same_in_float32(MultiOutputRegressor, MultiOutputClassifier, RegressorChain, ClassifierChain)


@regressor(MultiOutputRegressor)
def multi_output(writer: GraphWriter, model: MultiOutputRegressor, columns: Columns) -> str:
    """Write one regressor for each target, as adjacent columns."""
    return writer.concatenate(regress_each(writer, model.estimators_, columns))


@regressor(RegressorChain)
def regressor_chain(writer: GraphWriter, model: RegressorChain, columns: Columns) -> str:
    """Write regressors that also receive the answers of the ones before; the results are in the targets' order."""
    require_present(writer, model, columns)
    inputs = dataclasses.replace(columns, names=None, is_float32=False)
    answers = []
    for index, estimator in enumerate(model.estimators_):
        with writer.step_scope(f"estimators_[{index}]"):
            answers.append(regress(writer, estimator, inputs))
        inputs = writer.join([inputs, numbers(answers[-1], 1)])
    return writer.concatenate([answers[index] for index in np.argsort(model.order_)])


@classifier(MultiOutputClassifier)
def multi_output_classifier(writer: GraphWriter, model: MultiOutputClassifier, columns: Columns) -> Scores:
    """Write one classifier for each label, as adjacent columns."""
    return multilabel_scores(writer, [scores.label for scores in classify_each(writer, model.estimators_, columns)])


@classifier(ClassifierChain)
def classifier_chain(writer: GraphWriter, model: ClassifierChain, columns: Columns) -> Scores:
    """Write classifiers that also receive the answers of the ones before; the labels are in their own order."""
    require_present(writer, model, columns)
    inputs = dataclasses.replace(columns, names=None, is_float32=False)
    labels = []
    for index, estimator in enumerate(model.estimators_):
        with writer.step_scope(f"estimators_[{index}]"):
            scores = classify(writer, estimator, inputs)
            labels.append(scores.label)
            if index + 1 < len(model.estimators_):
                inputs = writer.join([inputs, numbers(_passed_on(writer, model, estimator, scores), 1)])
    return multilabel_scores(writer, [labels[index] for index in np.argsort(model.order_)])


def _passed_on(writer: GraphWriter, chain: ClassifierChain, estimator: Any, scores: Scores) -> str:
    """Return the value that a classifier of a chain passes to the next ones, (N, 1): its label, or the score of the second class.

    Raises:
        ExportError: it passes on the logarithm of a probability, or scores of more than two classes.
    """
    method = chain.chain_method_
    if method == "predict":
        return label_values(writer, scores.label, estimator.classes_)
    if len(estimator.classes_) == 2 and method == "predict_proba" and scores.probabilities is not None:
        return second_probability(writer, scores.probabilities)
    if len(estimator.classes_) == 2 and method == "decision_function" and scores.decision is not None:
        return scores.decision
    raise writer.refusal(
        f"it passes on `{method}` of {len(estimator.classes_)} classes", "chain_method='predict' in the ClassifierChain"
    )
