"""Evaluation: what the whole procedure is worth on rows that it has not seen, with intervals.

Repeated k-fold cross-validation over all rows, with everything decided beforehand and refitted in each fold. It gives a
figure for people and decides nothing: choices are made by cross-validation inside the training part.
"""

from training.evaluation.evaluate import evaluate
from training.evaluation.report import EvaluationReport, Figure, Variant

__all__ = ["EvaluationReport", "Figure", "Variant", "evaluate"]
