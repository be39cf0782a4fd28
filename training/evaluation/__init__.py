"""Evaluation: what the whole procedure is worth on rows that it has not seen, with intervals.

Repeated k-fold cross-validation over all rows, with everything decided beforehand and refitted in each fold. It gives a
figure for people and decides nothing: choices are made by cross-validation inside the training part.

``evaluate`` makes the ``report``; ``command`` has the options, and imports the rest when it runs.
"""
