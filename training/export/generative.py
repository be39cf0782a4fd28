"""Classifiers that model each class's rows: naive Bayes and discriminant analysis with one covariance per class."""

from __future__ import annotations

import numpy as np
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.naive_bayes import BernoulliNB, ComplementNB, GaussianNB, MultinomialNB

from training.export.linear import doubles, require_present, weighted_sums
from training.export.links import column, highest, product, row_sum, softmax
from training.export.pen import Pen
from training.export.registry import adds_up, classifier
from training.export.values import Columns, Scores, numbers


def _likely(pen: Pen, likelihood: str) -> Scores:
    """The class with the largest joint log-likelihood; probabilities are exp(it - log Σ exp of all).

    That is a softmax, but rounded as scikit-learn rounds it: far from all means likelihoods are millions, and their
    difference to the logarithm of the sum has nine digits left.
    """
    axis = pen.constant(np.array([1], dtype=np.int64), "axis")
    largest = pen.node("ReduceMax", [likelihood, axis], "largest", keepdims=1)
    powers = pen.node("Exp", [pen.node("Sub", [likelihood, largest], "below")], "powers")
    total = pen.node("Add", [pen.node("Log", [row_sum(pen, powers)], "log_sum"), largest], "log_sum")
    return Scores(highest(pen, likelihood), pen.node("Exp", [pen.node("Sub", [likelihood, total])], "probabilities"))


adds_up(GaussianNB, MultinomialNB, ComplementNB, BernoulliNB, QuadraticDiscriminantAnalysis)


@classifier(GaussianNB)
def gaussian_naive_bayes(pen: Pen, model: GaussianNB, columns: Columns) -> Scores:
    """log P(class) - ½ Σ log 2πσ² - ½ Σ (x - mean)² / σ², over a (N, D, C) tensor."""
    require_present(pen, model, columns)
    means, variances = doubles(pen, model.theta_), doubles(pen, model.var_)
    fixed = np.array([-0.5 * np.sum(np.log(2.0 * np.pi * variance)) for variance in variances])
    tall = pen.node("Unsqueeze", [columns.name, pen.constant(np.array([2], dtype=np.int64), "axis")], "tall")
    difference = pen.node("Sub", [tall, pen.constant(means.T.copy(), "means")], "difference")
    square = pen.node("Mul", [difference, difference], "square")
    scaled = pen.node("Div", [square, pen.constant(variances.T.copy(), "variances")], "scaled")
    total = pen.node("ReduceSum", [scaled, pen.constant(np.array([1], dtype=np.int64), "axis")], "sum", keepdims=0)
    half = pen.node("Mul", [total, pen.constant(np.full((1, 1), 0.5), "half")], "half")
    inside = pen.node("Sub", [pen.constant(fixed[np.newaxis], "fixed"), half], "density")
    prior = pen.constant(np.log(doubles(pen, model.class_prior_))[np.newaxis], "prior")
    return _likely(pen, pen.node("Add", [inside, prior], "likelihood"))


@classifier(MultinomialNB)
def multinomial_naive_bayes(pen: Pen, model: MultinomialNB, columns: Columns) -> Scores:
    """Counts times the logarithms of their probabilities, and the prior."""
    require_present(pen, model, columns)
    return _likely(pen, weighted_sums(pen, columns, model.feature_log_prob_, model.class_log_prior_))


@classifier(ComplementNB)
def complement_naive_bayes(pen: Pen, model: ComplementNB, columns: Columns) -> Scores:
    """Counts times what speaks against the other classes; the prior counts only where there is one class."""
    require_present(pen, model, columns)
    prior = model.class_log_prior_ if len(model.classes_) == 1 else 0.0
    return _likely(pen, weighted_sums(pen, columns, model.feature_log_prob_, prior))


@classifier(BernoulliNB)
def bernoulli_naive_bayes(pen: Pen, model: BernoulliNB, columns: Columns) -> Scores:
    """Columns above a threshold count as there, the others as not there."""
    require_present(pen, model, columns)
    if model.binarize is not None:
        threshold = pen.constant(np.full((1, 1), float(model.binarize)), "threshold")
        columns = numbers(pen.cast(pen.node("Greater", [columns.name, threshold], "there")), columns.width)
    there = doubles(pen, model.feature_log_prob_)
    absent = np.log(1 - np.exp(there))
    prior = doubles(pen, model.class_log_prior_) + absent.sum(axis=1)
    return _likely(pen, weighted_sums(pen, columns, there - absent, prior))


@classifier(QuadraticDiscriminantAnalysis)
def quadratic_discriminant(pen: Pen, model: QuadraticDiscriminantAnalysis, columns: Columns) -> Scores:
    """Per class -½ (|(x - mean) · rotation / √scale|² + Σ log scale) + log prior."""
    require_present(pen, model, columns)
    lengths = []
    for mean, rotation, scale in zip(model.means_, model.rotations_, model.scalings_, strict=True):
        centred = pen.node("Sub", [columns.name, pen.constant(doubles(pen, mean)[np.newaxis], "mean")], "centred")
        placed = product(pen, centred, doubles(pen, rotation) * doubles(pen, scale) ** -0.5)
        lengths.append(row_sum(pen, pen.node("Mul", [placed, placed], "square")))
    spread = np.array([np.sum(np.log(scale)) for scale in model.scalings_])[np.newaxis]
    length = pen.node("Add", [pen.side_by_side(lengths), pen.constant(spread, "spread")], "length")
    halved = pen.node("Mul", [length, pen.constant(np.full((1, 1), -0.5), "half")], "halved")
    prior = pen.constant(np.log(doubles(pen, model.priors_))[np.newaxis], "prior")
    scores = pen.node("Add", [halved, prior], "scores")
    decision = scores
    if len(model.classes_) == 2:
        first, second = (column(pen, scores, at) for at in (0, 1))
        decision = pen.node("Sub", [second, first], "decision")
    return Scores(highest(pen, scores), softmax(pen, scores), decision)
