"""Evaluation: the quality of the whole procedure on unseen rows, with intervals.

Repeated k-fold cross-validation over all rows: every decision is made beforehand, and the pipeline is fitted again in each
fold. The evaluation decides nothing: choices are made by cross-validation inside the training part.
"""
