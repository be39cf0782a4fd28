"""The counts of one arm in one worker: the observer's answers become the plain counts that the judge reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from rollout.answers import AnswerForm, Numbers
from runners.work import Values
from tabento.ab_test.arms import ArmCounts
from tabento.ab_test.latency import LATENCY_BINS, LATENCY_BOUNDS_S

_BOUNDS_S = np.asarray(LATENCY_BOUNDS_S)


class ArmTally:
    """Counts the answers of one arm.

    Args:
        form: the form of the champion's answers.
        maps: of the challenger's arm, the result of ``AnswerForm.label_map``.
        counts_latencies: returns whether latencies say something about the version now; by default they do.
    """

    def __init__(
        self,
        form: AnswerForm,
        maps: Sequence[Numbers | None] = (),
        counts_latencies: Callable[[], bool] = lambda: True,
    ) -> None:
        self._counts_latencies = counts_latencies
        self._form = form
        self._maps = maps
        self.errors = 0
        """The number of requests that the version failed."""
        self._answered = 0
        self._rows = 0
        self._latency_s = 0.0
        self._latencies = np.zeros(LATENCY_BINS, np.int64)
        self._answers = [np.zeros(bins, np.int64) for bins in form.bins]

    def add(self, values: Sequence[Values], latencies_s: Sequence[float], firsts: Sequence[bool] | None = None) -> None:
        """Count the answers to requests.

        Only the answer to the first row of a request counts for the distribution of answers, because the rows of one request
        resemble each other.

        Args:
            values: of each request, its answers.
            latencies_s: of each request, the seconds; NaN if they are not counted.
            firsts: whether a request is the first of its unit: only then its answer counts for the distribution; None if all are.
        """
        self._answered += len(values)
        self._rows += sum(map(len, values))
        if self._counts_latencies():
            latencies = np.asarray(latencies_s)
            latencies = latencies[~np.isnan(latencies)]
            self._latency_s += float(latencies.sum())
            # The last bin is the one above all bounds.
            self._latencies += np.bincount(np.searchsorted(_BOUNDS_S, latencies, side="left"), minlength=LATENCY_BINS)
        rows = [answers[0] for answers in values]
        if firsts is not None:
            rows = [row for row, first in zip(rows, firsts, strict=True) if first]
        if rows:
            answers = self._form.array(rows, self._maps)
            for counts, bins, indices in zip(
                self._answers, self._form.bins, self._form.bin_indices(answers), strict=True
            ):
                counts += np.bincount(indices, minlength=bins)

    def counts(self) -> ArmCounts:
        """Return all counts."""
        return ArmCounts(
            requests=self._answered + self.errors,
            errors=self.errors,
            rows=self._rows,
            latencies=self._latencies.tolist(),
            latency_us=round(self._latency_s * 1e6),
            answers={name: counts.tolist() for name, counts in zip(self._form.columns, self._answers, strict=True)},
        )
