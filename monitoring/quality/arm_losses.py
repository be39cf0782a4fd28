"""The losses of the champion and the challenger of a rollout, as sums that the judge compares.

Both arms are compared on the rows that were predicted since the challenger's first answer with a known truth.
"""

from __future__ import annotations

import numpy as np

from monitoring.feedback.store import FeedbackStore
from monitoring.quality.figures import Floats
from monitoring.quality.measure import JoinedRows, read_joined
from monitoring.quality.windows import Window
from monitoring.rows import MonitoredModel
from monitoring.snapshots import Family, Series

LOSSES = Family(
    "tabento_arm_losses",
    "max",
    "Losses of the arms of a rollout on answers whose truth is known: count, sum and sum of squares of the absolute error, of the"
    " Brier score, or of wrong labels.",
    ("model", "version", "variant", "stat"),
)
STATS = ("count", "sum", "squares")
ROWS_LIMIT = 200_000
"""The largest number of losses of a version; the latest are used."""


class RolloutArms:
    """The versions whose losses are compared: of each model the newest challenger and the newest champion."""

    def __init__(self) -> None:
        self._versions: dict[str, dict[str, str]] = {}

    def add(self, model: MonitoredModel) -> None:
        """Take another version into account."""
        versions = self._versions.setdefault(model.name, {})
        versions[model.variant] = model.version
        # A challenger that has become the champion is not a challenger any more.
        if model.variant == "champion" and versions.get("challenger") == model.version:
            del versions["challenger"]

    @property
    def has_challenger(self) -> bool:
        """Whether any model has a challenger."""
        return any("challenger" in versions for versions in self._versions.values())

    def losses(self, store: FeedbackStore) -> Series:
        """Return the sums of ``LOSSES``.

        Raises:
            FeedbackStoreError: the store cannot be used.
        """
        series: Series = {}
        for name, versions in list(self._versions.items()):
            if {"champion", "challenger"} <= versions.keys():
                series |= _losses_of_arms(store, name, versions)
        return series


def _losses_of_arms(store: FeedbackStore, name: str, versions: dict[str, str]) -> Series:
    times_s = [
        store.first_answer_s(number, "challenger")
        for number, model in store.models().items()
        if (model.name, model.version) == (name, versions["challenger"])
    ]
    since_s = min((time_s for time_s in times_s if time_s is not None), default=None)
    if since_s is None:
        return {}
    window = Window("custom", "prediction", since_s, float("inf"))
    series: Series = {}
    for variant, version in versions.items():
        for rows in read_joined(store, window, ROWS_LIMIT, name, version):
            if rows.variant == variant:
                losses = row_losses(rows)
                sums = (float(len(losses)), float(losses.sum()), float((losses * losses).sum()))
                for stat, value in zip(STATS, sums, strict=True):
                    series[name, version, variant, stat] = value
    return series


def row_losses(rows: JoinedRows) -> Floats:
    """Return the loss of each row, shape (N,): the mean over the targets with a truth.

    The loss of a number is the absolute error. The loss of a label with probabilities is the Brier score (G. W. Brier, Verification of
    forecasts expressed in terms of probability, 1950), which is bounded, unlike the log loss, so that no single row decides. The loss
    of a label without probabilities is 1 if it is wrong, else 0.
    """
    losses = np.full(rows.actual.shape, np.nan)
    for index, target in enumerate(rows.model.targets):
        known_mask = ~np.isnan(rows.actual[:, index])
        actual, answers = rows.actual[known_mask, index], rows.answers[known_mask]
        if target.classes is None:
            losses[known_mask, index] = np.abs(actual - answers[:, index])
        elif target.has_probabilities:
            outcomes = actual[:, np.newaxis] == np.arange(len(target.classes))
            losses[known_mask, index] = ((answers[:, 1:] - outcomes) ** 2).sum(axis=1)
        else:
            losses[known_mask, index] = actual != answers[:, index]
    known_counts = (~np.isnan(losses)).sum(axis=1)
    totals = np.nansum(losses, axis=1)[known_counts > 0] / known_counts[known_counts > 0]
    return np.asarray(totals[np.isfinite(totals)], np.float64)
