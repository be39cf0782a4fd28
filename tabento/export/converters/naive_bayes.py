"""Writes GaussianNB, MultinomialNB, ComplementNB and BernoulliNB of sklearn.naive_bayes.

Digits: the label follows from sums whose last bits depend on BLAS and NumPy; probabilities are rounded in
scikit-learn's order (see ``_scores_by_likelihood``).
"""

from __future__ import annotations

import numpy as np
from sklearn.naive_bayes import BernoulliNB, ComplementNB, GaussianNB, MultinomialNB

from tabento.export.converters.linear_model import weighted_sums
from tabento.export.converters.shared_checks import doubles, require_present
from tabento.export.formulas.links import label_of_largest, row_sum
from tabento.export.graph.values import Columns, Scores, numbers
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import classifier, has_inexact_sums

has_inexact_sums(GaussianNB, MultinomialNB, ComplementNB, BernoulliNB)


def _scores_by_likelihood(writer: GraphWriter, likelihood: str) -> Scores:
    """Return the class with the largest joint log-likelihood, and the probabilities exp(likelihood - log Σ exp).

    This is a softmax, but rounded as scikit-learn rounds it: far from all means likelihoods are millions, and their
    difference from the logarithm of the sum keeps nine digits.
    """
    axis = writer.constant(np.array([1], dtype=np.int64), "axis")
    largest = writer.node("ReduceMax", [likelihood, axis], "largest", keepdims=1)
    powers = writer.node("Exp", [writer.node("Sub", [likelihood, largest], "below")], "powers")
    total = writer.node("Add", [writer.node("Log", [row_sum(writer, powers)], "log_sum"), largest], "log_sum")
    return Scores(
        label_of_largest(writer, likelihood),
        writer.node("Exp", [writer.node("Sub", [likelihood, total])], "probabilities"),
    )


@classifier(GaussianNB)
def gaussian_naive_bayes(writer: GraphWriter, model: GaussianNB, columns: Columns) -> Scores:
    """Write log P(class) - ½ Σ log 2πσ² - ½ Σ (x - mean)² / σ², over a (N, D, C) tensor."""
    require_present(writer, model, columns)
    means, variances = doubles(writer, model.theta_), doubles(writer, model.var_)
    fixed = np.array([-0.5 * np.sum(np.log(2.0 * np.pi * variance)) for variance in variances])
    tall = writer.node("Unsqueeze", [columns.name, writer.constant(np.array([2], dtype=np.int64), "axis")], "tall")
    difference = writer.node("Sub", [tall, writer.constant(means.T.copy(), "means")], "difference")
    square = writer.node("Mul", [difference, difference], "square")
    scaled = writer.node("Div", [square, writer.constant(variances.T.copy(), "variances")], "scaled")
    total = writer.node(
        "ReduceSum", [scaled, writer.constant(np.array([1], dtype=np.int64), "axis")], "sum", keepdims=0
    )
    half = writer.node("Mul", [total, writer.constant(np.full((1, 1), 0.5), "half")], "half")
    log_density = writer.node("Sub", [writer.constant(fixed[np.newaxis], "fixed"), half], "density")
    prior = writer.constant(np.log(doubles(writer, model.class_prior_))[np.newaxis], "prior")
    return _scores_by_likelihood(writer, writer.node("Add", [log_density, prior], "likelihood"))


@classifier(MultinomialNB)
def multinomial_naive_bayes(writer: GraphWriter, model: MultinomialNB, columns: Columns) -> Scores:
    """Write counts times the logarithms of their probabilities, plus the prior."""
    require_present(writer, model, columns)
    return _scores_by_likelihood(
        writer, weighted_sums(writer, columns, model.feature_log_prob_, model.class_log_prior_)
    )


@classifier(ComplementNB)
def complement_naive_bayes(writer: GraphWriter, model: ComplementNB, columns: Columns) -> Scores:
    """Write counts times the weights of the other classes; the prior is added only if there is one class."""
    require_present(writer, model, columns)
    prior = model.class_log_prior_ if len(model.classes_) == 1 else 0.0
    return _scores_by_likelihood(writer, weighted_sums(writer, columns, model.feature_log_prob_, prior))


@classifier(BernoulliNB)
def bernoulli_naive_bayes(writer: GraphWriter, model: BernoulliNB, columns: Columns) -> Scores:
    """Write the likelihood of present and absent columns; a column is present if it is above a threshold."""
    require_present(writer, model, columns)
    if model.binarize is not None:
        threshold = writer.constant(np.full((1, 1), float(model.binarize)), "threshold")
        columns = numbers(writer.cast(writer.node("Greater", [columns.name, threshold], "there")), columns.width)
    log_present = doubles(writer, model.feature_log_prob_)
    log_absent = np.log(1 - np.exp(log_present))
    prior = doubles(writer, model.class_log_prior_) + log_absent.sum(axis=1)
    return _scores_by_likelihood(writer, weighted_sums(writer, columns, log_present - log_absent, prior))
